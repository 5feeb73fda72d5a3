"""The pass: sums, moments and Hessian diagonals are those of NumPy in float64, however rows are cut and shared out."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from numba.core import config

from fastperceptron.data.arrays import aligned_zeros, read_only
from fastperceptron.kernels.linear_algebra import add_in_order
from fastperceptron.kernels.objective import (
    NARROW,
    SUB_TILE,
    TILE_ELEMENTS,
    group_of,
    moments_shape,
    objective_kernel,
    rows_per_tile,
    scratch_shape,
    sums_shape,
)
from fastperceptron.kernels.rows import padded_size
from oracle import losses_at

WIDTHS = [1, 2, 3, 7, 8, 9, 20, 23, 40] if not config.DISABLE_JIT else [1, 3, 9]
COUNTS = [1, 3, 4, 5, 255, 256, 257] if not config.DISABLE_JIT else [1, 5]
DTYPES = [(np.float32, np.float32), (np.float32, np.float64), (np.float64, np.float64)]
LOSSES = ["log_loss", "squared_error"]
NOTHING = read_only(np.zeros(0))


class Sums(NamedTuple):
    """What a pass gives, or should give."""

    gradients: np.ndarray  # of shape (n_neurons, d + 1)
    losses: np.ndarray  # of shape (n_neurons,)
    moments: np.ndarray  # of shape (2 + n_neurons, d + 1), or without rows


class Example:
    """Rows with class numbers, weights, neurons and a centre."""

    def __init__(self, n_rows: int, n_features: int, dtype: type, n_neurons: int = 1, kind: str = "plain") -> None:
        rng = np.random.default_rng(n_rows + 1000 * n_features)
        self.X = read_only((rng.normal(size=(n_rows, n_features)) + 3).astype(dtype))
        self.codes = read_only(rng.integers(0, max(n_neurons, 2), n_rows).astype(np.uint8))
        self.positives = np.array([1]) if n_neurons == 1 else np.arange(n_neurons)
        self.row_weights = read_only(rng.exponential(size=n_rows)) if "rows" in kind else NOTHING
        self.class_weights = read_only(np.array([0.5, 3.0, 1.5])) if "classes" in kind else NOTHING
        self.centre = np.zeros(padded_size(n_features))
        self.centre[:n_features] = rng.normal(size=n_features).astype(np.float32) + 3
        self.weights = np.zeros((n_neurons, padded_size(n_features)))
        self.weights[:, : n_features + 1] = rng.normal(size=(n_neurons, n_features + 1)) / np.sqrt(n_features)

    def kernel(self, loss: str) -> Any:
        return objective_kernel(loss, self.X.shape[1] < NARROW)

    def tiles(
        self, loss: str, precision: type, *, has_moments: bool, exactness: float = 1.0, place: slice = slice(None)
    ):
        """Return the kernel's sums and moments of each tile."""
        X = self.X[place]
        n_tiles = -(-X.shape[0] // rows_per_tile(X.shape[1]))
        shape = self.weights.shape[0], X.shape[1]
        sums = np.zeros(sums_shape(n_tiles, *shape))
        moments = np.zeros(moments_shape(n_tiles if has_moments else 0, *shape))
        scratch = aligned_zeros(scratch_shape(*shape), precision)
        scratch[:] = 7  # whatever stands there
        weights, centre = self.weights.astype(precision), self.centre.astype(precision)
        row_weights = self.row_weights[place] if self.row_weights.size else NOTHING
        labels = self.codes[place], row_weights, self.class_weights
        self.kernel(loss)(X, labels, (weights, self.positives), centre, sums, moments, scratch, exactness)
        return sums, moments

    def computed(self, loss: str, precision: type, **options: Any) -> Sums:
        sums, moments = self.tiles(loss, precision, **options)
        n, size = self.X.shape[1] + 1, self.weights.shape[1]
        total, its_moments = sums.sum(axis=0), moments.sum(axis=0)
        assert (total[:, n:size] == 0).all()
        assert (its_moments[:, n:] == 0).all()
        return Sums(total[:, :n], total[:, size], its_moments[:, :n] if moments.size else np.zeros((0, n)))

    def expected(self, loss: str, exactness: float = 1.0) -> Sums:
        n = self.X.shape[1] + 1
        rows = np.column_stack([self.X.astype(np.float64) - self.centre[: n - 1], np.ones(len(self.X))])
        own = self.row_weights if self.row_weights.size else np.ones(len(rows))
        in_loss = own * self.class_weights[self.codes] if self.class_weights.size else own
        gradients, losses, moments = [], [], [own @ rows, own @ rows**2]
        for weights, positive in zip(self.weights, self.positives, strict=True):
            cost, slope, curvature = losses_at(loss, rows @ weights[:n], self.codes == positive, exactness)
            gradients.append((in_loss * slope) @ rows)
            losses.append(in_loss @ cost)
            moments.append((in_loss * curvature) @ rows**2)
        return Sums(np.array(gradients), np.array(losses), np.array(moments))


def check(computed: Sums, expected: Sums, n_rows: int, precision: type) -> None:
    tolerance = 2e-6 if precision is np.float32 else 1e-13
    for value, right in zip(computed, expected, strict=True):
        if value.size:
            np.testing.assert_allclose(value, right, rtol=10 * tolerance, atol=4 * tolerance * n_rows)


@pytest.mark.parametrize(("dtype", "precision"), DTYPES)
@pytest.mark.parametrize("n_features", WIDTHS)
@pytest.mark.parametrize("loss", LOSSES)
def test_sums_are_those_of_numpy(loss: str, n_features: int, dtype: type, precision: type) -> None:
    for count in COUNTS:
        example = Example(count, n_features, dtype)
        for has_moments in (False, True):
            computed = example.computed(loss, precision, has_moments=has_moments)
            expected = example.expected(loss)
            check(computed, expected if has_moments else expected._replace(moments=computed.moments), count, precision)


@pytest.mark.parametrize("kind", ["plain", "rows", "classes", "rows and classes"])
@pytest.mark.parametrize("n_neurons", [1, 3])
@pytest.mark.parametrize("n_features", [2, 9] if config.DISABLE_JIT else [2, 7, 8, 23])
@pytest.mark.parametrize("loss", LOSSES)
def test_weights_and_neurons(loss: str, n_features: int, n_neurons: int, kind: str) -> None:
    n_rows = 9 if config.DISABLE_JIT else 300
    example = Example(n_rows, n_features, np.float32, n_neurons, kind)
    for exactness in (0.0, 1.0):
        computed = example.computed(loss, np.float64, has_moments=True, exactness=exactness)
        check(computed, example.expected(loss, exactness), n_rows, np.float64)


@pytest.mark.compiled
@pytest.mark.parametrize("kind", ["plain", "rows and classes"])
@pytest.mark.parametrize("n_neurons", [1, 3])
@pytest.mark.parametrize("n_features", [1, 3, 9, 40])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_tile_has_the_same_bits_alone_or_among_others(loss: str, n_features: int, n_neurons: int, kind: str) -> None:
    tile = rows_per_tile(n_features)
    example = Example(2 * tile + SUB_TILE + 5, n_features, np.float32, n_neurons, kind)
    sums, moments = example.tiles(loss, np.float32, has_moments=True)
    assert sums.shape[0] == moments.shape[0] == 3
    total, its_moments = np.zeros_like(sums[0]), np.zeros_like(moments[0])
    for number in range(3):
        place = slice(number * tile, (number + 1) * tile)
        alone, its_own = example.tiles(loss, np.float32, has_moments=True, place=place)
        assert alone[0].tobytes() == sums[number].tobytes()
        assert its_own[0].tobytes() == moments[number].tobytes()
        add_in_order(alone, total)
        add_in_order(its_own, its_moments)
    at_once, moments_at_once = np.zeros_like(total), np.zeros_like(its_moments)
    add_in_order(sums, at_once)
    add_in_order(moments, moments_at_once)
    assert at_once.tobytes() == total.tobytes()
    assert moments_at_once.tobytes() == its_moments.tobytes()
    check(example.computed(loss, np.float32, has_moments=True), example.expected(loss), 3 * tile, np.float32)


@pytest.mark.parametrize("n_features", [3, 9])
@pytest.mark.parametrize("loss", LOSSES)
def test_asking_for_moments_changes_no_bit_of_the_sums(loss: str, n_features: int) -> None:
    example = Example(5 if config.DISABLE_JIT else 300, n_features, np.float32, 3, "rows")
    with_moments, _ = example.tiles(loss, np.float32, has_moments=True)
    without, _ = example.tiles(loss, np.float32, has_moments=False)
    assert with_moments.tobytes() == without.tobytes()


@pytest.mark.compiled
@pytest.mark.parametrize("n_features", [3, 9])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_neuron_has_the_same_bits_alone_or_among_others(loss: str, n_features: int) -> None:
    example = Example(300, n_features, np.float32, 3)
    together, _ = example.tiles(loss, np.float32, has_moments=False)
    weights, positives = example.weights, example.positives
    for number in range(3):
        example.weights, example.positives = weights[number : number + 1], positives[number : number + 1]
        alone, _ = example.tiles(loss, np.float32, has_moments=False)
        assert alone[0, 0].tobytes() == together[0, number].tobytes()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("n_features", [3, 9])
def test_a_value_that_is_not_finite_reaches_the_sums(n_features: int, value: float) -> None:
    n_rows = 6 if config.DISABLE_JIT else 300
    for row, column in [(0, 0), (n_rows - 1, n_features - 1), (2, 1)]:
        for loss in LOSSES:
            example = Example(n_rows, n_features, np.float32)
            spoilt = example.X.copy()
            spoilt[row, column] = value
            example.X = read_only(spoilt)
            sums, _ = example.tiles(loss, np.float32, has_moments=False)
            assert not np.isfinite(sums).all()


@pytest.mark.parametrize("n_features", [1, 2, 7, 8, 20, 100, 255, 256, 1000, 70_000])
def test_tiles_are_whole_sub_tiles_of_whole_groups(n_features: int) -> None:
    size, group = rows_per_tile(n_features), group_of(n_features)
    assert size % SUB_TILE == 0
    assert SUB_TILE % group == 0
    assert group % 4 == 0
    assert size == SUB_TILE or size * n_features <= TILE_ELEMENTS < (size + SUB_TILE) * n_features
