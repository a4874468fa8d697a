"""Recommenders of a card's pairs: planted blocks, figures by hand, what may not change them."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from graphml.cli.evaluate import report_of
from graphml.cli.models import train as train_command
from graphml.cli.recommend import recommend
from graphml.errors import ConfigError, NothingToDoError, UsageError
from graphml.pipeline.keeping import claim, kinds_of
from graphml.pipeline.pairs import (
    evaluate_pairs,
    is_of_pairs,
    recommend_pairs,
    split_card,
    train_pairs,
)
from graphml.recommend.evaluation import LENGTHS
from graphml.recommend.filters import FilterConfig
from graphml.recommend.pairs import COSINE, METHODS, POPULAR, PairRecommender, fit_pairs
from graphml.tables.graphsource import read_graph
from graphml.tasks.pairs import hold_out, pairs_of

GRAPHML = Path(sys.executable).parent / "graphml"
VISITS = ("user", "visits", "item")
HEAD = """
time = "none"
[[nodes]]
type = "user"
[[nodes]]
type = "item"
"""
HOSTILE = ["=cmd|'/C calc'!A0", "a\nb", 'q"uo,te', "é́", "\u202egnp", "0", "DROP TABLE", "x" * 900]


def card(
    folder: Path, *, head: str = HEAD, ends: tuple[str, str] = ("user", "item"), **parts
) -> Path:
    """Write a card with a CSV file for each part of its pairs."""
    folder.mkdir(parents=True, exist_ok=True)
    files, blocks = ["[files]"], []
    for part, pairs in parts.items():
        with (folder / f"{part}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("source", "target"), *pairs])
        files.append(f'{part} = "{part}.csv"')
        blocks.append(
            f'[[edges]]\ntype = "{ends[0]} visits {ends[1]}"\nfrom = "{part}"\nsplit = "{part}"'
        )
    path = folder / "card.toml"
    path.write_text("\n".join([head, *files, *blocks]) + "\n")
    return path


def blocks(*, groups: int = 4, users: int = 120, each: int = 6, seed: int = 1):
    """Return pairs of users who have items of their own block alone: to learn from and to find."""
    rng = np.random.default_rng(seed)
    train, test = [], []
    for user in range(users):
        own = rng.choice(11, each + 1, replace=False)
        rows = [(f"u-{user}", f"i-{user % groups}-{item}") for item in own]
        train += rows[:-1]
        test.append(rows[-1])
    return train, test


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a card of blocks, and the model trained on it."""
    folder = tmp_path_factory.mktemp("shop")
    train, test = blocks()
    train_pairs(card(folder, train=train, test=test), 0, folder=folder / "model")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    """Return the bytes of a model, without its report and manifest."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and file.name not in ("report.json", "manifest.json")
    }


def test_the_filter_finds_planted_blocks(shop):
    path, folder = shop / "card.toml", shop / "model"
    saved = json.loads((folder / "report.json").read_text())
    first, *others = saved["rows"]
    assert {row["method"] for row in saved["rows"]} == set(METHODS)
    assert first["method"] == PairRecommender.load(folder).method != POPULAR
    # Five of a block's eleven items are left: in any order their gains are 0.59 in the mean.
    assert first["recall_at_5"] == 1
    assert first["recall_at_20"] == 1
    popular = next(row for row in others if row["method"] == POPULAR)
    assert first["ndcg_at_20"] > 0.5 > popular["ndcg_at_20"] + 0.1
    assert popular["above_low"] > 0.1
    assert (first["above"], first["above_low"], first["above_high"]) == (0, 0, 0)
    for row in saved["rows"]:
        assert row["members"] == 120
        for name in ("ndcg_at_20", "recall_at_20"):
            assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]
    assert [dict(row) for row in evaluate_pairs(path, folder).rows] == saved["rows"]
    lists, name = recommend_pairs(path, folder, ["u-6", "u-3", "u-6"], 5)
    assert name == saved["model"]
    assert lists["source"].to_list() == ["u-6"] * 5 + ["u-3"] * 5
    assert lists["rank"].to_list() == [1, 2, 3, 4, 5] * 2
    assert {(s, t[:3]) for s, t in lists.select("source", "target").rows()} == {
        ("u-6", "i-2"),
        ("u-3", "i-3"),
    }
    everybody, _ = recommend_pairs(path, folder, [], 3)
    assert everybody["source"].n_unique() == 120
    had = read_graph(path).pairs.train.select("source", "target")
    assert everybody.join(had, on=["source", "target"], how="semi").is_empty()


def small(seed: int, *, users: int = 7, items: int = 11):
    """Return pairs by chance, with repeats, an owner and a target that are in the test alone."""
    rng = np.random.default_rng(seed)
    names = [(f"u{a}", f"i{b}") for a in range(users) for b in range(items)]
    drawn = rng.choice(len(names), 40, replace=False)
    train = [names[n] for n in drawn[:28]]
    test = [*(names[n] for n in drawn[28:]), ("u0", "unseen"), ("newcomer", "i3")]
    return [*train, *train[:5]], [*test, test[0], train[2]]


def by_hand(model: PairRecommender, train, test) -> dict[str, float]:
    """Return the figures of a model's scores, by sorting and counting."""
    train, test = set(train), set(test) - set(train)
    counts = {target: sum(t == target for _, t in train) for target in {t for _, t in train}}
    catalogue = sorted(counts, key=lambda target: (-counts[target], target))
    assert model.targets.to_list() == catalogue
    row: dict[str, list[float]] = {}
    listed = set()
    for owner in sorted({source for source, _ in test}):
        have = {target for source, target in train if source == owner}
        vector = np.array([[float(target in have) for target in catalogue]], dtype=np.float32)
        score = model.linear.scores(sparse.csr_matrix(vector))[0]
        if model.method == POPULAR:
            score = np.array([counts[target] for target in catalogue])
        order = sorted(range(len(catalogue)), key=lambda n: (-score[n], n))
        best = [catalogue[n] for n in order if catalogue[n] not in have]
        wanted = {target for source, target in test if source == owner}
        listed |= set(best[:20])
        for k in LENGTHS:
            hit = [target in wanted for target in best[:k]]
            gain = sum(1 / math.log2(n + 2) for n, found in enumerate(hit) if found)
            ideal = sum(1 / math.log2(n + 2) for n in range(min(k, len(wanted))))
            exact = sum(sum(hit[: n + 1]) / (n + 1) for n, found in enumerate(hit) if found)
            told = {
                "recall": sum(hit) / len(wanted), "ndcg": gain / ideal,
                "map": exact / min(k, len(wanted)),
                "mrr": 1 / (1 + hit.index(True)) if any(hit) else 0.0,
            }  # fmt: skip
            for name, value in told.items():
                row.setdefault(f"{name}_at_{k}", []).append(value)
    figures = {name: float(np.mean(values)) for name, values in row.items()}
    return {**figures, "coverage": len(listed) / len(catalogue)}


