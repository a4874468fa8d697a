"""The card of a trained fraud detector: what it is, what it was measured to do, where it may fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graphml.config import FraudConfig
from graphml.pipeline.cardtables import operating_text, segments_text
from graphml.results import time_text

if TYPE_CHECKING:
    from graphml.fraud.detector import FraudDetector
    from graphml.results import Report
    from graphml.store.provenance import Manifest


def model_card(
    detector: FraudDetector,
    report: Report,
    manifest: Manifest,
    config: FraudConfig,
    *,
    complete: bool,
) -> str:
    """Return a page of Markdown for whoever has to decide whether to trust the model.

    Args:
        detector: What was trained.
        report: How it did beside the bars, at its threshold, and in each segment.
        manifest: Of its training; notes hold ``calibration_error``.
        config: What it was asked and chosen by.
        complete: Whether the unaccused were taken for innocent.
    """
    counts, error = manifest.counts, manifest.notes["calibration_error"]
    weights = ", ".join(f"{part} {weight:g}" for part, weight in detector.weights.items())
    return f"""# {detector.name}

Scores members of a marketplace for fraud: as of a moment, the probability that a member is fraudulent and nobody knows it yet.

| | |
|---|---|
| method | {detector.method}: weighted log-odds of {weights} |
| trained on | {counts["train"]} rows of {counts["train_accused"]} accused, known by {time_text(detector.trained_until)} |
| chosen and calibrated on | {counts["valid"]} rows, {counts["valid_accused"]} accused, known by {time_text(detector.chosen_until)} |
| reported on | {counts["test"]} rows, {counts["test_accused"]} accused, known by {time_text(manifest.as_of)} |
| a question covers | {detector.horizon.days} days ahead, every {config.step_days} days |
| data | fingerprint {manifest.data_fingerprint} |
| versions | {", ".join(f"{name} {version}" for name, version in manifest.versions.items())} |

## How well it does

Share of the accused among the {config.capacity:.1%} riskiest members, on labels that neither training nor choice saw; 95 % intervals by
resampling members. `gain` is what the chosen method has above each.

{_table(report.rows)}

Average precision counts the never accused as innocent, so where frauds go undetected it is too low for every method.

{calibration_text(error)}
{notes_text(report)}{_at_threshold(report, config)}
## What it must not be used for

- {_silent(detector, measured=error is not None, complete=complete)}
- A score is a reason to look, not a verdict: read the reasons and the counter-evidence, and let a person decide whom to block.
- Labels come from what reviewers and banks found. What they never look at, the trees do not learn; candidate rings need no label.
- Trained on one shop's members, it is for that shop. When the shares of scores shift (`graphml evaluate`), train again.
"""


def calibration_text(error: float | None) -> str:
    """Return a sentence about the expected calibration error on validation; ``None``: not measured."""
    if error is None:
        return (
            "How far probabilities can be believed could not be measured: "
            "too few were accused on validation."
        )
    return (
        f"Expected calibration error of accusations on validation, by which it was calibrated: {error:.4f}; "
        "on later weeks it is rather larger."
    )


def notes_text(report: Report) -> str:
    """Return the report's notes as paragraphs of their own, each after an empty line."""
    return "".join(f"\n**{note[:1].upper()}{note[1:]}.**\n" for note in report.notes)


def _silent(detector: FraudDetector, *, measured: bool, complete: bool) -> str:
    """Return what silence of the labels was taken for."""
    if complete:
        return "Members without an accusation were taken for innocent: labels clear most of them."
    told = "Members whom nobody accused are unlabelled, not innocent."
    if not measured:
        return f"{told} What share of the frauds is accused could not be measured."
    return (
        f"{told} They weigh the less in training the more suspicious their company is; of the frauds, "
        f"{detector.found:.1%} seem to be accused in time, of all others {detector.wrong:.2%}; probabilities allow for both."
    )


def _at_threshold(report: Report, config: FraudConfig) -> str:
    if report.operating is None:
        return ""
    return f"""
## Where it holds members

{operating_text(report.operating, capacity=config.capacity)}

## Whom it holds

{segments_text(report.segments)}
"""


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "Nobody was accused in the weeks kept for this report, so nothing is measured: trust it as far as its evidence goes."
    lines = [
        "| method | recall | gain | average precision | AUROC |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['method']} | {row['recall']:.3f} ({row['recall_low']:.3f} to {row['recall_high']:.3f}) "
            f"| {row['gain_low']:+.3f} to {row['gain_high']:+.3f} "
            f"| {row['average_precision']:.3f} | {row['auroc']:.3f} |"
        )
    return "\n".join(lines)
