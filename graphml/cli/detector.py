"""What the commands of models do with a fraud detector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from graphml.cli import options
from graphml.cli.output import print_rows
from graphml.cli.progress import progress, say
from graphml.errors import UsageError

if TYPE_CHECKING:
    from graphml.config import FraudConfig, TrainConfig
    from graphml.fraud.detector import FraudDetector
    from graphml.training.model import GraphModel


def method_of(method: str) -> str:
    """Return how fraud is to be learned.

    Raises:
        UsageError: There is no such way.
    """
    if method not in ("blend", "network"):
        raise UsageError(f"--method is {method!r}", hint="blend or network")
    return method


def train_blend(
    url: str,
    config: FraudConfig,
    network: TrainConfig,
    *,
    folder: Path,
    as_of: str | None,
    format_: str,
    dry_run: bool,
    quiet: bool,
) -> None:
    """Train a fraud detector on a store and print its report."""
    from graphml.pipeline.fraud import detector_labels, shown, train_detector
    from graphml.pipeline.labelnotes import warn_of_labels
    from graphml.pipeline.reading import stored_graph
    from graphml.store.connect import connect

    with progress(quiet=quiet), connect(url, read_only=True) as source:
        moment = options.as_of_or_last(source, as_of)
        if dry_run:
            warn_of_labels(source, moment)
            tables, _ = stored_graph(source, moment)
            labels = detector_labels(tables, config, as_of=moment)[0]["train"]
            accused = int(labels.rows["y"].sum())
            say(
                f"would train on {len(labels)} labels, {accused} accused, into {folder}",
                quiet=quiet,
            )
            return
        trained = train_detector(
            source, config, network, as_of=moment, folder=folder, costs=options.settings().costs
        )
    say(
        f"model {trained.detector.name} in {folder}; its card: {folder / 'MODEL_CARD.md'}",
        quiet=quiet,
    )
    rows = trained.report.rows
    print_rows(shown(rows) if format_ == "table" else rows, format_, None)


def load_model(folder: Path, *, device: str) -> FraudDetector | GraphModel:
    """Return the fraud detector in ``folder``, or the network.

    Raises:
        UsageError: It holds neither, or a damaged one.
        ConfigError: No such device.
    """
    from graphml.fraud.detector import FraudDetector
    from graphml.pipeline.fraud import is_detector
    from graphml.pipeline.orders import is_of_orders
    from graphml.training.model import GraphModel

    if is_detector(folder):
        return FraudDetector.load(folder, device=device)
    if is_of_orders(folder):
        raise UsageError(
            f"{folder} is a model of orders",
            hint="graphml score fraud --unit order, or graphml explain order ID",
        )
    return GraphModel.load(folder, device=device)


def network_of(model: FraudDetector | GraphModel) -> GraphModel:
    """Return the network of a model.

    Raises:
        UsageError: It has none.
    """
    from graphml.fraud.detector import FraudDetector

    network = model.network if isinstance(model, FraudDetector) else model
    if network is None:
        raise UsageError(
            f"{model.name} has no network, so members have no vectors",
            hint="graphml train fraud --method network",
        )
    return network


def report_detector(
    folder: Path, url: str, *, as_of: str | None, format_: str, out: Path | None, quiet: bool
) -> None:
    """Print how a detector does on what became known since it was chosen."""
    from graphml.fraud.detector import FraudDetector
    from graphml.pipeline.fraud import evaluate_detector, shown
    from graphml.store.connect import connect

    capacity = options.settings().fraud.capacity
    with progress(quiet=quiet), connect(url, read_only=True) as source:
        moment = options.as_of_or_last(source, as_of)
        detector = FraudDetector.load(folder)
        report = evaluate_detector(source, detector, as_of=moment, capacity=capacity)
    print_rows(shown(report.rows) if format_ == "table" else report.rows, format_, out)
