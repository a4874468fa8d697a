"""``detect-rings``: ranked rings with evidence."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphml.cli import options
from graphml.cli.allowing import read_allow_list
from graphml.cli.keeping import keep_manifest
from graphml.cli.output import chosen_format, emit
from graphml.cli.progress import count, progress, say
from graphml.cli.ringmodel import ModelOption, ring_model
from graphml.errors import UsageError, one_line
from graphml.results import time_text

if TYPE_CHECKING:
    from graphml.config import RingConfig
    from graphml.pipeline import Detection
    from graphml.results import Ring

_RINGS_FOUND = 3


def detect_rings(
    store: options.StoreOption = None,
    as_of: options.AsOfOption = None,
    top: Annotated[int | None, typer.Option("--top", min=1, help="Print only the best N.")] = None,
    min_score: Annotated[
        float | None,
        typer.Option(
            "--min-score",
            help="Print from this score on; else from the threshold the data sets.",
            show_default=False,
        ),
    ] = None,
    min_members: Annotated[
        int | None,
        typer.Option("--min-members", help="Print from this size on.", show_default=False),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", help="Print only this kind (may be repeated).", show_default=False),
    ] = None,
    new: Annotated[
        bool,
        typer.Option(
            "--new",
            help="Print only what is new or grown since the last run published by --as-of.",
        ),
    ] = False,
    allow_list: Annotated[
        Path | None,
        typer.Option(
            "--allow-list",
            help="TOML: device = […], ip = […] (networks too), member = […] that tie nobody.",
        ),
    ] = None,
    dismissed: Annotated[
        bool, typer.Option("--dismissed", help="Print what analysts dismissed, too, marked.")
    ] = False,
    write: Annotated[
        bool,
        typer.Option(
            "--write",
            help="Publish the rings in the store as a run: all of them, whatever is printed.",
        ),
    ] = False,
    fail_on: Annotated[
        float | None,
        typer.Option("--fail-on", metavar="SCORE", help="Exit 3 if a ring scores at least this."),
    ] = None,
    model: ModelOption = None,
    seed: options.SeedOption = None,
    format_: options.FormatOption = None,
    out: options.OutOption = None,
    dry_run: options.DryRunOption = False,
    quiet: options.QuietOption = False,
    debug: options.DebugOption = False,
) -> None:
    """Find fraud rings: no model and no label needed; a trained fraud model helps."""
    from graphml.pipeline import detect
    from graphml.store.connect import connect, state_folder

    config = _config(allow_list, seed)
    show = _shown(config, min_score, min_members, kind)
    if fail_on is not None and not 0 <= fail_on <= 1:
        raise UsageError(f"--fail-on is {fail_on}; scores are", hint="--fail-on between 0 and 1")
    chosen = chosen_format(format_, out)
    url = options.store_url(store)
    publish = write and not dry_run
    with progress(quiet=quiet), connect(url, read_only=not publish) as source:
        moment = options.as_of_or_last(source, as_of)
        detection = detect(
            source, config, as_of=moment, show=show, decided_by=datetime.now(UTC),
            detector=ring_model(url, model, moment, quiet=quiet), write=publish,
        )  # fmt: skip
        if not dry_run:
            keep_manifest(detection.manifest, state_folder(url), quiet=quiet)
    found = [*detection.rings, *(detection.dismissed if dismissed else ())]
    found.sort(key=lambda ring: -ring.score)
    rings = [ring for ring in found if not new or ring.status in ("new", "grown")][:top]
    records = [ring_record(ring, detection.verdicts) for ring in rings]
    emit(records, columns=_columns(chosen), format_=chosen, out=out)
    for line in (
        *_notes(detection, dismissed=dismissed, publish=write and dry_run),
        *([] if rings else [_nothing(detection, new=new)]),
        *(_near(detection) if show == config else ()),
        *_unknown(detection, config),
    ):
        say(line, quiet=quiet)
    if fail_on is not None and any(ring.score >= fail_on for ring in rings):
        raise typer.Exit(_RINGS_FOUND)


def _notes(detection: Detection, *, dismissed: bool, publish: bool) -> Iterator[str]:
    hidden = len(detection.dismissed)
    if hidden and not dismissed:
        yield f"dismissed by analysts and left out: {hidden} (--dismissed shows them)"
    if publish:
        yield f"would publish {count(len(detection.publishable), 'ring')}"


def _nothing(detection: Detection, *, new: bool) -> str:
    """Return why no ring is shown."""
    since = detection.since
    if new and since and detection.rings:
        counts = Counter(ring.status for ring in detection.rings)
        told = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
        return f"nothing new since run {since.run_id} as of {time_text(since.as_of)}; {told}"
    return "no rings; --min-score 0 --min-members 2 shows candidates with what speaks against them"


def _near(detection: Detection) -> Iterator[str]:
    """Tell of candidates not far below the threshold: of a small market little can be learned."""
    if number := len(detection.near):
        least = math.floor(100 * min(detection.near)) / 100
        yield (
            f"{count(number, 'candidate')} below the threshold "
            f"{detection.threshold:.3f}; --min-score {least:.2f} shows {'them' if number > 1 else 'it'}"
        )


def _unknown(detection: Detection, config: RingConfig) -> Iterator[str]:
    """Tell of what is on the allow-list and in no event."""
    from graphml.rings.networks import addresses_in

    nodes = detection.graph.nodes
    unknown = [
        f"{type_} {id_}"
        for type_, id_ in sorted(config.allow)
        if id_ not in nodes[type_].keys and not addresses_in(type_, id_, nodes["ip"].keys)
    ]
    if unknown:
        yield f"on the allow-list but in no event: {one_line(', '.join(unknown))}"


def _config(allow_list: Path | None, seed: int | None) -> RingConfig:
    """Return what counts as a ring: the settings, and who ties nobody."""
    chosen: dict[str, Any] = {} if seed is None else {"seed": seed}
    if allow_list:
        chosen["allow"] = read_allow_list(allow_list)
    return replace(options.ring_config(), **chosen)


def _shown(
    config: RingConfig,
    min_score: float | None,
    min_members: int | None,
    kinds: Sequence[str] | None,
) -> RingConfig:
    """Return which rings are printed: ``config`` with the options of this command over it."""
    given = {
        "min_score": min_score,
        "min_members": min_members,
        "kinds": tuple(kinds) if kinds else None,
    }
    chosen: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    return replace(config, **chosen)


def ring_record(ring: Ring, verdicts: Mapping[str, str]) -> dict[str, Any]:
    """Return a ring as JSON shows it: with what an analyst said of it as it is now."""
    return {**ring.to_json(), "decision": verdicts.get(ring.ring_id)}


def ring_columns() -> Mapping[str, Any]:
    """Return the headings of a ring's table on a terminal, each with what stands under it."""
    return {
        "ring": lambda ring: ring["ring_id"],
        "members": lambda ring: len(ring["members"]),
        "score": lambda ring: _rank(ring["score"]),
        "kind": lambda ring: ring["kind"],
        "status": _status,
        "amount": lambda ring: f"{ring['amount_net']:.0f} {ring['currency'] or ''}".strip(),
        "shared": _shared,
        "evidence": _evidence,
        "first": lambda ring: _day(ring["first"]),
        "last": lambda ring: _day(ring["last"]),
    }


