"""The Hessian over all rows is that of NumPy, to the same bits for any number of threads and any layout."""

from pathlib import Path

import numpy as np
import pytest
from numba.core import config

from fastperceptron.data.arrays import ArrayRows
from fastperceptron.kernels.objective import rows_per_run
from fastperceptron.kernels.rows import padded_size
from fastperceptron.training.hessian import FARTHEST_FACTOR, NARROW, WIDEST_CURVATURES, hessian_of_rows
from fastperceptron.training.threads import open_pool
from tables import layouts

IS_COMPILED = not config.DISABLE_JIT
N_ROWS = 5000 if IS_COMPILED else 20
N_FEATURES = NARROW + 1
FLOATS = [np.float32, np.float64]


def example(n_features: int, dtype: type = np.float32, n_rows: int = N_ROWS) -> tuple[np.ndarray, ...]:
    """Return rows, curvatures, centre and factors."""
    rng, size = np.random.default_rng(n_features), padded_size(n_features)
    X = (rng.normal(size=(n_rows, n_features)) * 3 + 1).astype(dtype)
    centre, factors = np.zeros(size), np.ones(size)
    centre[:n_features], factors[:n_features] = X.mean(axis=0), 1 / X.std(axis=0)
    return X, rng.uniform(0, 0.25, n_rows), centre.astype(np.float32).astype(np.float64), factors


def hessian(
    X: np.ndarray, c: np.ndarray, centre: np.ndarray, factors: np.ndarray, is_float32: bool = True, n_threads: int = 1
) -> np.ndarray:
    with open_pool(n_threads) as map_in_order:
        return hessian_of_rows(ArrayRows(X), c, centre, factors, map_in_order, is_float32)


def error_of(
    found: np.ndarray, X: np.ndarray, c: np.ndarray, centre: np.ndarray, factors: np.ndarray, lost: float = 0.0
) -> float:
    """Return the largest error relative to sqrt(diagonal x diagonal) + what may be lost."""
    n = X.shape[1] + 1
    assert found.shape == (padded_size(n - 1),) * 2
    assert (found[n:] == 0).all()
    assert (found == found.T).all()
    rows = (np.column_stack([X.astype(np.float64), np.ones(len(X))]) - centre[:n]) * factors[:n]
    roots = np.sqrt(np.abs(c) @ rows**2)
    return float(np.max(np.abs(found[:n, :n] - (rows * c[:, None]).T @ rows) / (np.outer(roots, roots) + lost)))


@pytest.mark.parametrize("is_float32", [True, False])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n_features", [1, 8, NARROW - 1, NARROW, 255, 256, 301] if IS_COMPILED else [1, NARROW])
def test_it_is_that_of_numpy(n_features: int, dtype: type, is_float32: bool) -> None:
    X, c, centre, factors = example(n_features, dtype)
    for curvatures in (c, c - 0.1):
        found = hessian(X, curvatures, centre, factors, is_float32)
        assert error_of(found, X, curvatures, centre, factors) < (1e-6 if is_float32 else 1e-13)


@pytest.mark.compiled
@pytest.mark.parametrize("is_float32", [True, False])
@pytest.mark.parametrize(("n_rows", "n_features"), [(70_000, 9), (30_000, 33), (5000, 300)])
def test_threads(n_rows: int, n_features: int, is_float32: bool) -> None:
    table = example(n_features, n_rows=n_rows)
    assert rows_per_run(n_features) < n_rows
    found = {hessian(*table, is_float32, n_threads).tobytes() for n_threads in (1, 2, 3, 5)}
    assert len(found) == 1


@pytest.mark.parametrize("n_features", [9, 300] if IS_COMPILED else [9, NARROW])
def test_layouts(tmp_path: Path, n_features: int) -> None:
    X, *others = example(n_features)
    expected = hessian(X, *others).tobytes()
    for name, rows in layouts(X, tmp_path).items():
        assert hessian(rows, *others).tobytes() == expected, name


@pytest.mark.parametrize("exponent", [-600, -140, 0, 140, 600])
@pytest.mark.parametrize("of_column", [-140, -70, 0, 70, 100])
def test_any_scale(exponent: int, of_column: int) -> None:
    X, c, centre, factors = example(N_FEATURES)
    c, scale = np.ldexp(c, exponent), 2.0 ** np.where(np.arange(N_FEATURES) < 5, of_column, 0)
    rows = X * scale
    n = N_FEATURES
    centre[:n], factors[:n] = centre[:n] * scale, factors[:n] / scale
    rows = rows.astype(np.float32) if of_column > -100 else rows
    assert error_of(hessian(rows, c, centre, factors), rows, c, centre, factors) < 1e-6


@pytest.mark.parametrize("widest", [WIDEST_CURVATURES / 4, WIDEST_CURVATURES * 4, 1e200])
def test_a_column_of_rows_with_small_curvatures_is_not_lost(widest: float) -> None:
    X, c, centre, factors = example(N_FEATURES)
    c[::2] = 0.25 / widest
    X[1::2, 3] = centre[3]
    assert error_of(hessian(X, c, centre, factors), X, c, centre, factors) < 1e-6


def test_values_far_beyond_the_scale_do_not_overflow() -> None:
    X, c, centre, factors = example(N_FEATURES)
    X[1, 3] = 1e30
    assert error_of(hessian(X, c, centre, factors), X, c, centre, factors) < 1e-6


@pytest.mark.parametrize("factor", [FARTHEST_FACTOR, 1 / FARTHEST_FACTOR, 2.0**140, 2.0**-140])
def test_factors_far_from_one_lose_no_more_than_the_range_of_float32(factor: float) -> None:
    X, c, centre, factors = example(N_FEATURES)
    factors[:4] *= factor
    lost = 2.0**-126 * c.sum()
    assert error_of(hessian(X, c, centre, factors), X, c, centre, factors, lost) < 1e-6


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_told(value: float) -> None:
    for place in ("a row", "a curvature"):
        X, c, centre, factors = example(N_FEATURES)
        if place == "a row":
            X[2, 1] = value
        else:
            c[2] = value
        assert not np.isfinite(hessian(X, c, centre, factors)).all()


def test_curvatures_of_zero_give_zero() -> None:
    X, c, centre, factors = example(N_FEATURES)
    assert (hessian(X, 0 * c, centre, factors) == 0).all()