@pytest.mark.parametrize("seed", range(3))
def test_figures_are_those_of_sorting_and_counting(tmp_path, seed):
    train, test = small(seed)
    path = card(tmp_path, train=train, test=test)
    report = train_pairs(path, seed, folder=tmp_path / "model").report
    assert report.labels == len(set(test) - set(train)) == 14
    pairs = split_card(path, seed=seed)
    for row in report.rows:
        model = fit_pairs(
            pairs.train, pairs.targets, row["method"], FilterConfig(seed=seed), VISITS
        )
        for name, value in by_hand(model, train, test).items():
            assert row[name] == pytest.approx(value, abs=1e-9), (row["method"], name)
        assert row["members"] == len({source for source, _ in set(test) - set(train)})


def test_cosines_are_those_of_columns():
    train, _ = small(5)
    frame = pl.DataFrame(sorted(set(train)), schema=["source", "target"], orient="row")
    model = fit_pairs(frame, frame["target"].unique(), COSINE, FilterConfig(), VISITS)
    owners = frame["source"].unique().to_list()
    dense = np.array([[(o, t) in set(train) for t in model.targets] for o in owners], dtype=float)
    cosine = dense.T @ dense / np.sqrt(np.outer(dense.sum(0), dense.sum(0)))
    np.fill_diagonal(cosine, 0)
    np.testing.assert_allclose(model.linear.near.toarray(), cosine, atol=1e-6)


