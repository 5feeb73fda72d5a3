"""The softmax layer is that of the reference and of exact arithmetic, in both tails; its reads and sums are NumPy's."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numba.core import config

from fastperceptron import reference
from fastperceptron.data.arrays import aligned_zeros, read_only
from fastperceptron.kernels.objective import moments_shape, rows_per_tile, sums_shape
from fastperceptron.kernels.rows import padded_size
from fastperceptron.kernels.softmax import (
    N_SCRATCH,
    log1p_positive,
    set_complements,
    set_costs,
    set_curvatures,
    set_probabilities,
    set_slopes,
)
from fastperceptron.kernels.softmax_objective import softmax_objective_kernel, softmax_scratch_shape
from fastperceptron.training.minimise.inverse_hessian import exact_inverse
from fastperceptron.training.minimise.objective import Objective, Quadratic
from fastperceptron.training.minimise.softmax_objective import objective_of, without_common_part
from oracle import softmax_at

DTYPES = [np.float64, np.float32]


def layer(z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return costs, slopes, curvatures, probabilities and 1 - p that the kernels compute; z is (n_classes, n)."""
    values, scratch = z.copy(), np.full((N_SCRATCH, z.shape[1]), 7, z.dtype)
    costs, slopes, curvatures, complements = np.empty(z.shape[1], z.dtype), z * 0, z * 0, z * 0
    set_costs(values, y.astype(z.dtype), costs, scratch)
    set_slopes(values, y.astype(z.dtype), slopes, scratch)
    set_curvatures(values, z.shape[1], curvatures, scratch)
    set_complements(values, z.shape[1], complements, scratch)
    set_probabilities(values, z.shape[1], values, scratch)
    return costs, slopes, curvatures, values, complements


def exact_layer(z: list[float]) -> tuple[list[float], list[float]]:
    """Return p and 1 - p, each rounded once."""
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(400):
        exponentials = [mpmath.exp(mpmath.mpf(value)) for value in z]
        total = mpmath.fsum(exponentials)
        return [float(e / total) for e in exponentials], [float((total - e) / total) for e in exponentials]


