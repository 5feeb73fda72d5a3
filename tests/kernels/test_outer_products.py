"""Sums of outer products are those of NumPy in float64, and the same bits however rows and columns are cut."""

import numpy as np
import pytest
from numba.core import config

from fastperceptron.kernels.jit import jit
from fastperceptron.kernels.outer_products import (
    BLOCK,
    RUN,
    TILE,
    add_outer,
    add_products,
    add_upper_triangle,
    packed_shape,
)
from fastperceptron.kernels.strips import strip_width, whole_strips

IS_COMPILED = not config.DISABLE_JIT
FLOATS = [np.float32, np.float64]
WIDTHS = [1, 2, 3, 7, 8, 9, 15, 16, 17, 33, 100, 301] if IS_COMPILED else [1, 8, 17]
COUNTS = [0, 1, RUN - 1, RUN, RUN + 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5] if IS_COMPILED else [0, 1, RUN + 1]


@jit
def call_add_outer(total, left, right, i, j, n_rows):
    add_outer(total, left, right, i, j, n_rows)


def coordinates_of(X: np.ndarray, dtype: type, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return centre and factors of whole strips of float32."""
    rng, n_features = np.random.default_rng(seed), X.shape[1]
    precision, size = np.result_type(X.dtype, dtype), whole_strips(n_features + 1, 4)
    centre, factors = np.zeros(size, precision), np.zeros(size, precision)
    centre[:n_features], factors[: n_features + 1] = rng.normal(size=n_features), 1
    factors[:n_features] = rng.exponential(size=n_features) + 0.1
    return centre, factors


def standardised(X: np.ndarray, coordinates: tuple | None) -> np.ndarray:
    """Return (x, 1) in float64."""
    rows = np.column_stack([X.astype(np.float64), np.ones(len(X))])
    return rows if coordinates is None else (rows - coordinates[0][: rows.shape[1]]) * coordinates[1][: rows.shape[1]]


def room(n_columns: int, dtype: type) -> np.ndarray:
    """Return scratch that holds whatever stood there."""
    return np.full(packed_shape(min(n_columns, TILE), np.dtype(dtype).itemsize), np.nan, dtype)


def matrix_of(X: np.ndarray, scales: np.ndarray, coordinates: tuple | None, dtype: type) -> np.ndarray:
    n_columns = whole_strips(X.shape[1] + 1, np.dtype(dtype).itemsize)
    total = np.zeros((n_columns, n_columns))
    add_upper_triangle(X, scales, coordinates, 0, room(n_columns, dtype), total)
    return total


def relative_error(matrix: np.ndarray, rows: np.ndarray, scales: np.ndarray) -> float:
    """Return the largest error of the upper triangle relative to sqrt(diagonal x diagonal)."""
    n = rows.shape[1]
    expected = (rows * scales[:, None]).T @ rows
    root = np.sqrt((rows * np.abs(scales)[:, None] * rows).sum(axis=0))
    return float(np.max(np.abs(np.triu(matrix[:n, :n] - expected)) / np.maximum(np.outer(root, root), 1e-300)))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n_rows", [0, 1, 5, RUN, RUN + 1, 64])
@pytest.mark.parametrize(("i", "j"), [(0, 0), (16, 0), (0, 16), (16, 32)])
def test_an_outer_product_fills_its_own_block(i: int, j: int, n_rows: int, dtype: type) -> None:
    rng, width = np.random.default_rng(n_rows), strip_width(np.dtype(dtype).itemsize)
    left, right = (rng.normal(size=(64, width)).astype(dtype) for _ in range(2))
    total = rng.normal(size=(48, 48))
    expected, before, outside = total.copy(), total.copy(), np.ones((48, 48), bool)
    outside[i : i + width, j : j + width] = False
    expected[~outside] += (left[:n_rows].astype(float).T @ right[:n_rows]).ravel()
    call_add_outer(total, left, right, i, j, n_rows)
    np.testing.assert_allclose(total, expected, atol=1e-12 if dtype == np.float64 else 1e-5)
    assert total[outside].tobytes() == before[outside].tobytes()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("row_type", FLOATS)
@pytest.mark.parametrize("n_features", WIDTHS)
def test_the_matrix_is_that_of_numpy(n_features: int, row_type: type, dtype: type) -> None:
    rng = np.random.default_rng(n_features)
    for n_rows in COUNTS:
        X, scales = rng.normal(size=(n_rows, n_features)).astype(row_type), rng.normal(size=n_rows)
        for coordinates in (None, coordinates_of(X, dtype)):
            matrix = matrix_of(X, scales, coordinates, dtype)
            assert relative_error(matrix, standardised(X, coordinates), scales) < (
                1e-6 if dtype == np.float32 else 1e-14
            )
            assert (matrix[n_features + 1 :] == 0).all()
            assert (matrix[:, n_features + 1 :] == 0).all()


@pytest.mark.compiled
@pytest.mark.parametrize("n_rows", [RUN, BLOCK, 5000])
def test_rounding_of_equal_float32_products_does_not_add_up(n_rows: int) -> None:
    rng = np.random.default_rng(n_rows)
    for value, scale in rng.uniform(0.5, 2, size=(50, 2)):
        X, scales = np.full((n_rows, 3), value, np.float32), np.full(n_rows, scale)
        assert relative_error(matrix_of(X, scales, None, np.float32), standardised(X, None), scales) < 1e-6


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n_features", [9, 40, 301])
def test_cuts_of_rows_and_columns_change_no_bit(n_features: int, dtype: type) -> None:
    rng, itemsize = np.random.default_rng(0), np.dtype(dtype).itemsize
    X, scales = rng.normal(size=(3 * BLOCK + 21, n_features)).astype(np.float32), rng.normal(size=3 * BLOCK + 21)
    coordinates, width = coordinates_of(X, dtype), strip_width(itemsize)
    whole = np.triu(matrix_of(X, scales, coordinates, dtype))
    size = len(whole)
    for rows_at_once in (RUN, 3 * RUN, BLOCK + RUN):
        for columns_at_once in (width, 3 * width):
            total = np.zeros((size, size))
            for start in range(0, len(X), rows_at_once):
                part = slice(start, start + rows_at_once)
                for i in range(0, size, columns_at_once):
                    for j in range(i, size, columns_at_once):
                        its_part = total[i : i + columns_at_once, j : j + columns_at_once]
                        packed = room(columns_at_once, dtype)
                        add_products(X[part], scales[part], coordinates, (i, j), packed, its_part)
            assert np.triu(total).tobytes() == whole.tobytes()


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", FLOATS)
def test_what_is_not_finite_is_not_lost(dtype: type, value: float) -> None:
    X = np.ones((RUN + 3, 9), np.float32)
    X[RUN + 1, 4] = value
    matrix = matrix_of(X, np.ones(len(X)), None, dtype)
    assert not np.isfinite(matrix[:5, 4]).any()
    assert not np.isfinite(matrix[4, 4:10]).any()
    assert np.isfinite(np.triu(matrix)[5:, 5:]).all()
