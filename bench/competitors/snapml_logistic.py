"""Snap ML's LogisticRegression behind StandardScaler, on all cores, by its dual solver."""

import os
from typing import Any

import numpy as np
from scipy.special import logit

from bench.competitors import Array, Competitor, Fitted, Rows, fit_pipeline

# It penalises the bias, as LIBLINEAR does.
INTERCEPT_SCALING = 10.0


def _weights(model: Any) -> tuple[Array, float]:
    """Return weights, and the bias as the logit of a row of zeros: `intercept_` lacks the factor intercept_scaling."""
    coef = np.ravel(model.coef_)
    return coef, float(logit(model.predict_proba(np.zeros((1, len(coef)), np.float32))[0, 1]))


def fit(X: Rows, y: Array, C: float, **options: Any) -> Fitted:
    """Fit the pipeline with regularizer=1 / C, and with a bias, which it leaves out unless it is asked for."""
    from snapml import LogisticRegression

    bias = {"fit_intercept": True, "intercept_scaling": INTERCEPT_SCALING}
    model = LogisticRegression(regularizer=1 / C, n_jobs=len(os.sched_getaffinity(0)), **bias, **options)
    return fit_pipeline(model, X, y, _weights)


COMPETITORS = [
    Competitor(
        "snapml LogisticRegression",
        "snapml",
        fit,
        tuple({"tol": tol} for tol in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)),
        "Snap ML's LogisticRegression (n_jobs, tol, fit_intercept); it converts to float32 itself",
        "tol; the primal solver returns no bias (1.17); of more classes it fits one-vs-rest, which is another model",
        checks_values=False,
        takes_sparse=True,
    )
]
