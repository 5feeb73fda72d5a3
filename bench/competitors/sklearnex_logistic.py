"""scikit-learn-intelex's LogisticRegression (oneDAL) behind StandardScaler, by both solvers that it accelerates.

It has no scaler of its own. All others of scikit-learn's solvers it hands back to scikit-learn, and so it does
newton-cg unless SKLEARNEX_PREVIEW is in the environment; sparse rows it hands back, too (2026.2).
"""

import os
from typing import Any
from unittest import mock

import numpy as np

from bench.competitors import Array, Competitor, Fitted, fit_pipeline


def fit(X: Array, y: Array, C: float, tol: float, is_double: bool = False, **options: Any) -> Fitted:
    """Fit the pipeline. Its solvers compare tol with the gradient of the sum over rows, scikit-learn's of the mean."""
    from sklearnex.linear_model import LogisticRegression

    model = LogisticRegression(C=C, tol=tol * len(y), **options)
    with mock.patch.dict(os.environ, SKLEARNEX_PREVIEW="1"):
        return fit_pipeline(model, X.astype(np.float64) if is_double else X, y)


def _solver(name: str) -> Competitor:
    settings: list[dict[str, Any]] = [{"tol": tol, "max_iter": 1000} for tol in (1e-1, 1e-2, 1e-3, 1e-4, 1e-6)]
    settings += [{"tol": tol, "max_iter": 10_000, "is_double": True} for tol in (1e-3, 1e-5, 1e-8)]
    return Competitor(
        f"sklearnex {name}",
        "scikit-learn-intelex",
        fit,
        tuple({"solver": name} | each for each in settings),
        "Extension for Scikit-learn, supported algorithms and preview mode; scikit-learn user guide 1.1.11 and 7.3",
        "tol (times the rows, since its gradient is the sum's), max_iter, dtype; all cores, its default",
        takes_classes=True,
    )


COMPETITORS = [_solver("lbfgs"), _solver("newton-cg")]
