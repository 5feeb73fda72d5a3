"""fastperceptron itself: the product as its README has it, and its other three ways to fit."""

from typing import Any

import numpy as np

from bench.competitors import OURS, Array, Competitor, Fitted, Rows
from fastperceptron import PerceptronClassifier

SOURCE = "README.md"
CHUNK_ROWS = 1 << 16


def fit(X: Rows, y: Array, C: float, **options: Any) -> Fitted:
    """Fit as a user does."""
    classifier = PerceptronClassifier(C=C, **options).fit(X, y)
    return Fitted.of(classifier.coef_, classifier.intercept_)


def fit_chunks(X: Rows, y: Array, C: float, passes: int) -> Fitted:
    """Learn from chunks by online Newton."""
    classifier, classes = PerceptronClassifier(loss="log_loss", C=C), np.unique(y)
    for _ in range(passes):
        for start in range(0, len(y), CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            classifier.partial_fit(X[part], y[part], classes=classes)
    return Fitted.of(classifier.coef_, classifier.intercept_)


def _settings(loss: str) -> tuple[dict[str, Any], ...]:
    return tuple({"loss": loss, "tol": tol} for tol in (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.001))


def _way(name: str, fit: Any, settings: tuple[dict[str, Any], ...], tuned: str, takes_classes: bool) -> Competitor:
    kinds = {"takes_sparse": True, "takes_classes": takes_classes}
    return Competitor(f"{OURS} {name}", OURS, fit, settings, SOURCE, tuned, is_scaled=False, **kinds)


COMPETITORS = [
    _way("log_loss", fit, _settings("log_loss"), "tol, as everyone's is", True),
    _way(
        "squared_error",
        fit,
        _settings("squared_error"),
        "tol; it minimises another loss, and is judged by the log loss all the same; it has no softmax model",
        False,
    ),
    _way(
        "sgd",
        fit,
        tuple({"loss": "log_loss", "solver": "sgd", "max_iter": epochs} for epochs in (1, 2, 5, 20, 100)),
        "epochs",
        False,
    ),
    _way(
        "partial_fit",
        fit_chunks,
        ({"passes": 1}, {"passes": 2}, {"passes": 5}),
        "passes; chunks of 65,536 rows",
        True,
    ),
]
