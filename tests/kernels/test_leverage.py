"""Rows drawn by their leverage: as often as told, all that are alone in a column, and the same however they are cut."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from fastperceptron.kernels.leverage import keep_rows

SEED = np.uint64(7)


def kept(X: np.ndarray, share: float, first: int = 0, weights: np.ndarray | None = None) -> np.ndarray:
    """Return the probabilities that rows are kept with, by columns less their mean over their deviation."""
    probabilities, n = np.empty(len(X)), X.shape[1]
    shares = share * (np.ones(len(X)) if weights is None else weights)
    deviations = X.std(axis=0)
    coordinates = (X.mean(axis=0), 1 / deviations)
    keep_rows(X, shares, coordinates, np.uint64(first), SEED, probabilities, np.zeros((n + 8) // 8 * 8))
    return probabilities


def test_as_many_are_kept_as_their_probabilities_say_and_weights_make_up_for_the_rest() -> None:
    X = np.random.default_rng(0).standard_t(3, size=(40_000, 5))
    probabilities = kept(X, 0.05)
    is_kept = probabilities > 0
    squares = (((X - X.mean(axis=0)) / X.std(axis=0)) ** 2).mean(axis=1)
    expected = np.minimum(0.05 * (1 + squares), 1)
    np.testing.assert_allclose(probabilities[is_kept], expected[is_kept], rtol=1e-12)
    assert is_kept.sum() == pytest.approx(expected.sum(), rel=0.05)
    assert (1 / probabilities[is_kept]).sum() == pytest.approx(40_000, rel=0.05)


def test_a_row_that_is_alone_in_a_column_is_kept() -> None:
    X = np.random.default_rng(0).normal(size=(10_000, 4))
    X[:, 3] = 0
    X[[17, 5000, 9999], 3] = 1
    assert (kept(X, 0.01)[[17, 5000, 9999]] == 1).all()


@given(cut=st.integers(1, 999))
def test_who_is_kept_does_not_depend_on_cuts(cut: int) -> None:
    X = np.random.default_rng(1).normal(size=(1000, 3))
    whole = np.empty(1000)
    coordinates, scratch = (np.zeros(3), np.ones(3)), np.zeros(8)
    keep_rows(X, np.full(1000, 0.1), coordinates, np.uint64(0), SEED, whole, scratch)
    parts = [np.empty(cut), np.empty(1000 - cut)]
    for rows, first, part in ((X[:cut], 0, parts[0]), (X[cut:], cut, parts[1])):
        keep_rows(rows, np.full(len(rows), 0.1), coordinates, np.uint64(first), SEED, part, scratch)
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_a_row_without_weight_is_never_kept() -> None:
    X = np.random.default_rng(0).normal(size=(5000, 3))
    weights = (np.arange(5000) % 2).astype(float)
    assert (kept(X, 0.5, weights=weights)[::2] == 0).all()
