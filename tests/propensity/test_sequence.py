"""Sequences of events against plain lists, and a network that learns what their order says."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from sklearn.linear_model import LogisticRegression

from graphml.config import SimulateConfig
from graphml.errors import UsageError
from graphml.graph.build import build_graph
from graphml.graph.nodes import microseconds, time_array
from graphml.nn.sequence import PADDING, EventGRU, column_scale, new_event_gru, train_event_gru
from graphml.propensity.sequence import COLUMNS, DAY, SequenceModel, Sequences, fit_sequence
from graphml.schema import KINDS
from graphml.store.moments import visible
from graphml.tables.synthetic import make_marketplace
from graphml.training.metrics import auroc
from tests.graph.marketplace import tables
from tests.properties.future import MICROSECOND, cut, future, together
from tests.recommend.small import DAYS, Act, acts, day, number, shop

# Sequences, against lists


@st.composite
def hostile(draw):
    """Draw events of few members at few moments, all kinds of them, many things missing."""
    about = st.builds(
        Act,
        member=st.integers(0, 4).map(lambda n: min(n, 3)),
        product=st.integers(0, 2),
        day=st.sampled_from([-20_000.5, 0.0, 0.0, 0.26, 1.0, 1.0, 8.97, 400.0]),
        kind=st.sampled_from(KINDS),
        quantity=st.sampled_from([None, 1, 5]),
        amount=st.sampled_from([None, 0.0, 3.25, 1e9]),
        currency=st.sampled_from([None, "EUR"]),
    )
    free = ("signup", "login", "coupon", "points", "chargeback")  # may name a product or not
    return [
        replace(act, product=None) if act.kind in free and draw(st.booleans()) else act
        for act in draw(st.lists(about, max_size=30))
    ]


def told(made, member, moment, length):
    """Return what is told of a member's last events by plain loops: kinds, then values."""
    mine = [(microseconds(day(act.day)), n, act) for n, act in enumerate(made)]
    mine = sorted(row for row in mine if row[2].member == member and row[0] <= moment)
    rows, seen, before = [], set(), None
    for time, _, act in mine:
        when = day(act.day)
        hour, weekday = math.tau * when.hour / 24, math.tau * when.weekday() / 7
        rows.append((
            KINDS.index(act.kind) + 1,
            [
                math.log1p((moment - time) / DAY),
                math.log1p((time - (time if before is None else before)) / DAY),
                0.0 if act.amount is None else math.log1p(act.amount),
                float(act.amount is not None),
                math.sin(hour), math.cos(hour), math.sin(weekday), math.cos(weekday),
                float(act.product in seen),
                math.log1p(act.quantity or 0),
            ],
        ))  # fmt: skip
        before = time
        if act.product is not None:
            seen.add(act.product)
    return rows[-length:]


@settings(max_examples=150, deadline=None)
@given(hostile(), st.integers(1, 6), st.sampled_from([-1, 0, 1, 3 * DAY]), st.integers(0, 9))
def test_sequences_are_those_of_plain_loops(made, length, ahead, seed) -> None:
    made = [*made, Act(5, 1, 0.26)]
    graph = build_graph(shop(made))
    keys = graph.nodes["member"].keys
    moments = sorted({microseconds(day(act.day)) + ahead for act in made})
    asked = [(node, moment) for node in range(len(keys)) for moment in moments]
    np.random.default_rng(seed).shuffle(asked)
    nodes, when = (np.array(column) for column in zip(*asked, strict=True))
    kinds, values, lengths = Sequences(graph, length).read(nodes, when)
    assert kinds.dtype == lengths.dtype == np.int64
    assert values.dtype == np.float32
    assert kinds.shape == (len(asked), length)
    assert values.shape == (len(asked), length, len(COLUMNS))
    for row, (node, moment) in enumerate(asked):
        wanted = told(made, number(keys, node), moment, length)
        count = len(wanted)
        assert lengths[row] == count
        assert kinds[row].tolist() == [kind for kind, _ in wanted] + [PADDING] * (length - count)
        assert not values[row, count:].any()
        if wanted:
            np.testing.assert_allclose(
                values[row, :count], [numbers for _, numbers in wanted], rtol=1e-6, atol=1e-6
            )


TALE = [
    Act(0, 3, 1.5, "view"), Act(1, 7, 2.0, "cart"), Act(0, 3, 2.5, "purchase", amount=9.0),
    Act(0, 4, 2.5, "purchase", quantity=3), Act(1, 7, 4.0, "purchase", amount=0.0),
]  # fmt: skip


