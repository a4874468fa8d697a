"""``explain member``: why a member has its score, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from graphml.cli import options
from graphml.cli.detector import load_model
from graphml.cli.models import models_of
from graphml.cli.output import require_writable, write_whole
from graphml.cli.progress import progress
from graphml.cli.verdicts import decisions_on, verdict_line, with_verdict
from graphml.errors import UsageError, one_line
from graphml.results import time_text

if TYPE_CHECKING:
    from graphml.explain.explanation import Explanation

_FORMATS = ("table", "json", "jsonl")
_SHOWN = 4
"""Events named after a reason."""


def explain_a_member(
    url: str,
    member_id: str,
    folder: Path | None,
    *,
    as_of: str | None,
    format_: str,
    out: Path | None,
    quiet: bool,
) -> None:
    """Print why a member has the score that the store's fraud detector gives it.

    Raises:
        UsageError: There is no such member or format, or the model explains nothing.
    """
    from graphml.fraud.detector import FraudDetector
    from graphml.pipeline.explaining import explain_stored
    from graphml.store.connect import connect

    require_format(format_, "member")
    require_writable(out)
    with progress(quiet=quiet), connect(url, read_only=True) as source:
        moment = options.as_of_or_last(source, as_of)
        model = load_model(folder or models_of(url, None) / "fraud", device="auto")
        if not isinstance(model, FraudDetector):
            raise UsageError(
                f"{model.name} is a network alone, and explains nothing", hint="graphml train fraud"
            )
        capacity = options.settings().fraud.capacity
        explained = explain_stored(source, model, member_id, as_of=moment, capacity=capacity)
        decided = decisions_on(source, "member", member_id)
    heading = f"{one_line(explained.member_id, 60)}  {verdict(explained)}"
    lines = [heading, *story(explained), *map(verdict_line, decided)]
    print_explanation(with_verdict(explained.to_json(), decided), lines, format_, out)


def require_format(format_: str, unit: str) -> None:
    """Refuse a format that explanations do not have.

    Raises:
        UsageError: It is one.
    """
    if format_ not in _FORMATS:
        a = "an" if unit[0] in "aeiou" else "a"
        raise UsageError(
            f"no format {format_!r} for {a} {unit}", hint=f"--format {'|'.join(_FORMATS)}"
        )


def print_explanation(
    record: dict[str, Any], lines: Sequence[str], format_: str, out: Path | None
) -> None:
    """Print an explanation, or write it into ``out``: the record as JSON, or the lines."""
    if format_ == "table":
        text = "\n".join(lines) + "\n"
    else:
        indent = 1 if format_ == "json" else None
        text = json.dumps(record, ensure_ascii=False, indent=indent) + "\n"
    if out:
        write_whole(out, text.encode())
    else:
        typer.echo(text, nl=False)


def verdict(explained: Explanation) -> str:
    """Return the score in words, and whether it is flagged, where anything says so."""
    score = f"score {explained.score:.3f} ({explained.score_kind})"
    if explained.threshold is None:
        return score
    if explained.flagged:
        return f"{score}  flagged from {explained.threshold:.3f} on"
    return f"{score}  not flagged (flagging starts at {explained.threshold:.3f})"


def story(explained: Explanation) -> Iterator[str]:
    """Tell the reasons, what would clear, and what speaks against."""
    yield ""
    yield "why, and what the score would be without it:"
    for reason in explained.reasons:
        more = ", …" if reason.events > _SHOWN else ""
        events = f"  [{', '.join(reason.event_ids[:_SHOWN])}{more}]" if reason.event_ids else ""
        yield f"  {reason.code} → {reason.score_without:.3f}: {one_line(reason.text, 300)}{one_line(events, 300)}"
    if not explained.reasons:
        yield "  nothing that holds when it is tested"
    yield ""
    yield "what would clear it:"
    yield f"  {_clearing(explained)}"
    yield ""
    yield "what speaks against it:"
    for against in explained.against:
        yield f"  {against.code}: {one_line(against.text, 300)}"
    if not explained.against:
        yield "  nothing found"
    yield ""
    yield f"as of {time_text(explained.as_of)}; model {explained.model}"


def _clearing(explained: Explanation) -> str:
    if explained.threshold is None:
        return "nothing to compare with: none came in in the four weeks up to --as-of"
    if not explained.flagged:
        return "it is not flagged"
    found = explained.counterfactual
    if found is None:
        return "no set of ties: what it did itself is enough"
    ties = ", ".join(f"{type_} {one_line(id_, 40)}" for type_, id_ in found.ties)
    least = "no smaller set does" if found.smallest else "a smaller set may do"
    return f"without {ties} the score would be {found.score_without:.3f}; {least}"
