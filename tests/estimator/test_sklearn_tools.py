"""scikit-learn's tools take PerceptronClassifier: searches, pipelines, ensembles, copies, metadata routing."""

import pickle
from pathlib import Path

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.feature_selection import SelectFromModel
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastperceptron as fp
from tables import bits, classes_of_mixed_scales as made

# Many fits.
pytestmark = pytest.mark.compiled

ROUTED = {"fit": {"sample_weight"}, "partial_fit": {"classes", "sample_weight"}, "score": {"sample_weight"}}
FITTED = ["coef_", "intercept_", "classes_", "n_iter_", "loss_curve_", "optimality_gap_"]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_grid_search_and_cross_validation(n_jobs: int) -> None:
    X, y = made(3)
    pipeline = make_pipeline(StandardScaler(), fp.PerceptronClassifier())
    grid = {"perceptronclassifier__C": [0.01, 1.0], "perceptronclassifier__loss": ["squared_error", "log_loss"]}
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=n_jobs).fit(X, y)
    assert search.best_score_ > 0.6
    scores = cross_val_score(fp.PerceptronClassifier(), X, y, cv=3, n_jobs=n_jobs, scoring="neg_log_loss")
    assert scores.min() > -1.1


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_fits_in_workers_of_joblib_are_the_same(backend: str) -> None:
    X, y = made(3)
    fits = joblib.Parallel(n_jobs=2, backend=backend)(
        joblib.delayed(fp.PerceptronClassifier().fit)(X, y) for _ in range(4)
    )
    assert {bits(classifier) for classifier in fits} == {bits(fp.PerceptronClassifier().fit(X, y))}


def test_meta_estimators() -> None:
    X, y = made(3)
    calibrated = CalibratedClassifierCV(fp.PerceptronClassifier(), cv=3).fit(X, y)
    assert calibrated.score(X, y) > 0.6
    members = [("a", fp.PerceptronClassifier()), ("b", fp.PerceptronClassifier(loss="log_loss"))]
    for voting in ("soft", "hard"):
        assert VotingClassifier(members, voting=voting).fit(X, y).score(X, y) > 0.6
    assert SelectFromModel(fp.PerceptronClassifier(), max_features=2).fit(X, y).transform(X).shape[1] <= 2
    pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), fp.PerceptronClassifier())
    assert pipeline.set_output(transform="pandas").fit(X, y)[-1].feature_names_in_.tolist() == ["x0", "x1", "x2", "x3"]


def test_sample_weights_are_routed_on_request() -> None:
    X, y = made()
    weight = np.random.default_rng(1).integers(0, 3, size=len(y))
    with sklearn.config_context(enable_metadata_routing=True):
        classifier = fp.PerceptronClassifier().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), classifier)
        routed = pipeline.fit(X, y, sample_weight=weight)[-1]
        plain = fp.PerceptronClassifier().fit(StandardScaler().fit_transform(X), y, sample_weight=weight)
        assert bits(routed) == bits(plain)
        found = cross_validate(classifier, X, y, cv=3, params={"sample_weight": weight})
        assert found["test_score"].min() > 0.6
        with pytest.raises(
            ValueError, match=r"\[sample_weight\] are passed but are not explicitly set as requested or not"
        ):
            cross_validate(fp.PerceptronClassifier(), X, y, cv=3, params={"sample_weight": weight})


def test_progress_and_checkpoint_are_not_metadata(tmp_path: Path) -> None:
    X, y = made()
    grid = {"perceptronclassifier__C": [0.01, 1.0]}
    with sklearn.config_context(enable_metadata_routing=True):
        classifier = fp.PerceptronClassifier()
        requests = {method: set(getattr(classifier.get_metadata_routing(), method).requests) for method in ROUTED}
        assert requests == ROUTED  # those of partial_fit and score are SGDClassifier's
        for name in ("progress", "checkpoint"):
            with pytest.raises(TypeError, match=f"Unexpected args: {{'{name}'}}"):
                classifier.set_fit_request(**{name: True})
        pipeline = make_pipeline(StandardScaler(), classifier)
        assert bits(GridSearchCV(pipeline, grid, cv=3).fit(X, y).best_estimator_[-1])
        plain = classifier.fit(X, y, progress=True, checkpoint=tmp_path / "fit.checkpoint")
        assert bits(plain) == bits(fp.PerceptronClassifier().fit(X, y))
    named = {"perceptronclassifier__checkpoint": tmp_path / "other.checkpoint"}  # without routing, by the step's name
    make_pipeline(StandardScaler(), fp.PerceptronClassifier()).fit(X, y, **named)
    assert (tmp_path / "other.checkpoint").exists()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_clone_and_pickle(n_classes: int, tmp_path: Path) -> None:
    X, y = made(n_classes)
    classifier = fp.PerceptronClassifier(C=0.5, loss="log_loss", random_state=3).fit(X, y)
    copy = clone(classifier)
    assert copy.get_params() == classifier.get_params()
    assert not hasattr(copy, "coef_")
    joblib.dump(classifier, tmp_path / "classifier.joblib")
    for restored in (
        pickle.loads(pickle.dumps(classifier)),
        joblib.load(tmp_path / "classifier.joblib", mmap_mode="r"),
    ):
        np.testing.assert_array_equal(restored.predict_proba(X), classifier.predict_proba(X))
        for name in FITTED:
            np.testing.assert_array_equal(getattr(restored, name), getattr(classifier, name))
