"""The page about cards holds tables and a card; together they load as the page says."""

import re
from pathlib import Path

import polars as pl
import pytest

from graphml.schema import MARKETPLACE
from graphml.tables.normalise import STEPS
from graphml.tables.rules import ID_BYTES
from tests.tables.rows import check_sum, load, reasons

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "bring-your-events.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_card_on_the_page_loads_as_the_page_says(tmp_path):
    for name, block in re.findall(r"^```\w+ (\S+)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL):
        (tmp_path / name).write_text(block)
    tables, quarantine = load(tmp_path / "shop.toml")
    check_sum(tables, quarantine)
    kinds = dict(tables.events["kind"].value_counts().iter_rows())
    assert kinds == {"purchase": 2, "refund": 1, "signup": 3}
    assert quarantine.derived == {"events": 3}
    assert reasons(quarantine) == [(5, "member_id", "missing")]
    assert quarantine.notes == ("orders.csv: 1 rows skipped, as the card says",)
    bought = tables.events.filter(pl.col("kind") == "purchase")
    for column in ("email", "address_id"):
        assert bought[column].n_unique() == 1
    assert tables.events.filter(pl.col("kind") == "refund")["amount"].to_list() == [49.9]


@pytest.mark.parametrize(
    "word", [*MARKETPLACE.kinds, *STEPS, *MARKETPLACE.tables["events"], f"{ID_BYTES:,} bytes"]
)
def test_the_page_names_every_kind_column_and_step(word):
    assert word in TEXT