_WHOLE = (
    "kind", "status", "decision", "score", "score_kind", "amount_gross", "amount_net", "currency",
    "first", "last", "as_of", "model",
)  # fmt: skip


def _columns(format_: str) -> Mapping[str, Any]:
    """Return the columns of a format: a screen's, or everything for CSV and Parquet."""
    if format_ == "table":
        return ring_columns()
    whole = {name: (lambda ring, name=name: ring[name]) for name in _WHOLE}
    return {
        "ring": lambda ring: ring["ring_id"],
        "members": lambda ring: len(ring["members"]),
        **whole,
        "member_ids": lambda ring: _joined(m["member_id"] for m in ring["members"]),
        "flagged_ids": lambda ring: _joined(
            m["member_id"] for m in ring["members"] if m["role"] != "victim"
        ),
        "shared": lambda ring: _joined(f"{s['type']}:{s['id']}" for s in ring["shared"]),
        "reasons": lambda ring: _joined(r["text"] for r in ring["reasons"]),
        "counter_evidence": lambda ring: _joined(r["text"] for r in ring["counter_evidence"]),
    }


def _status(ring: Mapping[str, Any]) -> str:
    told = {"confirm": ", confirmed", "dismiss": ", dismissed"}
    return f"{ring['status']}{told.get(ring['decision'], '')}"


def _rank(score: float) -> str:
    """Return a score as people read it: what is below 1 does not read 1."""
    return f"{score:.3f}" if score < 0.9995 else ">.999"


def _joined(texts: Iterable[str]) -> str:
    """Return texts as a JSON list: ids may hold any character that could part them."""
    return json.dumps(list(texts), ensure_ascii=False)


def _day(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%Y-%m-%d")


def _shared(ring: Mapping[str, Any]) -> str:
    if not ring["shared"]:
        return ""
    best = ring["shared"][0]
    more = len(ring["shared"]) - 1
    return one_line(f"{best['type']} {best['id']}", 30) + (f" +{more}" if more else "")


def _evidence(ring: Mapping[str, Any]) -> str:
    reasons = ring["reasons"] or ring["counter_evidence"]
    return one_line(reasons[0]["text"], 70) if reasons else ""
