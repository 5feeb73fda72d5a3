"""scikit-learn's LogisticRegression behind StandardScaler, by each of its solvers that fit many rows."""

from typing import Any

import numpy as np

from bench.competitors import Array, Competitor, Fitted, Rows, fit_pipeline

SOURCE = "scikit-learn user guide 1.1.11 (Logistic regression) and 7.3 (Preprocessing data)"


def fit(X: Rows, y: Array, C: float, is_double: bool = False, **options: Any) -> Fitted:
    """Fit the pipeline in the rows' precision or, where that is too coarse for the target, in float64."""
    from sklearn.linear_model import LogisticRegression

    return fit_pipeline(LogisticRegression(C=C, **options), X.astype(np.float64) if is_double else X, y)


def _solver(name: str, settings: list[dict[str, Any]], tuned: str, **facts: Any) -> Competitor:
    settings = [{"solver": name} | each for each in settings]
    kinds = {"takes_sparse": True, "takes_classes": True}
    return Competitor(
        f"LogisticRegression {name}", "scikit-learn", fit, tuple(settings), SOURCE, tuned, **kinds, **facts
    )


COMPETITORS = [
    _solver(
        "lbfgs",
        [{"tol": tol, "max_iter": 1000} for tol in (1e-1, 1e-2, 1e-3, 1e-4, 1e-6)]
        + [{"tol": 1e-8, "max_iter": 10_000, "is_double": True}],
        "tol, max_iter, dtype",
    ),
    _solver(
        "newton-cg",
        [{"tol": tol} for tol in (1e-1, 1e-2, 1e-3, 1e-4)] + [{"tol": 1e-8, "max_iter": 1000, "is_double": True}],
        "tol, max_iter, dtype",
    ),
    _solver(
        "newton-cholesky",
        [{"tol": tol} for tol in (1e-1, 1e-2, 1e-3, 1e-4)] + [{"tol": 1e-8, "is_double": True}],
        "tol, dtype",
        most_weights=10_000,  # it makes the Hessian of all of them
    ),
    _solver(
        "saga",
        [{"tol": 1e-4, "max_iter": epochs, "random_state": 0} for epochs in (2, 5, 20, 100)]
        + [{"tol": 1e-8, "max_iter": 1000, "is_double": True, "random_state": 0}],
        "epochs, dtype",
    ),
]