@pytest.mark.parametrize("drawn", [False, True])
def test_the_test_has_no_say_in_what_is_kept(tmp_path, drawn):
    train, test = blocks(users=40)
    train += [(f"v-{n}", "hit") for n in range(60)]  # the most popular, and right for nobody
    parts = {"train": train, **({} if drawn else {"test": test})}
    one = card(tmp_path / "one", **parts)
    train_pairs(one, 3, folder=tmp_path / "one" / "model")
    if drawn:  # what was drawn for the test becomes pairs of the test, and others
        pairs = split_card(one, seed=3)
        assert pairs.train.height + pairs.test.height == len(train)
        assert pairs.train.join(pairs.test, on=["source", "target"], how="semi").is_empty()
        assert "were drawn by chance" in evaluate_pairs(one, tmp_path / "one" / "model").notes[-1]
        train = pairs.train.rows()
    two = card(
        tmp_path / "two",
        train=train,
        test=[("who", "i-9-9"), *((f"u-{n}", "hit") for n in range(40))],
    )
    trained = train_pairs(two, 3, folder=tmp_path / "two" / "model")
    found = {row["method"]: row["recall_at_5"] for row in trained.report.rows}
    assert found[POPULAR] > 0.9 > found[trained.model.method] + 0.5
    assert content(tmp_path / "one" / "model") == content(tmp_path / "two" / "model")
    train_pairs(two, 3, folder=tmp_path / "one" / "model")
    assert content(tmp_path / "one" / "model") == content(tmp_path / "two" / "model")
    train_pairs(two, 4, folder=tmp_path / "one" / "model")
    assert content(tmp_path / "one" / "model") != content(tmp_path / "two" / "model")
    assert len([*(tmp_path / "one" / "model").glob("pairs-weights-*")]) == 1


def test_the_cards_own_validation_chooses_where_there_is_one(tmp_path):
    train, test = blocks(users=40)
    # All are said to take the same item, which more have than any other: popularity is right.
    train += [(f"v-{n}", "hit") for n in range(60)]
    valid = [(f"u-{n}", "hit") for n in range(40)]
    model = train_pairs(
        card(tmp_path, train=train, valid=valid, test=test), 0, folder=tmp_path / "model"
    ).model
    assert model.method == POPULAR
    assert "hit" in model.targets
    assert model.counts[0] == 60, "pairs of validation are not learned"
    notes = json.loads((tmp_path / "model" / "manifest.json").read_text())["notes"]
    assert notes["validation_ndcg_at_20"][POPULAR] == 1
    lists, _ = recommend_pairs(tmp_path / "card.toml", tmp_path / "model", ["u-1"], 2)
    assert lists.select("target", "score").row(0) == ("hit", 60.0)


def test_a_tenth_is_held_out_and_never_all(tmp_path):
    owned = {"one": 1, "two": 2, "ten": 10, "forty": 40}
    train = [(owner, f"i{n}") for owner, count in owned.items() for n in range(count)]
    pairs = pairs_of(read_graph(card(tmp_path, train=train)))
    kept, held = hold_out(pairs, seed=(0, 0))
    assert dict(held.group_by("source").len().rows()) == {"two": 1, "ten": 1, "forty": 4}
    assert sorted(kept.rows() + held.rows()) == sorted(train)
    assert hold_out(pairs, seed=(0, 0))[1].equals(held)
    assert not hold_out(pairs, seed=(0, 1))[1].equals(held)


