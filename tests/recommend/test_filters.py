"""A filter is what its formulas say, finds what was planted, and is the same after a round trip."""

import json
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.common import ROOT
from benchmarks.gowalla_methods import ease, figures, gfcf, held_out, item_item, turbo_cf
from graphml.errors import ConfigError, UsageError
from graphml.recommend.filters import FilterConfig, LinearFilter, fit_filter

PLAIN = FilterConfig(rank=4, neighbours=50)
WHOLE = FilterConfig(rank=64, neighbours=10**6, damping=4.0)
"""All directions and all neighbours: what is left out depends on no rounding."""


def csr(rows) -> sp.csr_matrix:
    return sp.csr_matrix(np.asarray(rows, dtype=np.float64))


def drawn(members: int, products: int, seed: int = 0, share: float = 0.2) -> sp.csr_matrix:
    rng = np.random.default_rng(seed)
    weights = rng.random((members, products)) + 0.5
    return csr(np.where(rng.random((members, products)) < share, weights, 0))


def power(values, exponent):
    return np.where(values > 0, np.maximum(values, 1e-300) ** exponent, 0)


def oracle(matrix, histories, config: FilterConfig) -> np.ndarray:
    """Return the scores by dense matrices and the formulas alone."""
    r, asked = matrix.toarray().astype(float), histories.toarray().astype(float)
    r /= max(r.max(), 1e-300)
    had, spread = r.sum(axis=1), r.sum(axis=0)
    shares = power(had, -config.member_exponent)[:, None] * r
    near = (shares.T @ shares) ** config.near_power
    near *= power(spread, -config.near_source)[:, None] * power(spread, -config.near_target)
    x = shares * power(spread, -config.far_exponent)
    _, values, turned = np.linalg.svd(x)
    kept = (values >= max(values.max() * 1e-3, 1e-12)) & (np.arange(len(values)) < config.rank)
    values, turned = values[kept], turned[: len(kept)][kept]
    half = config.damping * (x**2).sum() / max((spread > 0).sum(), 1)
    far = power(spread, -config.far_exponent)[:, None] * (
        turned.T * (values**2 / (values**2 + half)) @ turned
    )
    far *= power(spread, config.far_target)
    members = r[had > 0]
    total = np.zeros((len(asked), r.shape[1]))
    for part, share in ((near, 1 - config.far_share), (far, config.far_share)):
        whole = np.linalg.norm(members @ part, axis=1)
        np.fill_diagonal(part, 0)
        length = np.linalg.norm(members @ part, axis=1)
        if length.sum() > 1e-4 * whole.sum():
            total += share / length.mean() * (asked @ part)
    return total


weights = st.sampled_from([0.0, 0.0, 0.0, 0.25, 1.0, 3.0])


@st.composite
def matrices(draw):
    members, products = draw(st.integers(1, 7)), draw(st.integers(1, 11))
    cells = [draw(weights) for _ in range(members * products)]
    asked = [draw(weights) for _ in range(3 * products)]
    return csr(np.reshape(cells, (members, products))), csr(np.reshape(asked, (3, products)))


exponents = st.sampled_from([0.0, 0.3, 0.5, 1.0])