def test_an_event_counts_from_its_own_microsecond() -> None:
    sequences = Sequences(build_graph(shop(TALE)), 4)
    at = microseconds(day(2.5))
    kinds, values, lengths = sequences.read([0, 0], [at - 1, at])
    assert lengths.tolist() == [1, 3]
    assert [KINDS[code - 1] for code in kinds[1, :3]] == ["view", "purchase", "purchase"]
    assert values[1, :3, COLUMNS.index("product_seen")].tolist() == [0, 1, 0]
    assert values[1, :3, COLUMNS.index("amount_known")].tolist() == [0, 1, 0]
    assert values[1, :3, COLUMNS.index("days_ago")] == pytest.approx([math.log(2), 0, 0])


def test_a_product_seen_before_the_sequence_begins_is_seen() -> None:
    made = [Act(0, 3, 1.0, "view"), Act(0, 5, 2.0, "view"), Act(0, 3, 3.0, "cart")]
    _, values, lengths = Sequences(build_graph(shop(made)), 1).read([0], microseconds(day(9)))
    assert lengths.tolist() == [1]
    assert values[0, 0, COLUMNS.index("product_seen")] == 1
    assert values[0, 0, COLUMNS.index("days_since_previous")] == pytest.approx(math.log(2))


def test_no_rows_no_events_and_ids_that_are_nobodys() -> None:
    links = [{"member_id": "m-0", "other_member_id": "m-9", "kind": "invite", "time": day(1)}]
    graph = build_graph(shop(TALE, links=links))
    sequences = Sequences(graph, 3)
    assert [part.shape[0] for part in sequences.read([], [])] == [0, 0, 0]
    nobody = graph.nodes["member"].keys.to_list().index("m-9")
    kinds, values, lengths = sequences.read([nobody], microseconds(day(9)))
    assert not kinds.any()
    assert not values.any()
    assert lengths.tolist() == [0]
    for node in (-1, 3):
        with pytest.raises(ValueError, match="3 members"):
            sequences.read([0, node], 0)
    with pytest.raises(ValueError, match="at least 1"):
        Sequences(graph, 0)
    only_links = Sequences(build_graph(tables([], links=links)), 2)
    assert only_links.read([0, 1], 0)[2].tolist() == [0, 0]


def test_every_event_of_a_member_is_read_and_no_other() -> None:
    graph = build_graph(market())
    everybody = np.arange(len(graph.nodes["member"]))
    time = time_array(graph.events["time"])
    lengths = Sequences(graph, 10_000).read(everybody, time[-1])[2]
    counts = np.bincount(graph.events["member"].drop_nulls(), minlength=len(everybody))
    assert lengths.tolist() == counts.tolist()
    assert not Sequences(graph, 2).read(everybody, time[0] - 1)[2].any()


@cache
def market():
    return make_marketplace(SimulateConfig(members=300, seed=5)).tables


# Sequences, whatever comes later


def read_out(graph, when, length, among=None):
    """Return what is read of each member there by a moment, to the last bit."""
    keys = graph.nodes["member"].keys.to_list()
    first = graph.nodes["member"].first
    moment = microseconds(when)
    nodes = [
        node for node, key in enumerate(keys)
        if first[node] <= moment and (among is None or key in among)
    ]  # fmt: skip
    parts = Sequences(graph, length).read(nodes, moment)
    return {
        keys[node]: tuple(part[row].tobytes() for part in parts) for row, node in enumerate(nodes)
    }


@settings(max_examples=80, deadline=None)
@given(acts(), acts(15), st.sampled_from(DAYS[2:]), st.integers(1, 5), st.integers(0, 9))
def test_the_future_changes_no_bit(made, coming, when, length, seed) -> None:
    moment = day(when)
    past = visible(shop(made), moment)
    alone = read_out(build_graph(past), moment, length)
    assert alone.keys() == {f"m-{act.member}" for act in made if day(act.day) <= moment}
    # All kinds come, and members, products and a currency that sort before all that were there.
    coming = [*coming, *(Act(n % 8, n, 0.0, kind) for n, kind in enumerate(KINDS))]
    world = build_graph(together(shop(made), future(shop(coming), moment, seed), seed))
    assert read_out(world, moment, length) == alone
    assert read_out(world.until(moment), moment, length) == alone
    assert read_out(world, moment + MICROSECOND, length) != alone