@pytest.mark.parametrize("dtype", DTYPES)
@given(
    z=st.lists(st.one_of(st.floats(-40, 40, width=32), st.sampled_from([0.0, -0.0, 30.0])), min_size=2, max_size=7),
    y=st.integers(0, 6),
)
def test_a_layer_is_relatively_accurate_in_both_tails(dtype: Any, z: list[float], y: int) -> None:
    y %= len(z)
    costs, slopes, curvatures, p, q = (each[..., 0] for each in layer(np.array(z, dtype)[:, None], np.array([y])))
    exact_p, exact_q = exact_layer(z)
    tolerance = 60 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(p, exact_p, rtol=tolerance)
    np.testing.assert_allclose(q, exact_q, rtol=tolerance)
    expected = [-exact_q[k] if k == y else exact_p[k] for k in range(len(z))]
    np.testing.assert_allclose(slopes, expected, rtol=tolerance)
    np.testing.assert_allclose(curvatures, np.array(exact_p) * exact_q, rtol=tolerance)
    assert float(costs) == pytest.approx(reference.softmax_cost(z, y), rel=tolerance)
    np.testing.assert_allclose(p, reference.softmax(z), rtol=tolerance)
    np.testing.assert_allclose(slopes, reference.softmax_slopes(z, y), rtol=1e-9, atol=4 * tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("r", [0.0, 1e-40, 1e-20, 1e-7, 0.5, 1 - 2**-24, 1.0, 1.5, 2.0, 3.0, 7.0, 999.0, 1e6])
def test_log1p_of_any_positive_number(dtype: Any, r: float) -> None:
    exact = math.log1p(float(dtype(r)))
    assert float(log1p_positive(dtype(r))) == pytest.approx(exact, rel=3 * float(np.finfo(dtype).eps), abs=0)


def test_what_is_not_a_number_stays_so() -> None:
    assert math.isnan(log1p_positive(math.nan))
    for place in range(3):
        z = np.zeros((3, 1))
        z[place] = math.nan
        assert all(np.isnan(each).any() for each in layer(z, np.array([1]))[:1])


class Example:
    """Rows, classes, weights of rows and of classes, and points, of any sizes."""

    def __init__(self, n_rows: int, n_features: int, n_classes: int, dtype: Any = np.float64) -> None:
        rng = np.random.default_rng(n_rows + n_features)
        self.X = read_only((rng.normal(size=(n_rows, n_features)) + 1).astype(dtype))
        self.codes = read_only(rng.integers(0, n_classes, n_rows).astype(np.uint8))
        self.row_weights = read_only(rng.exponential(size=n_rows))
        self.class_weights = read_only(rng.exponential(size=n_classes))
        self.size = padded_size(n_features)
        self.weights = np.zeros((n_classes, self.size))
        self.weights[:, : n_features + 1] = rng.normal(size=(n_classes, n_features + 1))
        self.step = np.zeros_like(self.weights)
        self.step[:, : n_features + 1] = 0.3 * rng.normal(size=(n_classes, n_features + 1))
        self.panel = np.zeros((n_rows, self.size))
        self.panel[:, :n_features], self.panel[:, n_features] = self.X, 1.0

    def objective(self, **options: Any) -> Objective:
        self.penalty = np.tile(np.where(np.arange(self.size) < self.X.shape[1], 0.7, 0.0), len(self.weights))
        labelled = type("Rows", (), {"panel": self.panel, "codes": self.codes, "weights": self.row_weights})
        return objective_of(labelled, tuple(range(len(self.weights))), "log_loss", self.penalty, **options)  # type: ignore[arg-type]


SIZES = [(3, 1, 3), (257, 2, 4), (300, 9, 3), (90, 20, 7)]
SIZES = SIZES if not config.DISABLE_JIT else [(5, 1, 3), (17, 3, 3)]


@pytest.mark.parametrize("precision", DTYPES)
@pytest.mark.parametrize(("n_rows", "n_features", "n_classes"), SIZES)
@pytest.mark.parametrize("has_moments", [False, True])
def test_a_read_gives_the_sums_of_numpy(
    precision: Any, n_rows: int, n_features: int, n_classes: int, has_moments: bool
) -> None:
    example = Example(n_rows, n_features, n_classes)
    shape, n_tiles = (n_classes, n_features), -(-n_rows // rows_per_tile(n_features))
    sums, moments = np.zeros(sums_shape(n_tiles, *shape)), np.zeros(moments_shape(n_tiles * has_moments, *shape))
    scratch = aligned_zeros(softmax_scratch_shape(*shape), precision)
    scratch[:] = 7  # whatever stands there
    labels = example.codes, example.row_weights, example.class_weights
    neurons = example.weights.astype(precision), np.arange(n_classes)
    centre = np.zeros(example.size, precision)
    X = example.X.astype(precision)
    softmax_objective_kernel()(X, labels, neurons, centre, sums, moments, scratch, 0.0)
    z = example.panel @ neurons[0].astype(np.float64).T
    cost, slopes, curvatures = softmax_at(z, example.codes)
    weights = example.row_weights * example.class_weights[example.codes]
    tolerance = 1e-4 if precision is np.float32 else 1e-11
    total = sums.sum(axis=0)
    np.testing.assert_allclose(total[0, example.size], weights @ cost, rtol=tolerance)
    assert (total[1:, example.size] == 0).all()
    expected = (weights[:, None] * slopes).T @ example.panel
    np.testing.assert_allclose(total[:, : example.size], expected, rtol=tolerance, atol=tolerance * n_rows)
    if has_moments:
        squares = (weights[:, None] * curvatures).T @ example.panel**2
        own = example.row_weights @ example.panel, example.row_weights @ example.panel**2
        expected = np.vstack([*own, squares])
        np.testing.assert_allclose(moments.sum(axis=0), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("n_rows", "n_features", "n_classes"), SIZES)
def test_the_objective_over_a_sample_has_the_derivatives_of_numpy(n_rows: int, n_features: int, n_classes: int) -> None:
    example = Example(n_rows, n_features, n_classes)
    point = without_common_part(example.weights).reshape(-1)
    objective = example.objective()
    state = objective.at(point, 0.0)
    z = example.panel @ point.reshape(n_classes, -1).T
    cost, slopes, curvatures = softmax_at(z, example.codes)
    assert state.value == pytest.approx(example.row_weights @ cost + example.penalty @ point**2 / 2, rel=1e-12)
    gradient = ((example.row_weights[:, None] * slopes).T @ example.panel).reshape(-1) + example.penalty * point
    np.testing.assert_allclose(state.gradient, gradient, rtol=1e-10, atol=1e-10)
    assert state.curvature == pytest.approx(example.row_weights @ curvatures.sum(axis=1), rel=1e-12)
    assert state.squared_slopes == pytest.approx(example.row_weights**2 @ (slopes**2).sum(axis=1), rel=1e-12)
    np.testing.assert_allclose(objective.curvatures(point, 0.0), curvatures.T, rtol=1e-12)


@pytest.mark.parametrize(("n_rows", "n_features", "n_classes"), SIZES)
def test_the_hessian_is_that_of_numpy_for_steps_of_sum_zero_and_holds_sums(
    n_rows: int, n_features: int, n_classes: int
) -> None:
    example = Example(n_rows, n_features, n_classes)
    point = example.weights.reshape(-1)
    upper = np.triu(example.objective().at(point, 0.0).hessian)  # only that counts
    hessian = upper + np.triu(upper, 1).T
    p = np.exp(example.panel @ example.weights.T)
    p /= p.sum(axis=1, keepdims=True)
    exact = np.zeros((n_classes, example.size, n_classes, example.size))
    for k in range(n_classes):
        for other in range(n_classes):
            scales = example.row_weights * p[:, k] * ((k == other) - p[:, other])
            exact[k, :, other] = (example.panel * scales[:, None]).T @ example.panel
    exact = exact.reshape(hessian.shape)
    step = without_common_part(example.step).reshape(-1)
    np.testing.assert_allclose(hessian @ step, exact @ step, rtol=1e-9, atol=1e-9)
    common = np.tile(example.step[0], n_classes)
    diagonal = exact.diagonal().reshape(n_classes, -1).mean(axis=0)
    np.testing.assert_allclose(hessian @ common, np.tile(diagonal * example.step[0], n_classes), rtol=1e-9, atol=1e-9)
    assert exact_inverse(hessian, np.full(point.size, 1e-9)) is not None
    reach = example.objective().reach(point, step)
    quadratic = step @ exact @ step / 2 + example.penalty @ step**2 / 2
    assert reach.quadratic == pytest.approx(quadratic, rel=1e-9)


@pytest.mark.parametrize("length", [0.01, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("seed", range(5))
def test_the_reach_bounds_the_objective_at_the_end_of_a_step(length: float, seed: int) -> None:
    example, rng = Example(60, 3, 4), np.random.default_rng(seed)
    step = np.zeros_like(example.weights)
    step[:, :4] = length * rng.normal(size=(4, 4))
    objective, point, step = example.objective(), example.weights.reshape(-1), step.reshape(-1)
    begin, end, reach = objective.at(point, 0.0), objective.at(point + step, 0.0), objective.reach(point, step)
    rise = end.value - begin.value - begin.gradient @ step
    assert reach.lower <= rise * (1 + 1e-9)
    assert rise <= reach.upper * (1 + 1e-9)


def test_raked_weights_give_the_diagonals_of_all_classes() -> None:
    from fastperceptron.training.minimise.corrected_sample import raked_weights

    example = Example(400, 3, 3)
    point, objective = example.weights.reshape(-1) * 0.3, example.objective()
    of_all = objective.at(point, 0.0).hessian.diagonal()
    sample = objective.every(4)
    before = sample.at(point, 0.0).hessian.diagonal()
    weights, unseen = raked_weights(sample, point, 0.0, of_all, n_rakings=5)
    after = sample.weighted(weights).at(point, 0.0).hessian.diagonal()
    is_used = of_all > 0
    errors = [np.abs(each[is_used] / of_all[is_used] - 1).max() for each in (before, after)]
    assert errors[1] < 0.5 * errors[0]
    assert not unseen.any()


def test_a_quadratic_function_and_a_diagonal_hessian_are_part_of_it() -> None:
    example = Example(20, 3, 3)
    point, n = example.weights.reshape(-1), example.weights.size
    plain = example.objective().at(point, 0.0)
    quadratic = Quadratic(point, np.ones(n), np.eye(n))
    both = example.objective(quadratic=quadratic).at(point + 1, 0.0)
    alone = example.objective().at(point + 1, 0.0)
    assert both.value == pytest.approx(alone.value + n + n / 2, rel=1e-12)
    np.testing.assert_allclose(both.hessian, alone.hessian + np.eye(n), rtol=1e-12)
    diagonal = example.objective(is_diagonal=True).at(point, 0.0)
    np.testing.assert_allclose(diagonal.hessian[0], plain.hessian.diagonal(), rtol=1e-12)
