"""Tools that store or explain scikit-learn's estimators take the classifier: skops, joblib, SHAP, MLflow."""

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastperceptron as fp
from tables import classes_of_mixed_scales

# Fits; and the warnings of the tools.
pytestmark = [pytest.mark.compiled, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module", params=["classifier", "pipeline", "partial_fit"])
def fitted(request) -> Any:
    X, y = classes_of_mixed_scales(3)
    if request.param == "partial_fit":
        return fp.PerceptronClassifier().partial_fit(X, y, classes=[0, 1, 2])
    classifier = fp.PerceptronClassifier()
    return (classifier if request.param == "classifier" else make_pipeline(StandardScaler(), classifier)).fit(X, y)


def assert_predicts_the_same(found: Any, expected: Any) -> None:
    X, y = classes_of_mixed_scales(3)
    assert found.predict_proba(X).tobytes() == expected.predict_proba(X).tobytes()
    assert found.score(X, y) == expected.score(X, y)


def types_to_trust(fitted: Any) -> list[str]:
    """Return the types that skops asks about, which are all of this package."""
    skops = pytest.importorskip("skops.io")
    types: list[str] = skops.get_untrusted_types(data=skops.dumps(fitted))
    assert "fastperceptron.estimator.classifier.PerceptronClassifier" in types
    assert all(name.startswith("fastperceptron.") for name in types)
    return types


@pytest.mark.parametrize("compress", [0, 3])
def test_joblib_restores_the_same_bits(fitted, compress: int, tmp_path: Path) -> None:
    joblib.dump(fitted, tmp_path / "m.joblib", compress=compress)
    assert_predicts_the_same(joblib.load(tmp_path / "m.joblib"), fitted)
    mapped = joblib.load(tmp_path / "m.joblib", mmap_mode=None if compress else "r")
    assert_predicts_the_same(mapped, fitted)


def test_skops_restores_the_same_bits(fitted, tmp_path: Path) -> None:
    skops = pytest.importorskip("skops.io")
    skops.dump(fitted, tmp_path / "m.skops")
    assert_predicts_the_same(skops.load(tmp_path / "m.skops", trusted=types_to_trust(fitted)), fitted)


def test_skops_restores_a_model(tmp_path: Path) -> None:
    skops = pytest.importorskip("skops.io")
    model = fp.Perceptron([1.0, 2.0], 0.5, ["a", "b"], ["x", "y"])
    skops.dump(model, tmp_path / "m.skops")
    types = skops.get_untrusted_types(file=tmp_path / "m.skops")
    assert types == ["fastperceptron.history.History", "fastperceptron.model.Perceptron"]
    assert skops.load(tmp_path / "m.skops", trusted=types) == model


def test_shap_explains_the_classifier_and_its_copy_in_scikit_learn() -> None:
    shap = pytest.importorskip("shap")
    X, y = classes_of_mixed_scales(2)
    classifier = fp.PerceptronClassifier().fit(X, y)
    expected = classifier.coef_[0] * (X - X.mean(axis=0))
    for each in (classifier, classifier.model_.to_sklearn(), (classifier.coef_, classifier.intercept_)):
        explainer = shap.LinearExplainer(each, shap.maskers.Independent(X, max_samples=len(X)))
        found = explainer(X)
        np.testing.assert_allclose(np.squeeze(found.values), expected, rtol=0, atol=1e-9 * np.abs(expected).max())
        np.testing.assert_allclose(
            found.values.reshape(len(X), -1).sum(axis=1) + np.ravel(found.base_values),
            classifier.decision_function(X),
            rtol=1e-9,
            atol=1e-9,
        )


def test_mlflow_stores_the_classifier(fitted, tmp_path: Path, monkeypatch) -> None:
    flavour = pytest.importorskip("mlflow.sklearn")
    monkeypatch.chdir(tmp_path)
    for form, options in (("skops", {"skops_trusted_types": types_to_trust(fitted)}), ("cloudpickle", {})):
        path = tmp_path / form
        flavour.save_model(fitted, path, serialization_format=form, pip_requirements=["fastperceptron"], **options)
        assert_predicts_the_same(flavour.load_model(str(path)), fitted)
