"""XGBoost's linear booster behind StandardScaler."""

import warnings
from typing import Any

from bench.competitors import Array, Competitor, Fitted, fit_pipeline


def fit(X: Array, y: Array, C: float, **options: Any) -> Fitted:
    """Fit; XGBoost multiplies reg_lambda by the number of rows."""
    from xgboost import XGBClassifier

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it is deprecated
        return fit_pipeline(
            XGBClassifier(booster="gblinear", reg_lambda=1 / (C * len(y)), verbosity=0, **options), X, y
        )


COMPETITORS = [
    Competitor(
        "xgboost gblinear",
        "xgboost",
        fit,
        tuple({"n_estimators": rounds, "learning_rate": 1.0, "updater": "shotgun"} for rounds in (3, 5, 10))
        + tuple({"n_estimators": rounds, "learning_rate": 1.0, "updater": "coord_descent"} for rounds in (5, 20, 100)),
        "XGBoost parameters, section for the linear booster",
        "rounds, updater; learning_rate=1 is the fastest that converged",
        checks_values=False,
    )
]
