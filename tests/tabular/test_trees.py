"""Trees find what was planted, say why, print nothing, and are the same ones after a round trip."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.errors import ConfigError, UsageError
from graphml.tabular.trees import TreeConfig, TreeModel, fit_trees
from graphml.training.metrics import auroc, average_precision

SMALL = TreeConfig(rounds=60, patience=10, num_leaves=7, min_child_samples=5, learning_rate=0.2)
NAMES = ("age", "others_on_device", "noise")


def planted(rows: int, seed: int, rate: float = 0.2):
    """Return rows in which fraud is a young account on a device that others use."""
    rng = np.random.default_rng(seed)
    x = rng.random((rows, 3)).astype(np.float32)
    risk = (x[:, 0] < 0.5) & (x[:, 1] > 1 - 2 * rate)
    return x, np.where(rng.random(rows) < 0.05, ~risk, risk).astype(np.int64)


def fitted(config: TreeConfig = SMALL, **more) -> TreeModel:
    return fit_trees(*planted(600, 0), *planted(300, 1), names=NAMES, config=config, **more)


@pytest.fixture(scope="module")
def model() -> TreeModel:
    return fitted()


def test_what_was_planted_is_found(model):
    x, y = planted(400, 2)
    assert average_precision(y, model.predict(x)) > 0.75
    assert model.importances[2] < 0.15
    assert sum(model.importances) == pytest.approx(1)
    assert 1 <= model.best_round <= SMALL.rounds


def test_as_many_trees_are_kept_as_did_best_on_validation():
    (x, y), (valid_x, valid_y) = planted(600, 0, rate=0.1), planted(300, 1, rate=0.1)

    def after(rounds):
        # Patience beyond the rounds stops nothing, and the best of them is the best of all.
        config = replace(SMALL, rounds=rounds, patience=rounds)
        return fit_trees(x, y, valid_x, valid_y, names=NAMES, config=config)

    best = after(60)
    assert 1 < best.best_round < 60
    assert best.text.count("\nTree=") == best.best_round
    found = average_precision(valid_y, best.predict(valid_x))
    for rounds in range(1, 60, 7):
        other = after(rounds)
        assert average_precision(valid_y, other.predict(valid_x)) <= found + 1e-12
        assert other.best_round <= rounds
    ended = fit_trees(
        x, y, valid_x, valid_y, names=NAMES, config=replace(SMALL, rounds=10**6, patience=60)
    )
    assert average_precision(valid_y, ended.predict(valid_x)) >= found
    assert ended.text.count("\nTree=") == ended.best_round < 10**4


def test_groups_and_weights_stay_with_their_rows():
    x, y = planted(600, 0)
    rng = np.random.default_rng(0)
    spoiled = rng.random(600) < 0.6
    weights = np.where(spoiled, 0.0, 1.0)
    groups = rng.integers(0, 60, 600)
    model = fit_trees(
        x, np.where(spoiled, 1 - y, y), *planted(300, 1),
        names=NAMES, config=SMALL, weights=weights, groups=groups,
    )  # fmt: skip
    x, y = planted(400, 2)
    assert average_precision(y, model.predict(x)) > 0.7


def test_contributions_sum_to_the_log_odds_and_name_the_planted_columns(model):
    x, _ = planted(200, 3)
    parts = model.contributions(x)
    assert parts.shape == (200, 4)
    np.testing.assert_allclose(parts.sum(axis=1), model.predict(x), atol=1e-9)
    old, young = np.float32([[0.9, 0.9, 0.5]]), np.float32([[0.1, 0.9, 0.5]])
    assert model.contributions(young)[0, 0] > 0 > model.contributions(old)[0, 0]
    assert np.abs(model.contributions(young)[0]).argsort()[0] == 2


def test_nothing_is_printed(capfd):
    fitted(replace(SMALL, rounds=3), groups=np.arange(600) // 3)
    x, y = np.ones((8, 1), np.float32), np.array([0, 1] * 4)
    fit_trees(x, y, x, np.zeros(8), names=["same"], config=SMALL).predict(x)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("groups", [None, np.arange(600) % 70])
def test_the_model_is_the_same_with_any_number_of_threads_and_another_with_another_seed(groups):
    one, two, three = (
        fitted(replace(SMALL, threads=n, seed=seed), groups=groups).text
        for n, seed in ((1, 0), (3, 0), (1, 1))
    )
    assert one == two
    assert one.partition("end of trees")[0] != three.partition("end of trees")[0]


def test_missing_and_infinite_are_the_same():
    (x, y), (valid_x, valid_y) = planted(600, 0), planted(300, 1)
    x[::4, 1], valid_x[::5, 0] = np.nan, np.nan
    plain = fit_trees(x, y, valid_x, valid_y, names=NAMES, config=SMALL)
    x[::8, 1], valid_x[::10, 0] = np.inf, -np.inf
    before = x.copy()
    infinite = fit_trees(x, y, valid_x, valid_y, names=NAMES, config=SMALL)
    assert plain.text == infinite.text
    np.testing.assert_array_equal(plain.predict(valid_x), infinite.predict(valid_x))
    np.testing.assert_array_equal(x, before)


def test_numbers_beyond_float32_and_other_layouts_do_no_harm(model):
    x, _ = planted(50, 4)
    np.testing.assert_array_equal(model.predict(np.asfortranarray(x)), model.predict(x))
    wide = np.array([[1e300, 0.5, 0.5]])
    missing = np.float32([[np.nan, 0.5, 0.5]])
    np.testing.assert_array_equal(model.predict(wide), model.predict(missing))


@pytest.mark.parametrize("fill", [0.0, np.nan, np.inf, 1e38])
def test_columns_that_say_nothing_give_the_base_rate(fill):
    x, y = np.full((40, 2), fill, np.float32), np.array([1, 0, 0, 0] * 10)
    model = fit_trees(x, y, x, y, names=["a", "b"], config=SMALL)
    np.testing.assert_allclose(model.predict(x), np.log(1 / 3), atol=1e-6)
    np.testing.assert_allclose(model.contributions(x), [[0, 0, np.log(1 / 3)]] * 40, atol=1e-6)
    assert model.importances == (0.0, 0.0)


def test_fewer_rows_than_a_leaf_needs_give_the_base_rate():
    x, y = np.arange(3, dtype=np.float32)[:, None], np.array([0, 1, 1])
    model = fit_trees(x, y, x, y, names=["a"], config=SMALL)
    np.testing.assert_allclose(model.predict(x), np.log(2), atol=1e-6)


@pytest.mark.parametrize("answer", [0, 1])
def test_validation_of_one_class_chooses_by_log_loss(answer):
    (x, y), (valid_x, valid_y) = planted(600, 0), planted(600, 1)
    alike = valid_y == answer
    model = fit_trees(x, y, valid_x[alike], valid_y[alike], names=NAMES, config=SMALL)
    assert model.best_round > 1
    assert auroc(valid_y, model.predict(valid_x)) > 0.85


@pytest.mark.parametrize(("answer", "weighed"), [(0, False), (1, False), (0, True)])
def test_training_of_one_class_is_refused_by_name(answer, weighed):
    x, y = planted(60, 0)
    weights = (y == answer).astype(float) if weighed else None
    y = y if weighed else np.full(60, answer)
    with pytest.raises(UsageError, match=f"only label {answer} is in the 60 training rows"):
        fit_trees(x, y, x, y, names=NAMES, config=SMALL, weights=weights)


def test_no_rows_are_refused_to_learn_from_and_answered_when_asked(model):
    (x, y), none = planted(60, 0), np.zeros((0, 3), np.float32)
    with pytest.raises(UsageError, match="no label is in the 0 training rows"):
        fit_trees(none, [], x, y, names=NAMES, config=SMALL)
    with pytest.raises(UsageError, match="no validation rows"):
        fit_trees(x, y, none, [], names=NAMES, config=SMALL)
    assert model.predict(none).shape == (0,)
    assert model.contributions(none).shape == (0, 4)


def test_weights_move_what_is_learned_but_not_how_often_fraud_comes():
    (x, y), (valid_x, valid_y) = planted(3000, 0, rate=0.1), planted(2000, 1, rate=0.1)
    config = replace(SMALL, rounds=30)
    plain = fit_trees(x, y, valid_x, valid_y, names=NAMES, config=config)
    weighted = fit_trees(
        x, y, valid_x, valid_y, names=NAMES, config=config, weights=np.where(y == 1, 9.0, 1.0)
    )
    assert plain.correction == 0
    assert weighted.correction == pytest.approx(-np.log(9))
    raw = weighted.predict(valid_x)
    told, untold = (1 / (1 + np.exp(-odds)) for odds in (raw, raw - weighted.correction))
    assert told.mean() == pytest.approx(valid_y.mean(), abs=0.05)
    assert untold.mean() > valid_y.mean() + 0.2
    np.testing.assert_allclose(
        weighted.contributions(valid_x).sum(axis=1), weighted.predict(valid_x), atol=1e-9
    )
    uneven = np.where(x[:, 2] > 0.5, 1.0, 0.0)
    half = fit_trees(x, y, valid_x, valid_y, names=NAMES, config=config, weights=uneven)
    assert half.importances != plain.importances


def test_groups_are_drawn_whole():
    # Every group's rows are one row again and again: trees on whole groups know only half of them.
    rng = np.random.default_rng(0)
    x = np.repeat(rng.random((12, 1)), 30, axis=0).astype(np.float32)
    y = np.repeat(np.arange(12) % 2, 30)
    order = rng.permutation(360)
    config = replace(SMALL, rounds=1, bagging=0.5, min_child_samples=1, num_leaves=64, l2=0.0)
    x, y = x[order], y[order]
    groups = np.unique(x, return_inverse=True)[1].ravel()
    by_row = fit_trees(x, y, x, y, names=["a"], config=config)
    by_group = fit_trees(x, y, x, y, names=["a"], config=config, groups=groups)
    named = fit_trees(x, y, x, y, names=["a"], config=config, groups=groups.astype(str))
    assert auroc(y, by_row.predict(x)) == 1
    assert auroc(y, by_group.predict(x)) < 1
    assert auroc(y, named.predict(x)) < 1


HOSTILE = ["", '"', "a:b", "{[,]}", "\n", "c1", "c0", "ünï 漢", "\ud800", " ", "\x00", "a=b", "-"]


def test_a_round_trip_changes_no_bit_whatever_the_columns_are_called(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.random((300, len(HOSTILE))).astype(np.float32)
    y = (x[:, 3] + x[:, 5] > 1.2).astype(int)
    model = fit_trees(x, y, x, y, names=HOSTILE, config=SMALL, weights=np.where(y == 1, 3.0, 1.0))
    model.save(tmp_path / "new" / "folder")
    again = TreeModel.load(tmp_path / "new" / "folder")
    assert again.names == tuple(HOSTILE)
    assert (again.text, again.best_round) == (model.text, model.best_round)
    assert (again.correction, again.importances) == (model.correction, model.importances)
    assert again.predict(x, names=HOSTILE).tobytes() == model.predict(x).tobytes()
    assert again.contributions(x).tobytes() == model.contributions(x).tobytes()
    assert np.argsort(model.importances)[-2:].tolist() in ([3, 5], [5, 3])


@settings(max_examples=25, deadline=None)
@given(names=st.lists(st.text(max_size=4), min_size=3, max_size=3, unique=True))
def test_any_three_names_do_and_no_others_then(names):
    x, y = planted(40, 0)
    model = fit_trees(x, y, x, y, names=names, config=replace(SMALL, rounds=1))
    assert len(model.predict(x, names=names)) == 40
    with pytest.raises(UsageError) as error:
        model.predict(x, names=[*names[1:], names[0]])
    assert "\n" not in error.value.message
    assert "in another order" in error.value.message


def test_other_columns_are_refused_in_one_line(model):
    x, _ = planted(5, 0)
    with pytest.raises(UsageError) as error:
        model.contributions(x, names=["age", "noise", "new\nline"])
    assert error.value.message == (
        "other columns than the trees': lacking: 'others_on_device'; unknown: 'new\\nline'"
    )
    for wrong in (x[:, :2], x[0], np.zeros((0, 4), np.float32)):
        with pytest.raises(UsageError, match="the trees know 3 columns, got values of shape"):
            model.predict(wrong)


def test_saving_again_leaves_one_model(tmp_path, model):
    other = fitted(replace(SMALL, rounds=4))
    for one in (model, other, other):
        one.save(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert TreeModel.load(tmp_path).text == other.text


def test_a_save_that_stops_halfway_leaves_the_old_model(tmp_path, model, monkeypatch):
    from graphml.tabular import trees

    model.save(tmp_path)
    real = trees.replace_file

    def stopping(path, content):
        if path.suffix == ".json":
            raise OSError("stopped")
        real(path, content)

    monkeypatch.setattr(trees, "replace_file", stopping)
    with pytest.raises(Exception, match="stopped"):
        fitted(replace(SMALL, rounds=4)).save(tmp_path)
    assert TreeModel.load(tmp_path).text == model.text


def test_an_absent_or_damaged_model_is_refused(tmp_path, model):
    with pytest.raises(UsageError, match="no trees in"):
        TreeModel.load(tmp_path)
    model.save(tmp_path)
    (text,), about = tmp_path.glob("*.txt"), tmp_path / "trees.json"
    kept, content = json.loads(about.read_text()), text.read_bytes()
    damages = [
        lambda: text.write_bytes(content[:-100]),
        lambda: text.write_bytes(content.replace(b"0", b"1", 1)),
        lambda: text.unlink(),
        lambda: about.write_text("{"),
        lambda: about.write_bytes(b"\xff"),
        lambda: about.write_text("[]"),
        lambda: about.write_text(json.dumps({**kept, "names": ["a"]})),
        lambda: about.write_text(json.dumps({**kept, "names": [1, 2, 3]})),
        lambda: about.write_text(json.dumps({**kept, "trees": "../../etc"})),
        lambda: about.write_text(json.dumps({"format": 1})),
    ]
    for damage in damages:
        text.write_bytes(content)
        about.write_text(json.dumps(kept))
        assert TreeModel.load(tmp_path).text == model.text
        damage()
        with pytest.raises(UsageError, match=r"trees\.json is damaged"):
            TreeModel.load(tmp_path)
    about.write_text(json.dumps({**kept, "format": 2}))
    with pytest.raises(UsageError, match="another format"):
        TreeModel.load(tmp_path)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"names": ["a", "b"]}, "2 names"),
        ({"names": ["a", "a", "b"]}, "each once"),
        ({"names": []}, "each once"),
        ({"train_y": [2] * 60}, "0s and 1s"),
        ({"train_y": [np.nan] * 60}, "0s and 1s"),
        ({"train_y": [0, 1]}, "2 labels"),
        ({"weights": [-1.0] * 60}, "at least 0"),
        ({"weights": [1.0]}, "60 finite"),
        ({"weights": [np.nan] * 60}, "finite"),
        ({"groups": [1, 2]}, "one a row"),
    ],
)
def test_what_does_not_fit_is_said(wrong, said):
    x, y = planted(60, 0)
    good = {"train_x": x, "train_y": y, "valid_x": x, "valid_y": y, "names": NAMES}
    with pytest.raises(ValueError, match=said):
        fit_trees(**{**good, **wrong}, config=SMALL)


@pytest.mark.parametrize(
    ("name", "value"),
    [("learning_rate", 0), ("num_leaves", 1), ("rounds", 0), ("bagging", 1.1), ("l2", np.nan)],
)
def test_a_setting_out_of_range_is_refused(name, value):
    with pytest.raises(ConfigError, match=f"trees.{name} is"):
        TreeConfig(**{name: value})
