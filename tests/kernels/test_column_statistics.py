"""Kernels that prepare a sample: counts, means, deviations that know a constant column, and standardised rows."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.preprocessing import StandardScaler

from fastperceptron.kernels.column_statistics import column_means, column_moments, deviations_of, standardise
from fastperceptron.kernels.labels import count_codes
from fastperceptron.kernels.rows import padded_size
from fastperceptron.kernels.take import take_rows

WIDTHS = [1, 2, 3, 7, 8, 9, 20, 23, 40]
COUNTS = [1, 3, 4, 5, 255, 256, 257]


def deviations(rows: np.ndarray, weights: np.ndarray, centre: np.ndarray | None = None) -> np.ndarray:
    n_features = rows.shape[1]
    means, sums, squares, out = (np.zeros(n_features) for _ in range(4))
    column_means(rows, weights, means)
    centre = means if centre is None else centre
    column_moments(rows, weights, centre, sums, squares)
    deviations_of(sums, squares, weights.sum(), len(rows), centre, out)
    return out


@pytest.mark.parametrize("n_classes", [1, 2, 3, 10, 300])
@pytest.mark.parametrize("n_rows", COUNTS)
def test_codes_are_counted(n_rows: int, n_classes: int) -> None:
    codes = np.random.default_rng(n_rows).integers(0, n_classes, n_rows).astype(np.uint16)
    counts = np.full(n_classes, -1)
    count_codes(codes, counts)
    np.testing.assert_array_equal(counts, np.bincount(codes, minlength=n_classes))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_features", WIDTHS)
def test_means_and_moments_are_those_of_numpy(n_features: int, dtype: type) -> None:
    rng = np.random.default_rng(n_features)
    for n_rows in (1, 5, 40):
        rows, weights = rng.normal(2, size=(n_rows, n_features)).astype(dtype), rng.exponential(size=n_rows)
        exact, centre = rows.astype(np.float64), rng.normal(size=n_features)
        means, sums, squares = (np.zeros(n_features) for _ in range(3))
        column_means(rows, weights, means)
        column_moments(rows, weights, centre, sums, squares)
        np.testing.assert_allclose(means, np.average(exact, axis=0, weights=weights), rtol=1e-12)
        np.testing.assert_allclose(sums, weights @ (exact - centre), rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(squares, weights @ (exact - centre) ** 2, rtol=1e-11)


@given(
    offset=st.sampled_from([0.0, 1.0, -1e3, 1e6, 1e9]),
    spread=st.sampled_from([1e-6, 1.0, 1e6]),
    is_weighted=st.booleans(),
    seed=st.integers(0, 9),
)
def test_deviations_are_those_of_a_scaler(offset: float, spread: float, is_weighted: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = offset + spread * rng.normal(size=(40, 3))
    weights = rng.integers(1, 4, 40).astype(float) if is_weighted else np.ones(40)
    exact = StandardScaler().fit(np.repeat(rows, weights.astype(int), axis=0))
    computed = deviations(rows, weights)
    is_lost = abs(offset) * 1e-15 * 100 > spread
    if not is_lost:
        np.testing.assert_allclose(computed, np.sqrt(exact.var_), rtol=1e-9 + (1e-15 * offset / spread) ** 2)


@pytest.mark.parametrize("value", [0.0, 3.7, -1e6, 1e-9, 1 / 3, 1e100])
def test_a_constant_column_has_none(value: float) -> None:
    for n_rows in (1, 2, 7, 1000):
        rows = np.column_stack([np.full(n_rows, value), np.arange(n_rows, dtype=float)])
        weights = np.random.default_rng(n_rows).exponential(size=n_rows)
        constant, other = deviations(rows, weights)
        assert constant == 0
        assert (other > 0) == (n_rows > 1)


@pytest.mark.parametrize("mean", [1e4, -1e4, 1e7])
@pytest.mark.parametrize("n_rows", [10**3, 10**6, 10**9, 10**12, 10**15])
def test_a_column_that_varies_is_not_constant_however_many_rows_there_are(n_rows: int, mean: float) -> None:
    """Half of the rows hold mean + 1, the other half mean - 1; the sums are those of rows of absurd weights."""
    rows, weights = np.array([[mean + 1.0], [mean - 1.0]]), np.full(2, n_rows / 2)
    for centre in (mean, mean + 1e-3):
        sums, squares, out = np.zeros((3, 1))
        column_moments(rows, weights, np.array([centre]), sums, squares)
        deviations_of(sums, squares, float(n_rows), n_rows, np.array([centre]), out)
        assert out[0] == pytest.approx(1.0, rel=1e-9)
    constant = np.full(2, mean)[:, None]
    sums, squares, out = np.zeros((3, 1))
    centre = np.array([mean * (1 + 1e-12)])  # as far beside it as the rounding of the mean of a sample
    column_moments(constant, weights, centre, sums, squares)
    deviations_of(sums, squares * (1 + 1e-14), float(n_rows), n_rows, centre, out)
    assert out[0] == 0


def test_a_centre_beside_the_mean_changes_little() -> None:
    rows, weights = np.random.default_rng(0).normal(100, size=(50, 4)), np.ones(50)
    aside = deviations(rows, weights, rows.mean(axis=0) + np.array([1e-3, -0.5, 2.0, 0.0]))
    np.testing.assert_allclose(aside, rows.std(axis=0), rtol=1e-12)


@pytest.mark.parametrize("has_bias", [0.0, 1.0])
@pytest.mark.parametrize("n_features", WIDTHS)
def test_rows_are_standardised_and_padding_stays_zero(n_features: int, has_bias: float) -> None:
    rng = np.random.default_rng(n_features)
    rows = rng.normal(5, size=(4, n_features)).astype(np.float32)
    centre, scale = rng.normal(size=n_features), rng.exponential(size=n_features) + 0.1
    panel = np.zeros((4, padded_size(n_features)))
    standardise(rows, centre, scale, has_bias, panel)
    np.testing.assert_allclose(panel[:, :n_features], (rows.astype(np.float64) - centre) / scale, rtol=1e-14)
    assert (panel[:, n_features] == has_bias).all()
    assert (panel[:, n_features + 1 :] == 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_features", WIDTHS)
def test_rows_are_taken_by_their_numbers(n_features: int, dtype: type) -> None:
    X = np.arange(30 * n_features, dtype=dtype).reshape(30, n_features)
    for places in ([], [29], [0, 0, 5], list(range(1, 30, 2))):
        out = np.full((len(places), n_features), -1, dtype)
        take_rows(X, np.array(places, np.int64), out)
        np.testing.assert_array_equal(out, X[np.array(places, np.int64)])
