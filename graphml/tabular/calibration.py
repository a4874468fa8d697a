"""Probabilities out of scores, and out of probabilities for another base rate."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from graphml.errors import UsageError
from graphml.tabular.curves import beta_slopes, isotonic_knots, middle_and_width
from graphml.tabular.reliability import chances_of

Method = Literal["isotonic", "beta", "none"]
METHODS: tuple[Method, ...] = get_args(Method)

FORMAT = 1
FEWEST_POSITIVES = 10
"""With fewer of either label, ``auto`` leaves scores as they are."""
FEW_POSITIVES = 50
"""With fewer of either label, ``auto`` takes ``beta``: steps need more to stand on."""

_FOLDS = 5
_SLOPE = 1e-6
"""How much of an isotonic probability is the slope that keeps plateaus in order."""
_STRAIGHT, _ROOM = 15.0, 5.0
"""Log-odds beyond the first are bent, so as to stay below the sum of both."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibrator:
    """Makes probabilities of scores; higher scores never get lower ones.

    Attributes:
        method: ``none`` takes scores for log-odds.
        slopes: Of ``beta``: what ln p and -ln(1 - p) are multiplied by, p being the logistic
            function of the score, and what is added to the log-odds.
        knots: Of ``isotonic``: scores and their probabilities, rising; straight between them.
        scale: Of ``isotonic``: the middle of the scores and their width.
    """

    method: Method
    slopes: tuple[float, float, float] = (1.0, 1.0, 0.0)
    knots: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    scale: tuple[float, float] = (0.0, 1.0)

    def apply(self, scores: ArrayLike) -> Floats:
        """Return probabilities strictly inside (0, 1), float64 [rows].

        Scores that differ get probabilities that differ, as far as float64 can tell them apart:

        - ``isotonic`` has plateaus. A millionth of the probability is a curve of the score that
          rises everywhere: with t the distance from the middle in widths, (1 + t / (1 + |t|)) / 2.
        - The others bend log-odds beyond ±15 so that they stay within ±20: 2e-9 is the least.

        Args:
            scores: Of the model that it was fitted for, finite, [rows].

        Raises:
            UsageError: A score is NaN or infinite.
        """
        given = _finite("scores", scores)
        if self.method == "isotonic":
            middle, width = self.scale
            t = (given - middle) / width
            rising = (1 + t / (1 + np.abs(t))) / 2
            steps: Floats = np.interp(given, *self.knots)
            either: Floats = (1 - _SLOPE) * steps + _SLOPE * rising
            return either
        odds = given
        if self.method == "beta":
            a, b, c = self.slopes
            # ln p and ln(1 - p) straight from log-odds: exact where p is nearly 0 or 1.
            odds = -a * np.logaddexp(0, -given) + b * np.logaddexp(0, given) + c
        return np.asarray(expit(_bent(odds)), dtype=np.float64)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return {
            "format": FORMAT,
            "method": self.method,
            "slopes": list(self.slopes),
            "knots": [list(side) for side in self.knots],
            "scale": list(self.scale),
        }

    @classmethod
    def from_json(cls, about: Mapping[str, Any]) -> Calibrator:
        """Return what ``to_json`` returned.

        Raises:
            UsageError: It is damaged, or of another format.
        """
        try:
            if about["format"] != FORMAT or about["method"] not in METHODS:
                raise ValueError(f"unknown method {about['method']!r} or format")
            a, b, c = map(float, about["slopes"])
            scores, chances = (tuple(map(float, side)) for side in about["knots"])
            middle, width = map(float, about["scale"])
            found = cls(
                method=about["method"], slopes=(a, b, c), knots=(scores, chances),
                scale=(middle, width),
            )  # fmt: skip
            _check(found)
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError("the calibration is damaged", hint="calibrate again") from error
        return found


def fit_calibrator(
    scores: ArrayLike,
    y: ArrayLike,
    *,
    method: Literal["auto", "isotonic", "beta", "none"] = "auto",
    weights: ArrayLike | None = None,
) -> Calibrator:
    """Return what makes probabilities of scores, learned from labels that the model did not see.

    - ``isotonic`` (Zadrozny, Elkan 2002): steps. None is nearer to 0 or 1 than 1 / (rows + 2),
      however pure it is: no row less would be a surprise (Laplace).
    - ``beta`` (Kull, Silva Filho, Flach 2017): logistic regression on ln p and ln(1 - p), with
      slopes kept above 0; it contains leaving scores as they are.
    - ``auto``: whichever of the two has the lower log loss over five folds, ``beta`` if there are
      fewer than 50 of either label, ``none`` if there are fewer than 10, which is logged.

    Args:
        scores: Log-odds, or anything that rises with the risk; finite, [rows].
        y: 0 or 1, [rows].
        method: As above.
        weights: Of the rows, at least 0.

    Raises:
        ValueError: The arguments are not of one length, or labels or weights not as above.
        UsageError: A score is NaN or infinite, or the method needs labels of both kinds.
    """
    if method not in ("auto", *METHODS):
        raise ValueError(f"method is auto, {', '.join(METHODS)}, got {method!r}")
    given, labels = _finite("scores", scores), np.asarray(y)
    weight = np.ones(len(given)) if weights is None else np.asarray(weights, dtype=np.float64)
    if not given.shape == labels.shape == weight.shape or not np.isin(labels, (0, 1)).all():
        raise ValueError("scores, labels 0 or 1 and weights, one a row")
    if not (weight >= 0).all() or not np.isfinite(weight).all():
        raise ValueError("weights are finite and at least 0")
    counted = weight > 0
    given, weight, labels = given[counted], weight[counted], labels[counted].astype(np.int64)
    chosen = _chosen(given, labels, weight) if method == "auto" else method
    if chosen == "none":
        return Calibrator(method="none")
    if len(np.unique(labels)) < 2:
        raise UsageError(
            f"{chosen} calibration needs labels 0 and 1, got {len(labels)} of one kind",
            hint="more labels, or method none",
        )
    return _FITS[chosen](given, labels, weight)