def test_the_future_of_a_market_changes_no_bit() -> None:
    whole = market()
    when = cut(whole, 0.7)
    past = build_graph(visible(whole, when))
    few = set(past.nodes["member"].keys.gather_every(3).to_list())
    alone = read_out(past, when, 24, few)
    assert len(alone) > 60
    for world in (whole, together(visible(whole, when), future(whole, when, 4), 4)):
        graph = build_graph(world)
        assert read_out(graph, when, 24, few) == alone
        # Nor do the rows beside it.
        assert read_out(graph, when, 24).items() >= alone.items()


# The network


def rows_of(lengths, width, seed=0):
    """Return inputs of chance with as many events, padding of zeros up to ``width``."""
    draw = np.random.default_rng(seed)
    values = np.zeros((len(lengths), width, 4), np.float32)
    kinds = np.zeros((len(lengths), width), np.int64)
    for row, length in enumerate(lengths):
        values[row, :length] = draw.normal(size=(length, 4))
        kinds[row, :length] = draw.integers(1, len(KINDS) + 1, length)
    return torch.from_numpy(values), torch.from_numpy(kinds), torch.tensor(lengths)


def network(seed=3):
    """Return a network without zeros where an untrained one has some."""
    torch.manual_seed(seed)
    made = EventGRU(4, 3, hidden=6)
    with torch.no_grad():
        made.start.copy_(torch.randn(6))
    return made.requires_grad_(False)


def test_the_logits_are_those_of_the_published_recurrence() -> None:
    made = network()
    weights = {name: weight.numpy().astype(float) for name, weight in made.state_dict().items()}
    values, kinds, lengths = rows_of([3, 0, 5, 1], 7)
    found = made(values, kinds, lengths).numpy()

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    for row, length in enumerate(lengths.tolist()):
        state, states = weights["start"], []
        for step in range(length):
            event = [*weights["kinds.weight"][kinds[row, step]], *values[row, step].numpy()]
            x = np.maximum(weights["input.weight"] @ event + weights["input.bias"], 0)
            new = (weights["gru.weight_ih_l0"] @ x + weights["gru.bias_ih_l0"]).reshape(3, 6)
            old = (weights["gru.weight_hh_l0"] @ state + weights["gru.bias_hh_l0"]).reshape(3, 6)
            reset, update = sigmoid(new[0] + old[0]), sigmoid(new[1] + old[1])
            state = (1 - update) * np.tanh(new[2] + reset * old[2]) + update * state
            states.append(state)
        both = np.concatenate([state, np.mean(states or [state], axis=0)])
        wanted = weights["head.weight"] @ both + weights["head.bias"]
        np.testing.assert_allclose(found[row], wanted, rtol=1e-4, atol=1e-5)


def test_padding_and_the_rows_beside_change_no_logit() -> None:
    made = network()
    lengths = [4, 0, 9, 1, *range(300)]
    lengths = [min(length, 9) for length in lengths]
    values, kinds, counts = rows_of(lengths, 9)
    beside = made(values, kinds, counts)
    for row, length in enumerate(lengths[:40]):
        width = max(1, length)
        part = slice(row, row + 1)
        alone = made(values[part, :width], kinds[part, :width], counts[part])
        torch.testing.assert_close(alone, beside[part], rtol=1e-5, atol=1e-6)
    padding = torch.arange(9) >= counts[:, None]
    noisy = values.masked_fill(padding.unsqueeze(-1), 1e6), kinds.masked_fill(padding, len(KINDS))
    assert torch.equal(made(*noisy, counts), beside)
    assert not torch.equal(beside[1], beside[3])


def test_an_untrained_network_says_how_often_a_1_comes() -> None:
    nan = np.nan
    answers = np.array([[1, nan, 0], [1, nan, 0], [0, 1, 0], [1, nan, nan]], np.float32)
    before = torch.random.get_rng_state()
    made = new_event_gru(4, answers, hidden=5, seed=1)
    assert torch.equal(torch.random.get_rng_state(), before)
    # Three of four; all of one and none of three count as if by half.
    wanted = [math.log(3), math.log(0.5 / 0.5), math.log(0.5 / 2.5)]
    assert made.head.bias.tolist() == pytest.approx(wanted)
    assert not torch.equal(
        new_event_gru(4, answers, hidden=5, seed=2).gru.weight_hh_l0, made.gru.weight_hh_l0
    )


