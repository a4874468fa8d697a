"""LightGCN against dense arithmetic, PyG's convolution, and planted tastes."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from graphml.errors import ConfigError
from graphml.nn.lightgcn import LightGCN, LightGCNConfig, _lacking, adjacency, train_lightgcn

CONFIG = LightGCNConfig(channels=7, layers=2, seed=3)


def drawn(members=9, products=6, share=0.4, seed=1):
    return sp.csr_matrix(
        np.random.default_rng(seed).random((members, products)) < share, dtype=float
    )


def dense(pairs) -> np.ndarray:
    both = sp.bmat([[None, pairs], [pairs.T, None]]).toarray()
    degree = np.maximum(both.sum(axis=1), 1)
    return both / np.sqrt(degree[:, None] * degree[None, :])


def test_the_graph_is_divided_by_the_roots_of_both_degrees():
    pairs = drawn()
    np.testing.assert_allclose(adjacency(pairs).to_dense().numpy(), dense(pairs), rtol=1e-6)
    pairs.data[pairs.indptr[2] : pairs.indptr[3]] = 0  # explicit zeros: who has nothing
    clean = pairs.copy()
    clean.eliminate_zeros()
    np.testing.assert_allclose(adjacency(pairs).to_dense().numpy(), dense(clean), rtol=1e-6)
    twice = sp.coo_matrix(
        (np.r_[clean.data, clean.data], (np.r_[clean.nonzero()[0], clean.nonzero()[0]], np.r_[clean.indices, clean.indices])),
        shape=clean.shape,
    )  # fmt: skip
    np.testing.assert_allclose(adjacency(twice).to_dense().numpy(), dense(clean), rtol=1e-6)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_embeddings_are_the_mean_over_layers_as_pyg_smooths(layers):
    from torch_geometric.nn import LGConv

    pairs = drawn()
    model = LightGCN(pairs, LightGCNConfig(channels=5, layers=layers, seed=2))
    graph = torch.from_numpy(dense(pairs).astype(np.float32))
    edges = torch.nonzero(graph).T.contiguous()
    step, total, theirs = model.embeddings, model.embeddings, model.embeddings
    conv = LGConv()
    summed = model.embeddings
    for _ in range(layers):
        step = graph @ step
        total = total + step
        theirs = conv(theirs, edges)
        summed = summed + theirs
    found = torch.cat(model())
    torch.testing.assert_close(found, total / (layers + 1), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found, summed / (layers + 1), rtol=1e-5, atol=1e-6)


def test_gradients_are_those_of_dense_matrices():
    pairs = drawn()
    model = LightGCN(pairs, CONFIG)
    weight = torch.randn(15, 7, generator=torch.Generator().manual_seed(5))
    (torch.cat(model()) * weight).sum().backward()
    graph, own = (
        torch.from_numpy(dense(pairs).astype(np.float32)),
        model.embeddings.detach().clone(),
    )
    own.requires_grad_()
    step, total = own, own
    for _ in range(CONFIG.layers):
        step = graph @ step
        total = total + step
    (total / (CONFIG.layers + 1) * weight).sum().backward()
    torch.testing.assert_close(model.embeddings.grad, own.grad, rtol=1e-5, atol=1e-6)


def test_no_drawn_product_is_one_that_the_member_has():
    pairs = drawn(40, 30, 0.8)
    member = np.repeat(np.arange(40), np.diff(pairs.indptr))
    known = member * 30 + pairs.indices
    found = _lacking(member, 30, known, np.random.default_rng(0))
    assert not np.isin(member * 30 + found, known).any()
    assert len(set(found.tolist())) > 20


def test_tastes_are_learned_and_a_seed_says_all():
    rng = np.random.default_rng(0)
    taste = np.arange(90) % 3
    likes = rng.random((90, 36)) < np.where(taste[:, None] == np.arange(36) % 3, 0.5, 0.03)
    pairs = sp.csr_matrix(likes, dtype=float)
    held = sp.csr_matrix(np.where(rng.random((90, 36)) < 0.3, pairs.toarray(), 0))
    kept = sp.csr_matrix(pairs - held)
    kept.eliminate_zeros()
    config = LightGCNConfig(channels=16, batch=64, learning_rate=0.02)
    seen = []
    models = [LightGCN(kept, config) for _ in range(2)]
    for model in models:
        losses: list[float] = []
        train_lightgcn(model, kept, epochs=25, after=lambda _, loss, kept=losses: kept.append(loss))
        seen.append(losses)
    assert len(seen[0]) == 25
    assert seen[0] == seen[1]
    assert seen[0][-1] < 0.6 * seen[0][0]
    members, products = models[0]()
    scores = (members @ products.T).detach().numpy()
    scores[kept.toarray() > 0] = -np.inf
    top = np.argsort(-scores, axis=1)[:, :5]
    own = (top % 3 == taste[:, None]).mean()
    assert own > 0.85
    torch.testing.assert_close(models[0].embeddings, models[1].embeddings)


def test_settings_out_of_range_are_refused():
    for name, value in (("channels", 0), ("layers", 0), ("batch", 0), ("decay", -1.0)):
        with pytest.raises(ConfigError, match=f"lightgcn.{name} is"):
            LightGCNConfig(**{name: value})
