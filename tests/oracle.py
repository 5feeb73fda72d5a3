"""What is right, by NumPy and SciPy in float64: losses, objectives with their derivatives, and minima."""

import math
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logsumexp

Values = tuple[np.ndarray, np.ndarray, np.ndarray]


def losses_at(loss: str, z: np.ndarray, y: np.ndarray, exactness: float = 1.0) -> Values:
    """Return cost, slope and curvature of each row, the derivatives with respect to z.

    With exactness 0, the curvature of the squared error is its Gauss-Newton part.
    """
    p, q = expit(z), expit(-z)
    error = np.where(y == 1, -q, p)
    if loss == "log_loss":
        return np.logaddexp(0, z) - y * z, error, p * q
    return error**2, 2 * error * p * q, 2 * p * q * (p * q + exactness * error * (q - p))


def softmax_at(z: np.ndarray, codes: np.ndarray) -> Values:
    """Return the cost of each row, and slopes and curvatures, (n_rows, n_classes), of the softmax layer."""
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    cost = logsumexp(z, axis=1) - z[np.arange(len(z)), codes]
    others = np.stack([np.delete(p, k, axis=1).sum(axis=1) for k in range(z.shape[1])], axis=1)  # 1 - p cancels
    return cost, p - (codes[:, None] == np.arange(z.shape[1])), p * others


def standards(X: np.ndarray, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns' weighted means and standard deviations; 1 for a constant column."""
    mean = np.average(X, axis=0, weights=weights)
    deviations = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weights))
    return mean, np.where(deviations > 1e-12 * np.abs(mean), deviations, 1.0)


class Objective:
    """sum(weights * loss) + penalty . v^2 / 2 over rows whose last value is 1, for the bias."""

    def __init__(
        self, rows: np.ndarray, y: np.ndarray, loss: str, penalty: np.ndarray, weights: np.ndarray | None = None
    ) -> None:
        self._rows, self._y, self._loss, self._penalty = rows, y, loss, penalty
        self._weights = np.ones(len(rows)) if weights is None else weights

    def __call__(self, v: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the value and the gradient with respect to v."""
        cost, slope, _ = losses_at(self._loss, self._rows @ v, self._y)
        gradient = (self._weights * slope) @ self._rows + self._penalty * v
        return float(self._weights @ cost + self._penalty @ v**2 / 2), gradient

    def hessian(self, v: np.ndarray) -> np.ndarray:
        """Return the Hessian with respect to v."""
        curvature = self._weights * losses_at(self._loss, self._rows @ v, self._y)[2]
        return (self._rows * curvature[:, None]).T @ self._rows + np.diag(self._penalty)

    def minimum(self, start: np.ndarray | None = None) -> np.ndarray:
        """Return the minimum that SciPy finds, which no curvature of the wrong sign and no singular Hessian stops."""
        start = np.zeros(self._rows.shape[1]) if start is None else start
        options = {"gtol": 1e-9 * len(self._y), "maxiter": 500}
        return minimize(self, start, jac=True, hess=self.hessian, method="trust-exact", options=options).x


class StandardisedObjective(Objective):
    """sum(loss) + |w|^2 / (2 C) over standardised columns; the last parameter is the bias."""

    def __init__(self, X: np.ndarray, y: np.ndarray, loss: str, C: float) -> None:
        self.mean, self.scale = standards(X.astype(np.float64))
        rows = np.column_stack([(X.astype(np.float64) - self.mean) / self.scale, np.ones(len(X))])
        super().__init__(rows, y, loss, np.append(np.full(X.shape[1], 1 / C), 0.0))

    def standardised(self, solution: Any) -> np.ndarray:
        """Return the parameters of a solution for raw columns."""
        weights, bias = solution.weights[0], solution.bias[0]
        return np.append(weights * self.scale, bias + weights @ self.mean)

    def log_loss_of(self, X: np.ndarray, y: np.ndarray, v: np.ndarray) -> float:
        """Return the mean log loss of other rows."""
        return float(losses_at("log_loss", ((X - self.mean) / self.scale) @ v[:-1] + v[-1], y)[0].mean())


class SoftmaxObjective:
    """sum(loss) + |w|^2 / (2 C) of softmax over standardised columns; points are (n_classes, n_features + 1)."""

    def __init__(self, X: np.ndarray, codes: np.ndarray, C: float) -> None:
        self.mean, self.scale = standards(X)
        self._rows, self._codes = np.column_stack([(X - self.mean) / self.scale, np.ones(len(X))]), codes
        self._penalty = np.append(np.full(X.shape[1], 1 / C), 0.0)

    def standardised(self, fitted: Any) -> np.ndarray:
        """Return the point of a fitted classifier."""
        return np.column_stack([fitted.coef_ * self.scale, fitted.intercept_ + fitted.coef_ @ self.mean])

    def value(self, point: np.ndarray) -> float:
        """Return the objective."""
        cost = softmax_at(self._rows @ point.T, self._codes)[0]
        return float(cost.sum() + (self._penalty * point**2).sum() / 2)

    def least(self, point: np.ndarray) -> float:
        """Return the minimum, or infimum, by Newton steps from a point until they gain nothing."""
        value, gain = self.value(point), math.inf
        while gain > 1e-12 * value:
            step = self._step(point)
            lengths = (0.5**halvings for halvings in range(12))
            better = min((point + length * step for length in lengths), key=self.value)
            point, gain = better, value - self.value(better)
            value -= max(gain, 0.0)
        return value

    def _step(self, point: np.ndarray) -> np.ndarray:
        _, slopes, curvatures = softmax_at(self._rows @ point.T, self._codes)
        p = slopes + (self._codes[:, None] == np.arange(len(point)))
        (n_classes, size), rows = point.shape, self._rows
        hessian = np.zeros((n_classes, size, n_classes, size))
        for k in range(n_classes):
            for other in range(n_classes):
                block = curvatures[:, k] if k == other else -p[:, k] * p[:, other]
                hessian[k, :, other] = (rows * block[:, None]).T @ rows + (k == other) * np.diag(self._penalty)
        gradient = (slopes.T @ rows + self._penalty * point).reshape(-1)
        whole = hessian.reshape(point.size, point.size)
        whole[np.diag_indices(point.size)] += 1e-10 * whole.diagonal().mean()  # collinear columns, the common part
        return np.linalg.solve(whole, -gradient).reshape(point.shape)
