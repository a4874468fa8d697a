"""The card's words about one threshold, and that no member's data can write any of them."""

from __future__ import annotations

import re

import polars as pl

from graphml.fraud.operating import segment_table
from graphml.pipeline.cardtables import escaped, operating_text, segments_text

NAMES = ("flagged", "accuracy", "precision", "recall", "f1", "value_recall", "saved")
FIGURES = {
    "threshold": 0.25, "chosen_by": "costs", "rows": 2000,
    **{name: value for name in NAMES for value in [0.5]},
    **{f"{name}_low": 0.25 for name in NAMES}, **{f"{name}_high": 0.75 for name in NAMES},
    "flagged": 40, "flagged_low": 30.0, "flagged_high": 51.0, "saved": -1234.5,
}  # fmt: skip
HOSTILE = (
    "a|b", "x\n# free of fraud", "\x1b[31mred", "<script>", "**bold** `code`", "[x](http://y)",
    "tail\\", "\u202eevil", "line\u2028two", "", "|---|",
)  # fmt: skip


def test_figures_stand_beside_their_intervals_and_say_what_they_count():
    text = operating_text(FIGURES, capacity=0.02)
    assert "at least 0.25 are held" in text
    assert "least on the validation rows" in text
    assert "| flagged, of 2,000 rows | 40 | 30 to 51 |" in text
    assert "| recall | 0.500 | 0.250 to 0.750 |" in text
    assert "| money saved, against letting everybody through | -1,234.50 |" in text
    assert "nobody accused count as innocent here: precision and the money saved are" in text


def test_without_costs_there_is_no_word_of_money_and_nothing_measured_is_a_dash():
    missing = {f"{name}{end}": None for name in ("saved", "precision") for end in ("", "_low", "_high")}  # fmt: skip
    text = operating_text({**FIGURES, **missing, "chosen_by": "capacity"}, capacity=0.02)
    assert "money" not in text
    assert "no more than 2.0% of the validation rows." in text
    assert "| precision | — | — |" in text
    assert "nobody accused count as innocent here: precision is" in text
    silent = operating_text({**FIGURES, "chosen_by": "capacity"}, capacity=0.02)
    assert "nobody is accused there, so that costs cannot choose" in silent


def rows_of(values, column="region"):
    table = segment_table(
        [0, 1] * len(values), [0.1, 0.9] * len(values), 0.5,
        pl.Series([value for value in values for _ in range(2)], dtype=pl.String),
    )  # fmt: skip
    return [{"column": column, **row} for row in table.to_dicts()]


def test_hostile_segments_make_no_row_cell_tag_or_link():
    text = segments_text(rows_of([*HOSTILE, None]))
    body = [line for line in text.split("\n") if line.startswith("| region")]
    assert len(body) == len(HOSTILE) + 1
    for line in body:
        assert line.isprintable()
        bare = re.sub(r"\\.", "", line)  # what is not escaped
        assert bare.count("|") == 10
        assert not set(bare.replace("*not known*", "").replace("*empty*", "")) & set("*`[]<>_#")
    assert "| *not known* |" in text
    assert "| *empty* |" in text
    assert text.count("too small to judge") == len(body)


def test_a_backslash_cannot_take_the_escape_of_a_pipe_away():
    assert escaped("a\\|b") == r"a\\\|b"
    assert escaped("x" * 99) == "x" * 59 + "…"


def test_of_many_segments_the_card_shows_the_largest_and_counts_the_rest():
    rows = rows_of([f"s-{n:02}" for n in range(25)] + ["s-24"])
    text = segments_text([*rows_of(["new"], "account_age"), *rows])
    assert len([line for line in text.split("\n") if line.startswith("| region")]) == 20
    assert "| s-24 |" in text
    assert "region has 5 smaller segments, which are in report.json alone." in text