@settings(max_examples=150, deadline=None)
@given(
    both=matrices(),
    powers=st.tuples(*[exponents] * 5, st.sampled_from([0.5, 1.0, 1.5])),
    share=st.sampled_from([0.0, 0.4, 1.0]),
)
def test_scores_are_what_dense_matrices_say(both, powers, share):
    matrix, histories = both
    names = (
        "member_exponent",
        "near_source",
        "near_target",
        "far_exponent",
        "far_target",
        "near_power",
    )
    config = replace(WHOLE, far_share=share, **dict(zip(names, powers, strict=True)))
    found = fit_filter(matrix, config).scores(histories)
    assert found.dtype == np.float32
    assert found.shape == histories.shape
    np.testing.assert_allclose(found, oracle(matrix, histories, config), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shape", [(90, 130), (130, 90)])
def test_directions_of_a_larger_matrix_are_the_strongest(shape):
    matrix = drawn(*shape)
    # Far from the others in strength, so that a few sweeps tell them apart.
    blocks = np.arange(shape[0])[:, None] % 5 == np.arange(shape[1]) % 5
    matrix = csr(np.where(blocks, 4 - np.arange(shape[1]) % 5 * 0.5, 0) + matrix.toarray())
    config = replace(WHOLE, rank=5, sweeps=30)
    model = fit_filter(matrix, config)
    assert model.directions.shape == (shape[1], 5)
    square = model.directions.T @ model.directions
    np.testing.assert_allclose(square, np.diag(np.diag(square)), atol=1e-4)
    assert (np.diff(np.diag(square)) < 0).all()
    np.testing.assert_allclose(
        model.scores(matrix), oracle(matrix, matrix, config), rtol=2e-3, atol=1e-4
    )


@pytest.mark.parametrize("transpose", [False, True])
def test_weak_directions_are_damped_and_those_beyond_the_rank_left_out(transpose):
    matrix = np.zeros((4, 6))
    matrix[range(4), range(4)] = 8, 4, 2, 1e-3
    matrix = csr(matrix.T if transpose else matrix)
    plain = replace(WHOLE, member_exponent=0.0, far_exponent=0.0)
    for damping in (0.0, 1.0, 5.0):
        found = fit_filter(matrix, replace(plain, damping=damping)).directions
        lengths = (found**2).sum(axis=0)
        half = damping * (64 + 16 + 4 + 1e-6) / 4
        np.testing.assert_allclose(lengths, [s / (s + half) for s in (64, 16, 4)], rtol=1e-5)
    for rank in (0, 2):
        shape = fit_filter(matrix, replace(plain, rank=rank)).directions.shape
        assert shape == (matrix.shape[1], rank)


def two_blocks(seed: int = 0) -> sp.csr_matrix:
    """Return 40 members, even ones of products 0 to 11 and odd ones of 12 to 29, and some noise."""
    rng = np.random.default_rng(seed)
    rates = np.full((40, 30), 0.03)
    rates[::2, :12], rates[1::2, 12:] = 0.5, 0.4
    return csr(rng.random((40, 30)) < rates)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_planted_blocks_are_recovered_for_members_never_seen(share):
    model = fit_filter(two_blocks(), FilterConfig(rank=2, far_share=share))
    asked = np.zeros((2, 30))
    asked[0, [1, 4]], asked[1, [13, 20]] = 1, 1
    places, _ = model.top(csr(asked), 8, barred=csr(asked))
    assert (places[0] < 12).all()
    assert (places[1] >= 12).all()
    assert not set(places[0]) & {1, 4}
    assert not set(places[1]) & {13, 20}


def test_a_new_event_counts_without_fitting_again():
    model = fit_filter(two_blocks(), FilterConfig(rank=2))
    asked = np.zeros((2, 30))
    asked[:, 1], asked[1, [13, 20, 25]] = 0.05, 1  # an old event, and then new ones
    places, _ = model.top(csr(asked), 5, barred=csr(asked))
    assert (places[0] < 12).all()
    assert (places[1] >= 12).all()


@settings(max_examples=50, deadline=None)
@given(both=matrices(), factor=st.sampled_from([0.5, 3.0]))
def test_what_a_history_says_is_the_sum_of_what_its_products_say(both, factor):
    matrix, histories = both
    model = fit_filter(matrix, WHOLE)
    alone = model.scores(sp.identity(matrix.shape[1], format="csr"))
    np.testing.assert_allclose(
        model.scores(histories), histories.toarray() @ alone, rtol=1e-3, atol=1e-4
    )
    np.testing.assert_allclose(np.diag(alone), 0, atol=1e-4)
    np.testing.assert_allclose(
        model.scores(histories * factor), factor * model.scores(histories), rtol=1e-3, atol=1e-4
    )


@settings(max_examples=30, deadline=None)
@given(both=matrices(), factor=st.sampled_from([1e-9, 0.1, 7.0, 1e9]))
def test_the_unit_of_the_weights_changes_nothing(both, factor):
    matrix, histories = both
    one, other = fit_filter(matrix, WHOLE), fit_filter(matrix * factor, WHOLE)
    np.testing.assert_allclose(one.scores(histories), other.scores(histories), rtol=1e-3, atol=1e-4)


def test_products_and_members_in_another_order_are_the_same_ones():
    matrix, rng = drawn(17, 23), np.random.default_rng(5)
    rows, columns = rng.permutation(17), rng.permutation(23)
    one = fit_filter(matrix, WHOLE).scores(matrix)
    other = fit_filter(matrix[rows][:, columns], WHOLE).scores(matrix[rows][:, columns])
    np.testing.assert_allclose(other, one[rows][:, columns], rtol=1e-3, atol=1e-4)


def test_no_history_gives_no_score_and_a_product_that_nobody_had_gets_none():
    rows = drawn(20, 15).toarray()
    rows[:, 6] = 0
    model = fit_filter(csr(rows), PLAIN)
    asked = np.zeros((3, 15))
    asked[1, 6], asked[2, [6, 3]] = 1, 1
    scores = model.scores(csr(asked))
    np.testing.assert_array_equal(scores[:2], 0)
    assert scores[2].max() > 0
    assert scores[2, 6] == 0
    assert np.isfinite(scores).all()


@pytest.mark.parametrize(
    "rows",
    [
        [[0, 1, 0, 2.5]],
        [[1]],
        [[0, 0, 0]],
        [[1, 1], [1, 1], [1, 1]],
        np.zeros((0, 4)),
        [[1e12, 1e-12, 0]],
    ],
)
def test_the_smallest_matrices_are_fitted(rows):
    matrix = csr(rows)
    model = fit_filter(matrix, FilterConfig())
    scores = model.scores(matrix)
    assert np.isfinite(scores).all()
    places, values = model.top(matrix, 3)
    assert places.shape == values.shape == (matrix.shape[0], 3)
    assert model.directions.shape[1] <= min(matrix.shape)


def test_only_the_nearest_neighbours_are_kept():
    matrix = drawn(50, 40)
    full = fit_filter(matrix, replace(WHOLE, far_share=0.0)).near.toarray()
    few = fit_filter(matrix, replace(WHOLE, far_share=0.0, neighbours=6)).near.toarray()
    scale = few.max() / full.max()
    for row, kept in zip(full, few, strict=True):
        assert (kept > 0).sum() == 6
        assert row[kept > 0].min() >= row[kept == 0].max()
        np.testing.assert_allclose(kept[kept > 0], scale * row[kept > 0], rtol=1e-4)


def test_the_best_are_those_of_a_sorted_row():
    matrix = drawn(30, 41)
    model = fit_filter(matrix, PLAIN)
    scores = model.scores(matrix)
    scores[matrix.toarray() > 0] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")
    for k in (1, 7, 41):
        places, values = model.top(matrix, k, barred=matrix)
        held = values > -np.inf
        assert (held.sum(axis=1) == np.minimum((scores > -np.inf).sum(axis=1), k)).all()
        np.testing.assert_array_equal(places[held], order[:, :k][held])
        np.testing.assert_array_equal(places[~held], -1)
        np.testing.assert_allclose(
            values[held], np.take_along_axis(scores, places.clip(0), 1)[held], rtol=1e-4, atol=1e-6
        )


@pytest.mark.parametrize("k", [20, 300])
def test_more_than_the_catalogue_has_ends_in_nothing(k):
    matrix = drawn(9, 12)
    places, values = fit_filter(matrix, PLAIN).top(matrix, k, barred=matrix)
    free = 12 - np.diff(matrix.indptr)
    assert ((places >= 0).sum(axis=1) == free).all()
    for row, count in enumerate(free):
        assert sorted(places[row, :count]) == sorted(set(range(12)) - set(matrix[row].indices))
        assert (np.diff(values[row, :count]) <= 0).all()
        assert (places[row, count:] == -1).all()
        assert (values[row, count:] == -np.inf).all()
    assert places.dtype == np.int64
    assert values.dtype == np.float32


@pytest.mark.parametrize("k", [3, 5, 400])
def test_of_equal_scores_the_lower_number_comes_first(k):
    model = fit_filter(csr(np.ones((3, 5))), replace(PLAIN, far_share=0.0))
    places, values = model.top(csr([[0, 0, 0, 1, 0], [0] * 5]), k)
    # No product speaks for itself.
    assert places[0, :5].tolist() == [0, 1, 2, 4, 3][:k]
    assert places[1, :5].tolist() == [0, 1, 2, 3, 4][:k]
    assert (values[1, :5] == 0).all()


@pytest.mark.parametrize("block", [1, 2, 7, 64, 1_000])
def test_blocks_of_rows_change_nothing(block):
    matrix = drawn(65, 48)
    model = fit_filter(matrix, PLAIN)
    places, values = model.top(matrix, 10, barred=matrix)
    again, others = model.top(matrix, 10, barred=matrix, block=block)
    np.testing.assert_array_equal(again, places)
    np.testing.assert_allclose(others, values, rtol=1e-5, atol=1e-6)


def test_nothing_is_asked_and_nothing_given_is_changed():
    matrix = drawn(20, 15)
    before, model = matrix.copy(), fit_filter(matrix, PLAIN)
    none = sp.csr_matrix((0, 15))
    assert model.scores(none).shape == (0, 15)
    assert model.top(none, 4)[0].shape == (0, 4)
    model.top(matrix, 4, barred=matrix)
    np.testing.assert_array_equal(matrix.toarray(), before.toarray())
    assert matrix.dtype == before.dtype


def test_a_product_named_twice_in_a_history_counts_with_both_weights():
    twice = sp.csr_matrix((np.array([1.0, 2.0, 1.0]), [3, 3, 1], [0, 3]), shape=(1, 15))
    once = sp.csr_matrix((np.array([3.0, 1.0]), [3, 1], [0, 2]), shape=(1, 15))
    model = fit_filter(drawn(20, 15), PLAIN)
    np.testing.assert_allclose(model.scores(twice), model.scores(once), rtol=1e-6)


def test_a_seed_decides_all():
    matrix = drawn(90, 120)
    one, two, other = (
        fit_filter(matrix, replace(PLAIN, seed=seed, sweeps=1)) for seed in (3, 3, 4)
    )
    assert one.digest == two.digest != other.digest
    assert one.scores(matrix).tobytes() == two.scores(matrix).tobytes()


def bad(weight) -> sp.csr_matrix:
    return sp.csr_matrix((np.array([weight]), [2], [0, 1]), shape=(1, 15))


@pytest.mark.parametrize(
    ("histories", "said"),
    [
        (bad(-1.0), "histories has weights below 0"),
        (bad(np.nan), "or NaN"),
        (bad(np.inf), "above 1e12"),
        (sp.csr_matrix((1, 14)), "histories has 14 products, the filter 15"),
        (np.ones((1, 15)), "histories is a sparse matrix"),
    ],
)
def test_histories_that_do_not_fit_are_refused(histories, said):
    model = fit_filter(drawn(20, 15), PLAIN)
    with pytest.raises(ValueError, match=said):
        model.scores(histories)
    with pytest.raises(ValueError, match=said):
        model.top(histories, 3)


def test_matrices_and_numbers_that_do_not_fit_are_refused():
    for weight in (-0.1, np.nan, np.inf):
        with pytest.raises(ValueError, match="matrix has weights"):
            fit_filter(bad(weight), PLAIN)
    with pytest.raises(ValueError, match="at least one product"):
        fit_filter(sp.csr_matrix((3, 0)), PLAIN)
    model, rows = fit_filter(drawn(20, 15), PLAIN), drawn(4, 15)
    with pytest.raises(ValueError, match=r"barred has shape \(3, 15\), histories \(4, 15\)"):
        model.top(rows, 2, barred=rows[:3])
    for k, block in ((0, 1), (1, 0), (1, -5)):
        with pytest.raises(ValueError, match=f"at least 1, got {k} and {block}"):
            model.top(rows, k, block=block)


@pytest.mark.parametrize(
    ("name", "value"),
    [("rank", -1), ("far_share", 1.1), ("damping", -1), ("near_source", np.nan), ("neighbours", 0)],
)
def test_a_setting_out_of_range_is_refused(name, value):
    with pytest.raises(ConfigError, match=f"filter.{name} is"):
        FilterConfig(**{name: value})


def test_a_round_trip_changes_no_bit(tmp_path):
    matrix = drawn(40, 30)
    model = fit_filter(matrix, replace(PLAIN, far_share=0.4))
    model.save(tmp_path / "new" / "folder")
    again = LinearFilter.load(tmp_path / "new" / "folder")
    assert (again.digest, again.config) == (model.digest, model.config)
    assert again.scores(matrix).tobytes() == model.scores(matrix).tobytes()
    one, other = model.top(matrix, 5), again.top(matrix, 5)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))


