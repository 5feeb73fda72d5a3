"""Products of scaled rows are those of NumPy, for any part of the matrix."""

import numpy as np
import pytest

from fastperceptron.data.arrays import read_only
from fastperceptron.kernels.outer_products import BLOCK, packed_shape
from fastperceptron.kernels.scaled_products import add_scaled_products
from fastperceptron.kernels.strips import whole_strips


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_features", [1, 6, 7, 8, 14, 30])
@pytest.mark.parametrize("n_rows", [0, 1, BLOCK + 3])
def test_they_are_numpys(dtype: type, n_features: int, n_rows: int) -> None:
    rng = np.random.default_rng(n_features)
    X = rng.normal(size=(n_rows, n_features)).astype(dtype)
    roots, extras = rng.uniform(size=(2, n_rows))
    whole = whole_strips(n_features + 2, 8)
    centre, factors = np.zeros(whole), np.ones(whole)
    centre[:n_features], factors[:n_features] = rng.uniform(size=(2, n_features))
    rows = np.zeros((n_rows, whole))
    rows[:, :n_features] = (X - centre[:n_features]) * factors[:n_features] * roots[:, None]
    rows[:, n_features], rows[:, n_features + 1] = roots, extras
    expected = rows.T @ rows
    for i, j in ((0, 0), (0, 8), (8, 8), (8, 16)):
        if max(i, j) >= whole:
            continue
        total = np.zeros((min(16, whole - i) if i == j else 8, min(16, whole - j)))
        packed = np.empty(packed_shape(max(total.shape), 8))
        terms = read_only(roots), read_only(extras)
        add_scaled_products(read_only(X), terms, (centre, factors), (i, j), packed, total)
        part = expected[i : i + total.shape[0], j : j + total.shape[1]]
        difference = np.triu(total - part) if i == j else total - part
        np.testing.assert_allclose(difference, 0.0, atol=1e-12 * max(n_rows, 1))
