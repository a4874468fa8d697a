"""Options of the commands that train, and what they turn into."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from graphml.cli import options
from graphml.config import FraudConfig, TrainConfig
from graphml.errors import UsageError

if TYPE_CHECKING:
    from graphml.fraud.decisions import Capacity
    from graphml.pipeline.training import Asking

What = Literal["fraud", "recommend"]
"""What networks learn."""

WhatArgument = Annotated[
    str,
    typer.Argument(
        metavar="fraud|recommend", help="What to learn: who is fraudulent, or who buys what."
    ),
]
KindArgument = Annotated[
    str,
    typer.Argument(
        metavar="fraud|recommend|propensity",
        help="What to learn: who is fraudulent, who buys what, or what members do next.",
    ),
]
HorizonOption = Annotated[
    str | None,
    typer.Option(
        "--horizon", metavar="DAYS", help="What a fraud label covers, as 30d.", show_default="14d"
    ),
]
EveryOption = Annotated[
    str | None,
    typer.Option(
        "--every",
        metavar="DAYS",
        help="Between two moments members are asked about.",
        show_default="7d",
    ),
]
NegativesOption = Annotated[
    str,
    typer.Option(
        "--negatives",
        help="auto | stated (label 0 alone) | matured (all whom nobody accused in time).",
    ),
]
ValidOption = Annotated[
    str | None,
    typer.Option(
        "--valid-from",
        metavar="TIME",
        help="First moment of validation; else by shares.",
        show_default=False,
    ),
]
TestOption = Annotated[
    str | None,
    typer.Option(
        "--test-from",
        metavar="TIME",
        help="First moment of the test; else by shares.",
        show_default=False,
    ),
]
EncoderOption = Annotated[
    str | None, typer.Option("--encoder", help="sage | hgt.", show_default=False)
]
EpochsOption = Annotated[
    int | None, typer.Option("--epochs", help="Most passes over the labels.", show_default=False)
]
DeviceOption = Annotated[
    str | None, typer.Option("--device", help="auto | cpu | cuda.", show_default=False)
]
MethodOption = Annotated[
    str,
    typer.Option(
        "--method",
        help=(
            "fraud: blend (rings, trees on aggregates and a network) | network (alone); "
            "recommend: blend (sources of candidates and a ranker; of a graph card without time a "
            "linear filter) | network (alone)."
        ),
    ),
]
UnitOption = Annotated[str, typer.Option("--unit", help="What is judged: member | order | review.")]
GraphOption = Annotated[
    Path | None,
    typer.Option(
        "--graph",
        metavar="CARD",
        help="A graph card in place of a store: nodes' labels for fraud, pairs for recommend.",
        show_default=False,
    ),
]
ModelOption = Annotated[
    Path | None,
    typer.Option(
        "--model",
        metavar="DIR",
        help="The model's folder; else the newest of the store's.",
        show_default=False,
    ),
]
CapacityOption = Annotated[
    str | None,
    typer.Option(
        "--capacity",
        metavar="N|SHARE",
        help="Hold no more than N for a review, or than a share of all, as 0.02: those for whom it "
        "saves most by [costs] in graphml.toml, else the riskiest.",
        show_default=False,
    ),
]


def what_of(what: str) -> What:
    """Return what a network is to learn.

    Raises:
        UsageError: There is no such thing.
    """
    if what not in ("fraud", "recommend"):
        raise UsageError(f"cannot learn {what!r}", hint="fraud or recommend")
    return cast(What, what)


def config_of(
    encoder: str | None, epochs: int | None, device: str | None, seed: int | None
) -> TrainConfig:
    """Return graphml.toml's training with the flags over it."""
    given = {"encoder": encoder, "epochs": epochs, "device": device, "seed": seed}
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return replace(options.settings().train, **chosen)


def fraud_config_of(seed: int | None) -> FraudConfig:
    """Return graphml.toml's fraud detector with the seed over it."""
    config = options.settings().fraud
    return config if seed is None else replace(config, seed=seed)


def capacity_of(text: str | None) -> Capacity | None:
    """Return how many can be reviewed: a whole number is a count, one below 1 a share.

    Raises:
        UsageError: It is neither, or 0.
    """
    from graphml.fraud.decisions import Capacity

    if text is None:
        return None
    if re.fullmatch(r"0*\.?0+", text):
        raise UsageError(
            f"--capacity {text} holds nobody", hint="--capacity 200, or --capacity 0.02"
        )
    if re.fullmatch(r"[0-9]{1,15}", text):
        return Capacity(count=int(text))
    if re.fullmatch(r"0?\.[0-9]{1,15}", text):
        return Capacity(share=float(text))
    raise UsageError(
        f"--capacity {text!r} is neither a number of reviews nor a share below 1",
        hint="--capacity 200, or --capacity 0.02",
    )


def asking_of(
    horizon: str | None,
    every: str | None,
    negatives: str,
    valid_from: str | None,
    test_from: str | None,
) -> Asking:
    """Return what labels are made of.

    Raises:
        UsageError: A flag does not fit.
    """
    from graphml.pipeline.training import Asking

    if negatives not in ("auto", "stated", "matured"):
        raise UsageError(f"--negatives is {negatives!r}", hint="auto, stated or matured")
    usual = Asking()
    return Asking(
        horizon=_days("--horizon", horizon) or usual.horizon,
        every=_days("--every", every) or usual.every,
        negatives=cast(Any, negatives),
        valid_from=options.moment("--valid-from", valid_from),
        test_from=options.moment("--test-from", test_from),
    )


def _days(name: str, text: str | None) -> timedelta | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,4})d?", text)
    if not found or int(found[1]) == 0:
        raise UsageError(f"{name} {text!r} is no number of days", hint=f"{name} 30d")
    return timedelta(days=int(found[1]))
