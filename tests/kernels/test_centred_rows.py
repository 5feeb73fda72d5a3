"""Operations on a group of rows less the centre: right for every width and count, each row's bits its own."""

import numpy as np
import pytest
from numba.core import config

from fastperceptron.data.arrays import read_only
from fastperceptron.kernels import centred_rows, rows
from fastperceptron.kernels.centred_rows import STRIP
from fastperceptron.kernels.jit import jit
from fastperceptron.kernels.rows import padded_size

WIDTHS = [1, 2, 3, 7, 8, 9, 20, 23, 40]
COUNTS = [1, 2, 3, 4, 5, 8, 9, 15]
# Rows, then what is computed in.
DTYPES = [(np.float32, np.float32), (np.float32, np.float64), (np.float64, np.float64)]
N_ROWS = 16
TOLERANCE = {np.float32: 3e-6, np.float64: 1e-14}


@jit
def call_dot(X, i, weights):
    return rows.dot(X, i, weights)


@jit
def call_set_dots(out, X, start, stop, weights, centre):
    centred_rows.set_dots(out, X, start, stop, weights, centre, stop)


@jit
def call_add_rows(total, X, start, stop, scales, centre):
    centred_rows.add_rows(total, X, start, stop, scales, centre, stop)


@jit
def call_add_squares(totals, X, start, stop, scales, centre):
    centred_rows.add_squares(totals, X, start, stop, scales, centre, stop)


@jit
def call_sum_wide(values):
    return centred_rows.sum_wide(values)


class Example:
    """Rows far from zero, and their exact centred values with a one for the bias."""

    def __init__(self, n_features: int, dtype: type, precision: type, is_centred: bool = True) -> None:
        rng = np.random.default_rng(n_features)
        self.X = read_only((rng.normal(size=(N_ROWS, n_features)) + 100 * is_centred).astype(dtype))
        self.size, self.precision = padded_size(n_features), precision
        self.centre, self.weights = np.zeros(self.size, precision), np.zeros(self.size, precision)
        self.centre[:n_features] = (self.X[0] + np.float32(0.5)) if is_centred else 0
        self.weights[: n_features + 1] = rng.normal(size=n_features + 1)
        # float32 rows take off a float32 centre: exact where both are near 100, as rows near their means are.
        centred = self.X.astype(np.float64) - self.centre[:n_features]
        self.exact = np.column_stack([centred, np.ones(N_ROWS)])
        self.scales = np.zeros(N_ROWS, precision)

    def with_scales(self, count: int) -> np.ndarray:
        self.scales[:count] = np.random.default_rng(1).normal(size=count)
        return self.scales[:count].astype(np.float64)


def check(computed: np.ndarray, exact: np.ndarray, precision: type) -> None:
    size = exact.size
    np.testing.assert_allclose(computed[:size], exact, rtol=TOLERANCE[precision], atol=20 * TOLERANCE[precision])
    assert (computed[size:] == 0).all()


@pytest.mark.parametrize(("dtype", "precision"), DTYPES)
@pytest.mark.parametrize("n_features", WIDTHS)
def test_dots_are_those_of_the_centred_rows_and_one(n_features: int, dtype: type, precision: type) -> None:
    example = Example(n_features, dtype, precision)
    expected = example.exact @ example.weights[: n_features + 1].astype(np.float64)
    alone = [np.zeros(STRIP, precision) for _ in range(N_ROWS)]
    for row, out in enumerate(alone):
        call_set_dots(out, example.X, row, row + 1, example.weights, example.centre)
    for count in COUNTS:
        out = np.full(32, -7, precision)
        call_set_dots(out, example.X, 1, 1 + count, example.weights, example.centre)
        check(out[:count], expected[1 : 1 + count], precision)
        assert out[:count].tolist() == [float(z[0]) for z in alone[1 : 1 + count]]  # whatever stands beside it
        assert (out[count:] == -7).all()  # nor is anything written there