@pytest.mark.parametrize(
    ("losses", "best"),
    [((5, 3, 4, 2, 9, 9), 4), ((5, 3, 4, 4, 1), 2), ((5, 3, 3), 2), ((1, 2, 0), 3), ((4,), 1)],
)
def test_the_epoch_with_the_lowest_validation_is_kept(losses, best) -> None:
    made = new_event_gru(4, np.array([[1], [0]], np.float32), hidden=3, seed=1)
    kept, left = [], list(losses)

    def validate():
        kept.append({name: weight.clone() for name, weight in made.state_dict().items()})
        return left.pop(0)

    batch = rows_of([2, 3], 3), torch.tensor([[1.0], [0.0]])
    train_event_gru(made, lambda: [batch], validate, epochs=len(losses), patience=2)
    assert len(kept) == min(len(losses), best + 2)
    for epoch, weights in enumerate(kept, 1):
        alike = all(torch.equal(weights[name], w) for name, w in made.state_dict().items())
        assert alike == (epoch == best)


def test_a_column_that_is_alike_is_left_as_it_is() -> None:
    draw = np.random.default_rng(1)
    every = draw.normal(5, 2, (90, 3)).astype(np.float32)
    every[:, 1] = 7
    mean, deviation = column_scale([every[:40], every[40:]], 3)
    assert mean == pytest.approx(every.mean(axis=0), rel=1e-5)
    assert deviation[[0, 2]] == pytest.approx(every.std(axis=0)[[0, 2]], rel=1e-4)
    assert deviation[1] == 1
    assert column_scale([], 2).tolist() == [[0, 0], [1, 1]]


# Learning

SMALL = {"hidden": 16, "batch": 32, "epochs": 20, "patience": 4, "seed": 7}
WHEN = microseconds(day(60))


@cache
def planted():
    """Return members whose last look at a product, cart or view, says whether they will buy.

    How often they do what says next to nothing, as all carts and views are in an order of chance.
    """
    draw = np.random.default_rng(11)
    made, buys = [], []
    for member in range(900):
        acts_ = ["cart"] * draw.integers(2, 6) + ["view"] * draw.integers(2, 6)
        draw.shuffle(acts_)
        buys.append(float((acts_[-1] == "cart") != (draw.random() < 0.02)))
        acts_ += ["login"] * draw.integers(0, 3)
        days = np.sort(draw.random(len(acts_))) * 50
        made += [
            Act(member, None if kind == "login" else int(draw.integers(9)), float(at), kind)
            for kind, at in zip(acts_, days, strict=True)
        ]
    graph = build_graph(shop(made))
    keys = graph.nodes["member"].keys
    nodes = draw.permutation(len(keys))
    y = np.array([[buys[number(keys, node)]] for node in nodes], np.float32)
    return Sequences(graph, 16), nodes, y


PARTS = slice(0, 450), slice(450, 600), slice(600, 900)


def fit(targets=("buy",), change=lambda y: y, **changes):
    sequences, nodes, y = planted()
    train, valid, _ = PARTS
    return fit_sequence(
        sequences, nodes[train], WHEN, change(y[train]), nodes[valid], WHEN, change(y[valid]),
        targets=targets, **{**SMALL, **changes},
    )  # fmt: skip


@cache
def fitted():
    return fit()


def test_what_only_the_order_says_is_learned() -> None:
    sequences, nodes, y = planted()
    train, _, test = PARTS
    labels = y[:, 0].astype(np.int64)
    kinds, _, _ = sequences.read(nodes, WHEN)
    counts = (kinds[:, :, None] == np.arange(1, len(KINDS) + 1)).sum(axis=1)
    by_count = LogisticRegression().fit(counts[train], labels[train])
    by_counts = auroc(labels[test], by_count.decision_function(counts[test]))
    logits = fitted().logits(sequences, nodes[test], WHEN)
    assert logits.dtype == np.float64
    assert logits.shape == (300, 1)
    found = auroc(labels[test], logits[:, 0])
    assert found > 0.93
    assert by_counts < 0.75
    # What it says is a log-odds: as many buy as it says.
    assert (1 / (1 + np.exp(-logits))).mean() == pytest.approx(labels[test].mean(), abs=0.06)


