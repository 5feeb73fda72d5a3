"""fastperceptron itself: the product as its README has it, and its other three ways to fit."""

from typing import Any

from bench.competitors import OURS, Array, Competitor, Fitted
from fastperceptron import PerceptronClassifier

SOURCE = "README.md"
CHUNK_ROWS = 1 << 16


def _fitted(classifier: PerceptronClassifier) -> Fitted:
    return Fitted(classifier.coef_[0], float(classifier.intercept_[0]))


def fit(X: Array, y: Array, C: float, **options: Any) -> Fitted:
    """Fit as a user does."""
    return _fitted(PerceptronClassifier(C=C, **options).fit(X, y))


def fit_chunks(X: Array, y: Array, C: float, passes: int) -> Fitted:
    """Learn from chunks by online Newton."""
    classifier = PerceptronClassifier(loss="log_loss", C=C)
    for _ in range(passes):
        for start in range(0, len(y), CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            classifier.partial_fit(X[part], y[part], classes=[0, 1])
    return _fitted(classifier)


def _settings(loss: str) -> tuple[dict[str, Any], ...]:
    return tuple({"loss": loss, "tol": tol} for tol in (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.001))


COMPETITORS = [
    Competitor(f"{OURS} log_loss", OURS, fit, _settings("log_loss"), SOURCE, "tol, as everyone's is", False),
    Competitor(
        f"{OURS} squared_error",
        OURS,
        fit,
        _settings("squared_error"),
        SOURCE,
        "tol; it minimises another loss, and is judged by the log loss all the same",
        False,
    ),
    Competitor(
        f"{OURS} sgd",
        OURS,
        fit,
        tuple({"loss": "log_loss", "solver": "sgd", "max_iter": epochs} for epochs in (1, 2, 5, 20, 100)),
        SOURCE,
        "epochs",
        False,
    ),
    Competitor(
        f"{OURS} partial_fit",
        OURS,
        fit_chunks,
        ({"passes": 1}, {"passes": 2}, {"passes": 5}),
        SOURCE,
        "passes; chunks of 65,536 rows",
        False,
    ),
]
