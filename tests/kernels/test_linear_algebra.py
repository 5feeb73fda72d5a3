"""Our own Cholesky factor and solves: those of LAPACK, and sure about what is singular."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numba.core import config

from fastperceptron.kernels.linear_algebra import (
    SMALLEST_PIVOT,
    add_in_order,
    factorise,
    inner_product,
    solve,
)
from fastperceptron.kernels.rows import padded_size

WIDTHS = [1, 2, 3, 7, 8, 9, 20, 23, 40] if not config.DISABLE_JIT else [1, 3, 8]
WIDE = [100, 126, 127, 128, 301, 512] if not config.DISABLE_JIT else []


def positive_definite(n: int, seed: int, condition: float = 1e3) -> np.ndarray:
    """Return a matrix of padded size, zero beyond the first n rows and columns."""
    rng = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(rng.normal(size=(n, n)))
    size = padded_size(n - 1)
    matrix = np.zeros((size, size))
    matrix[:n, :n] = (basis * np.geomspace(1, 1 / condition, n)) @ basis.T
    return matrix


def factor_of(matrix: np.ndarray) -> np.ndarray | None:
    factor = matrix.copy()
    return factor if factorise(factor) else None


@pytest.mark.parametrize("n_features", WIDTHS + WIDE)
def test_the_factor_is_that_of_lapack(n_features: int) -> None:
    n = n_features + 1
    matrix = positive_definite(n, n)
    factor = factor_of(np.triu(matrix) + np.tril(np.full_like(matrix, np.nan), -1))  # what is below is not read
    assert factor is not None
    np.testing.assert_allclose(factor[:n, :n], np.linalg.cholesky(matrix[:n, :n]), rtol=1e-10, atol=1e-13)
    assert (factor[n:] == 0).all()
    assert (np.triu(factor, 1) == 0).all()


@given(n=st.integers(1, max(WIDTHS)), seed=st.integers(0, 99), scale=st.floats(-6, 6))
def test_a_solution_solves(n: int, seed: int, scale: float) -> None:
    matrix = positive_definite(n, seed) * 10.0**scale
    factor, right = factor_of(matrix), np.zeros(len(matrix))
    assert factor is not None
    right[:n] = np.random.default_rng(seed).normal(size=n)
    x = right.copy()
    solve(factor, x)
    np.testing.assert_allclose(matrix @ x, right, atol=1e-12 * np.linalg.norm(right) * 1e2)
    assert (x[n:] == 0).all()


def test_columns_of_very_different_scale() -> None:
    n, scales = 6, np.ones(8)
    scales[:n] = np.geomspace(1e-8, 1e8, n)
    matrix = positive_definite(n, 0)
    scaled = matrix * scales[:, None] * scales
    x, y = np.zeros(8), np.zeros(8)
    x[:n] = y[:n] = 1
    x *= scales
    solve(factor_of(scaled), x)
    solve(factor_of(matrix), y)
    np.testing.assert_allclose(x * scales, y, rtol=1e-10)


def test_what_has_no_row_stays_put() -> None:
    matrix = positive_definite(4, 1)
    matrix[1, :] = matrix[:, 1] = 0
    factor = factor_of(matrix)
    assert factor is not None
    x = np.arange(1.0, 9.0)
    solve(factor, x)
    kept = [0, 2, 3]
    assert x[1] == 0
    np.testing.assert_allclose(x[kept], np.linalg.solve(matrix[np.ix_(kept, kept)], [1.0, 3.0, 4.0]), rtol=1e-10)


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda m: m - 1.5 * m[0, 0] * np.eye(8), "negative"),
        (np.ones_like, "of rank one"),
        (lambda m: np.where(np.eye(8) > 0, np.nan, m), "NaN"),
        (lambda m: m - (1 + SMALLEST_PIVOT / 10) * m[0, 0] * np.diag([1.0] + 7 * [0]), "negative in one place"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_positive_definite_is_told(spoil, what: str) -> None:
    assert factor_of(spoil(positive_definite(7, 3))) is None


def test_rounding_of_collinear_columns_is_no_pivot() -> None:
    rng = np.random.default_rng(0)
    rows = np.zeros((50, 8))
    rows[:, :3] = rng.normal(size=(50, 3))
    for share, is_definite in [(0.0, False), (1e-9, False), (1e-5, True)]:
        rows[:, 3] = rows[:, 0] - 2 * rows[:, 1] + share * rows[:, 2] ** 2
        assert (factor_of(rows.T @ rows) is not None) == is_definite


@pytest.mark.compiled
def test_a_pivot_that_is_not_positive_is_found_in_any_block() -> None:
    matrix = positive_definite(300, 0)
    for place in (0, 7, 127, 128, 200, 299):
        spoilt = matrix.copy()
        spoilt[place, place] -= 1.0001 / np.linalg.inv(matrix[:300, :300])[place, place]
        assert factor_of(spoilt) is None
        spoilt[place, :] = spoilt[:, place] = 0
        factor = factor_of(spoilt)
        assert factor is not None
        assert (factor[place] == 0).all()
        np.testing.assert_allclose(factor @ factor.T, spoilt, atol=1e-14)


def test_sums_in_order() -> None:
    total = np.array([1.0, 0.0])
    add_in_order(np.array([[2.0**60, 1.0], [-(2.0**60), 1.0], [0.5, 1.0]]), total)
    assert total.tolist() == [0.5, 3.0]  # the 1 was lost in 2^60: added first, not last
    matrices = np.arange(24.0).reshape(3, 2, 4)
    total = np.zeros((2, 4))
    add_in_order(matrices, total)
    np.testing.assert_array_equal(total, matrices.sum(axis=0))
    add_in_order(matrices[:0], total)
    np.testing.assert_array_equal(total, matrices.sum(axis=0))


def test_inner_product() -> None:
    a = np.arange(24.0)
    assert inner_product(a, a) == float(a @ a)
