"""LIBLINEAR, through scikit-learn's LogisticRegression behind StandardScaler."""

from bench.competitors import Array, Competitor, Fitted, Rows, fit_pipeline

# It penalises the bias; the documentation's remedy is to raise intercept_scaling.
INTERCEPT_SCALING = 10.0


def fit(X: Rows, y: Array, C: float, tol: float, max_iter: int = 100) -> Fitted:
    """Fit the primal problem."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(solver="liblinear", C=C, tol=tol, max_iter=max_iter, intercept_scaling=INTERCEPT_SCALING)
    return fit_pipeline(model, X, y)


COMPETITORS = [
    Competitor(
        "LIBLINEAR",
        "scikit-learn",
        fit,
        tuple({"tol": tol, "max_iter": 1000} for tol in (1e-1, 1e-2, 1e-3, 1e-4, 1e-6)),
        "scikit-learn's LogisticRegression, solver='liblinear' and intercept_scaling",
        "tol; intercept_scaling=10; of more classes it fits one-vs-rest, which is another model",
        takes_sparse=True,
    )
]