def test_nodes_of_one_type_are_not_their_own_and_mirrored_pairs_do_not_tell(tmp_path):
    train = [(f"p{a}", f"p{b}") for a in range(12) for b in range(12) if a != b and (a + b) % 3]
    head = 'time = "none"\n[[nodes]]\ntype = "person"\n'
    path = card(tmp_path, head=head, ends=("person", "person"), train=train)
    kept, held = hold_out(pairs_of(read_graph(path)), seed=(0, 0))
    mirrored = held.select(source="target", target="source")
    assert kept.join(mirrored, on=["source", "target"], how="semi").is_empty()
    train_pairs(path, 0, folder=tmp_path / "model")
    lists, _ = recommend_pairs(path, tmp_path / "model", [], 20)
    assert lists.height == 12 * 11 - len(train)
    assert lists.filter(pl.col("source") == pl.col("target")).is_empty()


def test_hostile_ids_come_back_as_they_are(tmp_path):
    train = [
        (f"o{n} {one}", two)
        for n, one in enumerate(HOSTILE * 3)
        for two in HOSTILE
        if two[:1] != one[:1]
    ]
    path = card(tmp_path, train=train)
    model = train_pairs(path, 0, folder=tmp_path / "model").model
    again = PairRecommender.load(tmp_path / "model")
    assert set(again.targets) == set(HOSTILE)
    assert again.name == model.name
    lists, _ = recommend_pairs(path, tmp_path / "model", [train[0][0]], 9)
    assert lists.rows()[0][:3] == (train[0][0], HOSTILE[0], 1)
    with pytest.raises(UsageError, match=r"no user a\\nb in") as caught:
        recommend_pairs(path, tmp_path / "model", ["a\nb"], 9)
    assert caught.value.hint


def test_who_has_nothing_gets_what_most_have_and_targets_of_nobody_come_last(tmp_path):
    (tmp_path / "shelf.csv").write_text("key\ni-0-1\nnobodys\n")
    (tmp_path / "people.csv").write_text("key\nu-1\nidle\n")
    head = """
time = "none"
[[nodes]]
type = "user"
from = "people"
[nodes.columns]
key = "key"
[[nodes]]
type = "item"
from = "shelf"
[nodes.columns]
key = "key"
"""
    train, test = blocks(users=40)
    path = card(
        tmp_path, head=head, train=train, test=[*test, ("idle", "i-0-1"), ("u-1", "nobodys")]
    )
    path.write_text(
        path.read_text().replace("[files]", '[files]\nshelf = "shelf.csv"\npeople = "people.csv"')
    )
    report = train_pairs(path, 0, folder=tmp_path / "model").report
    model = PairRecommender.load(tmp_path / "model")
    assert model.targets[-1] == "nobodys"
    assert model.counts[-1] == 0
    assert report.rows[0]["members"] == 41
    lists, _ = recommend_pairs(path, tmp_path / "model", ["idle"], 1_000_000)
    assert lists["target"].to_list() == model.targets.to_list(), "k beyond the catalogue"
    own, _ = recommend_pairs(path, tmp_path / "model", ["u-1"], 1_000_000)
    assert own.height == len(model.targets) - 6


def test_pairs_of_which_nothing_can_be_drawn_are_refused_or_popular(tmp_path):
    lonely = [(f"u{n}", f"i{n % 3}") for n in range(9)]
    with pytest.raises(UsageError, match="no pairs to report on"):
        train_pairs(card(tmp_path / "a", train=lonely), 0, folder=tmp_path / "a" / "model")
    assert not (tmp_path / "a" / "model").exists()
    empty = card(tmp_path / "b", train=[("u1", "i1"), ("u1", "i2"), ("u2", "i1")], test=[])
    assert split_card(empty, seed=0).test.height == 1, "an empty side is drawn"
    with pytest.raises(UsageError, match="no pairs to report on"):
        train_pairs(card(tmp_path / "c", train=lonely, test=lonely[:2]), 0, folder=tmp_path / "c")
    trained = train_pairs(
        card(tmp_path / "d", train=lonely, test=[("u1", "i2")]), 0, folder=tmp_path / "d" / "model"
    )
    assert trained.model.method == POPULAR
    with pytest.raises(UsageError, match="no pairs to learn from"):
        split_card(card(tmp_path / "e", test=lonely), seed=0)
    with pytest.raises(ConfigError, match="seed"):
        train_pairs(empty, -1, folder=tmp_path / "b" / "model")


