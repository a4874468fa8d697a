"""Parts of a model card about one threshold: what it does, and to whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphml.errors import one_line

_SHARES = {
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "value_recall": "share of the accused's purchases of 90 days that is flagged",
}
_MOST = 20
"""Segments of a column that a card has room for."""
_SPECIAL = frozenset("\\`*_[]#!|~:$@")


def operating_text(figures: Mapping[str, Any], *, capacity: float) -> str:
    """Return what a threshold does, as Markdown.

    Args:
        figures: As in ``Report.operating``.
        capacity: Share of the members that can be reviewed.
    """
    how = (
        "It would have cost least on the validation rows, by [costs] in graphml.toml"
        if figures["chosen_by"] == "costs"
        else f"It flags no more than {capacity:.1%} of the validation rows"
    )
    if figures["chosen_by"] == "capacity" and figures["saved"] is not None:
        how += ": nobody is accused there, so that costs cannot choose"
    lines = [
        f"Members with a score of at least {figures['threshold']:.6g} are held for a review, all others let through. {how}.",
        "Figures are of the rows reported on; 95 % intervals by resampling candidate rings, and members in none.",
        "",
        "| | | 95 % interval |",
        "|---|---|---|",
        f"| flagged, of {figures['rows']:,} rows | {figures['flagged']:,} | {_between(figures, 'flagged', ',.0f')} |",
    ]
    for name, called in _SHARES.items():
        lines.append(
            f"| {called} | {_number(figures[name], '.3f')} | {_between(figures, name, '.3f')} |"
        )
    if figures["saved"] is not None:
        lines.append(
            f"| money saved, against letting everybody through | {figures['saved']:,.2f} | {_between(figures, 'saved', ',.2f')} |"
        )
    lines += [
        "",
        "Frauds whom nobody accused count as innocent here: precision"
        + (" and the money saved are" if figures["saved"] is not None else " is")
        + " rather too low, false positive rates rather too high.",
    ]
    return "\n".join(lines)


def segments_text(segments: Sequence[Mapping[str, Any]]) -> str:
    """Return what the threshold does in each segment, as Markdown; values are shown escaped.

    Args:
        segments: As in ``Report.segments``.
    """
    lines = [
        "The same threshold in each segment, with Wilson's 95 % intervals; a member counts once for each moment it is asked about.",
        "A false positive rate well above the others' means that honest members of that segment are held more often. An account is",
        "`new` in the 30 days after its first event.",
        "",
        "| column | segment | rows | base rate | flagged | false positive rate | recall | precision | note |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    left_out = []
    for column in dict.fromkeys(row["column"] for row in segments):
        rows = [row for row in segments if row["column"] == column]
        shown = {id(row) for row in sorted(rows, key=lambda row: -row["count"])[:_MOST]}
        lines += [_segment_line(row) for row in rows if id(row) in shown]
        if len(rows) > _MOST:
            left_out.append(
                f"{escaped(column)} has {len(rows) - _MOST} smaller segments, which are in report.json alone."
            )
    return "\n".join([*lines, *([""] if left_out else []), *left_out])


def escaped(text: str) -> str:
    r"""Return a text on one line that Markdown shows as it is: no cell, tag or link is made by it.

    >>> print(escaped("a|b"))
    a\|b
    """
    flat = one_line(text, 60)
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{c}" if c in _SPECIAL else c for c in flat)


def _segment_line(row: Mapping[str, Any]) -> str:
    name = "*not known*" if row["segment"] is None else escaped(row["segment"]) or "*empty*"
    cells = [
        escaped(row["column"]),
        name,
        f"{row['count']:,}",
        f"{row['base_rate']:.2%}",
        f"{row['flagged']:,}",
        *(
            f"{_number(row[share], '.3f')} ({_between(row, share, '.3f')})"
            if row[share] is not None
            else "—"
            for share in ("false_positive_rate", "recall", "precision")
        ),
        row["note"] or "",
    ]
    return f"| {' | '.join(cells)} |"


def _between(row: Mapping[str, Any], name: str, form: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return "—" if low is None else f"{low:{form}} to {high:{form}}"


def _number(value: float | None, form: str) -> str:
    return "—" if value is None else f"{value:{form}}"
