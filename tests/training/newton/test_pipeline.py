"""The classifier is make_pipeline(StandardScaler(), LogisticRegression()) with coefficients for the raw columns."""

import math
from typing import Any

import numpy as np
import pytest
from sklearn import datasets
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler

import fastperceptron as fp
from fastperceptron.training.newton.certificate import NEGLIGIBLE_LOSS_PER_ROW
from oracle import losses_at

pytestmark = pytest.mark.compiled
TIGHT = {"loss": "log_loss", "tol": 1e-6}


def made(n_rows: int = 400, n_classes: int = 2, dtype: type = np.float64) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n_rows + n_classes)
    y = rng.integers(0, n_classes, n_rows)
    X = rng.normal(size=(n_rows, 4)) + 1.5 * rng.normal(size=(n_classes, 4))[y]
    return (X * [1, 100, 0.01, 1] + [0, 1000, 0, -3]).astype(dtype), y


def pipeline(
    X: np.ndarray,
    y: np.ndarray,
    sample_weight: np.ndarray | None = None,
    fit_intercept: bool = True,
    standardize: bool = True,
    multi_class: str = "softmax",
    **parameters: Any,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficients and intercepts of scikit-learn's pipeline, for raw columns."""
    X = X.astype(np.float64)
    scaler = StandardScaler(with_mean=fit_intercept and standardize, with_std=standardize)
    rows = scaler.fit(X, sample_weight=sample_weight).transform(X)
    solver = "lbfgs" if standardize else "newton-cholesky"
    regression = LogisticRegression(
        tol=1e-10, max_iter=10_000, fit_intercept=fit_intercept, solver=solver, **parameters
    )
    is_many = len(np.unique(y)) > 2 and multi_class == "one_vs_rest"
    model = OneVsRestClassifier(regression) if is_many else regression
    with np.errstate(all="ignore"):
        model.fit(rows, y, **({} if sample_weight is None else {"sample_weight": sample_weight}))
    fitted = model.estimators_ if is_many else [model]
    coef, intercept = (np.concatenate([getattr(each, name) for each in fitted]) for name in ("coef_", "intercept_"))
    scale = scaler.scale_ if standardize else np.ones(X.shape[1])
    coef = coef / scale
    return coef, intercept - (coef @ scaler.mean_ if scaler.with_mean else 0)


def promised(X: np.ndarray, fitted: fp.PerceptronClassifier) -> np.ndarray:
    """Return how far the weights may be where the objective's excess is as good as none: sqrt(2 excess / curvature)."""
    bound = []
    for weights, bias in zip(fitted.coef_, fitted.intercept_, strict=True):
        _, _, curvature = losses_at("log_loss", X.astype(np.float64) @ weights + bias, np.zeros(len(X)))
        rows = np.column_stack([X, np.full(len(X), float(fitted.fit_intercept))])
        hessian = (rows * curvature[:, None]).T @ rows
        inverse = np.linalg.pinv(hessian, hermitian=True)
        bound.append(np.sqrt(2 * NEGLIGIBLE_LOSS_PER_ROW * len(X) * np.diag(inverse)[:-1]))
    return np.array(bound)


def check(X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None, **parameters: Any) -> None:
    ours = fp.PerceptronClassifier(**TIGHT, **parameters).fit(X, y, sample_weight=sample_weight)
    coef, intercept = pipeline(X, y, sample_weight, **parameters)
    sizes = np.abs(coef).max(axis=0)
    errors = np.abs(ours.coef_ - coef) / sizes
    assert (errors <= 2e-5 + promised(X, ours) / sizes).all(), errors
    np.testing.assert_allclose(ours.intercept_, intercept, atol=2e-4 * max(1.0, np.abs(intercept).max()))


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("n_rows", [400, 40_000])
@pytest.mark.parametrize("C", [0.01, 1.0])
def test_with_and_without_intercept_and_scaler(n_rows: int, fit_intercept: bool, standardize: bool, C: float) -> None:
    check(*made(n_rows), fit_intercept=fit_intercept, standardize=standardize, C=C)


@pytest.mark.parametrize("class_weight", [{0: 0.2, 1: 3.0}, "balanced"])
@pytest.mark.parametrize("n_rows", [400, 40_000])
def test_class_weights_leave_the_scaler_alone(n_rows: int, class_weight: Any) -> None:
    X, y = made(n_rows)
    keep = (y == 0) | (np.arange(n_rows) % 3 == 0)
    check(X[keep], y[keep], class_weight=class_weight, C=0.01)


@pytest.mark.parametrize("class_weight", [None, {0: 0.2, 1: 3.0}])
@pytest.mark.parametrize("n_rows", [400, 40_000])
def test_row_weights_are_those_of_the_scaler_too(n_rows: int, class_weight: Any) -> None:
    X, y = made(n_rows)
    weight = np.random.default_rng(0).exponential(size=n_rows) * (1 + (np.abs(X[:, 0]) > 1))
    check(X, y, sample_weight=weight, class_weight=class_weight, C=0.05)


@pytest.mark.parametrize("n_classes", [3, 5])
@pytest.mark.parametrize("n_rows", [400, 30_000])
@pytest.mark.parametrize("multi_class", ["softmax", "one_vs_rest"])
def test_many_classes_are_those_of_scikit_learn(n_classes: int, n_rows: int, multi_class: str) -> None:
    check(*made(n_rows, n_classes), multi_class=multi_class)


@pytest.mark.parametrize("name", ["breast_cancer", "iris", "wine"])
@pytest.mark.parametrize("multi_class", ["softmax", "one_vs_rest"])
def test_shipped_tables(name: str, multi_class: str) -> None:
    data = getattr(datasets, f"load_{name}")()
    check(data.data, data.target, multi_class=multi_class)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_without_a_penalty_scales_do_not_matter(dtype: type) -> None:
    X, y = made(40_000, dtype=dtype)
    coefs = [
        fp.PerceptronClassifier(loss="log_loss", tol=1e-3, C=math.inf, standardize=standardize).fit(X, y).coef_
        for standardize in (True, False)
    ]
    np.testing.assert_allclose(*coefs, rtol=1e-3)
    np.testing.assert_allclose(coefs[0], pipeline(X, y, C=1e10)[0], rtol=1e-3)


@pytest.mark.parametrize("standardize", [True, False])
def test_the_bias_is_not_penalised(standardize: bool) -> None:
    X, y = made()
    y = (np.arange(len(y)) % 10 == 0).astype(int)
    classifier = fp.PerceptronClassifier(**TIGHT, C=1e-9, standardize=standardize).fit(X, y)
    z = classifier.decision_function(X)
    assert z == pytest.approx(np.full(len(y), math.log(0.1 / 0.9)), abs=1e-2)
