"""What must not matter: a row of weight 0, a weight for a repetition, the order of rows, the unit of a column."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numba.core import config

from fastperceptron.data.arrays import read_only
from oracle import StandardisedObjective

LOSSES = ["log_loss", "squared_error"]
N_ROWS = 40 if config.DISABLE_JIT else 500
TIGHT = 1e-7
OFFSETS = np.array([1e6, -1e3, 5])


def table(n_rows: int, seed: int = 0, dtype: type = np.float64) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3))
    y = (X @ [1.0, -2, 0.5] + 1.5 * rng.logistic(size=n_rows) > 0).astype(np.uint8)
    y[:2] = 0, 1
    return X.astype(dtype), y


def standard_errors(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    objective = StandardisedObjective(X, y, "log_loss", 1.0)
    return np.sqrt(np.diag(np.linalg.inv(objective.hessian(objective.minimum()))))


@pytest.mark.parametrize("loss", LOSSES)
@settings(max_examples=3 if config.DISABLE_JIT else 20)
@given(seed=st.integers(0, 10_000), most=st.integers(1, 3))
def test_a_whole_weight_is_a_repetition(workshop: Any, loss: str, seed: int, most: int) -> None:
    X, y = table(N_ROWS, seed)
    weights = np.random.default_rng(seed).integers(0, most + 1, N_ROWS)
    weights[:2] = 1
    weighted = workshop.fit(X, y, weights, loss=loss, tol=TIGHT)
    repeated = workshop.fit(np.repeat(X, weights, axis=0), np.repeat(y, weights), loss=loss, tol=TIGHT)
    np.testing.assert_allclose(weighted.weights, repeated.weights, atol=1e-6)
    np.testing.assert_allclose(weighted.bias, repeated.bias, atol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
@settings(max_examples=3 if config.DISABLE_JIT else 20)
@given(seed=st.integers(0, 10_000))
def test_no_weight_is_no_row(workshop: Any, loss: str, seed: int) -> None:
    X, y = table(N_ROWS, seed)
    weights = np.random.default_rng(seed).choice([0.0, 0.5, 2.0], N_ROWS)
    weights[:2] = 1
    far = X.copy()
    far[weights == 0] *= 1e3
    with_them = workshop.fit(far, y, weights, loss=loss, tol=TIGHT)
    without = workshop.fit(X[weights > 0], y[weights > 0], weights[weights > 0], loss=loss, tol=TIGHT)
    np.testing.assert_allclose(with_them.weights, without.weights, atol=1e-6)
    assert with_them.loss_curve[-1] == pytest.approx(without.loss_curve[-1], rel=1e-9)


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES)
def test_weights_of_a_table_that_is_sampled(workshop: Any, loss: str, dtype: type) -> None:
    X, y = table(60_000, dtype=dtype)
    weights = np.random.default_rng(1).integers(0, 3, len(y))
    # Where a row of weight 0 stands must not matter, however far away.
    X[weights == 0] *= 100
    weighted = workshop.fit(X, y, weights, loss=loss)
    repeated = workshop.fit(np.repeat(X, weights, axis=0), np.repeat(y, weights), loss=loss)
    removed = workshop.fit(X[weights > 0], y[weights > 0], weights[weights > 0], loss=loss)
    errors = standard_errors(X[weights > 0], y[weights > 0])
    for other in (repeated, removed):
        # Both are within 0.01 standard errors of the same optimum, in all directions together.
        assert (np.abs(weighted.weights[0] - other.weights[0]) <= 2 * 0.01 * 2 * errors[:-1]).all()
        assert other.is_converged


@pytest.mark.compiled
@pytest.mark.parametrize("n_rows", [500, 60_000])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_order_of_rows_matters_far_less_than_the_tolerance(workshop: Any, loss: str, n_rows: int) -> None:
    X, y = table(n_rows)
    errors = standard_errors(X, y)
    order = np.random.default_rng(2).permutation(n_rows)
    tight = 1e-5 if n_rows > 1000 else TIGHT
    for tol, allowed in [(0.01, 2 * 0.01 * 2), (tight, 0.01 * 0.1)]:
        first, other = workshop.fit(X, y, loss=loss, tol=tol), workshop.fit(X[order], y[order], loss=loss, tol=tol)
        assert (np.abs(first.weights[0] - other.weights[0]) <= allowed * errors[:-1]).all()
        assert (np.abs(first.bias - other.bias) <= allowed * errors[-1]).all()


@pytest.mark.parametrize("loss", LOSSES)
@settings(max_examples=3 if config.DISABLE_JIT else 30)
@given(powers=st.lists(st.integers(-20, 20), min_size=3, max_size=3), seed=st.integers(0, 99))
def test_another_unit_of_a_column_is_another_unit_of_its_weight(
    workshop: Any, loss: str, powers: list[int], seed: int
) -> None:
    X, y = table(N_ROWS, seed)
    scales = 2.0 ** np.array(powers)
    plain, scaled = (workshop.fit(rows, y, loss=loss) for rows in (X, X * scales))
    # Powers of two change no digit of the rows, so none of their standardised values.
    np.testing.assert_allclose(scaled.weights * scales, plain.weights, rtol=1e-12, atol=1e-14)
    assert scaled.n_iter == plain.n_iter


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES)
def test_another_unit_of_a_column_of_a_table_that_is_sampled(workshop: Any, loss: str, dtype: type) -> None:
    X, y = table(60_000, dtype=dtype)
    scales = (2.0 ** np.array([10, -7, 3])).astype(dtype)
    plain, scaled = (workshop.fit(rows, y, loss=loss) for rows in (X, X * scales))
    assert scaled.n_iter == plain.n_iter
    np.testing.assert_allclose(scaled.weights * scales, plain.weights, rtol=1e-9)
    assert scaled.optimality_gap == pytest.approx(plain.optimality_gap, rel=1e-3)


@pytest.mark.compiled
@pytest.mark.parametrize("n_rows", [500, 60_000])
def test_an_offset_of_a_column_moves_the_bias_alone(workshop: Any, n_rows: int) -> None:
    X, y = table(n_rows)
    plain, moved = (workshop.fit(rows, y, loss="log_loss", tol=1e-5) for rows in (X, X + OFFSETS))
    np.testing.assert_allclose(moved.weights, plain.weights, atol=1e-7)
    np.testing.assert_allclose(moved.bias + moved.weights @ OFFSETS, plain.bias, atol=1e-7)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_other_class_as_the_first_turns_all_signs(workshop: Any, loss: str) -> None:
    X, y = table(N_ROWS)
    one, other = workshop.fit(X, y, loss=loss, tol=TIGHT), workshop.fit(X, 1 - y, loss=loss, tol=TIGHT)
    np.testing.assert_allclose(other.weights, -one.weights, atol=1e-6)
    np.testing.assert_allclose(other.bias, -one.bias, atol=1e-6)


def test_class_weights_are_row_weights_but_for_the_deviations(workshop: Any) -> None:
    X, y = table(N_ROWS)
    factors = read_only(np.array([0.3, 4.0]))
    by_class = workshop.fit(X, y, class_weights=factors, C=np.inf, loss="log_loss", tol=TIGHT)
    by_row = workshop.fit(X, y, factors[y], C=np.inf, loss="log_loss", tol=TIGHT)
    np.testing.assert_allclose(by_class.weights, by_row.weights, atol=1e-6)