def _chosen(scores: Floats, labels: Ints, weights: Floats) -> Method:
    fewer = int(min(labels.sum(), len(labels) - labels.sum()))
    if fewer < FEWEST_POSITIVES:
        _log.warning("scores stay as they are: only %d of one label to calibrate by", fewer)
        return "none"
    if fewer < FEW_POSITIVES:
        return "beta"
    # Each label by chance, not in order of score: neighbours dealt out in turn would give every
    # fold the same accidents, and steps that follow these would look right.
    fold = np.empty(len(labels), dtype=np.int64)
    order = np.random.default_rng(0).permutation(len(labels))
    fold[order[np.argsort(labels[order], kind="stable")]] = np.arange(len(labels)) % _FOLDS
    loss = dict.fromkeys(_FITS, 0.0)
    for held in (fold == n for n in range(_FOLDS)):
        for name, fit in _FITS.items():
            chance = fit(scores[~held], labels[~held], weights[~held]).apply(scores[held])
            said = np.where(labels[held] == 1, chance, 1 - chance)
            loss[name] -= float((weights[held] * np.log(said)).sum())
    _log.info("log loss: %s", ", ".join(f"{k} {v / weights.sum():.5f}" for k, v in loss.items()))
    return "isotonic" if loss["isotonic"] < loss["beta"] else "beta"


def shift_prior(p: ArrayLike, *, from_rate: float, to_rate: float) -> Floats:
    """Return probabilities as they are where 1 comes more or less often, float64 [rows].

    Saerens, Latinne, Decaestecker 2002: the odds are multiplied by the ratio of the rates' odds.
    It holds where frauds, and others, look as before and only their numbers changed.

    Args:
        p: In [0, 1], [rows].
        from_rate: How often 1 came where the probabilities are right, in (0, 1).
        to_rate: How often it comes now, in (0, 1).

    Raises:
        ValueError: A rate or a probability is out of range.

    >>> shift_prior([0.5, 0.0, 1.0], from_rate=0.5, to_rate=0.01).tolist()
    [0.01, 0.0, 1.0]
    """
    if not (0 < from_rate < 1 and 0 < to_rate < 1):
        raise ValueError(f"rates are between 0 and 1, got {from_rate} and {to_rate}")
    chance = chances_of(p)
    one, other = chance * (to_rate / from_rate), (1 - chance) * ((1 - to_rate) / (1 - from_rate))
    result: Floats = one / (one + other)
    return result


def _isotonic(scores: Floats, labels: Ints, weights: Floats) -> Calibrator:
    at, heights = isotonic_knots(scores, labels, weights)
    knots = tuple(at.tolist()), tuple(heights.tolist())
    return Calibrator(method="isotonic", knots=knots, scale=middle_and_width(scores))


def _beta(scores: Floats, labels: Ints, weights: Floats) -> Calibrator:
    return Calibrator(method="beta", slopes=beta_slopes(scores, labels, weights))


_FITS = {"isotonic": _isotonic, "beta": _beta}


def _bent(odds: Floats) -> Floats:
    beyond = np.maximum(np.abs(odds) - _STRAIGHT, 0) / _ROOM
    # Of the curves with an end this one flattens slowly: far scores still differ in float64.
    return np.where(beyond > 0, np.sign(odds) * (_STRAIGHT + _ROOM * beyond / (1 + beyond)), odds)


def _finite(name: str, values: ArrayLike) -> Floats:
    found = np.asarray(values, dtype=np.float64)
    wrong = int((~np.isfinite(found)).sum())
    if found.ndim != 1 or wrong:
        raise UsageError(
            f"{name} are finite numbers, one a row; {wrong} are not, shape {found.shape}",
            hint="score again: a model that gives NaN was trained on damaged values",
        )
    return found


def _check(found: Calibrator) -> None:
    """Refuse numbers that would not rise.

    Raises:
        ValueError: They would not.
    """
    at, heights = (np.array(side) for side in found.knots)
    numbers = np.concatenate([at, heights, found.slopes, found.scale])
    if not np.isfinite(numbers).all() or len(at) != len(heights) or found.scale[1] <= 0:
        raise ValueError("numbers that do not fit")
    if found.method == "isotonic" and not len(at):
        raise ValueError("no steps")
    inside = ((heights > 0) & (heights < 1)).all()
    rising = (np.diff(at) > 0).all() and (np.diff(heights) >= 0).all()
    if not (inside and rising and min(found.slopes[:2]) > 0):
        raise ValueError("it would turn the order of scores around")
