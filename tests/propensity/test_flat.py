"""Purchases from flat tables: planted answers, what may not change a model, and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from graphml.cli.flat import report_flat_card, score_flat_card, train_flat_card
from graphml.errors import ConfigError, UsageError
from graphml.pipeline.flat import evaluate_flat, flat_table, is_flat, score_flat, train_flat
from graphml.propensity.flat import FlatConfig, FlatModel, fit_flat
from graphml.propensity.flat_columns import MOST, FlatColumn, columns_of, encoded
from graphml.propensity.flat_report import figures, simple_methods, telltales
from graphml.tables.graphsource import read_graph
from graphml.training.metrics import auroc

DATASETS = Path(__file__).resolve().parents[2] / "datasets"
SHOPPERS = Path(__file__).resolve().parents[3] / "shared" / "data" / "online-shoppers"
CARD = """
time = "none"
[files]
sessions = "sessions.csv"
[[nodes]]
type = "session"
from = "sessions"
features = ["*"]
[nodes.columns]
label = "bought"
"""


def sessions(rows: int, *, seed: int = 0) -> pl.DataFrame:
    """Sessions whose purchase is decided by carts, and by the device where there is one.

    Nobody on a television buys; of others those do who put 3 or more into the cart, most of the
    time. ``pages`` and ``city`` say nothing.
    """
    rng = np.random.default_rng(seed)
    carts = rng.integers(0, 6, rows).astype(float)
    device = rng.choice(["phone", "desktop", "television"], rows, p=[0.5, 0.3, 0.2])
    certain = rng.random(rows) < 0.95
    bought = (carts >= 3) & (device != "television") & certain
    return pl.DataFrame(
        {
            "key": [f"s-{n:05}" for n in range(rows)],
            "carts": carts,
            "device": device,
            "pages": rng.normal(10, 3, rows),
            "city": rng.choice(["Ulm", "Bonn", "Jena", "Graz"], rows),
            "day": [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=n % 90) for n in range(rows)],
            "member": rng.random(rows) < 0.5,
            "bought": bought.astype(int),
        }
    )


def told(frame: pl.DataFrame, label: str = "bought") -> pl.DataFrame:
    return frame.select("key", y=pl.col(label).cast(pl.Int8))


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    return sessions(700)


@pytest.fixture(scope="module")
def model(table) -> FlatModel:
    labels = told(table)
    return fit_flat(table.drop("bought"), labels[:400], labels[400:500], unit="session")


def write(folder: Path, frame: pl.DataFrame, card: str = CARD) -> Path:
    frame.write_csv(folder / "sessions.csv")
    (folder / "card.toml").write_text(card, encoding="utf-8")
    return folder / "card.toml"


def test_a_planted_answer_is_found(table, model):
    asked = table[500:]
    chance = model.probability(asked.drop("bought"))
    assert ((chance > 0) & (chance < 1)).all()
    assert auroc(asked["bought"].to_numpy(), chance) > 0.95
    buyers = (asked["carts"] >= 3) & (asked["device"] != "television")
    assert chance[buyers.to_numpy()].min() > chance[~buyers.to_numpy()].max()
    assert abs(chance.mean() - asked["bought"].mean()) < 0.06
    assert {*[*model.importances][:2]} == {"carts", "device"}
    assert sum(model.importances.values()) == pytest.approx(1)
    assert model.score_kind == "probability"


def test_columns_are_known_by_name_whatever_their_order_and_what_stands_beside(table, model):
    asked = table[500:].drop("bought")
    turned = asked.select(reversed(asked.columns)).with_columns(further=pl.lit("x"))
    assert (model.probability(turned) == model.probability(asked)).all()
    assert model.probability(asked.clear()).shape == (0,)


def test_the_regression_has_a_say_where_it_helps():
    rng = np.random.default_rng(5)
    values = rng.normal(size=(400, 12))
    y = (values @ np.linspace(-1, 1.5, 12) + rng.normal(size=400) > 0.8).astype(int)
    frame = pl.DataFrame({f"x{n}": values[:, n] for n in range(12)})
    frame = frame.with_columns(key=pl.int_range(400).cast(pl.String), bought=pl.Series(y))
    straight = fit_flat(frame.drop("bought"), told(frame)[:300], told(frame)[:0])
    assert straight.share > 0
    assert auroc(y[300:], straight.probability(frame[300:])) > 0.9


def test_a_text_never_seen_is_missing(table, model):
    asked = table[500:520].drop("bought")
    strange = asked.with_columns(device=pl.lit("fridge"), city=pl.lit("Wien"))
    empty = asked.with_columns(device=pl.lit(None, pl.String), city=pl.lit(None))
    assert (model.probability(strange) == model.probability(empty)).all()
    assert (model.probability(strange) != model.probability(asked)).any()


def test_nan_infinity_and_null_are_missing_and_tell_what_they_tell():
    frame = sessions(600, seed=3)
    # Whoever's pages nobody counted buys: the gap itself is the answer.
    gap = pl.col("bought") == 1
    frame = frame.with_columns(pages=pl.when(~gap).then("pages")).drop("carts", "device")
    labels, rows = told(frame), frame.drop("bought")
    fitted = fit_flat(rows, labels[:400], labels[400:450])
    asked = rows[450:]
    chance = fitted.probability(asked)
    y = frame["bought"][450:].to_numpy()
    assert chance[y == 1].min() > chance[y == 0].max()
    for missing in (float("nan"), float("inf"), float("-inf"), 1e300):
        other = asked.with_columns(pl.col("pages").fill_null(missing))
        assert (fitted.probability(other) == chance).all()


def test_columns_become_numbers_as_said():
    cells = pl.Series("c", ["b", "a", "b", None, "c", "a", "b"])
    column = FlatColumn.of(cells)
    assert column.categories == ("b", "a", "c")
    assert column.encode(pl.Series("c", ["c", "b", None, "z"])).tolist()[:2] == [2.0, 0.0]
    assert np.isnan(column.encode(pl.Series("c", ["c", "b", None, "z"]))[2:]).all()
    day = pl.Series("d", [datetime(1970, 1, 3, 12, tzinfo=UTC), None])
    assert FlatColumn.of(day).encode(day)[0] == 2.5
    assert FlatColumn.of(day.dt.date()).encode(day.dt.date())[0] == 2.0
    yes = pl.Series("b", [True, False, None])
    assert FlatColumn.of(yes).encode(yes)[:2].tolist() == [1.0, 0.0]
    many = FlatColumn.of(pl.Series("t", [f"t-{n}" for n in range(MOST + 5)]))
    assert len(many.categories) == MOST
    assert FlatColumn.of(cells.cast(pl.Categorical)).categories == column.categories


def test_the_order_of_rows_is_no_matter_and_a_seed_is(table, model):
    labels = told(table)
    mixed = table.drop("bought").sample(fraction=1, shuffle=True, seed=1)
    turned = fit_flat(mixed, labels[:400].reverse(), labels[400:500], unit="session")
    assert (turned.digest, turned.learned) == (model.digest, model.learned)
    other = fit_flat(table.drop("bought"), labels[:400], labels[400:500], FlatConfig(seed=1))
    assert other.digest != model.digest
    assert other.name == f"flat-{other.digest[:8]}"


@pytest.mark.parametrize("label", [0, 1])
def test_a_constant_label_is_one_clear_line(table, label):
    same = told(table).with_columns(y=pl.lit(label, pl.Int8))
    ones = 500 * label
    with pytest.raises(UsageError, match=f"of 500 labels to learn from {ones} are 1") as caught:
        fit_flat(table.drop("bought"), same[:400], same[400:500])
    assert caught.value.hint
    almost = same.with_columns(y=pl.when(pl.col("key") == "s-00007").then(1 - label).otherwise("y"))
    with pytest.raises(UsageError, match="at least 2 of either kind"):
        fit_flat(table.drop("bought"), almost[:400], almost[400:500])


def test_few_purchases_only_rank(table):
    few = told(table).with_columns(
        y=(pl.int_range(pl.len()) % 150 == 3).cast(pl.Int8)
    )  # 5 of 700, told by nothing
    ranked = fit_flat(table.drop("bought"), few[:600], few[600:])
    assert ranked.score_kind == "rank"
    assert np.isfinite(ranked.probability(table)).all()


def test_what_cannot_be_fitted_or_asked_is_one_clear_line(table, model):
    labels, rows = told(table), table.drop("bought")
    cases = {
        "no features to learn from": lambda: fit_flat(rows.select("key"), labels, labels[:0]),
        "1 labels are of keys without a row": lambda: fit_flat(rows[1:], labels, labels[:0]),
        "a key names two rows": lambda: fit_flat(pl.concat([rows, rows[:1]]), labels, labels[:0]),
        "or has two labels": lambda: fit_flat(rows, labels, labels[:1]),
        r"lacks what the model learned from: 'carts', 'device'": lambda: model.probability(
            rows.drop("carts", "device")
        ),
        "lacks .* and 3 more": lambda: model.probability(rows.select("key")),
        r"'pages' is text, the model learned from number": lambda: model.probability(
            rows.with_columns(pages=pl.lit("many"))
        ),
        r"'xs' of List\(Int64\) is no feature": lambda: columns_of(
            pl.DataFrame({"xs": [[1], [2]]})
        ),
    }
    for said, call in cases.items():
        with pytest.raises(UsageError, match=said) as caught:
            call()
        assert "\n" not in caught.value.message
        assert caught.value.hint
    for wrong in ({"folds": 1}, {"seed": -1}):
        with pytest.raises(ConfigError):
            FlatConfig(**wrong)


HOSTILE = [
    "=cmd|'/C calc'!A0", "ключ\u202e", "a\nb", "x" * 300, '"; DROP TABLE x; --', "{braces}", "\\", "🛒", " ",
    "y", "c0", "len", "text", "Column 1",
]  # fmt: skip


def test_hostile_names_and_texts_are_names_and_texts(tmp_path, table):
    rng = np.random.default_rng(1)
    odd = table.with_columns(pl.Series(name, rng.choice(HOSTILE, len(table))) for name in HOSTILE)
    odd = odd.with_columns(y=pl.col("pages"))
    labels = told(odd)
    fitted = fit_flat(odd.drop("bought"), labels[:400], labels[400:500])
    chance = fitted.probability(odd[500:])
    assert auroc(odd["bought"][500:].to_numpy(), chance) > 0.9
    fitted.save(tmp_path)
    assert (FlatModel.load(tmp_path).probability(odd[500:]) == chance).all()


def test_a_model_comes_back_as_it_was_and_takes_the_place_of_another(tmp_path, table, model):
    other = fit_flat(table.drop("bought"), told(table)[:300], told(table)[:0], FlatConfig(folds=2))
    other.save(tmp_path)
    model.save(tmp_path)
    found = FlatModel.load(tmp_path)
    assert found.digest == model.digest
    assert (found.columns, found.unit, found.seed, found.learned) == (
        model.columns, "session", 0, model.learned,
    )  # fmt: skip
    assert (found.probability(table) == model.probability(table)).all()
    assert len([*tmp_path.glob("flat-trees-*")]) == len(model.trees) == 5
    assert is_flat(tmp_path)
    assert not is_flat(tmp_path / "elsewhere")


def changed(**values):
    return lambda about: {**about, **values}


def regression(**values):
    return lambda about: {**about, "logistic": {**about["logistic"], **values}}


def column(at, **values):
    def turned(about):
        about["columns"][at] |= values
        return about

    return turned


DAMAGES = {
    "another format": changed(format=99),
    "no trees": changed(trees=[]),
    "trees elsewhere": changed(trees=["../x"]),
    "share": changed(share=7),
    "no weights": regression(weights=[1.0]),
    "not finite": regression(bias=float("nan")),
    "kind": column(0, kind="colour"),
    "categories": column(1, categories=["television", "phone", "desktop"]),
    "a name": column(1, name="gadget"),
    "calibrator": changed(calibrator={"format": 1, "method": "magic"}),
    "a list": lambda about: [about],
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_folder_is_one_clear_line(tmp_path, model, how):
    model.save(tmp_path)
    about = json.loads((tmp_path / "flat.json").read_text())
    (tmp_path / "flat.json").write_text(json.dumps(DAMAGES[how](about)))
    with pytest.raises(UsageError) as caught:
        FlatModel.load(tmp_path)
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_a_damaged_file_is_one_clear_line(tmp_path, model):
    model.save(tmp_path)
    first, second = sorted(tmp_path.glob("flat-trees-*"))[:2]
    shutil.rmtree(first)
    with pytest.raises(UsageError, match="no trees in"):
        FlatModel.load(tmp_path)
    shutil.copytree(second, first)
    with pytest.raises(UsageError, match="damaged"):
        FlatModel.load(tmp_path)
    whole = (tmp_path / "flat.json").read_bytes()
    (tmp_path / "flat.json").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageError, match="damaged"):
        FlatModel.load(tmp_path)


def test_a_folder_without_a_model_says_so(tmp_path):
    with pytest.raises(UsageError, match="no model of a flat table") as caught:
        FlatModel.load(tmp_path)
    assert "train propensity" in caught.value.hint


MASKS = 'key = "key"\nlabel = "bought"\ntrain = "learn"\nvalid = "check"\ntest = "ask"\n'


@pytest.mark.parametrize("columns", [MASKS, 'key = "key"\nlabel = "bought"\n'])
def test_labels_of_the_test_change_no_model(tmp_path, columns):
    place = pl.int_range(pl.len())
    parts = {"learn": place < 200, "check": place.is_between(200, 259), "ask": place >= 260}
    frame = sessions(400).with_columns(part.cast(pl.Int8).alias(n) for n, part in parts.items())
    frame = frame if columns == MASKS else frame.drop(*parts)
    card = CARD.replace('label = "bought"\n', columns)
    path = write(tmp_path, frame, card)
    table = flat_table(path, seed=0)
    first = fit_flat(table.rows, table.train, table.valid)
    asked = pl.col("key").is_in(table.test["key"].implode())
    turned = frame.with_columns(
        bought=pl.when(asked).then(1 - pl.col("bought")).otherwise("bought")
    )
    trained = train_flat(write(tmp_path, turned, card), FlatConfig(), folder=tmp_path / "m")
    assert (trained.model.digest, trained.model.learned) == (first.digest, first.learned)
    y = table.test["y"].to_numpy()
    rows = table.test.select("key").join(table.rows, on="key", how="left", maintain_order="left")
    assert auroc(y, first.probability(rows)) > 0.9 > 0.1 > trained.report.rows[0]["auroc"]


def test_a_card_without_a_split_is_drawn_and_a_row_stays_in_its_part(tmp_path):
    card = CARD.replace("label", 'key = "key"\nlabel')
    few = flat_table(write(tmp_path, sessions(500), card), seed=4)
    assert [len(part) for part in (few.train, few.valid, few.test)] == pytest.approx(
        [300, 100, 100], abs=30
    )
    assert "says nothing of a split" in few.notes[0]
    assert "60/20/20, seed 4" in few.notes[0]
    many = flat_table(write(tmp_path, sessions(900).reverse(), card), seed=4)
    for part in ("train", "valid", "test"):
        assert set(getattr(few, part)["key"]) <= set(getattr(many, part)["key"])
    other = flat_table(tmp_path / "card.toml", seed=5)
    assert set(other.test["key"]) != set(many.test["key"])
    with pytest.raises(UsageError, match="2 labels, too few to draw"):
        flat_table(write(tmp_path, sessions(2), card), seed=0)


def test_times_split_a_table_and_have_to_say_when_labels_were_known(tmp_path):
    card = (
        CARD.replace('time = "none"', 'time_zone = "UTC"')
        .replace('features = ["*"]', 'static = true\nfeatures = ["carts", "device"]')
        .replace(
            'label = "bought"', 'key = "key"\ntime = "day"\nlabel = "bought"\nknown_at = "day"'
        )
    )
    frame = sessions(900).sort("day")
    table = flat_table(write(tmp_path, frame, card), seed=0)
    assert table.rows.columns == ["key", "time", "carts", "device"]
    day = dict(frame.select("key", "day").iter_rows())
    parts = [[day[key] for key in part["key"]] for part in (table.train, table.valid, table.test)]
    assert max(parts[0]) < min(parts[1]) <= max(parts[1]) < min(parts[2])
    assert table.first < table.last
    trained = train_flat(tmp_path / "card.toml", FlatConfig(), folder=tmp_path / "m")
    assert [column.name for column in trained.model.columns] == ["carts", "device"]
    assert score_flat(tmp_path / "card.toml", tmp_path / "m").as_of == frame["day"].max()
    (tmp_path / "card.toml").write_text(card.replace('known_at = "day"', ""))
    with pytest.raises(UsageError, match="does not say when labels became known") as caught:
        flat_table(tmp_path / "card.toml", seed=0)
    assert "known_at" in caught.value.hint


def test_what_was_written_after_the_purchase_is_named(table):
    late = table.with_columns(
        invoice=pl.when(pl.col("bought") == 1).then(pl.lit("paid")), total=pl.col("bought") * 9.5
    ).drop("bought")
    said = telltales(columns_of(late), late, table["bought"].to_numpy())
    assert [line.split("'")[1] for line in said] == ["invoice", "total"]
    few = np.zeros(len(table), dtype=np.int64)
    few[:3] = 1
    assert telltales(columns_of(late), late, few) == []


def test_figures_stand_beside_simple_methods_on_the_same_rows(table, model):
    rows, y = table.drop("bought"), table["bought"].to_numpy()
    simple = simple_methods(model.columns, rows[:500], y[:500], rows[500:])
    assert [*simple] == ["lightgbm", "logistic_regression", "base_rate"]
    chances = {"ours": model.probability(rows[500:]), **simple}
    found = {row["method"]: row for row in figures(y[500:], chances, seed=0, resamples=40)}
    assert found["base_rate"]["auroc"] == 0.5
    assert found["base_rate"]["average_precision"] == pytest.approx(y[500:].mean())
    ours = found["ours"]
    assert ours["auroc_low"] <= ours["auroc"] <= ours["auroc_high"]
    assert (
        ours["log_loss"] < found["logistic_regression"]["log_loss"] < found["base_rate"]["log_loss"]
    )
    assert ours["rows"] == 200
    assert encoded(model.columns, rows).shape == (700, len(model.columns))


def user_behavior(rows: int) -> str:
    """A table as people have it: one row a member and session, twice the same session number."""
    rng = np.random.default_rng(8)
    lines = ["user_id,session_id,pages_viewed,time_on_site,clicks,cart_additions,device,purchase"]
    for n in range(rows):
        carts, pages = rng.integers(0, 4), rng.integers(1, 30)
        bought = rng.random() < (0.85 if carts >= 2 else 0.03)
        device = "" if n % 11 == 0 else "phone" if n % 3 else "desktop"
        lines.append(
            f"u-{n // 3},{n % 3},{pages},{pages * 31.5},{pages * 2},{carts},{device},{int(bought)}"
        )
    return "\n".join(lines) + "\n"


def test_a_table_of_user_behavior_from_end_to_end(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GRAPHML_DATA", str(tmp_path))
    (tmp_path / "user_behavior_data.csv").write_text(user_behavior(900))
    card, folder = DATASETS / "user-behavior.toml", tmp_path / "model"
    shared = {"format_": "jsonl", "quiet": True}

    train_flat_card(card, folder=folder, seed=0, dry_run=True, **shared)
    assert not folder.exists()
    train_flat_card(card, folder=folder, seed=0, dry_run=False, **shared)
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    name = FlatModel.load(folder).name
    methods = [row["method"] for row in printed]
    assert methods == [name, "lightgbm", "logistic_regression", "base_rate"]
    assert printed[0]["auroc"] > 0.85
    kept = json.loads((folder / "report.json").read_text())
    assert kept["rows"] == printed
    assert kept["task"] == "propensity"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["command"] == "train-propensity"
    assert sum(manifest["counts"].values()) == 900
    assert next(iter(manifest["notes"]["importances"])) == "cart_additions"
    assert set(manifest["notes"]["importances"]) == {
        "pages_viewed", "time_on_site", "clicks", "cart_additions", "device",
    }  # fmt: skip

    report_flat_card(card, folder, out=None, **shared)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == printed
    score_flat_card(card, folder, top=7, out=None, **shared)
    best = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(best) == 7
    assert [row["score"] for row in best] == sorted((row["score"] for row in best), reverse=True)
    assert {(row["unit"], row["score_kind"], row["model"], row["as_of"]) for row in best} == {
        ("session", "probability", name, None)
    }
    carts = {
        f"{user}:{session}": int(cell)
        for user, session, *_, cell, _, _ in (
            line.split(",") for line in user_behavior(900).splitlines()[1:]
        )
    }
    assert min(carts[row["id"]] for row in best) >= 2


def test_new_sessions_need_no_label_and_other_rows_are_told_of(tmp_path):
    path = write(tmp_path, sessions(500).drop("key"))
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "detector.json").write_text("{}")
    trained = train_flat(path, FlatConfig(), folder=tmp_path / "m")
    assert not (tmp_path / "m" / "detector.json").exists()
    assert evaluate_flat(path, tmp_path / "m") == trained.report
    fresh = sessions(50, seed=9).drop("bought", "key")
    unlabelled = CARD.replace('[nodes.columns]\nlabel = "bought"\n', "")
    scores = score_flat(write(tmp_path, fresh, unlabelled), tmp_path / "m")
    assert scores.ids == tuple(str(n) for n in range(1, 51))
    assert scores.values == pytest.approx(
        trained.model.probability(read_graph(path).nodes["session"])
    )
    with pytest.raises(UsageError, match="declares no labels"):
        flat_table(path, seed=0)
    path = write(tmp_path, sessions(500, seed=2).drop("key"))
    report = evaluate_flat(path, tmp_path / "m")
    assert "was trained on other rows" in report.notes[-1]
    path.write_text(CARD.replace('"session"', '"visit"'))
    for asked in (score_flat, evaluate_flat):
        with pytest.raises(UsageError, match="session"):
            asked(path, tmp_path / "m")


def test_labels_in_words_are_read_and_others_are_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHML_DATA", str(tmp_path))
    text = user_behavior(60).replace(",1\n", ",True\n").replace(",0\n", ",False\n")
    (tmp_path / "user_behavior_data.csv").write_text(text)
    source = read_graph(DATASETS / "user-behavior.toml")
    assert source.labels is not None
    assert source.labels.rows["y"].sum() == text.count("True")
    (tmp_path / "user_behavior_data.csv").write_text(text.replace("True", "maybe"))
    with pytest.raises(Exception, match=r"label: not a .*number, got 'maybe'") as caught:
        read_graph(DATASETS / "user-behavior.toml")
    assert "\n" not in str(caught.value)


def test_nothing_of_it_needs_torch_and_little_is_loaded_before_it_is_used():
    script = (
        "import sys, graphml.cli.flat, graphml.pipeline.flat, graphml.propensity.flat, "
        "graphml.propensity.flat_report; "
        "print(sorted({'torch', 'lightgbm', 'sklearn'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


@pytest.mark.skipif(not SHOPPERS.is_dir(), reason="online-shoppers is not there")
def test_the_card_of_online_shoppers_fits_its_file():
    source = read_graph(DATASETS / "online-shoppers.toml", data=SHOPPERS)
    assert source.labels is not None
    assert source.nodes["session"].shape == (12_330, 18)
    assert source.nodes["session"]["key"][-1] == "12330"
    assert source.labels.rows["y"].sum() == 1_908
    assert "Revenue" not in source.nodes["session"].columns
