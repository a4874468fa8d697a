"""What a picture of a model shows, and how it is said in words: title and text for who cannot see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from graphml.pictures.wording import label, number, percent

_TOLD = 15
"""Values that a text spells out, at most."""


class Values:
    """What is drawn. ``finding`` is what there is to see, ``about`` its data, split and n."""

    __slots__ = ()
    name: ClassVar[str]

    @property
    def finding(self) -> str:
        """What there is to see, in words."""
        raise NotImplementedError

    @property
    def about(self) -> str:
        """Data, split and n."""
        raise NotImplementedError

    @property
    def told(self) -> str:
        """The values themselves, as sentences."""
        raise NotImplementedError

    @property
    def title(self) -> str:
        """The finding, and what it is of."""
        return f"{self.finding}. {self.about}"

    @property
    def alt(self) -> str:
        """What stands for the picture where it cannot be seen."""
        return f"{self.title}. {self.told}"

    @property
    def rows(self) -> int:
        """Lines of text that the picture needs room for; 0 where its height does not depend on them."""
        return 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Bin:
    """A row of ``tabular.reliability.reliability_table``."""

    low: float
    high: float
    predicted: float
    observed: float
    observed_low: float
    observed_high: float
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Reliability(Values):
    """What was said beside what came.

    Attributes:
        model: Its name.
        split: Which rows, and from when to when.
        asked: How many rows.
        members: Of how many members.
        brier, ece: Brier score, and the expected calibration error over these bins.
        bins: By what was said, rising; empty without rows.
    """

    name: ClassVar[str] = "reliability"
    model: str
    split: str
    asked: int
    members: int
    brier: float
    ece: float
    bins: tuple[Bin, ...]

    @property
    def finding(self) -> str:  # noqa: D102 - as in Values, here and below
        if not self.bins:
            return "Nobody was asked about: there is nothing to measure"
        said, came = (
            sum(getattr(one, name) * one.count for one in self.bins) / self.asked
            for name in ("predicted", "observed")
        )
        return (
            f"{percent(came)} were accused where {percent(said)} was said: "
            f"expected calibration error {self.ece:.4f}, Brier score {self.brier:.4f}"
        )

    @property
    def about(self) -> str:  # noqa: D102
        return (
            f"Reliability of {label(self.model, 48)}, {self.split}, "
            f"{number(self.asked, 'row')} of {number(self.members, 'member')}"
        )

    @property
    def told(self) -> str:  # noqa: D102
        return "; ".join(
            f"said {percent(one.predicted)}, came {percent(one.observed)} "
            f"({percent(one.observed_low)} to {percent(one.observed_high)}, {number(one.count, 'row')})"
            for one in self.bins
        )

    @classmethod
    def from_json(cls, about: Mapping[str, Any]) -> Reliability:
        """Return what ``plain`` wrote."""
        return cls(**{**about, "bins": tuple(Bin(**one) for one in about["bins"])})


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """Precision and recall of one method's k riskiest, one value for each k."""

    method: str
    precision: tuple[float, ...]
    recall: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Capacity(Values):
    """How many of those who are looked at were accused, by how many can be looked at.

    Attributes:
        model: Its name.
        split: Which rows, and from when to when.
        asked: How many rows.
        members: Of how many members.
        accused: How many of the rows are of accused.
        share: What a team can review.
        chosen: The same as a number of rows; one of ``counts``.
        counts: Each k, rising.
        curves: Of the model first, then of what stands beside it.
    """

    name: ClassVar[str] = "capacity"
    model: str
    split: str
    asked: int
    members: int
    accused: int
    share: float
    chosen: int
    counts: tuple[int, ...]
    curves: tuple[Curve, ...]

    @property
    def finding(self) -> str:  # noqa: D102
        if not self.counts or not self.accused:
            return "Nobody was accused: there is nothing to measure"
        at, own = self.counts.index(self.chosen), self.curves[0]
        text = (
            f"Of the {percent(self.share)} riskiest (k = {self.chosen:,}) {percent(own.precision[at])} were "
            f"accused: {percent(own.recall[at])} of all accused"
        )
        if len(self.curves) == 1:
            return text
        other = max(self.curves[1:], key=lambda curve: curve.recall[at])
        return f"{text}; best beside it: {percent(other.recall[at])} by {label(other.method)}"

    @property
    def about(self) -> str:  # noqa: D102
        return (
            f"Precision and recall by capacity of {label(self.model, 48)}, {self.split}, "
            f"{number(self.asked, 'row')} of {number(self.members, 'member')}, {self.accused:,} accused"
        )

    @property
    def told(self) -> str:  # noqa: D102
        return "; ".join(
            f"{label(curve.method)}: "
            + ", ".join(
                f"k {self.counts[at]:,} precision {percent(curve.precision[at])} recall {percent(curve.recall[at])}"
                for at in _some(len(self.counts))
            )
            for curve in self.curves
        )

    @classmethod
    def from_json(cls, about: Mapping[str, Any]) -> Capacity:
        """Return what ``plain`` wrote."""
        curves = (
            Curve(
                method=one["method"],
                precision=tuple(one["precision"]),
                recall=tuple(one["recall"]),
            )
            for one in about["curves"]
        )
        return cls(**{**about, "counts": tuple(about["counts"]), "curves": tuple(curves)})


