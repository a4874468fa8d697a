"""What ``score`` does with the members of a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from graphml.cli import options
from graphml.cli.detector import load_model, network_of
from graphml.cli.keeping import keep_manifest
from graphml.cli.output import print_scores
from graphml.cli.progress import progress, say

if TYPE_CHECKING:
    import polars as pl

    from graphml.config import Costs
    from graphml.fraud.decisions import Capacity


def score_members(
    url: str,
    folder: Path,
    *,
    as_of: str | None,
    reviews: Capacity | None,
    reasons: int,
    top: int | None,
    write: bool,
    embeddings: Path | None,
    device: str | None,
    format_: str,
    out: Path | None,
    dry_run: bool,
    quiet: bool,
) -> None:
    """Score every member, publish the scores if asked to, and print them, riskiest first."""
    from graphml.pipeline.scoring import score
    from graphml.store.connect import connect, state_folder

    settings, publish = options.settings(), write and not dry_run
    with progress(quiet=quiet), connect(url, read_only=not publish) as source:
        moment = options.as_of_or_last(source, as_of)
        asked = load_model(folder, device=device or "auto")
        scored = score(
            source,
            asked,
            as_of=moment,
            explained=min(reasons, top or reasons),
            capacity=settings.fraud.capacity,
            costs=settings.costs,
            reviews=reviews,
        )
        scores, rows, manifest = scored.scores, scored.rows, scored.manifest
        if embeddings is not None:
            network_of(asked).embed(scored.graph, "member", as_of=moment).write_parquet(embeddings)
        if publish:
            run = source.publish("fraud", [scores], model=asked.name, as_of=moment)
            manifest = manifest.named(run.run_id)
            say(f"published {len(scores.ids)} scores as run {run.run_id}", quiet=quiet)
        if not dry_run:
            keep_manifest(manifest, state_folder(url), quiet=quiet)
    if scored.drift:
        say(scored.drift.told(), quiet=quiet)
    if write and dry_run:
        say(f"would publish {len(scores.ids)} scores", quiet=quiet)
    if reviews is not None:
        say_equals(rows, settings.costs, quiet=quiet)
    print_scores(rows, top=top, format_=format_, out=out)


def say_equals(rows: pl.DataFrame, costs: Costs | None, *, quiet: bool) -> None:
    """Say how many are like the last one held, and are not held: chance would do as well there."""
    from graphml.fraud.decisions import equals_not_held

    if count := equals_not_held(rows, costs=costs):
        same = "score and exposure" if costs is not None else "score"
        say(f"{count} more have the same {same} as one held; of equals the first are", quiet=quiet)
