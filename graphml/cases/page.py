"""The page of an exported case. Every text in it is data: escaped, and set apart from its line.

No script, nothing fetched, and a policy that says so to the browser; colours are printed as grey.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from graphml.cases.timeline import timeline
from graphml.errors import one_line

_LIMIT = 12_000
"""Longest text shown, in characters."""

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1b1f24; background: #fff; margin: 2rem auto;
  max-width: 62rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin-bottom: .2rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; font-size: .87rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0;
  border-bottom: 1px solid #d0d7de; overflow-wrap: anywhere; }
td { white-space: pre-wrap; font-variant-numeric: tabular-nums; }
code, .hash { font-family: ui-monospace, monospace; font-size: .8rem; overflow-wrap: anywhere; }
svg { width: 100%; height: auto; } figure { margin: 0; } figcaption, .small { font-size: .8rem; }
@media print { body { margin: 0; max-width: none; } h2 { break-after: avoid; } tr { break-inside: avoid; } }
"""


def shown(text: object) -> str:
    r"""Return a text as HTML that can do nothing to what stands around it.

    Characters that are not printed, or turn the direction of writing, are shown as escapes.

    >>> shown("<b>\u202eevil")
    '<bdi>&lt;b&gt;\\u202eevil</bdi>'
    """
    lines = (
        "" if text is None else "\n".join(one_line(line, _LIMIT) for line in str(text).split("\n"))
    )
    return f"<bdi>{escape(lines)}</bdi>"


def page(file: Mapping[str, Any], *, sha256: str) -> str:
    """Return the page.

    Args:
        file: As ``CaseFile.to_json`` makes it.
        sha256: Digest of the same file as JSON.
    """
    case = file["case"]
    title = f"Case {case['case_id']}: {case['unit']} {one_line(case['id'], 80)}"
    body = "\n".join([*_head(file), *_found(file), *_events(file), *_audit(file, sha256)])
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


def _head(file: Mapping[str, Any]) -> Iterator[str]:
    case, exported = file["case"], file["exported"]
    yield (
        f'<p class="small">Exported by {shown(exported["by"])} at {shown(exported["time"])} '
        f"from {shown(exported['store'])}.</p>"
    )
    facts = {
        "state": case["state"],
        "verdict": case["verdict"],
        "code": case["code"],
        "comment": case["comment"],
        "decided by": " and ".join(case["decided_by"] or ()) or None,
        "assignee": case["assignee"],
        "opened": f"{case['opened']} by {case['opened_by']}",
        "updated": f"{case['updated']}, version {case['version']}",
    }
    if proposal := case["proposal"]:
        facts["proposed"] = f"{proposal['verdict']} by {proposal['by']} at {proposal['time']}"
    yield _table(("", ""), [(name, value) for name, value in facts.items() if value is not None])
    yield from _section("Decisions in the store", file["decisions"], _DECISION)
    yield from _section("History", case["history"], ("time", "by", "action", "text"))


_DECISION = ("time", "by", "verdict", "reason", "members")


def _found(file: Mapping[str, Any]) -> Iterator[str]:
    """Tell of the ring, or of the explanation of a member."""
    if ring := file["ring"]:
        amount = f"{ring['amount_gross']} gross, {ring['amount_net']} net {ring['currency'] or ''}"
        facts = ("kind", "status", "score", "score_kind", "first", "last", "as_of", "model")
        yield f"<h2>Ring {shown(ring['ring_id'])}</h2>"
        yield _table(("", ""), [*((name, ring[name]) for name in facts), ("amounts", amount)])
        yield from _section("Members", ring["members"], ("member_id", "role", "score"))
        yield from _section("What they share", ring["shared"], _SHARED)
        yield from _section("Evidence", ring["reasons"], _REASON)
        yield from _section("What speaks against it", ring["counter_evidence"], _REASON)
    if member := file["member"]:
        about = [(name, one) for name, one in member.items() if not isinstance(one, list | dict)]
        yield "<h2>Score</h2>"
        yield _table(("", ""), about)
        yield from _section("Reasons", member.get("reasons", ()), _REASON)
        yield from _section("What speaks against it", member.get("against", ()), ("code", "text"))


_SHARED = ("type", "id", "members", "events", "first", "last", "surprise")
_REASON = ("code", "text", "event_ids")


def _events(file: Mapping[str, Any]) -> Iterator[str]:
    events = file["events"]
    if not events:
        return
    names = list(dict.fromkeys(name for event in events for name in event))
    kept = [name for name in names if any(event.get(name) is not None for event in events)]
    yield f"<h2>Events ({len(events)})</h2>"
    yield timeline(events)
    yield _records(events, kept)


def _audit(file: Mapping[str, Any], sha256: str) -> Iterator[str]:
    audit = file["audit"]
    yield from _section("Audit", audit["entries"], ("seq", "time", "actor", "action", "hash"))
    yield f'<p class="small">Head of the audit at export: <span class="hash">{shown(audit["head"])}</span></p>'
    yield f'<p class="small">SHA-256 of this case as JSON: <span class="hash">{shown(sha256)}</span></p>'


def _section(
    title: str, records: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> Iterator[str]:
    yield f"<h2>{escape(title)}</h2>"
    yield _records(records, names) if records else "<p>None.</p>"


def _records(records: Iterable[Mapping[str, Any]], names: Sequence[str]) -> str:
    return _table(names, ([record.get(name) for name in names] for record in records))


def _table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    head = "".join(f"<th>{shown(one.replace('_', ' '))}</th>" for one in headings)
    top = f"<thead><tr>{head}</tr></thead>" if any(headings) else ""
    body = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table>{top}<tbody>\n{body}\n</tbody></table>"


def _cell(value: Any) -> str:
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    if isinstance(value, float):
        value = f"{value:.10g}"
    return f"<td>{shown(value)}</td>"
