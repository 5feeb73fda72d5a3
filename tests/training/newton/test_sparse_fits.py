"""Fits of sparse rows end where fits of the same rows held dense do, narrow or wide."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from fastperceptron.data.arrays import ArrayRows, read_only
from fastperceptron.kernels import sparse_objective
from fastperceptron.training.newton import wide_start
from fastperceptron.training.newton.all_rows import AllRows
from fastperceptron.training.newton.certificate import further_gain
from fastperceptron.training.newton.newton import minimise_by_newton
from fastperceptron.training.newton.wide_start import WideStart, start_of
from fastperceptron.training.problem import NewtonOptions, Problem, Solution
from fastperceptron.training.units import OutOfRangeError
from oracle import StandardisedObjective
from sparse_tables import random_table, sparse_rows
from tables import drawn_labels

pytestmark = pytest.mark.compiled


@pytest.fixture(params=[False, True], ids=["sampled", "wide"])
def is_wide(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Return False and True in turn; with True, sparse rows are fitted as if they were wide."""
    if request.param:
        monkeypatch.setattr(wide_start, "hessian_rows", lambda *_: 0)
    return request.param


def table(n_rows: int = 600, n_features: int = 12, seed: int = 0) -> tuple[Any, Any]:
    X = random_table(n_rows, n_features, seed=seed)
    rng = np.random.default_rng(seed)
    return X, drawn_labels(X @ rng.normal(size=n_features), rng)


def fit(
    rows: Any, y: Any, weights: Any = None, class_weights: Any = None, is_softmax: bool = False, **options: Any
) -> Solution:
    codes = read_only(np.asarray(y).astype(np.uint8))
    problem = Problem(rows, codes, int(codes.max()) + 1, weights, class_weights, is_softmax=is_softmax)
    return minimise_by_newton(problem, NewtonOptions(**{"loss": "log_loss", "tol": 1e-6, "n_threads": 2, **options}))


def assert_same(X: Any, one: Solution, other: Solution, atol: float = 1e-6) -> None:
    scale = X.std(axis=0)
    np.testing.assert_allclose(one.weights * scale, other.weights * scale, atol=atol)
    np.testing.assert_allclose(one.bias, other.bias, atol=atol)
    assert one.is_converged
    assert other.is_converged


@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_coefficients_are_those_of_dense_rows(is_wide: bool, loss: str, fit_intercept: bool) -> None:
    X, y = table()
    options: dict[str, Any] = {"loss": loss, "fit_intercept": fit_intercept}
    assert_same(X, fit(sparse_rows(X), y, **options), fit(ArrayRows(X), y, **options))


def test_coefficients_are_those_that_scipy_finds(is_wide: bool) -> None:
    X, y = table()
    objective = StandardisedObjective(X, y, "log_loss", 1.0)
    np.testing.assert_allclose(objective.standardised(fit(sparse_rows(X), y)), objective.minimum(), atol=1e-5)


@pytest.mark.parametrize("is_softmax", [False, True])
def test_weights_of_rows_and_classes_count_and_so_do_three_classes(is_wide: bool, is_softmax: bool) -> None:
    X, y = table()
    y = y + (X[:, 0] > 0.5)
    weights = read_only(np.random.default_rng(1).integers(0, 3, len(y)) * 0.5)
    options: dict[str, Any] = {"weights": weights, "class_weights": np.array([1.0, 2.0, 0.5])}
    options["is_softmax"] = is_softmax
    assert_same(X, fit(sparse_rows(X), y, **options), fit(ArrayRows(X), y, **options), 1e-5 if is_softmax else 1e-6)


def test_columns_and_rows_without_stored_values_and_columns_with_all(is_wide: bool) -> None:
    X, y = table()
    X[:, 2], X[:, 3], X[40:90] = 0, np.random.default_rng(3).normal(50, 1, len(X)), 0
    solution = fit(sparse_rows(X), y)
    assert_same(X, solution, fit(ArrayRows(X), y))
    assert solution.weights[0, 2] == 0


@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (5, 3)])
def test_tiny_tables(is_wide: bool, shape: tuple[int, int]) -> None:
    X = random_table(*shape, density=0.7, seed=5)
    y = np.arange(len(X)) % 2
    codes = read_only(y.astype(np.uint8))
    solutions = [
        minimise_by_newton(Problem(rows, codes, 2), NewtonOptions(loss="log_loss", tol=1e-6))
        for rows in (sparse_rows(X), ArrayRows(X))
    ]
    if len(X) > 1:
        np.testing.assert_allclose(solutions[0].weights, solutions[1].weights, atol=1e-5)


