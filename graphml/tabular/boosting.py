"""LightGBM, loaded once and kept quiet, and the rows that it is given, checked."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from graphml.errors import GraphmlError, UsageError, one_line

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Matrix = NDArray[np.float32]

_log = logging.getLogger(__name__)


class _Quiet:
    """Takes what LightGBM would print."""

    def info(self, text: str) -> None:
        _log.debug("%s", text.strip())

    def warning(self, text: str) -> None:
        _log.debug("%s", text.strip())


@lru_cache(maxsize=1)
def lightgbm() -> ModuleType:
    """Return the library, which prints nothing from then on.

    Raises:
        GraphmlError: It, or a library that it needs, is not there.
    """
    try:
        import lightgbm as module
    except (ImportError, OSError) as error:
        raise GraphmlError(
            f"LightGBM cannot be loaded: {one_line(error)}",
            hint="apt-get install libgomp1, if that is what is missing",
        ) from error
    module.register_logger(_Quiet())
    found: ModuleType = module
    return found


@lru_cache(maxsize=4)
def booster_of(text: str) -> Any:
    """Return the trees of a text in LightGBM's format; those of the last four texts are kept."""
    return lightgbm().Booster(model_str=text)


def without_infinities(values: Matrix) -> Matrix:
    """Return ``values`` as float32 with NaN for infinities, which trees would order by size.

    >>> without_infinities(np.array([[np.inf, 1.5]], dtype=np.float32)).tolist()
    [[nan, 1.5]]
    """
    # Numbers beyond float32 become infinities first, and missing with them.
    with np.errstate(over="ignore"):
        result = np.array(values, dtype=np.float32, order="C")
    result[np.isinf(result)] = np.nan
    return result


def log_odds(labels: Ints, weights: Floats | None = None) -> float:
    """Return the log-odds of 1 among 0s and 1s, both of them there."""
    share = np.average(labels, weights=weights)
    return float(np.log(share) - np.log1p(-share))


def labels_of(name: str, labels: ArrayLike) -> Ints:
    """Return 0s and 1s as int64 [rows].

    Raises:
        ValueError: They are something else.
    """
    found = np.asarray(labels)
    if found.ndim != 1 or not np.isin(found, (0, 1)).all():
        raise ValueError(f"{name} holds 0s and 1s, one a row")
    return found.astype(np.int64)


def weights_of(weights: ArrayLike | None, rows: int) -> Floats:
    """Return a weight for each row, float64 [rows]: 1 where there are none.

    Raises:
        ValueError: One is negative or not finite, or they are not as many as rows.
    """
    if weights is None:
        return np.ones(rows)
    found = np.asarray(weights, dtype=np.float64)
    if found.shape != (rows,) or not np.isfinite(found).all() or (found < 0).any():
        raise ValueError(f"weights are {rows} finite numbers of at least 0")
    return found


def check_table(part: str, values: Matrix, labels: Ints, names: Sequence[str]) -> None:
    """Refuse values that are not a row for each label and a column for each name.

    Raises:
        ValueError: They are not, or there is no name, or one comes twice.
    """
    if not names or len(set(names)) < len(names):
        raise ValueError(f"names are one a column, each once; got {len(names)}")
    if values.shape != (len(labels), len(names)):
        raise ValueError(
            f"{part} holds {len(labels)} labels and {len(names)} names, "
            f"and values of shape {values.shape}"
        )


def check_classes(labels: Ints, weights: Floats, valid_rows: int) -> None:
    """Refuse rows that nothing can be learned from or chosen by.

    Raises:
        UsageError: Labels that weigh anything are all alike, or there is nothing to validate on.
    """
    found = sorted(set(labels[weights > 0].tolist()))
    if len(found) < 2:
        only = f"only label {found[0]} is" if found else "no label is"
        raise UsageError(
            f"{only} in the {len(labels)} training rows: trees need 0s and 1s",
            hint="labels of both kinds, or more history",
        )
    if not valid_rows:
        raise UsageError(
            "no validation rows to choose the number of trees by", hint="a later --valid-from"
        )


def grouped(groups: ArrayLike | None, rows: int) -> tuple[Ints, Ints | None]:
    """Return rows in order of their groups, and the sizes of these; all rows where there are none.

    Raises:
        ValueError: They are not as many as rows.

    >>> grouped(["b", "a", "b"], 3)
    (array([1, 0, 2]), array([1, 2]))
    """
    if groups is None:
        return np.arange(rows), None
    names = np.asarray(groups)
    if names.shape != (rows,):
        raise ValueError(f"groups are {rows}, one a row, got shape {names.shape}")
    _, owner, sizes = np.unique(names, return_inverse=True, return_counts=True)
    return np.argsort(owner, kind="stable"), sizes


def refuse_other_names(known: tuple[str, ...], given: tuple[str, ...]) -> None:
    """Refuse columns that are not those that trees know, in their order.

    Raises:
        UsageError: They are not; it names up to three that lack and that are unknown.
    """
    if given == known:
        return
    lacking = [name for name in known if name not in set(given)]
    unknown = [name for name in given if name not in set(known)]
    differing = [
        f"{what}: {', '.join(map(repr, some[:3]))}{' …' if len(some) > 3 else ''}"
        for what, some in (("lacking", lacking), ("unknown", unknown))
        if some
    ]
    raise UsageError(
        one_line(f"other columns than the trees': {'; '.join(differing) or 'in another order'}"),
        hint="train again, or ask with the columns that the model was trained on",
    )
