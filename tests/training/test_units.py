"""The unit of the weights and the units of the columns do not matter, and weights and C have one unit."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from numba.core import config

from fastperceptron.data.arrays import ArrayRows, read_only
from fastperceptron.training.newton.newton import minimise_by_newton
from fastperceptron.training.problem import NewtonOptions, Problem, SgdOptions, Solution
from fastperceptron.training.sgd.sgd import minimise_by_sgd
from fastperceptron.training.units import SURE, scaled

LOSSES = ["log_loss", "squared_error"]
SHARED = [HealthCheck.function_scoped_fixture]  # all examples are of one solver
INFINITY = float("inf")
N_ROWS = 60 if config.DISABLE_JIT else 600


def table(dtype: type = np.float64, seed: int = 0, n_rows: int = N_ROWS) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4))
    X[:, 3] = rng.random(n_rows) < 0.3
    y = (X @ [1.0, -2, 0.5, 1] + 1.5 * rng.logistic(size=n_rows) > 0).astype(np.uint8)
    y[:2] = 0, 1
    return X.astype(dtype), read_only(y)


def fit(X: np.ndarray, y: np.ndarray, own: Any = None, factors: Any = None, **options: Any) -> Solution:
    n_classes = int(y.max()) + 1
    problem = Problem(ArrayRows(X), y, n_classes, None if own is None else read_only(own), factors)
    if options.pop("solver", "newton") == "sgd":
        return minimise_by_sgd(problem, SgdOptions(**options))
    return minimise_by_newton(problem, NewtonOptions(**options))


def assert_alike(solution: Solution, other: Solution, unit: float = 1.0, rtol: float = 0.0) -> None:
    """Assert that two solutions are equal, with objectives of the first in another unit."""
    np.testing.assert_allclose(solution.weights, other.weights, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(solution.bias, other.bias, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(solution.loss_curve, other.loss_curve * unit, rtol=rtol)
    assert (solution.n_iter, solution.is_converged) == (other.n_iter, other.is_converged)
    assert np.isnan(solution.optimality_gap) == np.isnan(other.optimality_gap)


@pytest.fixture(params=["newton", "sampled newton", "sgd"])
def solver(request: pytest.FixtureRequest) -> str:
    if request.param == "sampled newton":
        request.getfixturevalue("few_are_sampled")
    return request.param.split()[-1]


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES)
@settings(max_examples=25, suppress_health_check=SHARED)
@given(
    exponent=st.floats(-150, 150) | st.sampled_from([-310.0, 300.0]),
    of_classes=st.floats(-150, 150),
    C=st.sampled_from([1.0, INFINITY]),
    kind=st.sampled_from(["equal", "whole", "real", "far apart"]),
    has_factors=st.booleans(),
)
def test_the_unit_of_weights_does_not_matter(solver, loss, dtype, exponent, of_classes, C, kind, has_factors) -> None:
    X, y = table(dtype)
    rng = np.random.default_rng(1)
    own = {
        "equal": np.full(N_ROWS, 0.7),
        "whole": rng.integers(0, 4, N_ROWS).astype(float),
        "real": rng.random(N_ROWS),
        "far apart": 10.0 ** (rng.integers(-40, 2, N_ROWS) * rng.integers(0, 2, N_ROWS)),
    }[kind]
    factors = np.array([0.3, 2.0]) if has_factors else None
    rtol = 2e-5 if dtype == np.float32 else 1e-6
    options = {"solver": solver, "loss": loss, "max_iter": 60}
    plain = fit(X, y, own, factors, C=C, **options)
    exponent = max(exponent, -150.0) if kind == "far apart" else exponent  # some would become 0
    s, of_classes = 10.0**exponent, 10.0**of_classes if has_factors else 1.0
    if C < INFINITY and not 1e-290 < s * of_classes < 1e290:
        s, of_classes = 1e100, 1.0
    scaled = fit(
        X,
        y,
        own * s,
        None if factors is None else factors * of_classes,
        C=C if C == INFINITY else C / (s * of_classes),
        **options,
    )
    assert_alike(scaled, plain, of_classes, rtol)
    two = 2.0 ** int(exponent)
    scaled = fit(X, y, own * two, factors, C=C / two, **options)
    if kind == "equal":
        assert_alike(scaled, plain, rtol=rtol)
    elif exponent > -200:
        assert_alike(scaled, plain)


@pytest.mark.parametrize("loss", LOSSES)
def test_equal_weights_are_no_weights(solver: str, loss: str) -> None:
    X, y = table()
    options = {"solver": solver, "loss": loss, "max_iter": 3}
    plain = fit(X, y, C=INFINITY, **options)
    assert_alike(fit(X, y, np.full(N_ROWS, 1e-10), C=INFINITY, **options), plain)
    assert_alike(fit(X, y, None, np.full(2, 4.0), C=INFINITY, **options), plain, 4.0)


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES)
@settings(max_examples=15, suppress_health_check=SHARED)
@given(
    exponents=st.lists(st.integers(-290, 290), min_size=4, max_size=4),
    C=st.sampled_from([1.0, INFINITY]),
    has_intercept=st.booleans(),
)
def test_the_unit_of_a_column_is_that_of_its_weight(solver, loss, dtype, exponents, C, has_intercept) -> None:
    X, y = table(dtype)
    powers = np.array(exponents) * (3 if dtype == np.float64 else 0.4)
    units = np.exp2(powers.astype(int))
    options = {"solver": solver, "loss": loss, "C": C, "fit_intercept": has_intercept, "max_iter": 40}
    plain, scaled = fit(X, y, **options), fit((X * units).astype(dtype), y, **options)
    assert_alike(replace(scaled, weights=scaled.weights * units), plain, rtol=2e-4 if dtype == np.float32 else 1e-7)


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_rare_column_that_no_sampled_row_has_is_found_at_any_scale(dtype: type) -> None:
    X, y = table(np.float64, n_rows=200_000)
    X[:, 3] = 0
    X[7::20_001, 3] = 1
    y = read_only(np.where(X[:, 3] > 0, np.arange(y.size) % 3 > 0, y).astype(np.uint8))
    options = {"loss": "log_loss", "tol": 1e-3}
    plain = fit(X, y, **options)
    for unit in (1e-36, 1e-23, 1e30):
        scaled = fit((X * [1, 1, 1, unit]).astype(dtype), y, **options)
        assert scaled.weights[0, 3] * unit == pytest.approx(plain.weights[0, 3], rel=1e-2)
        assert scaled.n_iter <= plain.n_iter + 1


@pytest.mark.parametrize("value", [1e-320, 5e-324])
def test_a_column_whose_weight_overflows_is_named(value: float) -> None:
    X, y = table()
    X[:, 3] *= value
    with pytest.raises(ValueError, match=r"column 3 of X has values so small that its weight overflows"):
        fit(X, y, loss="log_loss")


def test_scaled_rows_are_the_rows_over_powers_of_two() -> None:
    X, y = table(np.float32)
    X *= np.array([1e-38, 1, 1e37, 0], np.float32)
    rows = scaled(ArrayRows(X))
    read = rows.read(0, N_ROWS)
    assert read.dtype == np.float32
    assert (np.abs(read).max(axis=0)[:3] < 1).all()
    assert (np.abs(read).max(axis=0)[:3] >= 0.5).all()
    np.testing.assert_array_equal(read.astype(float) / rows.units, X)
    places = np.array([5, 2, 9])
    taken, codes, where = rows.take(places, y)
    np.testing.assert_array_equal(taken[where], read[places])
    np.testing.assert_array_equal(codes[where], y[places])


def test_the_neuron_of_a_class_without_weight_is_sure_of_every_row() -> None:
    X, y = table()
    y = read_only(np.where(np.arange(N_ROWS) % 5 == 0, 2, y).astype(np.uint8))
    problem = Problem(ArrayRows(X), y, 3, read_only((y < 2).astype(float)), absent=(2,))
    solution = minimise_by_newton(problem, NewtonOptions(loss="log_loss"))
    assert solution.bias[2] == -SURE
    assert (solution.weights[2] == 0).all()
    assert (solution.weights[:2] != 0).all()