@pytest.mark.parametrize("is_softmax", [False, True])
def test_a_wide_fit_has_the_same_bits_for_any_number_of_threads(
    monkeypatch: pytest.MonkeyPatch, is_softmax: bool
) -> None:
    monkeypatch.setattr(sparse_objective, "TILE_VALUES", 50)
    X = random_table(400, 900, density=0.05)
    y = drawn_labels(X.sum(axis=1), np.random.default_rng(0)) + is_softmax * (X[:, 0] > 0)
    rows = sparse_rows(X)
    assert rows.tile_rows < 200
    found = [fit(rows, y, tol=0.01, is_softmax=is_softmax, n_threads=n_threads) for n_threads in (1, 2, 3)]
    assert len({each.weights.tobytes() + each.bias.tobytes() for each in found}) == 1


def test_more_columns_than_rows_end_within_the_tolerance() -> None:
    X = scipy.sparse.random_array((300, 20_000), density=0.004, rng=np.random.default_rng(0), format="csr")
    y = np.arange(300) % 2
    rough, fine = (fit(sparse_rows(X), y, tol=tol) for tol in (0.01, 1e-5))
    assert math.isnan(rough.optimality_gap)
    assert rough.is_converged
    excess = (rough.loss_curve[-1] - fine.loss_curve[-1]) * 300
    assert excess <= 3 * 0.01**2 * 300 / 2  # 300 rows have no more directions in which a loss changes
    assert rough.n_iter < 20


def test_wide_rows_are_never_held_dense(monkeypatch: pytest.MonkeyPatch) -> None:
    X = scipy.sparse.random_array((2000, 1_000_000), density=5e-6, rng=np.random.default_rng(0), format="csr")
    rows = sparse_rows(X)
    monkeypatch.setattr(type(rows), "rows_at", lambda *_: pytest.fail("dense rows of a million columns"))
    assert fit(rows, np.arange(2000) % 2, tol=0.01).is_converged


def test_wide_rows_have_a_start_without_a_sample() -> None:
    X = scipy.sparse.random_array((2000, 50_000), density=1e-4, rng=np.random.default_rng(0), format="csr")
    problem = Problem(sparse_rows(X), read_only(np.arange(2000, dtype=np.uint8) % 2), 2)
    assert isinstance(start_of(problem, NewtonOptions(), map), WideStart)


def test_separated_classes_are_told(is_wide: bool) -> None:
    X, _ = table()
    assert fit(sparse_rows(X), X[:, 0] > 0.3, C=math.inf, tol=0.01).separation == "perfectly"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(is_wide: bool, value: float) -> None:
    X, y = table()
    X[17, 4] = value
    with pytest.raises(ValueError, match="row 17, column 4") as caught:
        fit(sparse_rows(X), y)
    assert not isinstance(caught.value, OutOfRangeError)


def test_columns_of_any_scale_are_taken(is_wide: bool) -> None:
    X, y = table()
    factors = np.ones(X.shape[1])
    factors[[1, 5]] = 1e200, 1e-200
    solution = fit(sparse_rows(X * factors), y)
    np.testing.assert_allclose(solution.weights * factors, fit(sparse_rows(X), y).weights, atol=1e-6)


def test_the_gains_to_come_are_those_of_a_geometric_series() -> None:
    values = [2.0**-k for k in range(12)]
    assert further_gain(values) == pytest.approx(values[-1])
    assert further_gain(values[:1]) == math.inf
    assert further_gain([5.0, 4.0, 3.0]) == math.inf
    assert further_gain([5.0, 3.0, 3.0]) == 0.0


def hardly_overlapping(n_rows: int, n_features: int) -> tuple[Any, Any]:
    """Return rows of ten values, two rows a column or so, that separate two classes but for few rows."""
    rng = np.random.default_rng(1)
    columns, values = rng.integers(n_features, size=(n_rows, 10)), rng.normal(size=(n_rows, 10))
    ends = np.arange(0, n_rows * 10 + 1, 10)
    X = scipy.sparse.csr_matrix((values.ravel(), columns.ravel(), ends), shape=(n_rows, n_features))
    z = X @ rng.normal(size=n_features)
    return X, drawn_labels(0.3 + 2 * (z - z.mean()) / z.std(), rng)


def test_a_diagonal_that_would_be_refused_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = hardly_overlapping(5000, 10_000)
    asked, read = [], AllRows.read

    def noted(self: AllRows, points: Any, layers: Any, is_float32: bool, has_moments: bool = False) -> Any:
        asked.append(has_moments)
        return read(self, points, layers, is_float32, has_moments)

    monkeypatch.setattr(AllRows, "read", noted)
    fit(sparse_rows(X), y, tol=0.01)
    assert len(asked) > max(wide_start.RENEWING_STEPS[:1])
    assert sum(asked) == 1


def test_classes_that_hardly_overlap_take_few_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    # With diagonals renewed where hardly a row has curvature, it took 2 to 3 times the reads.
    X, y = hardly_overlapping(50_000, 25_000)
    reads = []
    for least in (0.0, wide_start.LEAST_CURVATURE):
        monkeypatch.setattr(wide_start, "LEAST_CURVATURE", least)
        solution = fit(sparse_rows(X), y, tol=0.01)
        assert solution.is_converged
        reads.append(solution.n_iter)
    assert reads[1] < 0.75 * reads[0]