def test_rows_beside_and_blocks_change_no_logit() -> None:
    sequences, nodes, _ = planted()
    many = np.resize(nodes, 9_001)
    logits = fitted().logits(sequences, many, np.full(len(many), WHEN))
    np.testing.assert_allclose(logits[:900], logits[8_100:9_000], rtol=1e-5, atol=1e-5)
    for row in range(5):
        alone = fitted().logits(sequences, nodes[row : row + 1], WHEN)
        np.testing.assert_allclose(alone[0], logits[row], rtol=1e-5, atol=1e-5)
    assert fitted().logits(sequences, [], []).shape == (0, 1)
    # Of a moment before anything happened, all are alike.
    assert len(np.unique(fitted().logits(sequences, nodes[:9], 0).round(6))) == 1
    with pytest.raises(UsageError, match="last 16 events, got 9"):
        fitted().logits(Sequences(build_graph(shop(TALE)), 9), [0], WHEN)


def test_the_same_seed_gives_the_same_weights_and_touches_no_other_chance() -> None:
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    one = fit(epochs=2)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    again = fit(epochs=2)
    assert one.digest == again.digest
    for name, weight in one.network.state_dict().items():
        assert torch.equal(weight, again.network.state_dict()[name])
    assert fit(epochs=2, seed=8).digest != one.digest


def test_one_line_an_epoch(caplog) -> None:
    with caplog.at_level(logging.INFO, logger="graphml.nn.sequence"):
        fit(epochs=3, patience=3)
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        f"epoch {n} of at most 3" for n in (1, 2, 3)
    ]


def test_rows_without_an_answer_are_not_there() -> None:
    sequences, nodes, y = planted()
    valid = nodes[450:600], WHEN, y[450:600]
    when = np.full(200, WHEN)
    alone = fit_sequence(
        sequences, nodes[:200], when, y[:200], *valid, targets=["buy"], **{**SMALL, "epochs": 2}
    )
    among = np.insert(nodes[:200], 50, nodes[600:650])
    other = np.insert(when, 50, np.full(50, WHEN - 30 * DAY))
    answers = np.insert(y[:200], 50, np.full((50, 1), np.nan, np.float32), axis=0)
    both = fit_sequence(
        sequences, among, other, answers, *valid, targets=["buy"], **{**SMALL, "epochs": 2}
    )
    assert both.digest == alone.digest


def test_a_target_is_learned_from_its_answers_alone() -> None:
    sequences, nodes, _ = planted()

    def with_rare(y):
        # Asked of a third, of whom four in five say yes; as 0s, NaN would make it one in four.
        rare = np.full(len(y), np.nan, np.float32)
        rare[::3] = np.arange(len(rare[::3])) % 5 != 0
        return np.stack([y[:, 0], rare], axis=1)

    both = fit(targets=("buy", "rare"), change=with_rare)
    logits = both.logits(sequences, nodes[PARTS[2]], WHEN)
    assert np.isfinite(logits).all()
    assert (1 / (1 + np.exp(-logits[:, 1]))).mean() == pytest.approx(0.8, abs=0.08)
    labels = planted()[2][PARTS[2], 0].astype(np.int64)
    assert auroc(labels, logits[:, 0]) > 0.9


def test_the_model_knows_no_future_of_its_rows() -> None:
    whole = market()
    when, later = cut(whole, 0.5), cut(whole, 0.6)
    known = visible(whole, later)
    found = []
    for world in (known, whole, together(known, future(whole, later, 3), 3)):
        graph = build_graph(world)
        keys = graph.nodes["member"].keys.to_list()
        there = build_graph(visible(whole, when)).nodes["member"].keys.to_list()
        nodes = np.array([keys.index(key) for key in there])
        y = (np.arange(len(nodes)) % 3 == 0).astype(np.float32)[:, None]
        made = fit_sequence(
            Sequences(graph, 8), nodes, microseconds(when), y, nodes, microseconds(later), y,
            targets=["any"], **{**SMALL, "epochs": 1},
        )  # fmt: skip
        found.append(made.digest)
    assert len(set(found)) == 1


