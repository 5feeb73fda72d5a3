"""XGBoost's linear booster behind StandardScaler."""

import json
import warnings
from typing import Any

import numpy as np

from bench.competitors import Array, Competitor, Fitted, Rows, fit_pipeline


def _weights(model: Any) -> tuple[Array, Array]:
    """Return weights and bias from the booster's own dump, a column after the other.

    Of many classes `coef_` has the dump's values in a wrong order (XGBoost 3.2).
    """
    dump = json.loads(model.get_booster().get_dump(dump_format="json")[0])
    return np.reshape(dump["weight"], (-1, len(dump["bias"]))).T, np.array(dump["bias"])


def fit(X: Rows, y: Array, C: float, **options: Any) -> Fitted:
    """Fit; XGBoost multiplies reg_lambda by the number of rows. base_score=0.5 has the bias alone be the intercept."""
    from xgboost import XGBClassifier

    model = XGBClassifier(booster="gblinear", base_score=0.5, reg_lambda=1 / (C * len(y)), verbosity=0, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it is deprecated
        return fit_pipeline(model, X, y, _weights)


COMPETITORS = [
    Competitor(
        "xgboost gblinear",
        "xgboost",
        fit,
        tuple({"n_estimators": rounds, "learning_rate": 1.0, "updater": "shotgun"} for rounds in (3, 5, 10))
        + tuple({"n_estimators": rounds, "learning_rate": 1.0, "updater": "coord_descent"} for rounds in (5, 20, 100)),
        "XGBoost parameters, section for the linear booster; objective multi:softprob, which it chooses itself",
        "rounds, updater; learning_rate=1 is the fastest that converged",
        checks_values=False,
        takes_sparse=True,
        takes_classes=True,
    )
]