@pytest.mark.parametrize(("dtype", "precision"), DTYPES)
@pytest.mark.parametrize("n_features", WIDTHS)
def test_without_a_centre_dots_are_those_of_single_rows_to_the_bit(
    n_features: int, dtype: type, precision: type
) -> None:
    example = Example(n_features, dtype, precision, is_centred=False)
    out = np.zeros(N_ROWS, precision)
    call_set_dots(out, example.X, 0, N_ROWS, example.weights, example.centre)
    singles = np.array([call_dot(example.X, row, example.weights) for row in range(N_ROWS)], precision)
    assert out.tobytes() == singles.tobytes()


@pytest.mark.compiled
@pytest.mark.parametrize("n_features", [20, 23])
def test_lanes_are_summed_as_the_tree_of_single_rows(n_features: int) -> None:
    # Huge pairs that cancel in one lane, or where halves or pairs of lanes are joined: another order loses the ones.
    X, centre = read_only(np.ones((5, n_features))), np.zeros(padded_size(n_features))
    for first, second in [(0, 8), (0, 4), (1, 3), (2, 3), (5, 6)]:
        weights = np.zeros(padded_size(n_features))
        weights[: n_features + 1] = 1.0
        weights[first], weights[second] = 2.0**60, -(2.0**60)
        out = np.zeros(2 * STRIP)
        call_set_dots(out, X, 0, 5, weights, centre)
        assert out[:5].tolist() == [call_dot(X, 0, weights)] * 5


@pytest.mark.parametrize(("dtype", "precision"), DTYPES)
@pytest.mark.parametrize("n_features", WIDTHS)
def test_sums_of_scaled_rows_and_squares(n_features: int, dtype: type, precision: type) -> None:
    example = Example(n_features, dtype, precision)
    X, centre, size = example.X, example.centre, example.size
    for count in COUNTS[:: 1 if not config.DISABLE_JIT else 3]:
        scales, exact = example.with_scales(count), example.exact[1 : 1 + count]
        total, *two = (np.zeros(size, precision) for _ in range(3))
        four, other = [np.zeros(size, precision) for _ in range(4)], 3 * example.scales
        call_add_rows(total, X, 1, 1 + count, example.scales, centre)
        call_add_squares(tuple(two), X, 1, 1 + count, (example.scales, other), centre)
        call_add_squares(tuple(four), X, 1, 1 + count, (example.scales, other, other, other), centre)
        check(total, scales @ exact, precision)
        for sums, squares in (two, four[:2]):
            check(sums, scales @ exact, precision)
            check(squares, 3 * (scales @ exact**2), precision)
        check(four[2], 3 * (scales @ exact), precision)
        check(four[3], 3 * (scales @ exact**2), precision)
        call_add_rows(total, X, 1, 1 + count, example.scales, centre)
        check(total, 2 * (scales @ exact), precision)


@pytest.mark.parametrize("n_features", [3, 8, 9])
def test_rows_and_values_beyond_are_never_read(n_features: int) -> None:
    around = np.full((N_ROWS, n_features), np.nan)
    around[4:9] = 1.0
    X, size = read_only(around), padded_size(n_features)
    weights, centre = np.zeros(size), np.zeros(size)
    weights[: n_features + 1] = 1.0
    out, total, squares, scales = np.zeros(2 * STRIP), np.zeros(size), np.zeros(size), np.zeros(2 * STRIP)
    scales[:5] = 1.0
    call_set_dots(out, X, 4, 9, weights, centre)
    call_add_rows(total, X, 4, 9, scales, centre)
    call_add_squares((total.copy(), squares), X, 4, 9, (scales, scales), centre)
    assert out[:5].tolist() == [n_features + 1.0] * 5
    expected = [5.0] * (n_features + 1) + [0.0] * (size - n_features - 1)
    assert total.tolist() == squares.tolist() == expected


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_a_wide_sum_is_added_in_float64(precision: type) -> None:
    values = np.zeros(64, precision)
    values[:3] = [2.0**24, 1.0, 2.0**-20]
    values[24] = -(2.0**24)
    assert call_sum_wide(values) == 1.0 + 2.0**-20
    assert call_sum_wide(np.arange(256, dtype=precision)) == 255 * 128
