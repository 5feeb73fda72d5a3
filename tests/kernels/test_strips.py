"""Strips hold (x, 1, 0, ...) of rows, whatever the number of columns, the precision and what stands beside."""

import numpy as np
import pytest

from fastperceptron.kernels.jit import jit
from fastperceptron.kernels.strips import copy_strip, strip_width, whole_strips

FLOATS = [np.float32, np.float64]


@jit
def call_copy_strip(X, start, n_rows, first, coordinates, scales, strip):
    copy_strip(X, start, n_rows, first, coordinates, scales, strip)


@pytest.mark.parametrize(("n_columns", "of_float32", "of_float64"), [(1, 16, 8), (8, 16, 8), (9, 16, 16), (33, 48, 40)])
def test_strips_are_whole(n_columns: int, of_float32: int, of_float64: int) -> None:
    assert (whole_strips(n_columns, 4), whole_strips(n_columns, 8)) == (of_float32, of_float64)


@pytest.mark.parametrize("strip_type", FLOATS)
@pytest.mark.parametrize("row_type", FLOATS)
@pytest.mark.parametrize("n_features", [1, 2, 7, 8, 9, 15, 16, 17, 33])
def test_a_strip_holds_the_rows_then_one_then_zeros(n_features: int, row_type: type, strip_type: type) -> None:
    rng = np.random.default_rng(n_features)
    X, scales = rng.normal(size=(9, n_features)).astype(row_type), rng.normal(size=6)
    width = strip_width(np.dtype(strip_type).itemsize)
    n_columns = whole_strips(n_features + 1, np.dtype(strip_type).itemsize)
    precision = np.result_type(row_type, strip_type)
    centre, factors = np.zeros(n_columns, precision), np.zeros(n_columns, precision)
    centre[:n_features], factors[: n_features + 1] = rng.normal(size=n_features), 1
    factors[:n_features] = rng.exponential(size=n_features)
    padded = np.zeros((9, n_columns), row_type)
    padded[:, :n_features], padded[:, n_features] = X, 1
    for coordinates, moved in [
        (None, padded.astype(strip_type)),
        ((centre, factors), ((padded.astype(precision) - centre) * factors).astype(strip_type)),
    ]:
        for its_scales in (None, scales):
            scaled = moved[2:8] if its_scales is None else moved[2:8] * its_scales[:, None].astype(strip_type)
            for first in range(0, n_columns, width):
                strip = np.full((8, width), np.nan, strip_type)
                call_copy_strip(X, 2, 6, first, coordinates, its_scales, strip)
                np.testing.assert_array_equal(strip[:6], scaled[:, first : first + width])
                assert np.isnan(strip[6:]).all()