def test_a_card_with_time_is_not_for_lists_of_pairs(tmp_path):
    path = tmp_path / "timed.toml"
    (tmp_path / "visits.csv").write_text("source,target,time\na,b,2024-01-01T00:00:00Z\n")
    head = HEAD.replace('time = "none"\n', "")
    path.write_text(
        f'{head}[files]\nv = "visits.csv"\n[[edges]]\ntype = "user visits item"\nfrom = "v"\n'
        'split = "train"\n[edges.columns]\nsource = "source"\ntarget = "target"\ntime = "time"\n'
    )
    with pytest.raises(UsageError, match="has times"):
        split_card(path, seed=0)


def test_other_cards_are_refused_or_said_to_be_others(shop, tmp_path, caplog):
    folder = shop / "model"
    train, test = blocks()
    for text, message in (("likes", "is about user visits item"), ("visits", "knows no item of")):
        path = card(tmp_path / text, train=[("a", "x"), ("a", "y"), ("b", "x")], test=[("b", "y")])
        path.write_text(path.read_text().replace(" visits ", f" {text} "))
        for ask in (
            lambda p: evaluate_pairs(p, folder),
            lambda p: recommend_pairs(p, folder, [], 3),
        ):
            with pytest.raises(UsageError, match=message) as caught:
                ask(path)
            assert "the card that it was trained on" in caught.value.hint
    # Members who came later, and an item of which nothing was learned.
    more = [*train, ("late", "i-0-1"), ("late", "i-0-2"), ("late", "new")]
    path = card(tmp_path / "more", train=more, test=test)
    assert "other pairs" in evaluate_pairs(path, folder).notes[-1]
    assert "does not know 1 of 45 item, as new" in caplog.text
    lists, _ = recommend_pairs(path, folder, ["late"], 4)
    assert {target[:4] for target in lists["target"]} == {"i-0-"}
    assert recommend_pairs(path, folder, ["late"], 45)[0].height == 42


def test_a_damaged_or_foreign_folder_is_refused_with_a_hint(shop, tmp_path):
    def damaged(change) -> UsageError:
        folder = tmp_path / "copy"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(shop / "model", folder)
        change(folder)
        with pytest.raises(UsageError) as caught:
            PairRecommender.load(folder)
        assert caught.value.hint
        assert len(caught.value.message.splitlines()) == 1
        return caught.value

    def edit(**about):
        def change(folder: Path) -> None:
            told = json.loads((folder / "pairs.json").read_text())
            (folder / "pairs.json").write_text(json.dumps({**told, **about}))

        return change

    told = json.loads((shop / "model" / "pairs.json").read_text())
    assert "damaged" in damaged(lambda folder: (folder / "pairs.json").write_text("{")).message
    assert "another format" in damaged(edit(format=99)).message
    for about in (
        {"targets": told["targets"][::-1]}, {"targets": told["targets"][1:]}, {"method": "magic"},
        {"edge_type": ["a", "b"]}, {"counts": ["x"]}, {"targets": 3}, {"learned": None}, {"weights": "../x"},
    ):  # fmt: skip
        assert damaged(edit(**about)).message
    weights = next((shop / "model").glob("pairs-weights-*")).name
    damaged(lambda folder: shutil.rmtree(folder / weights))
    arrays = next((shop / "model" / weights).glob("*.safetensors")).name
    damaged(lambda folder: (folder / weights / arrays).write_bytes(b"no"))
    with pytest.raises(UsageError, match="no recommender of pairs in"):
        PairRecommender.load(tmp_path)
    assert not is_of_pairs(tmp_path)
    with pytest.raises(UsageError, match="another kind"):
        claim(shop / "model", *kinds_of("recommend", of_card=False))
    claim(shop / "model", *kinds_of("recommend", of_card=True))


