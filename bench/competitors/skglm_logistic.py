"""skglm's estimator with a logistic datafit behind StandardScaler: Numba kernels, too, made for sparse weights."""

import warnings

import numpy as np
from scipy import sparse

from bench.competitors import Array, Competitor, Fitted, Rows, fit_pipeline


def fit(X: Rows, y: Array, C: float, solver: str, tol: float) -> Fitted:
    """Fit with an elastic net of which nothing is L1. Columns contiguous, as its solvers walk them."""
    from skglm import GeneralizedLinearEstimator, datafits, penalties, solvers

    chosen = getattr(solvers, solver)(tol=tol, fit_intercept=True)
    penalty = penalties.L1_plus_L2(1 / (C * len(y)), l1_ratio=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fits that did not converge
        model = GeneralizedLinearEstimator(datafits.Logistic(), penalty, chosen)
        wide = X.astype(np.float64) if sparse.issparse(X) else np.asfortranarray(X, np.float64)
        return fit_pipeline(model, wide, y, layout="csc")


COMPETITORS = [
    Competitor(
        "skglm",
        "skglm",
        fit,
        tuple({"solver": solver, "tol": tol} for tol in (1e-2, 1e-4, 1e-6) for solver in ("ProxNewton", "AndersonCD")),
        "skglm, GeneralizedLinearEstimator(Logistic(), L1_plus_L2, ProxNewton or AndersonCD)",
        "solver, tol; columns contiguous in float64, which its solvers are fastest on; CSC where rows are sparse",
        takes_sparse=True,
    )
]
