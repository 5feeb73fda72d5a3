"""The plain-Python reference: it imports nothing of the package, and its formulas are those of the tutorial."""

import ast
import inspect
import math
import sys

import pytest
from hypothesis import given, strategies as st

from fastperceptron import reference

DECISION_VALUES = st.floats(-30, 30)
LOSSES = ["squared_error", "log_loss"]


def test_it_imports_the_standard_library_only() -> None:
    tree = ast.parse(inspect.getsource(reference))
    imported = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported += [name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names]
    assert imported
    assert all(str(name).split(".")[0] in sys.stdlib_module_names for name in imported)


@pytest.mark.parametrize(
    ("z", "p", "derivative"), [(0.0, 0.5, 0.25), (math.log(3), 0.75, 0.1875), (-800.0, 0.0, 0.0), (800.0, 1.0, 0.0)]
)
def test_sigmoid_and_derivative_have_known_values(z: float, p: float, derivative: float) -> None:
    assert reference.sigmoid(z) == pytest.approx(p, rel=1e-15)
    assert reference.sigmoid_derivative(z) == pytest.approx(derivative, rel=1e-15)


@given(DECISION_VALUES)
def test_sigmoid_derivative_is_the_slope_of_sigmoid(z: float) -> None:
    h = 1e-4
    slope = (reference.sigmoid(z + h) - reference.sigmoid(z - h)) / (2 * h)
    assert reference.sigmoid_derivative(z) == pytest.approx(slope, rel=1e-6, abs=1e-11)


@pytest.mark.parametrize("loss", LOSSES)
@given(z=st.floats(-12, 12), y=st.sampled_from([0.0, 1.0]))
def test_slope_is_the_derivative_of_the_cost(loss: str, z: float, y: float) -> None:
    h = 1e-4
    difference = (reference.COSTS[loss](z + h, y) - reference.COSTS[loss](z - h, y)) / (2 * h)
    assert reference.SLOPES[loss](z, y) == pytest.approx(difference, rel=1e-6, abs=1e-10)


def test_a_step_on_one_row_is_the_tutorials() -> None:
    weights, bias = reference.step([([2.0, 1.5], 1.0)], [0.1, -0.2], 0.3, learning_rate=0.2)
    z = 0.1 * 2.0 - 0.2 * 1.5 + 0.3
    p = 1 / (1 + math.exp(-z))
    slope = 2 * (p - 1.0) * p * (1 - p)
    assert weights == pytest.approx([0.1 - 0.2 * slope * 2.0, -0.2 - 0.2 * slope * 1.5], rel=1e-14)
    assert bias == pytest.approx(0.3 - 0.2 * slope, rel=1e-14)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_batch_steps_along_the_mean_gradient(loss: str) -> None:
    rows = [([1.0, 2.0], 0.0), ([-1.0, 0.5], 1.0), ([0.3, -0.7], 1.0)]
    start, bias = [0.4, -0.1], 0.2
    h, rate = 1e-5, 0.3
    weights, new_bias = reference.step(rows, start, bias, rate, loss)
    X, y = [row for row, _ in rows], [target for _, target in rows]
    for j in range(2):
        up, down = start.copy(), start.copy()
        up[j], down[j] = up[j] + h, down[j] - h
        gradient = reference.mean_cost(X, y, up, bias, loss) - reference.mean_cost(X, y, down, bias, loss)
        assert weights[j] == pytest.approx(start[j] - rate * gradient / (2 * h), rel=1e-7)
    gradient = reference.mean_cost(X, y, start, bias + h, loss) - reference.mean_cost(X, y, start, bias - h, loss)
    assert new_bias == pytest.approx(bias - rate * gradient / (2 * h), rel=1e-7)


def test_training_records_the_mean_cost_every_record_every_steps() -> None:
    X, y, order = [[0.0], [1.0]], [0.0, 1.0], [0, 1] * 5
    weights, bias, history = reference.train(X, y, order, [0.1], 0.0, record_every=4)
    assert len(history) == 2
    after_eight, bias_after_eight, _ = reference.train(X, y, order[:8], [0.1], 0.0)
    assert history[-1] == reference.mean_cost(X, y, after_eight, bias_after_eight)
    assert (weights, bias) != (after_eight, bias_after_eight)


LAYERS = st.lists(st.floats(-12, 12), min_size=2, max_size=5)


@given(LAYERS)
def test_softmax_sums_to_one_and_of_two_is_the_sigmoid_of_their_difference(z: list[float]) -> None:
    assert math.fsum(reference.softmax(z)) == pytest.approx(1.0, rel=1e-14)
    assert reference.softmax(z[:2])[0] == pytest.approx(reference.sigmoid(z[0] - z[1]), rel=1e-13)
    assert reference.softmax_cost(z[:2], 0) == pytest.approx(reference.log_loss(z[0] - z[1], 1.0), rel=1e-12)


@given(LAYERS, st.integers(0, 4), st.integers(0, 4))
def test_softmax_slopes_are_the_derivatives_of_its_cost(z: list[float], y: int, k: int) -> None:
    y, k, h = y % len(z), k % len(z), 1e-4
    up, down = ([value + sign * h * (number == k) for number, value in enumerate(z)] for sign in (1, -1))
    difference = (reference.softmax_cost(up, y) - reference.softmax_cost(down, y)) / (2 * h)
    assert reference.softmax_slopes(z, y)[k] == pytest.approx(difference, rel=1e-6, abs=1e-9)
    assert reference.softmax_slopes(z, y)[k] == pytest.approx(reference.softmax(z)[k] - (k == y), abs=1e-12)