@dataclass(frozen=True, kw_only=True, slots=True)
class Learning(Values):
    """How a network's training went, pass by pass.

    Attributes:
        model: The encoder, and what it learned.
        metric: What validation measures; higher is better.
        losses: Mean loss of each pass.
        validations: The metric after each pass.
        train, valid: Labels to learn from and to choose by; ``None`` where nobody wrote it down.
        used: Whether the model that was kept asks the network.
    """

    name: ClassVar[str] = "learning"
    model: str
    metric: str
    losses: tuple[float, ...]
    validations: tuple[float, ...]
    train: int | None = None
    valid: int | None = None
    used: bool = True

    @property
    def best(self) -> int:
        """The pass whose weights were kept, from 0: the first of the highest validation."""
        return self.validations.index(max(self.validations))

    @property
    def finding(self) -> str:  # noqa: D102
        if not self.validations:
            return "No pass was trained"
        said = (
            f"Best after pass {self.best + 1} of {len(self.validations)}: "
            f"{self.metric_words} {self.validations[self.best]:.4f} on validation"
        )
        return said if self.used else f"{said}; the network did not help and was not kept"

    @property
    def metric_words(self) -> str:
        """The metric's name, to be read."""
        return label(self.metric.replace("_", " "), 40)

    @property
    def about(self) -> str:  # noqa: D102
        text = f"Learning curves of {label(self.model, 48)}"
        if self.train is not None:
            text += f", {number(self.train, 'training label')}"
        if self.valid is not None:
            text += f", {number(self.valid, 'validation label')}"
        return text

    @property
    def told(self) -> str:  # noqa: D102
        return "; ".join(
            f"pass {at + 1}: loss {self.losses[at]:.4f}, validation {self.validations[at]:.4f}"
            for at in _some(len(self.losses))
        )

    @classmethod
    def from_json(cls, about: Mapping[str, Any]) -> Learning:
        """Return what ``plain`` wrote."""
        passes = {name: tuple(about[name]) for name in ("losses", "validations")}
        if len(passes["losses"]) != len(passes["validations"]):
            raise ValueError("a loss and a validation for each pass")
        return cls(**{**about, **passes})


def plain(values: Reliability | Capacity | Learning) -> dict[str, Any]:
    """Return values as JSON knows them; their ``from_json`` reads it."""
    return asdict(values)


def _some(count: int) -> list[int]:
    """Return places among ``count`` that a text has room for, the first and the last among them.

    >>> _some(3), len(_some(100))
    ([0, 1, 2], 15)
    """
    if count <= _TOLD:
        return list(range(count))
    return sorted({round(at * (count - 1) / (_TOLD - 1)) for at in range(_TOLD)})
