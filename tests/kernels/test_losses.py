"""The losses' values, slopes and curvatures in z: right in relative terms, in both tails too."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from fastperceptron import reference
from fastperceptron.kernels.losses import LOSSES

PRECISIONS = [np.float32, np.float64]
NEAR = [-30.0, -8.0, -2.5, -1.0, -0.1, -0.0, 0.0, 0.25, 0.6931, 1.0, 3.0, 12.0, 30.0]
FAR = [-700.0, -300.0, -50.0, 50.0, 300.0, 700.0]


def exact(loss: str, z: float, y: int) -> tuple[float, float, float, float]:
    """Return cost, slope, curvature and its Gauss-Newton part in float64, by formulas without a cancellation.

    Right answers of the class 1 are those of class 0 mirrored, so that no p - 1 is ever taken.
    """
    if y == 1:
        cost, slope, curvature, never_negative = exact(loss, -z, 0)
        return cost, -slope, curvature, never_negative
    p, q = reference.sigmoid(z), reference.sigmoid(-z)
    if loss == "log_loss":
        return reference.log_loss(z, 0.0), p, p * q, p * q
    return p * p, 2 * p * p * q, 2 * p * p * q * (2 * q - p), 2 * p * p * q * q


def computed(loss: str, z: float, y: int, precision: type) -> tuple[float, float, float, float]:
    of, z, y = LOSSES[loss], precision(z), precision(y)
    curvatures = [of.curvature(z, y, precision(exactness)) for exactness in (1, 0)]
    return tuple(float(value) for value in (*of.cost_and_slope(z, y), *curvatures))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("y", [0, 1])
@pytest.mark.parametrize("loss", LOSSES)
def test_values_near_and_in_both_tails(loss: str, y: int, precision: type) -> None:
    epsilon, tiny = float(np.finfo(precision).eps), float(np.finfo(precision).tiny)
    for z in map(float, np.array(NEAR + FAR, precision)):
        expected = exact(loss, z, y)
        # The squared error's curvature changes sign at p = 2/3: there it is small beside its parts.
        scale = [*map(abs, expected[:2]), max(abs(expected[2]), expected[3]), expected[3]]
        for value, right, size in zip(computed(loss, z, y, precision), expected, scale, strict=True):
            assert abs(value - right) <= 12 * epsilon * size + tiny, (z, value, right)


@pytest.mark.parametrize("loss", LOSSES)
def test_all_are_those_of_the_reference(loss: str) -> None:
    for z in NEAR:
        for y in (0, 1):
            cost, slope, *_ = computed(loss, z, y, np.float64)
            assert cost == pytest.approx(reference.COSTS[loss](z, y), rel=1e-12, abs=1e-15)
            assert slope == pytest.approx(reference.SLOPES[loss](z, y), rel=1e-12, abs=1e-15)


@given(z=st.floats(-25, 25), y=st.sampled_from([0, 1]), loss=st.sampled_from(sorted(LOSSES)))
def test_each_is_the_central_difference_of_the_one_before(z: float, y: int, loss: str) -> None:
    step = 1e-4
    (low, low_slope, *_), (high, high_slope, *_) = (computed(loss, z + h, y, np.float64) for h in (-step, step))
    _, slope, curvature, _ = computed(loss, z, y, np.float64)
    assert slope == pytest.approx((high - low) / (2 * step), rel=1e-6, abs=1e-11 * max(1.0, abs(z)))
    assert curvature == pytest.approx((high_slope - low_slope) / (2 * step), rel=1e-6, abs=1e-8)


@given(z=st.floats(-800, 800), y=st.sampled_from([0, 1]), loss=st.sampled_from(sorted(LOSSES)))
def test_what_newton_relies_on(z: float, y: int, loss: str) -> None:
    cost, slope, curvature, never_negative = computed(loss, z, y, np.float64)
    assert cost >= 0
    assert never_negative >= 0
    assert curvature == never_negative if loss == "log_loss" else curvature <= 2 * never_negative + 1e-300
    assert slope <= 0 if y else slope >= 0
    mirrored = computed(loss, -z, 1 - y, np.float64)
    assert mirrored == pytest.approx((cost, -slope, curvature, never_negative), rel=1e-14, abs=1e-300)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_not_a_number_stays_that(loss: str, precision: type) -> None:
    assert all(math.isnan(value) for value in computed(loss, math.nan, 0, precision)[:2])
    cost, slope, *_ = computed(loss, math.inf, 1, precision)
    assert (cost, slope) == (0.0, 0.0)
    assert computed(loss, math.inf, 0, precision)[0] == (math.inf if loss == "log_loss" else 1.0)
