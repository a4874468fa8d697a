"""Moments of the past at which questions are asked whose answers are known by now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from graphml.errors import NothingToDoError


class Asking(Protocol):
    """How far ahead questions look, and on how much of the past."""

    @property
    def horizon_days(self) -> int:
        """How far ahead each question looks."""

    @property
    def step_days(self) -> int:
        """Between two moments to learn from."""

    @property
    def moments(self) -> int:
        """Moments to learn from, at most."""


def past_moments(
    first: datetime | None, as_of: datetime, asking: Asking, *, section: str
) -> tuple[list[datetime], datetime, datetime]:
    """Return the moments to learn from, the one to choose by, and the one to report on.

    Each horizon ends by the moment of the next part; a moment has a horizon of past before it.

    Args:
        first: When the first event of those asked about happened; ``None`` without any.
        as_of: The last moment known.
        asking: Horizon, step and count.
        section: Of graphml.toml, where they are set.

    Raises:
        NothingToDoError: The history is too short.
    """
    horizon, step = timedelta(days=asking.horizon_days), timedelta(days=asking.step_days)
    test, valid = as_of - horizon, as_of - 2 * horizon
    asked = [valid - horizon - step * n for n in range(asking.moments)]
    train = [moment for moment in asked if first is not None and moment - horizon >= first]
    if not train:
        raise NothingToDoError(
            f"the history is too short: training, validation and the report take "
            f"{4 * asking.horizon_days} days",
            hint=f"more history, or a shorter horizon_days under [{section}]",
        )
    return train, valid, test