def run(folder: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("GRAPHML_")}
    done = subprocess.run(
        [str(GRAPHML), *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_the_commands_train_measure_and_recommend(shop):
    on = ("--graph", "card.toml")
    done = run(shop, "train", "recommend", *on, "--dry-run")
    assert "would train on 720 pairs" in done.stderr
    done = run(shop, "train", "recommend", *on)
    report = [json.loads(line) for line in done.stdout.splitlines()]
    kept = shop / ".graphml" / "models" / "graphs" / "card" / "recommend"
    assert content(kept) == content(shop / "model")
    again = run(shop, "evaluate", str(kept), *on)
    assert [json.loads(line) for line in again.stdout.splitlines()] == report
    done = run(shop, "recommend", "u-3", *on, "--top", "2")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [set(row) for row in rows] == [{"owner_id", "target_id", "rank", "score", "model"}] * 2
    assert [(row["owner_id"], row["rank"]) for row in rows] == [("u-3", 1), ("u-3", 2)]
    run(shop, "recommend", *on, "--top", "4", "--out", "lists.csv")
    lists = pl.read_csv(shop / "lists.csv")
    assert lists.columns == ["owner_id", "rank", "target_id", "score"]
    assert lists.height == 480
    done = run(shop, "recommend", "nobody", *on, code=2)
    assert "no user nobody in card.toml" in done.stderr


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"write": True}, "--write is for a store"),
        ({"store": "embedded://x"}, "--store is for a store"),
        ({"as_of": "2024-01-01T00:00:00Z"}, "--as-of is for a store"),
        ({"blocked": Path("ids")}, "--blocked is for a store"),
        ({"per_seller": 1}, "--per-seller is for a store"),
        ({"per_category": 1}, "--per-category is for a store"),
        ({"bought": False}, "--no-bought is for a store"),
        ({"with_reasons": False}, "--no-reasons is for a store"),
        ({"dry_run": True}, "--dry-run is for a store"),
    ],
)
def test_what_lists_of_a_card_have_no_meaning_for_is_refused(shop, monkeypatch, given, said):
    monkeypatch.chdir(shop)
    with pytest.raises(UsageError, match=f"^{said}, and card.toml is a graph card$"):
        recommend([], graph=Path("card.toml"), **given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"epochs": 3}, "--epochs is for --method network"),
        ({"encoder": "hgt"}, "--encoder is for --method network"),
        ({"test_from": "2024-01-01T00:00:00Z"}, "--test-from is for --method network"),
        ({"horizon": "3d"}, "--horizon is for a store"),
        ({"method": "magic"}, "--method is 'magic'"),
    ],
)
def test_what_training_on_pairs_has_no_meaning_for_is_refused(shop, monkeypatch, given, said):
    monkeypatch.chdir(shop)
    with pytest.raises(UsageError, match=f"^{said}"):
        train_command("recommend", graph=Path("card.toml"), out=Path("none"), **given)
    assert not Path("none").exists()


def test_a_folder_of_pairs_needs_its_card(shop):
    with pytest.raises(UsageError, match="is of a graph card's pairs") as caught:
        report_of(shop / "model", None, None, format_="json", out=None, quiet=True)
    assert caught.value.hint == "--graph CARD"


def test_where_all_is_known_nothing_is_left_to_recommend(tmp_path):
    pairs = [(f"u{a}", f"i{b}") for a in range(3) for b in range(3)]
    path = card(tmp_path, train=pairs)
    train_pairs(path, 0, folder=tmp_path / "model")
    with pytest.raises(NothingToDoError, match="leaves nothing to recommend"):
        recommend([], graph=path, model=tmp_path / "model", quiet=True)
