"""statsmodels' Logit by Newton's method, without a penalty: made for inference on few rows."""

import warnings
from typing import Any

import numpy as np

from bench.competitors import Array, Competitor, Fitted


def fit(X: Array, y: Array, C: float, **options: Any) -> Fitted:
    """Fit by maximum likelihood."""
    del C  # it has no L2 penalty
    import statsmodels.api as sm

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of separated classes and of steps that did not converge
        result = sm.Logit(y, sm.add_constant(X.astype(np.float64), has_constant="add")).fit(disp=0, **options)
    return Fitted(result.params[1:], float(result.params[0]))


COMPETITORS = [
    Competitor(
        "statsmodels Logit",
        "statsmodels",
        fit,
        tuple({"method": "newton", "maxiter": steps} for steps in (4, 8, 35)),
        "statsmodels discrete choice models, Logit.fit",
        "Newton steps; it has no penalty",
        is_scaled=False,
        most_values=4_000_000,
    )
]
