"""Snap ML's LogisticRegression behind StandardScaler, on all cores, by its dual and its primal solver."""

import os
from typing import Any

from bench.competitors import Array, Competitor, Fitted, fit_pipeline


def fit(X: Array, y: Array, C: float, **options: Any) -> Fitted:
    """Fit the pipeline with regularizer=1 / C."""
    from snapml import LogisticRegression

    return fit_pipeline(LogisticRegression(regularizer=1 / C, n_jobs=len(os.sched_getaffinity(0)), **options), X, y)


COMPETITORS = [
    Competitor(
        "snapml LogisticRegression",
        "snapml",
        fit,
        tuple({"dual": dual, "tol": tol} for tol in (1e-1, 1e-2, 1e-3, 1e-5) for dual in (True, False)),
        "Snap ML's LogisticRegression (n_jobs, dual, tol); it converts to float32 itself",
        "tol, dual",
        checks_values=False,
    )
]
