"""``explain``: why a ring is one, and what speaks against it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from graphml.cli import options
from graphml.cli.asking import ModelOption
from graphml.cli.member import explain_a_member
from graphml.cli.order import explain_an_order
from graphml.cli.output import require_writable, text_table, write_whole
from graphml.cli.progress import progress, say
from graphml.cli.ringmodel import ring_model
from graphml.cli.rings import ring_record
from graphml.cli.verdicts import verdict_line
from graphml.errors import UsageError, one_line
from graphml.results import time_text

if TYPE_CHECKING:
    from graphml.pipeline import FoundRing
    from graphml.results import Decision, Evidence, Ring
    from graphml.store.base import GraphStore

_GRAPHS = ("graphml", "graph-json")
_FORMATS = ("table", "json", "jsonl", *_GRAPHS)


def explain(
    unit: Annotated[
        str,
        typer.Argument(
            metavar="ring|member|order|review", help="What to explain: a ring, or the score of one."
        ),
    ],
    id_: Annotated[
        str, typer.Argument(metavar="ID", help="Its id, as detect-rings or score prints it.")
    ],
    model: ModelOption = None,
    store: options.StoreOption = None,
    as_of: options.AsOfOption = None,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            help="table | json | jsonl | graphml (the evidence as a graph) | "
            "graph-json (the same, node-link).",
        ),
    ] = "table",
    out: options.OutOption = None,
    quiet: options.QuietOption = False,
    debug: options.DebugOption = False,
) -> None:
    """Explain a ring, or the score of a member, order or review: what it rests on, what it would be without, what speaks against."""
    from graphml.pipeline import find_ring
    from graphml.store.connect import connect

    if unit == "member":
        explain_a_member(
            options.store_url(store), id_, model, as_of=as_of, format_=format_, out=out, quiet=quiet
        )
        return
    if unit in ("order", "review"):
        explain_an_order(
            options.store_url(store), id_, model, unit=unit, as_of=as_of,
            format_=format_, out=out, quiet=quiet,
        )  # fmt: skip
        return
    if unit != "ring":
        raise UsageError(
            f"cannot explain a {unit!r}",
            hint="graphml explain ring, member, order or review, then ID",
        )
    if format_ not in _FORMATS:
        raise UsageError(f"no format {format_!r}", hint=f"--format {'|'.join(_FORMATS)}")
    require_writable(out)
    url = options.store_url(store)
    with progress(quiet=quiet), connect(url, read_only=True) as source:
        moment = options.as_of_or_last(source, as_of)
        now = datetime.now(UTC)
        detector = ring_model(url, model, moment, quiet=quiet)
        found = find_ring(
            source, id_, options.ring_config(), as_of=moment, decided_by=now, detector=detector
        )
        if format_ in _GRAPHS:
            text = _graph(source, found.ring, format_)
        else:
            text = _text(found.ring, source.decisions(now), format_)
    for line in stored_notes(found):
        say(line)
    if out:
        write_whole(out, text.encode())
    else:
        typer.echo(text, nl=False)


def stored_notes(found: FoundRing) -> Iterator[str]:
    """Tell from where a ring was read that is not found any more, or not with the same model."""
    if run := found.stored:
        yield (
            f"ring {found.ring.ring_id} is not found any more, or not with the same model; from run "
            f"{run.run_id} as of {time_text(run.as_of)}"
        )


def _graph(store: GraphStore, ring: Ring, format_: str) -> str:
    from graphml.rings.subgraph import evidence_graph, to_graphml, to_node_link

    drawn = evidence_graph(ring, store.read_tables(ring.as_of))
    return to_graphml(drawn) if format_ == "graphml" else to_node_link(drawn)


def _text(ring: Ring, decisions: Sequence[Decision], format_: str) -> str:
    if format_ != "table":
        import json

        from graphml.rings.lifecycle import verdicts_on

        record = ring_record(ring, verdicts_on([ring], decisions))
        indent = 1 if format_ == "json" else None
        return json.dumps(record, ensure_ascii=False, indent=indent) + "\n"
    decided = [one for one in decisions if (one.unit, one.id) == ("ring", ring.ring_id)]
    return "\n".join([*_story(ring), *map(verdict_line, decided)]) + "\n"


def _story(ring: Ring) -> Iterator[str]:
    days = f"{ring.first:%Y-%m-%d} to {ring.last:%Y-%m-%d}"
    yield f"{ring.ring_id}  {ring.kind}  score {ring.score:.3f} ({ring.score_kind})  {ring.status}"
    yield (
        f"{len(ring.members)} members, {days}, {ring.amount_gross:.2f} gross, "
        f"{ring.amount_net:.2f} net {ring.currency or ''}".rstrip()
    )
    yield ""
    yield text_table(
        ["member", "role", "score"],
        [[m.member_id, m.role, round(m.score, 3)] for m in ring.members],
    )
    yield text_table(
        ["shared", "id", "members", "events", "first", "last", "surprise"],
        [
            [
                s.type,
                s.id,
                s.members,
                s.events,
                f"{s.first:%Y-%m-%d %H:%M}",
                f"{s.last:%Y-%m-%d %H:%M}",
                round(s.surprise, 1),
            ]
            for s in ring.shared
        ],
    )
    yield from _reasons("why", ring.evidence)
    yield from _reasons("what speaks against it", ring.counter_evidence)
    yield f"as of {ring.as_of.isoformat()}; a score is a rank from 0 to 1, a surprise −ln p by chance"


def _reasons(heading: str, evidence: tuple[Evidence, ...]) -> Iterator[str]:
    yield f"{heading}:"
    for item in evidence:
        events = (
            f"  [{', '.join(item.event_ids[:4])}{', …' if len(item.event_ids) > 4 else ''}]"
            if item.event_ids
            else ""
        )
        yield f"  {item.code}: {one_line(item.text, 300)}{one_line(events, 300)}"
    if not evidence:
        yield "  nothing found"
    yield ""
