"""Raking: rows are weighed until the Hessian's diagonal is the given one, and no null space is lost."""

import numpy as np
from hypothesis import given, strategies as st

from fastperceptron.kernels.raking import BLOCK, rake


def raked(panel: np.ndarray, curvatures: np.ndarray, diagonal: np.ndarray, times: int) -> np.ndarray:
    """Return the weights after raking that many times, from weights of 1."""
    weights, scratch = np.ones(len(panel)), (np.empty((BLOCK, panel.shape[1])), np.empty(BLOCK))
    shares = units = np.zeros(panel.shape[1])
    for _ in range(times + 1):
        sums = np.zeros(panel.shape[1])
        rake(panel, curvatures, (shares, units), weights, scratch, sums)
        np.testing.assert_allclose(sums, (weights * curvatures) @ panel**2, rtol=1e-12)
        shares, units = 1.0 / sums, 1.0 / diagonal
    return weights


@given(seed=st.integers(0, 10**6), n_features=st.integers(1, 3))
def test_the_diagonal_becomes_that_of_all_rows(seed: int, n_features: int) -> None:
    rng = np.random.default_rng(seed)
    everything = np.zeros((4000, 8))
    everything[:, :n_features] = rng.random((4000, n_features)) < rng.uniform(0.02, 0.5, n_features)
    everything[:, n_features] = 1
    everything[:, n_features + 1 :] = rng.normal(size=(4000, 7 - n_features))
    curvatures = rng.uniform(0.05, 0.25, 4000)
    diagonal = curvatures @ everything**2
    panel, its_curvatures = np.ascontiguousarray(everything[::8]), curvatures[::8].copy()
    before = its_curvatures @ panel**2 * 8 / diagonal
    weights = raked(panel, its_curvatures, diagonal, 20)
    after = (weights * its_curvatures) @ panel**2 / diagonal
    assert np.abs(after - 1).max() <= max(0.5 * np.abs(before - 1).max(), 0.02)
    assert (weights > 0).all()


def test_collinear_columns_keep_their_flat_direction() -> None:
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 5, 300)
    panel = np.zeros((300, 8))
    panel[np.arange(300), levels] = 1
    panel[:, 5] = 1
    flat = np.array([1.0, 1, 1, 1, 1, -1, 0, 0])
    curvatures = rng.uniform(0.1, 0.25, 300)
    diagonal = (curvatures @ panel**2) * np.array([3.0, 5, 4, 6, 2, 4, 0, 0]) + [0, 0, 0, 0, 0, 0, 1, 1]
    panel[:, 6:] = rng.normal(size=(300, 2))
    weights = raked(panel, curvatures, diagonal, 5)
    hessian = (panel * (weights * curvatures)[:, None]).T @ panel
    np.testing.assert_allclose(hessian @ flat, 0, atol=1e-10 * hessian.max())