def test_saving_again_leaves_one_filter_and_one_that_stops_halfway_the_old(tmp_path, monkeypatch):
    from graphml.store import arrays

    old, new = (fit_filter(drawn(20, 15, seed=seed), PLAIN) for seed in (0, 1))
    for one in (new, old, old):
        one.save(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    real = arrays.replace_file

    def stopping(path, content):
        if path.suffix == ".json":
            raise OSError("stopped")
        real(path, content)

    monkeypatch.setattr(arrays, "replace_file", stopping)
    with pytest.raises(Exception, match="stopped"):
        new.save(tmp_path)
    assert LinearFilter.load(tmp_path).digest == old.digest


def test_an_absent_or_damaged_filter_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no filter in"):
        LinearFilter.load(tmp_path)
    model = fit_filter(drawn(20, 15), PLAIN)
    model.save(tmp_path)
    (arrays,), about = tmp_path.glob("*.safetensors"), tmp_path / "filter.json"
    kept, content = json.loads(about.read_text()), arrays.read_bytes()
    damages = [
        lambda: arrays.write_bytes(content[:-100]),
        lambda: arrays.write_bytes(content[:-1] + bytes([content[-1] ^ 1])),
        lambda: arrays.write_bytes(b""),
        lambda: arrays.unlink(),
        lambda: about.write_text("{"),
        lambda: about.write_text("[]"),
        lambda: about.write_text(json.dumps({**kept, "arrays": "../../etc"})),
        lambda: about.write_text(json.dumps({**kept, "config": {}})),
        lambda: about.write_text(json.dumps({**kept, "config": {**kept["config"], "rank": 5}})),
        lambda: about.write_text(json.dumps({"format": 2})),
    ]
    for damage in damages:
        arrays.write_bytes(content)
        about.write_text(json.dumps(kept))
        assert LinearFilter.load(tmp_path).digest == model.digest
        damage()
        with pytest.raises(UsageError, match=r"filter\.json is damaged"):
            LinearFilter.load(tmp_path)
    about.write_text(json.dumps({**kept, "format": 99}))
    with pytest.raises(UsageError, match="another format"):
        LinearFilter.load(tmp_path)


def test_arrays_that_do_not_fit_are_refused_even_with_a_right_digest(tmp_path):
    model = fit_filter(drawn(20, 15), PLAIN)
    far = model.near.copy()
    far.indices[0] = 99
    for wrong in (
        replace(model, near=far),
        replace(model, target=model.target[:-1]),
        replace(model, directions=model.directions[:-1]),
    ):
        wrong.save(tmp_path)
        with pytest.raises(UsageError, match="is damaged"):
            LinearFilter.load(tmp_path)


def test_pairs_are_held_out_of_every_member_who_has_two():
    matrix = drawn(60, 40, share=0.3)
    matrix = sp.vstack([matrix, csr([[1] + [0] * 39, [0] * 40])], format="csr")
    matrix.data[:] = 1
    kept, held = held_out(matrix, 0.2, seed=0)
    np.testing.assert_array_equal((kept + held).toarray(), matrix.toarray())
    had, out = np.diff(matrix.indptr), np.diff(held.indptr)
    np.testing.assert_array_equal(out[:60], np.maximum(np.round(0.2 * had[:60]), 1))
    assert out[60:].tolist() == [0, 0]
    assert (held_out(matrix, 0.2, seed=0)[1] != held).nnz == 0
    assert (held_out(matrix, 0.2, seed=1)[1] != held).nnz > 0


def test_recall_and_ndcg_are_those_of_lists_and_sets():
    train, test = held_out(drawn(40, 60, share=0.6), 0.7, seed=0)
    model = fit_filter(train, PLAIN)
    found = figures(model, train, test)
    for row in range(40):
        scores = model.scores(train[row])[0].astype(float)
        scores[train[row].indices] = -np.inf
        wanted = set(test[row].indices)
        shown = sorted(range(60), key=lambda p: (-scores[p], p))[:20]
        hits = [place for place, product in enumerate(shown) if product in wanted]
        ideal = sum(1 / np.log2(place + 2) for place in range(min(20, len(wanted))))
        assert found[0, row] == pytest.approx(len(hits) / len(wanted))
        assert found[1, row] == pytest.approx(sum(1 / np.log2(h + 2) for h in hits) / ideal)


def test_other_methods_are_what_their_papers_say():
    matrix = drawn(40, 30)
    matrix.data[:] = 1
    r = matrix.toarray()
    had, spread = r.sum(axis=1)[:, None], r.sum(axis=0)
    cosine = (r.T @ r) / np.sqrt(np.outer(spread, spread))
    even = r / np.sqrt(had) / np.sqrt(spread)
    step = even.T @ even
    np.fill_diagonal(cosine, 0)
    np.fill_diagonal(step, 0)
    gram = np.linalg.inv(r.T @ r + 10 * np.eye(30))
    best = -gram / np.diag(gram)
    np.fill_diagonal(best, 0)
    # All directions of 30 are fewer than GF-CF's 256: its ideal part is the identity.
    for model, weights in (
        (item_item(matrix), cosine),
        (gfcf(matrix, 0.3), step + 0.3 * np.eye(30)),
        (turbo_cf(matrix, 0.5, 0.7), step**0.7),
        (ease(matrix, 10), best),
    ):
        np.testing.assert_allclose(model.scores(matrix), r @ weights, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_held_out_pairs_of_gowalla_are_found():
    file = ROOT.parent / "shared" / "data" / "gowalla" / "train.npz"
    if not file.is_file():
        pytest.skip(f"no {file}: Gowalla does not ship, no licence is stated")
    # Places of the test are more widespread than those of training, so these are, too.
    train, test = held_out(sp.csr_matrix(sp.load_npz(file)), 0.2, seed=0, tilt=0.3)
    found = figures(fit_filter(train, FilterConfig()), train[:3_000], test[:3_000]).mean(axis=1)
    known = figures(gfcf(train, 0.2), train[:3_000], test[:3_000]).mean(axis=1)
    assert (found > 1.03 * known).all()
