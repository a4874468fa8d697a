"""Settings of each stage: frozen, keyword-only, checked when made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from graphml.errors import ConfigError

DEFAULT_STORE = "embedded://.graphml"

Difficulty = Literal["easy", "default", "hard"]
RingKind = Literal[
    "device_farm", "reshipping", "brushing", "coupon_farming", "refund_abuse", "takeover", "other"
]
RING_KINDS: tuple[RingKind, ...] = get_args(RingKind)

WANTED = "wanted"
"""In a field's metadata: what a value of it must be, in words, where its type says too little."""


def _at_least(name: str, value: float, least: float) -> None:
    if not value >= least:
        raise ConfigError(f"{name} is {value}", hint=f"{_setting(name)} of at least {least}")


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{name} is {value}", hint=f"{_setting(name)} between {low} and {high}")


_OPTIONS = {"members", "events", "min_members", "min_score", "seed", "epochs"}
"""Settings that commands take as options, too."""


def _setting(name: str) -> str:
    section, _, key = name.partition(".")
    if key in _OPTIONS:
        return "--" + key.replace("_", "-")
    return f"{key} under [{section}] in graphml.toml"


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulateConfig:
    """Size and difficulty of the made-up marketplace."""

    members: int = 20_000
    events: int | None = None
    """Roughly how many events; ``None`` for some thirty a member."""
    difficulty: Difficulty = "default"
    seed: int = 0

    def __post_init__(self) -> None:
        _at_least("simulate.members", self.members, 200)
        if self.events is not None:
            _at_least("simulate.events", self.events, 1_000)
        _at_least("simulate.seed", self.seed, 0)
        if self.difficulty not in ("easy", "default", "hard"):
            raise ConfigError(
                f"simulate.difficulty is {self.difficulty!r}", hint="easy, default or hard"
            )


