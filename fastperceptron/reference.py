"""The neuron in plain Python: lists and floats, nothing compiled, nothing imported from this package.

It follows the tutorial "Build your perceptron neural net from scratch" (2017) line by line, and the tests compare every
compiled kernel with it. Read it first: the rest of the package computes the same, faster.

    z     = w . x + b
    p     = sigmoid(z)
    cost  = (p - y)^2
    slope = dcost/dp * dp/dz
    w    <- w - learning_rate * slope * x
    b    <- b - learning_rate * slope
"""

import math
from collections.abc import Callable, Sequence


def weighted_sum(weights: Sequence[float], bias: float, x: Sequence[float]) -> float:
    """Return z = w . x + b."""
    z = bias
    for weight, value in zip(weights, x, strict=True):
        z += weight * value
    return z


def sigmoid(z: float) -> float:
    """Return 1 / (1 + exp(-z)), written so that exp never overflows."""
    if z >= 0:
        return 1 / (1 + math.exp(-z))
    return math.exp(z) / (1 + math.exp(z))


def sigmoid_derivative(z: float) -> float:
    """Return dp/dz = p (1 - p), where 1 - p is computed as sigmoid(-z)."""
    return sigmoid(z) * sigmoid(-z)


def squared_error(p: float, y: float) -> float:
    """Return the cost (p - y)^2 of the prediction p for the target y."""
    return (p - y) ** 2


def squared_error_derivative(p: float, y: float) -> float:
    """Return dcost/dp = 2 (p - y)."""
    return 2 * (p - y)


def squared_error_slope(z: float, y: float) -> float:
    """Return dcost/dz of the squared error by the chain rule: dcost/dp * dp/dz."""
    return squared_error_derivative(sigmoid(z), y) * sigmoid_derivative(z)


def log_loss(z: float, y: float) -> float:
    """Return -y log(p) - (1 - y) log(1 - p), computed from z because log(p) loses its digits where p rounds to 1."""
    return max(z, 0.0) - y * z + math.log1p(math.exp(-abs(z)))


def log_loss_slope(z: float, y: float) -> float:
    """Return dcost/dz of the log loss: p - y, since dp/dz cancels."""
    return sigmoid(z) - y


COSTS: dict[str, Callable[[float, float], float]] = {
    "squared_error": lambda z, y: squared_error(sigmoid(z), y),
    "log_loss": log_loss,
}
SLOPES: dict[str, Callable[[float, float], float]] = {"squared_error": squared_error_slope, "log_loss": log_loss_slope}


def softmax(z: Sequence[float]) -> list[float]:
    """Return exp(z_k) / sum of exp(z_l): the probabilities of classes that share a layer, one neuron each."""
    largest = max(z)
    exponentials = [math.exp(value - largest) for value in z]
    return [each / math.fsum(exponentials) for each in exponentials]


def softmax_cost(z: Sequence[float], y: int) -> float:
    """Return -log p_y, computed from z: log(sum of exp(z_k)) - z_y. `y` is the number of the row's class."""
    largest, best = max(z), max(range(len(z)), key=z.__getitem__)
    others = math.fsum(math.exp(value - largest) for k, value in enumerate(z) if k != best)
    return (largest - z[y]) + math.log1p(others)


def softmax_derivatives(z: Sequence[float]) -> list[list[float]]:
    """Return dp_l/dz_k = p_l ((k == l) - p_k), as row k and column l."""
    p = softmax(z)
    return [[p[other] * ((k == other) - p[k]) for other in range(len(z))] for k in range(len(z))]


def softmax_slopes(z: Sequence[float], y: int) -> list[float]:
    """Return dcost/dz_k by the chain rule: dcost/dp_y = -1 / p_y, times dp_y/dz_k. It is p_k - (k == y)."""
    p_y = softmax(z)[y]
    return [-1 / p_y * of_class[y] for of_class in softmax_derivatives(z)]


def softmax_gradient(
    X: Sequence[Sequence[float]], y: Sequence[int], weights: Sequence[Sequence[float]], bias: Sequence[float]
) -> tuple[list[list[float]], list[float]]:
    """Return the derivatives of the sum of costs over all rows by each neuron's weights and bias."""
    by_weights, by_bias = [[0.0] * len(each) for each in weights], [0.0] * len(bias)
    for x, own in zip(X, y, strict=True):
        z = [weighted_sum(each, b, x) for each, b in zip(weights, bias, strict=True)]
        for k, slope in enumerate(softmax_slopes(z, own)):
            by_bias[k] += slope
            by_weights[k] = [total + slope * value for total, value in zip(by_weights[k], x, strict=True)]
    return by_weights, by_bias


def mean_cost(
    X: Sequence[Sequence[float]], y: Sequence[float], weights: Sequence[float], bias: float, loss: str = "squared_error"
) -> float:
    """Return the mean cost over all rows."""
    costs = [COSTS[loss](weighted_sum(weights, bias, x), target) for x, target in zip(X, y, strict=True)]
    return math.fsum(costs) / len(costs)


def step(
    batch: Sequence[tuple[Sequence[float], float]],
    weights: Sequence[float],
    bias: float,
    learning_rate: float = 0.2,
    loss: str = "squared_error",
) -> tuple[list[float], float]:
    """Return weights and bias after one step along the mean gradient of a batch of (row, target) pairs.

    The tutorial's step takes a batch of one row.
    """
    slopes = [SLOPES[loss](weighted_sum(weights, bias, x), y) for x, y in batch]
    weights = [
        weight - learning_rate * sum(slope * x[j] for slope, (x, _) in zip(slopes, batch, strict=True)) / len(batch)
        for j, weight in enumerate(weights)
    ]
    bias = bias - learning_rate * sum(slopes) / len(batch)
    return weights, bias


def train(
    X: Sequence[Sequence[float]],
    y: Sequence[float],
    order: Sequence[int],
    weights: Sequence[float],
    bias: float,
    learning_rate: float = 0.2,
    loss: str = "squared_error",
    batch_size: int = 1,
    record_every: int = 100,
) -> tuple[list[float], float, list[float]]:
    """Return weights, bias and the recorded mean costs after one step per batch of rows.

    `order` holds the row numbers, batch after batch: the caller draws them. The mean cost over all rows is recorded
    after every `record_every` steps.
    """
    weights = list(weights)
    history = []
    for number in range(len(order) // batch_size):
        rows = order[number * batch_size : (number + 1) * batch_size]
        weights, bias = step([(X[i], y[i]) for i in rows], weights, bias, learning_rate, loss)
        if (number + 1) % record_every == 0:
            history.append(mean_cost(X, y, weights, bias, loss))
    return weights, bias, history
