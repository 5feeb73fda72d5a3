"""Newton's sums over a panel are those of NumPy in float64."""

import numpy as np
import pytest
from numba.core import config

from fastperceptron.kernels.hessian import HESSIAN_BLOCK, HESSIAN_ROWS, newton_kernel, scratch_shapes
from fastperceptron.kernels.rows import padded_size
from oracle import losses_at

WIDTHS = [1, 2, 3, 7, 8, 9, 20, 23, 40, 301] if not config.DISABLE_JIT else [1, 7, 9]
COUNTS = (
    [
        1,
        3,
        HESSIAN_BLOCK - 1,
        HESSIAN_BLOCK,
        HESSIAN_BLOCK + 1,
        3 * HESSIAN_BLOCK + 5,
        2 * HESSIAN_ROWS,
        2 * HESSIAN_ROWS + 1,
    ]
    if not config.DISABLE_JIT
    else [1, 9]
)
LOSSES = ["log_loss", "squared_error"]


def panel_of(n_rows: int, n_features: int) -> np.ndarray:
    panel = np.zeros((n_rows, padded_size(n_features)))
    panel[:, :n_features] = np.random.default_rng(n_rows + n_features).normal(size=(n_rows, n_features))
    panel[:, n_features] = 1
    return panel


def newton_sums(loss: str, panel: np.ndarray, labels: tuple, weights: np.ndarray, exactness: float = 1.0, n: int = -1):
    size = panel.shape[1]
    sums, hessian = np.zeros(size + 3), np.zeros((size, size if n < 0 else n))
    values, scaled = (np.full(shape, np.nan) for shape in scratch_shapes(size))  # whatever stands there
    newton_kernel(loss)(panel, labels, weights, exactness, sums, hessian, (values, scaled))
    return sums, hessian


def expected_sums(loss: str, panel: np.ndarray, labels: tuple, weights: np.ndarray, exactness: float):
    y, omega = labels
    cost, slope, curvature = losses_at(loss, panel @ weights, y, exactness)
    slope, curvature = omega * slope, omega * curvature
    sums = np.concatenate([slope @ panel, [omega @ cost, curvature.sum(), slope @ slope]])
    return sums, (panel * curvature[:, None]).T @ panel


@pytest.mark.parametrize("exactness", [0.0, 1.0])
@pytest.mark.parametrize("n_features", WIDTHS)
@pytest.mark.parametrize("loss", LOSSES)
def test_sums_and_hessian_are_those_of_numpy(loss: str, n_features: int, exactness: float) -> None:
    rng = np.random.default_rng(0)
    for n_rows in COUNTS:
        panel = panel_of(n_rows, n_features)
        weights = np.zeros(panel.shape[1])
        weights[: n_features + 1] = rng.normal(size=n_features + 1)
        labels = rng.integers(0, 2, n_rows).astype(float), rng.exponential(size=n_rows)
        sums, hessian = newton_sums(loss, panel, labels, weights, exactness)
        right_sums, right_hessian = expected_sums(loss, panel, labels, weights, exactness)
        np.testing.assert_allclose(sums, right_sums, rtol=1e-12, atol=1e-13 * n_rows)
        np.testing.assert_allclose(np.triu(hessian), np.triu(right_hessian), rtol=1e-12, atol=1e-13 * n_rows)
        assert (hessian[n_features + 1 :] == 0).all()
        assert (hessian[:, n_features + 1 :] == 0).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_without_a_hessian_the_sums_have_the_same_bits(loss: str) -> None:
    panel = panel_of(COUNTS[-1], 9)
    labels = (np.arange(len(panel)) % 2).astype(float), np.ones(len(panel))
    weights = np.linspace(-1, 1, panel.shape[1])
    weights[10:] = 0
    with_hessian, _ = newton_sums(loss, panel, labels, weights)
    without, empty = newton_sums(loss, panel, labels, weights, n=0)
    assert without.tobytes() == with_hessian.tobytes()
    assert empty.size == 0


def test_sums_are_added_to() -> None:
    panel, weights = panel_of(9, 3), np.array([0.5, -1, 2, 0.1, 0, 0, 0, 0])
    labels = (np.arange(9) % 2).astype(float), np.ones(9)
    once, hessian = newton_sums("log_loss", panel, labels, weights)
    twice, both = once.copy(), hessian.copy()
    scratch = tuple(np.zeros(shape) for shape in scratch_shapes(8))
    newton_kernel("log_loss")(panel, labels, weights, 1.0, twice, both, scratch)
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-14)
    np.testing.assert_allclose(both, 2 * hessian, rtol=1e-14)
