"""A class whose rows have no weight stays a class, of a probability near 0: resamples and weights of 0 make such."""

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

import fastperceptron as fp

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
Y3 = RNG.integers(0, 3, 120)
Y2 = (X[:, 0] + RNG.normal(size=120) > 0).astype(int)
OPTIONS = [
    {"solver": solver, "loss": loss, "C": C, "fit_intercept": has_intercept, "random_state": 0}
    for solver in ("newton", "sgd")
    for loss in ("log_loss", "squared_error")
    for C in (1.0, float("inf"))
    for has_intercept in (True, False)
]

pytestmark = pytest.mark.compiled  # many fits: interpreted they take minutes


def fit(X: Any, y: Any, weights: Any = None, **options: Any) -> fp.PerceptronClassifier:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return fp.PerceptronClassifier(**options).fit(X, y, weights)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(map(str, options.values())))
@pytest.mark.parametrize("how", ["row weights", "class weights"])
@pytest.mark.parametrize(("y", "absent"), [(Y2, [0]), (Y2, [1]), (Y3, [1]), (Y3, [0, 2])], ids=str)
def test_a_class_without_weight_stays_and_is_improbable(options, how, y, absent) -> None:
    is_present = ~np.isin(y, absent)
    if how == "row weights":
        classifier = fit(X, y, is_present.astype(float), **options)
    else:
        factors = {code: float(code not in absent) for code in range(y.max() + 1)}
        classifier = fit(X, y, class_weight=factors, **options)
    assert classifier.classes_.tolist() == list(range(y.max() + 1))
    assert np.isfinite(classifier.coef_).all()
    assert np.isfinite(classifier.intercept_).all()
    assert np.isfinite(classifier.loss_curve_).all()
    if options["fit_intercept"]:
        assert classifier.predict_proba(X)[:, absent].max() < 1e-12
        assert not np.isin(classifier.predict(100 * X), absent).any()


def test_the_others_are_fitted_as_without_that_class() -> None:
    # Two vectors of softmax share what one neuron pays for its own: half the penalty of the difference.
    for multi_class, share in (("one_vs_rest", 1), ("softmax", 2)):
        options = {"loss": "log_loss", "multi_class": multi_class}
        is_present = Y3 != 1
        classifier = fit(X, Y3, is_present.astype(float), warm_start=True, **options)
        two = fit(X[is_present], Y3[is_present] // 2, C=float(share), loss="log_loss", tol=1e-6)
        np.testing.assert_allclose(share * classifier.coef_[2], two.coef_[0], rtol=1e-4)
        assert (classifier.coef_[1] == 0).all()
        classifier.set_params(tol=1e-6).fit(X, Y3)
        np.testing.assert_allclose(classifier.coef_, fit(X, Y3, tol=1e-6, **options).coef_, atol=1e-4)


def test_balanced_weights_of_a_class_without_rows_of_weight() -> None:
    classifier = fit(X, Y3, (Y3 != 1).astype(float), class_weight="balanced")
    assert classifier.predict_proba(X)[:, 1].max() < 1e-12
    huge = fit(X, Y3, np.where(Y3 == 1, 1e308, 1e307), class_weight="balanced", loss="log_loss", C=1e-300)
    plain = fit(X, Y3, np.where(Y3 == 1, 10.0, 1.0), class_weight="balanced", loss="log_loss", C=1e7)
    np.testing.assert_allclose(huge.coef_, plain.coef_, rtol=1e-6)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("X", "y", "options"),
    [
        (RNG.normal(size=(200, 3)), np.arange(200) < 3, {}),
        (*load_iris(return_X_y=True), {"max_samples": 10}),
        (*load_iris(return_X_y=True), {"max_samples": 3}),
    ],
    ids=["3 of 200", "10 of iris", "3 of iris"],
)
def test_bagging_of_rare_classes_fits_as_of_logistic_regression(X, y, options, seed) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for estimator in (LogisticRegression(), fp.PerceptronClassifier(loss="log_loss", n_jobs=1)):
            bag = BaggingClassifier(estimator, n_estimators=10, random_state=seed, **options).fit(X, y)
            assert np.isfinite(bag.predict_proba(X)).all()


def test_partial_fit_takes_a_class_without_weight() -> None:
    for factors in ({0: 0, 1: 1, 2: 1}, {0: 0, 1: 0, 2: 1}):
        classifier = fp.PerceptronClassifier(loss="log_loss", class_weight=factors)
        for start in range(0, 120, 40):
            classifier.partial_fit(X[start : start + 40], Y3[start : start + 40], classes=[0, 1, 2])
        assert np.isfinite(classifier.coef_).all()
        assert classifier.predict_proba(X)[:, 0].mean() < 0.05
