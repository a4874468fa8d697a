"""Who did something when: a drawing of events, a line for each member, as SVG in a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from graphml.errors import one_line
from graphml.results import parse_time

_MEMBERS = 40
"""Lines drawn at most: of the members with most events."""
_EVENTS = 2_000
"""Points drawn at most."""

_LEFT, _WIDTH, _ROW, _TOP = 190, 960, 20, 26
_COLOURS = {
    "chargeback": "#b3261e",
    "refund": "#a15c00",
    "purchase": "#0b5cad",
    "signup": "#1a7f37",
}
_OTHER = "#57606a"


def timeline(events: Sequence[Mapping[str, Any]]) -> str:
    """Return the drawing, empty where no event has a time and a member.

    Args:
        events: Records with ``time``, ``member_id`` and ``kind``, in any order.
    """
    timed = [(one, _moment(one.get("time"))) for one in events if one.get("member_id")]
    known = [(one, moment) for one, moment in timed if moment is not None]
    if not known:
        return ""
    points, moments = [one for one, _ in known], [moment for _, moment in known]
    start, end = min(moments), max(moments)
    lines = _lines(points)
    height = _TOP + _ROW * len(lines) + 8
    drawn = [(one, moment) for one, moment in known if one["member_id"] in lines]
    marks = "\n".join(
        _mark(one, _across(moment, start, end), lines[one["member_id"]])
        for one, moment in drawn[:_EVENTS]
    )
    missing = len(events) - min(len(drawn), _EVENTS)
    note = f"; {missing} more are in the table alone" if missing else ""
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="Events of each member over time">\n{_frame(lines, points, height)}\n{marks}\n'
        "</svg><figcaption>Each point is an event: blue a purchase, red a chargeback, brown a refund, "
        f"green a sign-up, grey another{note}.</figcaption></figure>"
    )


def _moment(time: Any) -> float | None:
    """Return a time in seconds; ``None`` for what is none."""
    try:
        return parse_time(str(time)).timestamp()
    except (ValueError, OverflowError):
        return None


def _lines(points: Sequence[Mapping[str, Any]]) -> dict[Any, int]:
    """Return the line of each member drawn, from the first seen down."""
    counts: dict[Any, int] = {}
    for one in points:
        counts[one["member_id"]] = counts.get(one["member_id"], 0) + 1
    most = set(sorted(counts, key=lambda member: -counts[member])[:_MEMBERS])
    return {member: line for line, member in enumerate(m for m in counts if m in most)}


def _across(moment: float, start: float, end: float) -> float:
    share = (moment - start) / (end - start) if end > start else 0.5
    return _LEFT + share * (_WIDTH - _LEFT - 12)


def _down(line: int) -> float:
    return _TOP + _ROW * (line + 0.5)


def _frame(lines: Mapping[Any, int], points: Sequence[Mapping[str, Any]], height: int) -> str:
    times = sorted(str(one["time"]) for one in points)
    parts = [
        f'<text x="{_LEFT}" y="14" font-size="11">{escape(one_line(times[0][:10], 20))}</text>',
        f'<text x="{_WIDTH - 12}" y="14" font-size="11" text-anchor="end">{escape(one_line(times[-1][:10], 20))}</text>',
        *_rules(lines),
        f'<line x1="{_LEFT}" x2="{_LEFT}" y1="{_TOP}" y2="{height - 8}" stroke="#d0d7de"/>',
    ]
    return "\n".join(parts)


def _rules(lines: Mapping[Any, int]) -> Iterator[str]:
    for member, line in lines.items():
        y = _down(line)
        name = escape(one_line(member, 26))
        yield f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y}" y2="{y}" stroke="#eaeef2"/>'
        yield (
            f'<text x="{_LEFT - 8}" y="{y + 4}" font-size="11" text-anchor="end" '
            f'unicode-bidi="isolate">{name}</text>'
        )


def _mark(event: Mapping[str, Any], x: float, line: int) -> str:
    kind = str(event.get("kind") or "")
    told = escape(one_line(f"{event['time']} {kind} {event['member_id']}", 200))
    return (
        f'<circle cx="{x:.1f}" cy="{_down(line)}" r="3.5" fill="{_COLOURS.get(kind, _OTHER)}" '
        f'fill-opacity="0.75"><title>{told}</title></circle>'
    )
