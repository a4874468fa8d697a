"""Which fraud detector tells the commands of rings how risky members are."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphml.cli.models import models_of
from graphml.cli.progress import say
from graphml.errors import UsageError
from graphml.results import time_text

if TYPE_CHECKING:
    from graphml.fraud.detector import FraudDetector

_NONE = Path("none")

ModelOption = Annotated[
    Path | None,
    typer.Option(
        "--model",
        metavar="DIR",
        help="The fraud model whose scores help; else the store's, if there is one. "
        "'none': rings from structure alone.",
        show_default=False,
    ),
]


def ring_model(
    url: str, given: Path | None, moment: datetime, *, quiet: bool
) -> FraudDetector | None:
    """Return the detector to use, and say so; ``None`` where structure alone decides.

    The store's own is left aside when it knows what came after the moment; one that was asked for
    is refused later.

    Raises:
        UsageError: What was asked for is no fraud detector, or is damaged.
    """
    if given == _NONE:
        return None
    from graphml.pipeline.fraud import is_detector
    from graphml.pipeline.reading import known_until

    folder = given or models_of(url, None) / "fraud"
    if not is_detector(folder):
        if given:
            raise UsageError(
                f"no fraud model in {folder}",
                hint="graphml train fraud --out writes one, --model none does without",
            )
        return None
    from graphml.fraud.detector import FraudDetector

    try:
        detector = FraudDetector.load(folder)
    except UsageError as error:
        if given:
            raise
        say(f"rings from structure alone: {error.message}; {error.hint}", quiet=quiet)
        return None
    known = known_until(detector)
    if not given and known > moment:
        say(
            f"rings from structure alone: {detector.name} was trained on data up to {time_text(known)}",
            quiet=quiet,
        )
        return None
    if not detector.knows_more:
        say(f"rings from structure alone: {detector.name} knows no more", quiet=quiet)
        return None
    say(f"with the members' risk by {detector.name} (--model none: without)", quiet=quiet)
    return detector
