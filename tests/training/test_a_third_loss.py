"""To add a loss is one file and one line: a loss that is registered here is minimised by every trainer.

It is the squared distance of z from -1 or 1, so that its optimum is that of weighted least squares.
"""

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numba.core import config

import fastperceptron as fp
from fastperceptron.kernels.jit import jit
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.training.newton import sample_size
from oracle import standards

N_ROWS = 300 if config.DISABLE_JIT else 40_000


def cost(z, y):
    distance = z - (y + y - type(z)(1))
    return distance * distance * type(z)(0.125)


def slope(z, y, scale):
    return scale * (z - (y + y - type(z)(1))) * type(z)(0.25)


def unscaled_slope(z, y):
    return (z - (y + y - type(z)(1))) * type(z)(0.25)


def cost_and_slope(z, y):
    distance = z - (y + y - type(z)(1))
    return distance * distance * type(z)(0.125), distance * type(z)(0.25)


def curvature(z, y, exactness):
    return type(z)(0.25)


@pytest.fixture(autouse=True)
def quadratic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the loss, under a name that its source decides: kernels are kept on disk by name."""
    source = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    kernels = (cost, slope, unscaled_slope, cost_and_slope, curvature)
    for kernel in kernels:
        kernel.__qualname__ = f"{kernel.__name__}_{source}"
    facts = {"IS_CONVEX": True, "IS_LIKELIHOOD": False, "LARGEST_CURVATURE": 0.25}
    facts |= {"TYPICAL_RATIO": 0.2, "UNKNOWN_RATIO": 4.0}
    monkeypatch.setitem(
        LOSSES, "quadratic", SimpleNamespace(**{kernel.__name__: jit(kernel) for kernel in kernels}, **facts)
    )


def table(n_rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, labels and weights."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 4)) * [1, 10, 0.1, 1] + [0, 5, 0, -1]
    return X, (X[:, 0] - X[:, 3] + rng.normal(size=n_rows) > 1).astype(np.uint8), rng.uniform(0.5, 2, n_rows)


def least_squares(X: np.ndarray, y: np.ndarray, weights: np.ndarray, C: float) -> np.ndarray:
    """Return the optimal weights for raw columns, the bias last."""
    mean, scale = standards(X, weights)
    rows = np.column_stack([(X - mean) / scale, np.ones(len(X))])
    penalty = np.append(np.full(X.shape[1], 1 / C), 0)
    matrix = (rows * weights[:, None] / 4).T @ rows + np.diag(penalty)
    *w, bias = np.linalg.solve(matrix, (weights / 4 * (2.0 * y - 1)) @ rows)
    return np.append(w / scale, bias - mean @ (w / scale))


def check(fitted: Any, best: np.ndarray, X: np.ndarray, tolerance: float) -> None:
    """Compare the decision values with the best ones, whose deviation is of order 1."""
    found = X @ np.ravel(fitted.coef_) + fitted.intercept_[0]
    assert np.sqrt(np.mean((found - X @ best[:-1] - best[-1]) ** 2)) < tolerance


@pytest.mark.parametrize("C", [0.5, float("inf")])
@pytest.mark.parametrize("n_rows", [200, N_ROWS], ids=["all rows", "a sample"])
def test_newton(n_rows: int, C: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(LOSSES, "log_loss")  # a convex loss is minimised without the help of another
    X, y, weights = table(n_rows)
    if n_rows == N_ROWS:
        monkeypatch.setattr(sample_size, "SMALL_WORK", 0)
    fitted = fp.PerceptronClassifier(loss="quadratic", C=C, tol=1e-4).fit(X, y, sample_weight=weights)
    check(fitted, least_squares(X, y, weights, C), X, 1e-5)
    assert 0 <= fitted.optimality_gap_ < 1e-8
    assert fitted.n_iter_ <= 6


@pytest.mark.parametrize("C", [0.5, float("inf")])
def test_online_newton(C: float) -> None:
    X, y, weights = table(N_ROWS // 4)
    classifier = fp.PerceptronClassifier(loss="quadratic", C=C, tol=1e-4)
    for part in np.array_split(np.arange(len(X)), 5):
        classifier.partial_fit(X[part], y[part], [0, 1], sample_weight=weights[part])
    check(classifier, least_squares(X, y, weights, C), X, 1e-9)  # the model of rows gone by is exact


def test_sgd() -> None:
    X, y, weights = table(N_ROWS // 4)
    options = {"solver": "sgd", "average": True, "eta0": 0.5, "random_state": 0}
    fitted = fp.PerceptronClassifier(loss="quadratic", **options).fit(X, y, sample_weight=weights)
    check(fitted, least_squares(X, y, weights, 1.0), X, 0.05)


@pytest.mark.parametrize("batch_size", [1, 100])
def test_the_tutorials_loop(batch_size: int) -> None:
    X, y, _ = table(100)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    options = {"batch_size": batch_size, "sampling": "in_order", "learning_rate": 1.0 if batch_size > 1 else 0.01}
    model = fp.train(X, y, loss="quadratic", steps=10_000 if batch_size == 1 else 500, rng=0, **options)
    best = least_squares(X, y, np.ones(100), float("inf"))
    np.testing.assert_allclose([*model.weights, model.bias], best, atol=1e-9 if batch_size > 1 else 0.02)
    expected = np.mean((X @ model.weights + model.bias - (2.0 * y - 1)) ** 2) / 8
    assert model.history.costs[-1] == pytest.approx(expected, rel=1e-9)
