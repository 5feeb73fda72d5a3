"""glum's GeneralizedLinearRegressor with a binomial family, by the two of its solvers that are made for ridge."""

import warnings
from typing import Any

import numpy as np

from bench.competitors import Array, Competitor, Fitted, Rows

# irls-ls makes the Hessian of all columns.
MOST_WEIGHTS = 10_000


def fit(X: Rows, y: Array, C: float, is_double: bool = False, **options: Any) -> Fitted:
    """Fit; scale_predictors standardises inside, and its objective is the mean's, so that alpha is 1 / (C n)."""
    from glum import GeneralizedLinearRegressor

    model = GeneralizedLinearRegressor(
        family="binomial", alpha=1 / (C * len(y)), l1_ratio=0.0, scale_predictors=True, **options
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fits that did not converge, and of an option of SciPy's that it sets
        model.fit(X.astype(np.float64) if is_double else X, y)
    return Fitted(np.asarray(model.coef_, np.float64), float(model.intercept_))


def _solver(name: str) -> Competitor:
    settings: list[dict[str, Any]] = [{"gradient_tol": tol, "max_iter": 1000} for tol in (1e-1, 1e-2, 1e-3, 1e-4)]
    # In float32 its deviations of columns are too coarse where means are large, and a constant column is singular.
    settings += [{"gradient_tol": tol, "max_iter": 10_000, "is_double": True} for tol in (1e-2, 1e-3, 1e-5, 1e-8)]
    return Competitor(
        f"glum {name}",
        "glum",
        fit,
        tuple({"solver": name} | each for each in settings),
        "glum, GeneralizedLinearRegressor: scale_predictors=True where alpha > 0; irls-ls is its default",
        "gradient_tol, max_iter, dtype; hessian_approx and Fortran-ordered columns gained nothing",
        most_weights=MOST_WEIGHTS if name == "irls-ls" else 1 << 62,
        takes_sparse=True,
    )


COMPETITORS = [_solver("irls-ls"), _solver("lbfgs")]
