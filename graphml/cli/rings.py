"""``detect-rings``: ranked rings with evidence."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphml.cli import options
from graphml.cli.output import chosen_format, emit, write_whole
from graphml.cli.progress import progress, say
from graphml.errors import UsageError, one_line

if TYPE_CHECKING:
    from graphml.config import RingConfig
    from graphml.pipeline import Detection

_RINGS_FOUND = 3


def detect_rings(
    store: options.StoreOption = None,
    as_of: options.AsOfOption = None,
    top: Annotated[int | None, typer.Option("--top", min=1, help="Only the best N.")] = None,
    min_score: Annotated[
        float | None,
        typer.Option(
            "--min-score",
            help="Lowest score; else the threshold the data sets.",
            show_default=False,
        ),
    ] = None,
    min_members: Annotated[
        int | None, typer.Option("--min-members", help="Smallest ring.", show_default=False)
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", help="Only this kind (may be repeated).", show_default=False),
    ] = None,
    new: Annotated[
        bool, typer.Option("--new", help="Only rings that are new or grown since the last run.")
    ] = False,
    allow_list: Annotated[
        Path | None,
        typer.Option(
            "--allow-list", help="TOML: device = […], ip = […], member = […] that tie nobody."
        ),
    ] = None,
    dismissed: Annotated[
        bool, typer.Option("--dismissed", help="Show what analysts dismissed, too.")
    ] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Publish the rings in the store as a run.")
    ] = False,
    fail_on: Annotated[
        float | None,
        typer.Option("--fail-on", metavar="SCORE", help="Exit 3 if a ring scores at least this."),
    ] = None,
    seed: options.SeedOption = None,
    format_: options.FormatOption = None,
    out: options.OutOption = None,
    dry_run: options.DryRunOption = False,
    quiet: options.QuietOption = False,
    debug: options.DebugOption = False,
) -> None:
    """Find fraud rings: no model and no label needed."""
    from graphml.pipeline import detect
    from graphml.store.connect import connect, state_folder

    config = _config(min_score, min_members, kind, allow_list, seed)
    if fail_on is not None and not 0 <= fail_on <= 1:
        raise UsageError(f"--fail-on is {fail_on}; scores are", hint="--fail-on between 0 and 1")
    chosen = chosen_format(format_, out)
    url = options.store_url(store)
    publish = write and not dry_run
    with progress(quiet=quiet), connect(url, read_only=not publish) as source:
        moment = options.as_of_or_last(source, as_of)
        detection = detect(
            source, config, as_of=moment, decided_by=datetime.now(UTC), write=publish
        )
        if not dry_run:
            _keep_manifest(detection, state_folder(url), quiet=quiet)
    rings = [*detection.rings, *(detection.dismissed if dismissed else ())]
    rings = [ring for ring in rings if not new or ring.status in ("new", "grown")][:top]
    emit([ring.to_json() for ring in rings], columns=_columns(chosen), format_=chosen, out=out)
    for line in _notes(
        detection, config, len(rings), dismissed=dismissed, publish=write and dry_run
    ):
        say(line, quiet=quiet)
    if fail_on is not None and any(ring.score >= fail_on for ring in rings):
        raise typer.Exit(_RINGS_FOUND)


def _notes(
    detection: Detection, config: RingConfig, shown: int, *, dismissed: bool, publish: bool
) -> Iterator[str]:
    hidden = len(detection.dismissed)
    if hidden and not dismissed:
        yield f"dismissed by analysts and left out: {hidden} (--dismissed shows them)"
    if publish:
        yield f"would publish {len(detection.rings)} rings"
    if not shown:
        yield "no rings; --min-score 0 --min-members 2 shows candidates with what speaks against them"
    nodes = detection.graph.nodes
    unknown = [f"{t} {i}" for t, i in sorted(config.allow) if i not in nodes[t].keys]
    if unknown:
        yield f"on the allow-list but in no event: {one_line(', '.join(unknown))}"


def _config(
    min_score: float | None,
    min_members: int | None,
    kinds: Sequence[str] | None,
    allow_list: Path | None,
    seed: int | None,
) -> RingConfig:
    given = {"min_score": min_score, "min_members": min_members, "seed": seed}
    chosen: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if kinds:
        chosen["kinds"] = tuple(kinds)
    if allow_list:
        chosen["allow"] = read_allow_list(allow_list)
    return replace(options.settings().rings, **chosen)


def read_allow_list(path: Path) -> frozenset[tuple[str, str]]:
    """Return the (type, id) pairs of an allow-list file.

    Raises:
        UsageError: No such file, no TOML, or an unknown type.
    """
    from graphml.schema import MARKETPLACE

    known = ("member", *MARKETPLACE.identifiers)
    try:
        lists = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror}",
            hint="name a file that exists and that you may read",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no TOML: {error}", hint='device = ["d-5"]') from error
    for name, ids in lists.items():
        if name not in known:
            raise UsageError(f"{path}: no type {name!r}", hint=", ".join(known))
        if not isinstance(ids, list):
            raise UsageError(f"{path}: {name} is no list", hint=f'{name} = ["ID", …]')
    return frozenset((name, str(item)) for name, ids in lists.items() for item in ids)


def _keep_manifest(detection: Detection, folder: Path, *, quiet: bool) -> None:
    manifest = detection.manifest
    path = folder / "manifests" / f"{manifest.run_id}.json"
    try:
        write_whole(path, manifest.to_json().encode())
    except UsageError as error:  # a store that may only be read still gives its rings
        say(f"no manifest kept: {error.message}", quiet=quiet)
        return
    say(f"manifest: {path}", quiet=quiet)


def ring_columns() -> Mapping[str, Any]:
    """Return the headings of a ring's table on a terminal, each with what stands under it."""
    return {
        "ring": lambda ring: ring["ring_id"],
        "members": lambda ring: len(ring["members"]),
        "score": lambda ring: _rank(ring["score"]),
        "kind": lambda ring: ring["kind"],
        "status": lambda ring: ring["status"],
        "amount": lambda ring: f"{ring['amount_net']:.0f} {ring['currency'] or ''}".strip(),
        "shared": _shared,
        "evidence": _evidence,
        "first": lambda ring: _day(ring["first"]),
        "last": lambda ring: _day(ring["last"]),
    }


_WHOLE = (
    "kind", "status", "score", "score_kind", "amount_gross", "amount_net", "currency",
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
