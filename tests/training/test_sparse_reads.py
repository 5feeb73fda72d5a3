"""Sums over sparse rows are those over the same rows held dense, with the same bits for any number of threads."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

from fastperceptron.data.arrays import ArrayRows, read_only
from fastperceptron.data.sparse_rows import SparseRows
from fastperceptron.kernels import sparse_objective
from fastperceptron.kernels.rows import padded_size
from fastperceptron.kernels.sparse_products import PRODUCTS
from fastperceptron.training.problem import Problem
from fastperceptron.training.reads import SumsOverRows
from fastperceptron.training.threads import open_pool
from sparse_tables import random_table, sparse_rows


def both(
    X: np.ndarray, n_classes: int, seed: int, *, is_weighted: bool, is_softmax: bool = False
) -> tuple[Problem, Problem]:
    """Return the problem of the same rows, sparse and dense."""
    rng = np.random.default_rng(seed)
    codes = read_only(rng.integers(0, n_classes, len(X)).astype(np.uint8))
    row_weights = rng.integers(0, 4, len(X)) * 0.75 if is_weighted else None
    class_weights = rng.uniform(0.5, 2, n_classes) if is_weighted else None
    rows = ArrayRows(X.astype(np.float64))
    dense = Problem(rows, codes, n_classes, row_weights, class_weights, is_softmax=is_softmax)
    return dataclasses.replace(dense, rows=sparse_rows(X)), dense


def sums(problem: Problem, loss: str = "log_loss", n_threads: int = 1, has_centre: bool = True) -> list[np.ndarray]:
    """Return the sums without and with moments, at some weights."""
    n, size = problem.rows.n_features, padded_size(problem.rows.n_features)
    weights, centre = np.zeros((problem.n_neurons, size)), np.zeros(size)
    weights[:, : n + 1] = np.random.default_rng(1).normal(size=(problem.n_neurons, n + 1))
    centre[:n] = np.random.default_rng(2).normal(size=n) * has_centre
    with open_pool(n_threads) as map_in_order:
        read = SumsOverRows(problem, loss, centre, 1.0, map_in_order)
        positives = np.array(problem.positives)
        return [*read(weights, positives, False), *read(weights, positives, True)]


def assert_alike(some: list[np.ndarray], others: list[np.ndarray]) -> None:
    for one, other in zip(some, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-11 * max(1.0, np.abs(other).max(initial=0.0)))


@given(
    X=hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        st.tuples(st.integers(1, 30), st.integers(1, 9)),
        elements=st.sampled_from([0.0, 0.0, 0.0, 1.0, -2.5, 3.0]),
    ),
    n_classes=st.integers(2, 6),
    seed=st.integers(0, 100),
    is_weighted=st.booleans(),
    layer=st.sampled_from(["log_loss", "squared_error", "softmax"]),
)
def test_sums_are_those_of_dense_rows(X: Any, n_classes: int, seed: int, is_weighted: bool, layer: str) -> None:
    is_softmax = layer == "softmax" and n_classes > 2
    sparse, dense = both(X, n_classes, seed, is_weighted=is_weighted, is_softmax=is_softmax)
    loss = "log_loss" if layer == "softmax" else layer
    assert_alike(sums(sparse, loss), sums(dense, loss))


LAYERS = [(2, False), (3, False), (9, False), (3, True), (9, True)]


@pytest.mark.parametrize(("n_classes", "is_softmax"), LAYERS)
@pytest.mark.parametrize("has_centre", [True, False])
def test_sums_of_many_tiles_are_those_of_dense_rows(
    monkeypatch: pytest.MonkeyPatch, n_classes: int, is_softmax: bool, has_centre: bool
) -> None:
    for name, value in (("TILE_VALUES", 30), ("FEWEST", 2), ("FEW_TILES", 16)):
        monkeypatch.setattr(sparse_objective, name, value)
    X = random_table(220, 7)
    X[:, 3] = 0  # a column without a stored value
    X[:, 4] = np.arange(1, 221)  # one with all
    X[20:90] = 0  # rows without
    sparse, dense = both(X, n_classes, 0, is_weighted=True, is_softmax=is_softmax)
    assert sparse.rows.tile_rows < 30
    assert_alike(sums(sparse, has_centre=has_centre), sums(dense, has_centre=has_centre))


def test_rows_without_any_stored_value() -> None:
    sparse, dense = both(np.zeros((5, 3)), 2, 0, is_weighted=False)
    assert_alike(sums(sparse), sums(dense))


@pytest.mark.parametrize("n_threads", [2, 3, 5])
@pytest.mark.parametrize(("n_classes", "is_softmax"), [(2, False), (3, False), (3, True)])
def test_sums_have_the_same_bits_for_any_number_of_threads(
    monkeypatch: pytest.MonkeyPatch, n_threads: int, n_classes: int, is_softmax: bool
) -> None:
    monkeypatch.setattr(sparse_objective, "TILE_VALUES", 100)
    sparse, _ = both(random_table(900, 5, np.float32), n_classes, 0, is_weighted=True, is_softmax=is_softmax)
    expected = sums(sparse)
    for _ in range(3):
        for found, wanted in zip(sums(sparse, n_threads=n_threads), expected, strict=True):
            assert found.tobytes() == wanted.tobytes()


def test_a_neuron_has_the_same_bits_beside_any_others() -> None:
    sparse, _ = both(random_table(300, 20), 5, 0, is_weighted=True)
    together = sums(sparse)
    alone = sums(dataclasses.replace(sparse, sought=(0,)))
    for one, many in zip(alone[:2], together[:2], strict=True):
        assert one[:1].tobytes() == many[:1].tobytes()
    assert alone[3][:3].tobytes() == together[3][:3].tobytes()


def test_sums_of_rows_of_ones_have_the_bits_of_any_others(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.where(random_table(300, 20) != 0, 1.0, 0.0)
    ones, dense = both(X, 2, 0, is_weighted=True)
    assert ones.rows.are_ones
    found = sums(ones)
    assert_alike(found, sums(dense))
    others, _ = both(X * 2, 2, 0, is_weighted=True)
    assert not others.rows.are_ones
    monkeypatch.setattr(SparseRows, "are_ones", False)
    for one, other in zip(found, sums(both(X, 2, 0, is_weighted=True)[0]), strict=True):
        assert one.tobytes() == other.tobytes()


def test_sums_do_not_depend_on_how_many_rows_are_worked_on_together(monkeypatch: pytest.MonkeyPatch) -> None:
    sparse, _ = both(random_table(600, 20), 2, 0, is_weighted=True)
    found = []
    for n_values in (1 << 8, 1 << 9, 1 << 10):  # of a part of the rows, the values per row may be others
        monkeypatch.setattr(sparse_objective, "GROUP_VALUES", n_values)
        found.append(b"".join(each.tobytes() for each in sums(sparse)))
    assert len(set(found)) == 1


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("width", [0, 1, 7, 8, 9, 300])
def test_rows_of_any_length_are_summed(width: int, n_classes: int) -> None:
    X = np.zeros((40, 300))
    X[::3, :width] = np.random.default_rng(0).normal(size=(14, width))
    X[1] = 1.5
    sparse, dense = both(X, n_classes, 0, is_weighted=False)
    assert_alike(sums(sparse), sums(dense))


@pytest.mark.compiled
@pytest.mark.parametrize("n_classes", [2, 3])
def test_rows_longer_than_what_is_multiplied_at_once_are_summed(n_classes: int) -> None:
    rng = np.random.default_rng(0)
    X = scipy.sparse.random_array((30, 131_081), density=0.1, rng=rng, format="csr")
    sparse = Problem(sparse_rows(X), read_only(rng.integers(0, n_classes, 30).astype(np.uint8)), n_classes)
    assert sparse.rows.values.size > 8 * PRODUCTS
    assert_alike(sums(sparse), sums(dataclasses.replace(sparse, rows=ArrayRows(X.toarray()))))


def test_column_numbers_beyond_16_bits_are_taken() -> None:
    indptr, indices = np.array([0, 2, 3], np.int64), np.array([1, 70_000, 70_000], np.int32)
    rows = SparseRows(indptr, indices, np.array([1.0, 2.0, 3.0]), 70_001)
    dense = scipy.sparse.csr_matrix((np.array([1.0, 2.0, 3.0]), indices, indptr), shape=(2, 70_001)).toarray()
    codes = read_only(np.array([0, 1], np.uint8))
    assert_alike(sums(Problem(rows, codes, 2)), sums(Problem(ArrayRows(dense), codes, 2)))
