"""The card of a trained model of orders and reviews: what it is, how well it does, where it may fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graphml.fraud.order_evaluation import BETTER, REVIEWED
from graphml.pipeline.modelcard import calibration_text, notes_text
from graphml.results import time_text

if TYPE_CHECKING:
    from datetime import timedelta

    from graphml.results import Report
    from graphml.store.provenance import Manifest

_WHAT = {
    False: "the probability that it is fraudulent",
    True: "a rank from 0 to 1, which is no probability",
}
_MEASURED = {
    "value_recall_at_1pct": "frauds' amount among the riskiest",
    "average_precision": "average precision",
    "auroc": "AUROC",
}


def order_card(report: Report, manifest: Manifest, *, every: timedelta) -> str:
    """Return a page of Markdown for whoever has to decide whether to trust the model.

    Args:
        report: How it did beside the bars; ``first`` is until when its choice knew.
        manifest: Of its training; notes hold ``trained_until``.
        every: From one look at candidate rings to the next.
    """
    counts = manifest.counts
    return f"""# {report.model}

Scores orders and reviews of a marketplace for fraud: the moment one comes in, {_WHAT[manifest.notes["calibration_error"] is None]}, from
what was known strictly before it and from its own identifiers.

| | |
|---|---|
| method | blend: trees on aggregates and candidate rings, and a tenth of the ring's log-odds |
| trained on | {counts["train"]} orders and reviews, {counts["train_accused"]} accused, known by {manifest.notes["trained_until"]} |
| chosen and calibrated on | {counts["valid"]}, {counts["valid_accused"]} accused, known by {time_text(report.first)} |
| reported on | {counts["test"]}, {counts["test_accused"]} accused, known by {time_text(manifest.as_of)} |
| candidate rings | looked at every {every.days} days |
| data | fingerprint {manifest.data_fingerprint} |
| versions | {", ".join(f"{name} {version}" for name, version in manifest.versions.items())} |

## How well it does

On orders and reviews that neither training nor choice saw, with 95 % intervals by resampling members. The riskiest are {REVIEWED:.0%} of
all. `flat` sees a record and its member's own past, `aggregates` what others share with it besides.

{_table(report.rows)}

{calibration_text(manifest.notes["calibration_error"])}
{notes_text(report)}
## What it must not be used for

- Orders that nobody accused count as innocent once they are old enough; the trees believe that the less the more suspicious
  their member's company is. Frauds that nobody finds make every figure too low, and probabilities too low, too.
- A score is a reason to look, not a verdict: read `graphml explain order ID`, and let a person decide what to refuse.
- Labels come from what reviewers and banks found. What they never look at, the model does not learn.
- Trained on one shop's orders, it is for that shop; `graphml evaluate DIR` says how it does on what came in since.
"""


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "No order of the weeks kept for this report was accused yet, so nothing is measured: trust it as far as its evidence goes."
    lines = [
        f"| method | {' | '.join(_MEASURED.values())} |",
        f"|---|{'---|' * len(_MEASURED)}",
    ]
    for row in rows:
        sign = "+" if row["method"] == BETTER else ""
        cells = [
            f"{row[name]:{sign}.3f} ({row[f'{name}_low']:{sign}.3f} to {row[f'{name}_high']:{sign}.3f})"
            for name in _MEASURED
        ]
        lines.append(f"| {row['method']} | {' | '.join(cells)} |")
    return "\n".join(lines)
