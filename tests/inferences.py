"""Tables and fits for tests of inference, and covariance matrices by the textbook's formulas."""

import warnings
from typing import Any

import numpy as np
from numba.core import config

import fastperceptron as fp
from oracle import losses_at
from tables import drawn_labels

N_ROWS = 60 if config.DISABLE_JIT else 400
HAS_SOFTMAX = "multi_class" in fp.PerceptronClassifier().get_params()
ONE_VS_REST = {"multi_class": "one_vs_rest"} if HAS_SOFTMAX else {}
COVARIANCES = ["classical", "HC0", "HC1", "cluster"]


def table(seed: int = 0, n_features: int = 3, n_rows: int = N_ROWS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, labels of overlapping classes and groups."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features))
    return X, drawn_labels(X @ rng.uniform(-1, 1, n_features) + 0.3, rng), rng.integers(12, size=n_rows)


def asked(how: str, groups: np.ndarray) -> dict[str, Any]:
    return {"covariance": how, "groups": groups if how == "cluster" else None}


def inference_at(parameters: np.ndarray, *data: Any, **options: Any) -> fp.Inference:
    """Return the inference of coefficients, the intercept first, that need not be the optimum."""
    classifier = fp.PerceptronClassifier(loss="log_loss", C=float("inf"))
    classifier.coef_, classifier.intercept_ = parameters[np.newaxis, 1:], parameters[:1]
    classifier.classes_ = np.array([0, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fp.inference(classifier, *data, **options)


def unpenalised(X: Any, y: Any = None, sample_weight: Any = None, **options: Any) -> fp.PerceptronClassifier:
    """Return a logistic regression without a penalty, at the optimum as far as rounding allows."""
    options = {"loss": "log_loss", "C": float("inf"), "tol": 1e-8, **options}
    return fp.PerceptronClassifier(**options).fit(X, y, sample_weight)


def covariance_at(
    X: np.ndarray, y: np.ndarray, parameters: np.ndarray, how: str, groups: np.ndarray | None = None
) -> np.ndarray:
    """Return the covariance matrix of a logistic regression's parameters, the intercept first."""
    rows = np.column_stack([np.ones(len(X)), X])
    n, k = rows.shape
    _, slope, curvature = losses_at("log_loss", rows @ parameters, y)
    bread, scores = np.linalg.inv((rows * curvature[:, None]).T @ rows), rows * slope[:, None]
    if how == "classical":
        return bread
    factor = n / (n - k) if how == "HC1" else 1.0
    if how == "cluster":
        scores = np.array([scores[groups == group].sum(axis=0) for group in np.unique(groups)])
        factor = len(scores) / (len(scores) - 1) * (n - 1) / (n - k)
    return factor * bread @ scores.T @ scores @ bread
