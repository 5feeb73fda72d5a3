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