def test_training_without_answers_is_refused_by_name() -> None:
    nan = np.nan
    y = np.array([[1, nan, nan], [0, 1, nan]], np.float32)
    sequences = Sequences(build_graph(shop(TALE)), 4)
    ask = {"targets": ("buy", "refund", "stay"), **SMALL}
    with pytest.raises(UsageError, match=r"answer for stay$"):
        fit_sequence(sequences, [0, 1], WHEN, y, [0, 1], WHEN, y, **ask)
    with pytest.raises(UsageError, match=r"answer for buy, refund, stay$"):
        fit_sequence(sequences, [], [], np.zeros((0, 3)), [0, 1], WHEN, y, **ask)
    full = np.nan_to_num(y)
    with pytest.raises(UsageError, match="no row of validation"):
        fit_sequence(sequences, [0, 1], WHEN, full, [0, 1], WHEN, y * nan, **ask)
    for wrong, what in ((full * 2, "needs 1, 0"), (full[:, :2], "shape"), (full[:1], "shape")):
        with pytest.raises(ValueError, match=what):
            fit_sequence(sequences, [0, 1], WHEN, wrong, [0, 1], WHEN, full, **ask)
    with pytest.raises(ValueError, match="each once"):
        fit_sequence(
            sequences, [0], WHEN, full[:1], [0], WHEN, full[:1], **{**ask, "targets": ["a"] * 3}
        )


def test_events_without_time_have_no_order() -> None:
    made = shop(TALE)
    graph = build_graph(made)
    timeless = replace(graph, events=graph.events.with_columns(time=None))
    with pytest.raises(UsageError, match="without time"):
        Sequences(timeless)


# Saving


def test_what_is_saved_is_loaded(tmp_path) -> None:
    sequences, nodes, _ = planted()
    model = replace(fitted(), targets=("Käufe",))
    model.save(tmp_path / "deep" / "model")
    loaded = SequenceModel.load(tmp_path / "deep" / "model")
    assert loaded.digest == model.digest
    assert (loaded.targets, loaded.length) == (("Käufe",), 16)
    assert loaded.scale.tobytes() == model.scale.tobytes()
    one, other = (made.logits(sequences, nodes[:99], WHEN) for made in (model, loaded))
    assert one.tobytes() == other.tobytes()
    assert not any(weight.requires_grad for weight in loaded.network.parameters())


def test_another_model_takes_its_place(tmp_path) -> None:
    fitted().save(tmp_path)
    other = replace(fitted(), scale=fitted().scale + 1)
    assert other.digest != fitted().digest
    other.save(tmp_path)
    assert SequenceModel.load(tmp_path).digest == other.digest
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_without_a_model_says_so(tmp_path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(UsageError, match="no sequence model in") as caught:
            SequenceModel.load(folder)
        assert "\n" not in str(caught.value)


def _card(folder, **changes):
    card = folder / "sequence.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), **changes}))


def _arrays(folder, change):
    (file,) = folder.glob("*.safetensors")
    arrays = load_file(file)
    change(arrays)
    save_file(arrays, file)


DAMAGES = {
    "a flipped byte": lambda f: _flip(f),
    "arrays cut short": lambda f: _cut(f),
    "arrays gone": lambda f: next(f.glob("*.safetensors")).unlink(),
    "no JSON": lambda f: (f / "sequence.json").write_bytes(b"{\xff"),
    "a list": lambda f: (f / "sequence.json").write_text("[]"),
    "no arrays named": lambda f: _card(f, arrays=None),
    "other arrays named": lambda f: _card(f, arrays="0" * 64),
    "another length": lambda f: _card(f, length=3),
    "other targets": lambda f: _card(f, targets=["stay"]),
    "other columns": lambda f: _card(f, columns=["amount"]),
    "another format": lambda f: _card(f, format=99),
    "another scale": lambda f: _arrays(f, lambda a: a.update(scale=a["scale"] * 2)),
    "no scale": lambda f: _arrays(f, lambda a: a.pop("scale")),
    "no state": lambda f: _arrays(f, lambda a: a.pop("start")),
    "a weight too few": lambda f: _arrays(f, lambda a: a.update(start=a["start"][1:])),
    "a weight too many": lambda f: _arrays(f, lambda a: a.update(more=a["start"])),
    "a number for a matrix": lambda f: _arrays(f, lambda a: a.update({"head.weight": a["start"]})),
}


def _flip(folder):
    (file,) = folder.glob("*.safetensors")
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)


def _cut(folder):
    (file,) = folder.glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-40])


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_model_is_refused_in_one_line(damage, tmp_path) -> None:
    fitted().save(tmp_path)
    DAMAGES[damage](tmp_path)
    with pytest.raises(UsageError, match=r"damaged|another format") as caught:
        SequenceModel.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_model_of_other_columns_is_refused(tmp_path, monkeypatch) -> None:
    fitted().save(tmp_path)
    monkeypatch.setattr("graphml.propensity.sequence.COLUMNS", COLUMNS[::-1])
    with pytest.raises(UsageError, match="other columns"):
        SequenceModel.load(tmp_path)