Strategy = Literal["uniform", "recent"]
Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleConfig:
    """How much of a seed's past is looked at: the edges drawn around it, hop by hop."""

    fanout: tuple[int, ...] = (10, 5)
    """Edges a node and edge type, one number a hop."""
    relations: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Other fanouts by relation, as ``views = [20, 0]``; 0 follows it not."""
    strategy: Strategy = "uniform"
    """``uniform`` without replacement, or ``recent``: the latest."""
    distinct: bool = False
    """Whether a neighbour met ten times counts once, by the latest of its edges."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.fanout or min(self.fanout) < 1:
            raise ConfigError(
                f"sample.fanout is {self.fanout}", hint="counts of at least 1, a hop each"
            )
        for relation, counts in self.relations.items():
            if len(counts) != len(self.fanout) or min(counts) < 0:
                raise ConfigError(
                    f"sample.relations.{relation} is {counts}",
                    hint=f"{len(self.fanout)} counts of at least 0, as fanout has hops",
                )
        if self.strategy not in get_args(Strategy):
            raise ConfigError(f"sample.strategy is {self.strategy!r}", hint="uniform or recent")
        _at_least("sample.seed", self.seed, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """How a network is trained; what it is asked is in the labels."""

    encoder: str = "sage"
    """``sage`` or ``hgt``."""
    channels: int = 64
    """Width of every layer."""
    dropout: float = 0.1
    """Share of each layer's output left out in training, in [0, 1)."""
    epochs: int = 20
    """Most passes over the training labels."""
    patience: int = 4
    """Passes without a better validation after which training ends."""
    batch_size: int = 1024
    """Labels a step, over all processes."""
    learning_rate: float = 0.003
    """Of AdamW, at first; it falls to nought along a cosine."""
    weight_decay: float = 0.0001
    """Of AdamW."""
    negatives_each: int = 10
    """Labels 0 in a pass for every label 1, at most; the model is corrected for it."""
    candidates: int = 256
    """Products that each batch of purchases is told apart from, beside its own."""
    checkpoint_every: int = 200
    """Steps after which the state is kept, beside the end of each pass."""
    device: str = "auto"
    """``auto`` (CUDA where there is one), ``cpu``, ``cuda``, ``cuda:1``."""
    precision: Precision = "auto"
    """``auto`` (bfloat16 on CUDA), ``float32`` or ``bfloat16``."""
    seed: int = 0
    sample: SampleConfig = field(default_factory=lambda: SampleConfig(fanout=(8, 5), distinct=True))
    """What is looked at around a seed."""

    def __post_init__(self) -> None:
        for name in ("channels", "epochs", "patience", "batch_size", "negatives_each"):
            _at_least(f"train.{name}", getattr(self, name), 1)
        _at_least("train.candidates", self.candidates, 1)
        _at_least("train.checkpoint_every", self.checkpoint_every, 1)
        _at_least("train.seed", self.seed, 0)
        _within("train.dropout", self.dropout, 0, 0.95)
        _within("train.learning_rate", self.learning_rate, 1e-9, 10)
        _within("train.weight_decay", self.weight_decay, 0, 10)
        if self.precision not in get_args(Precision):
            raise ConfigError(
                f"train.precision is {self.precision!r}", hint=", ".join(get_args(Precision))
            )


ACCOUNT_AGE = "account_age"
"""The segment that a fraud detector's errors are always reported by."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FraudConfig:
    """How a fraud detector is trained: what it is asked and by what it is chosen."""

    capacity: float = 0.02
    """Share of the members that a team can review: methods are compared by whom it would find."""
    step_days: int = 14
    """Between two moments members are asked about, and how far ahead each question looks."""
    moments: int = 10
    """Moments to learn from; two each to choose by and to report on."""
    unaccused: int = 1500
    """Members whom nobody accused that are learned from at each moment, at most."""
    network: bool = True
    """Whether a network is tried too; it counts only where it helps."""
    segments: tuple[str, ...] = ()
    """Columns of the members table by whose values errors are reported, beside ``account_age``."""
    seed: int = 0

    def __post_init__(self) -> None:
        _within("fraud.capacity", self.capacity, 0.0001, 1)
        for name in ("step_days", "moments", "unaccused"):
            _at_least(f"fraud.{name}", getattr(self, name), 1)
        _at_least("fraud.seed", self.seed, 0)
        if ACCOUNT_AGE in self.segments:
            raise ConfigError(
                f"fraud.segments names {ACCOUNT_AGE}",
                hint=f"leave it out: {ACCOUNT_AGE} is always there",
            )
        if len(set(self.segments)) < len(self.segments):
            raise ConfigError("fraud.segments names a column twice", hint="once each")


@dataclass(frozen=True, kw_only=True, slots=True)
class RecommendConfig:
    """How a recommender is trained: how far ahead it looks, and on how much of the past."""

    horizon_days: int = 28
    """What a member buys within so many days is what should have been recommended."""
    step_days: int = 14
    """Between two moments that training asks about."""
    moments: int = 6
    """Moments to learn from, at most; one each to choose by and to report on."""
    each: int = 100
    """Candidates that each source names for a member."""
    asked: int = 20_000
    """Members who are asked about at a moment, at most."""
    network: bool = False
    """Whether a graph network names products too; it counts only where it helps."""
    segment: str | None = None
    """Column of the members table, as a country: what sells in it is named to its members."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("horizon_days", "step_days", "moments", "asked"):
            _at_least(f"recommend.{name}", getattr(self, name), 1)
        _at_least("recommend.each", self.each, 20)
        _at_least("recommend.seed", self.seed, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class PropensityConfig:
    """How a model of behaviour is trained: how far ahead it looks, and on how much of the past."""

    horizon_days: int = 28
    """What a member does within so many days is what is predicted."""
    step_days: int = 14
    """Between two moments that training asks about."""
    moments: int = 6
    """Moments to learn from, at most; one each to choose by and to report on."""
    active_days: int = 90
    """Churn is asked of members who bought within so many days."""
    asked: int = 20_000
    """Members who are asked about at a moment, at most."""
    sequence: bool = True
    """Whether a network over members' events is tried too; it counts only where it helps."""
    pairs: bool = True
    """Whether members and products are predicted too: ``score propensity --unit product``."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("horizon_days", "step_days", "moments", "active_days", "asked"):
            _at_least(f"propensity.{name}", getattr(self, name), 1)
        _at_least("propensity.seed", self.seed, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Costs:
    """What decisions cost, in the currency of the exposure; without this section nothing is weighed."""

    review: float
    """One review by a person."""
    block_good: float
    """Turning a good member or order away, whatever its size: the goodwill lost."""
    margin: float = 0.0
    """Share of the exposure that a good one earns, in [0, 1]; lost when it is turned away."""
    recovered: float = 0.0
    """Share of the exposure that comes back from a fraud, in [0, 1]: insured, or charged on."""
    missed: float = 0.0
    """Share of the frauds that a review lets through, in [0, 1]."""
    wronged: float = 0.0
    """Share of the good ones that a review turns away, in [0, 1]."""

    def __post_init__(self) -> None:
        for name in ("review", "block_good"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(
                    f"costs.{name} is {getattr(self, name)}", hint="an amount of at least 0"
                )
        for name in ("margin", "recovered", "missed", "wronged"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(
                    f"costs.{name} is {getattr(self, name)}", hint="a share between 0 and 1"
                )


@dataclass(frozen=True, kw_only=True, slots=True)
class RingConfig:
    """What counts as a ring, and which are returned."""

    min_members: int | None = None
    """Fewest members returned; ``None`` for three, or two where a chargeback known by then is."""
    min_score: float | None = field(default=None, metadata={WANTED: "a number between 0 and 1"})
    """Lowest score returned, in [0, 1]; ``None`` for the threshold the data sets itself."""
    kinds: tuple[str, ...] = ()
    """Only these kinds; empty for all."""
    allow: frozenset[tuple[str, str]] = field(
        default=frozenset(), metadata={WANTED: 'pairs of type and id, as [["ip", "203.0.113.7"]]'}
    )
    """(type, id) pairs that tie nobody: known networks, lockers, test accounts (type member)."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.min_members is not None:
            _at_least("rings.min_members", self.min_members, 2)
        if self.min_score is not None:
            _within("rings.min_score", self.min_score, 0, 1)
        _at_least("rings.seed", self.seed, 0)
        for kind in self.kinds:
            if kind not in RING_KINDS:
                raise ConfigError(f"rings.kinds: no kind {kind!r}", hint=", ".join(RING_KINDS))


@dataclass(frozen=True, kw_only=True, slots=True)
class CasesConfig:
    """How cases are decided."""

    four_eyes: bool | None = None
    """Whether a second person must approve what blocks; ``None``: where people are told apart by keys."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceConfig:
    """What ``graphml serve`` and ``graphml explore`` allow."""

    body_mb: float = 2.0
    """Largest body of a request, in MB."""
    rate_per_s: float = 400.0
    """Requests a second that one key, or one address without keys, may send on average."""
    burst: int = 800
    """Requests that may come at once beyond that."""
    refresh_s: float = 600.0
    """Seconds after which everybody's scores are worked out anew, if events came."""
    look_s: float = 2.0
    """Seconds between two looks at what others wrote into the store."""
    issuer: str | None = None
    """OIDC issuer whose bearer tokens are taken; its keys are read from its discovery document."""
    audience: str | None = None
    """What tokens must be meant for."""
    role_claim: str = "graphml_role"
    """Claim of a token that holds the role: viewer, analyst or admin."""
    user_claim: str = "sub"
    """Claim of a token that names who acts."""

    def __post_init__(self) -> None:
        _within("service.body_mb", self.body_mb, 0.001, 1_000)
        for name in ("rate_per_s", "burst", "look_s", "refresh_s"):
            _at_least(f"service.{name}", getattr(self, name), 0.1)
        if self.issuer is not None and self.audience is None:
            raise ConfigError(
                "service.issuer without service.audience", hint="audience under [service], a text"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """All of graphml.toml."""

    store: str = DEFAULT_STORE
    simulate: SimulateConfig = field(default_factory=SimulateConfig)
    rings: RingConfig = field(default_factory=RingConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    fraud: FraudConfig = field(default_factory=FraudConfig)
    recommend: RecommendConfig = field(default_factory=RecommendConfig)
    propensity: PropensityConfig = field(default_factory=PropensityConfig)
    costs: Costs | None = None
    cases: CasesConfig = field(default_factory=CasesConfig)
    service: ServiceConfig = field(default_factory=ServiceConfig)
