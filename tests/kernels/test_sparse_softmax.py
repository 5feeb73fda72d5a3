"""The softmax layer over rows whose z stand side by side is that of the reference, in both tails."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from fastperceptron import reference
from fastperceptron.kernels.jit import jit
from fastperceptron.kernels.sparse_softmax import best_of, place_of, softmax_layer

PADDING = 2  # neurons that fill up a vector: whatever stands there becomes 0


@jit
def evaluate(z, codes, positives, weights, costs, curvatures):
    """Call the layer, which is inlined where it is called."""
    LAYER(z, codes, positives, weights, costs, curvatures, 1.0)


LAYER = softmax_layer("log_loss")


def layer(z: list[float], code: int, positives: list[int], weight: float | None) -> tuple[np.ndarray, ...]:
    """Return the costs, slopes and curvatures of one row, those of the padding last."""
    n_padded = len(z) + PADDING
    values, costs, curvatures = np.full((1, n_padded), 7.0), np.full((1, n_padded), 7.0), np.full((1, n_padded), 7.0)
    values[0, : len(z)] = z
    weights = np.empty(0) if weight is None else np.array([weight])
    evaluate(values, np.array([code], np.uint8), np.array(positives), weights, costs, curvatures)
    slopes = values.copy()
    values[0, : len(z)] = z
    evaluate(values, np.array([code], np.uint8), np.array(positives), weights, costs, np.empty((0, n_padded)))
    assert values.tobytes() == slopes.tobytes()  # also where no curvatures are asked for
    return costs[0], slopes[0], curvatures[0]


@given(
    z=st.lists(
        st.one_of(st.floats(-40, 40), st.sampled_from([0.0, -0.0, 30.0, 300.0, -300.0])), min_size=3, max_size=6
    ),
    place=st.integers(0, 5),
    weight=st.sampled_from([None, 0.0, 2.5]),
)
def test_a_row_is_that_of_the_reference(z: list[float], place: int, weight: float | None) -> None:
    place, positives = place % len(z), [3 * number + 1 for number in range(len(z))]
    costs, slopes, curvatures = layer(z, positives[place], positives, weight)
    factor, n = 1.0 if weight is None else weight, len(z)
    assert costs[0] == pytest.approx(factor * reference.softmax_cost(z, place), rel=1e-13)
    np.testing.assert_allclose(slopes[:n], factor * np.array(reference.softmax_slopes(z, place)), rtol=1e-9, atol=1e-15)
    own = np.diag(reference.softmax_derivatives(z))
    np.testing.assert_allclose(curvatures[:n], factor * own, rtol=1e-9, atol=1e-15)
    assert not costs[1:].any()
    assert not slopes[n:].any()
    assert not curvatures[n:].any()


def test_what_rounds_to_1_keeps_its_digits() -> None:
    costs, slopes, curvatures = layer([50.0, 0.0, 10.0], 0, [0, 1, 2], None)
    rest = math.exp(-50) + math.exp(-40)
    assert costs[0] == pytest.approx(rest, rel=1e-13, abs=0)
    assert slopes[0] == pytest.approx(-rest, rel=1e-13, abs=0)
    assert curvatures[0] == pytest.approx(rest, rel=1e-13, abs=0)


def test_the_first_of_equal_z_is_the_best_and_a_class_that_is_not_sought_has_no_place() -> None:
    assert best_of(np.array([1.0, 2.0, 2.0, 9.0]), 3) == 1
    assert [place_of(code, np.array([4, 2])) for code in (4, 2, 3)] == [0, 1, -1]
    _, slopes, _ = layer([0.0, 0.0, 0.0], 9, [0, 1, 2], None)
    np.testing.assert_allclose(slopes[:3], 1 / 3)


def test_nan_reaches_the_cost() -> None:
    for place in range(3):
        z = [0.0, 0.0, 0.0]
        z[place] = math.nan
        assert math.isnan(layer(z, 0, [0, 1, 2], None)[0][0])
