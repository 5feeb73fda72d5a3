"""partial_fit: chunks of any size, classes that come late or never, chunks whose weights are all 0."""

import functools
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from numba.core import config
from sklearn.exceptions import ConvergenceWarning

import fastperceptron as fp
from tables import bits, classes_around_centres

made = functools.partial(classes_around_centres, n_rows=120 if config.DISABLE_JIT else 1000)


def in_chunks(X: np.ndarray, y: np.ndarray, sizes: list[int], **parameters: object) -> fp.PerceptronClassifier:
    classifier, start = fp.PerceptronClassifier(**parameters), 0
    for size in sizes:
        classifier.partial_fit(X[start : start + size], y[start : start + size], np.unique(y))
        start += size
    return classifier


@pytest.mark.compiled
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("sizes", [[100] * 10, [1, 9, 90, 400, 500], [1] * 50 + [950]])
def test_chunks_teach_what_all_rows_together_do(sizes: list[int], n_classes: int) -> None:
    X, y = made(n_classes)
    classifier, whole = in_chunks(X, y, sizes, loss="log_loss"), fp.PerceptronClassifier(loss="log_loss").fit(X, y)
    assert classifier.score(X, y) > whole.score(X, y) - 0.02
    assert classifier.n_features_in_ == 4
    assert classifier.coef_.shape == whole.coef_.shape
    assert np.isnan(classifier.optimality_gap_)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes_may_come_late_or_never(n_classes: int) -> None:
    X, y = made(n_classes)
    classifier = fp.PerceptronClassifier().partial_fit(X[y == 0], y[y == 0], classes=[2, 1, 0, 3])
    assert np.isfinite(classifier.coef_).all()
    np.testing.assert_allclose(classifier.predict_proba(X).sum(axis=1), 1)
    classifier.partial_fit(X, y)
    assert classifier.classes_.tolist() == [0, 1, 2, 3]
    assert 3 not in classifier.predict(X)
    assert classifier.score(X, y) > 0.6


@pytest.mark.parametrize("n_classes", [2, 3])
def test_rows_of_weight_zero_change_nothing(n_classes: int) -> None:
    X, y = made(n_classes)
    classifier = fp.PerceptronClassifier().partial_fit(X, y, range(n_classes), np.zeros(len(y)))
    assert not classifier.coef_.any()
    np.testing.assert_allclose(classifier.predict_proba(X), 1 / n_classes)
    classifier.partial_fit(X, y)
    before = bits(classifier)
    classifier.partial_fit(X[::-1], y, sample_weight=np.zeros(len(y)))
    assert bits(classifier) == before == bits(fp.PerceptronClassifier().partial_fit(X, y, range(n_classes)))


def test_class_weights_count() -> None:
    X, y = made()
    plain = fp.PerceptronClassifier().partial_fit(X, y, [0, 1])
    weighted = fp.PerceptronClassifier(class_weight={1: 50.0}).partial_fit(X, y, [0, 1])
    assert weighted.predict(X).mean() > plain.predict(X).mean()


def test_a_pickled_classifier_continues_with_the_same_bits() -> None:
    X, y = made()
    classifier = fp.PerceptronClassifier().partial_fit(X[:100], y[:100], [0, 1])
    restored = pickle.loads(pickle.dumps(classifier))
    assert bits(restored.partial_fit(X[100:], y[100:])) == bits(classifier.partial_fit(X[100:], y[100:]))


def test_frames_must_keep_their_names() -> None:
    X, y = made()
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    classifier = fp.PerceptronClassifier().partial_fit(frame, y, [0, 1])
    assert classifier.model_.feature_names == ("a", "b", "c", "d")
    with pytest.raises(ValueError, match="names should match those that were passed during fit"):
        classifier.partial_fit(frame.rename(columns={"a": "e"}), y)


def test_a_chunk_that_is_refused_leaves_the_classifier_as_it_was() -> None:
    X, y = made()
    spoilt = X.copy()
    spoilt[3, 1] = np.nan
    classifier = fp.PerceptronClassifier()
    with pytest.raises(ValueError, match="row 3, column 1"):
        classifier.partial_fit(spoilt, y, [0, 1])
    classifier.partial_fit(X, y, [0, 1])
    before = bits(classifier)
    with pytest.raises(ValueError, match="row 3, column 1"):
        classifier.partial_fit(spoilt, y)
    assert bits(classifier.partial_fit(X, y, sample_weight=np.zeros(len(y)))) == before


def test_fit_and_partial_fit_each_start_from_zero() -> None:
    X, y = made()
    fresh, learnt = fp.PerceptronClassifier().fit(X, y), fp.PerceptronClassifier().partial_fit(X, y, [0, 1])
    classifier = fp.PerceptronClassifier().fit(X[::2], y[::2])
    with pytest.warns(UserWarning, match="partial_fit starts from zero"):
        classifier.partial_fit(X, y)
    assert bits(classifier) == bits(learnt)
    assert bits(classifier.fit(X, y)) == bits(fresh)


@pytest.mark.compiled  # 200 chunks of a thousand rows
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("shift", [0.0, 7.0])
@pytest.mark.parametrize("n_chunks", [20, 200])
def test_rows_sorted_by_class_are_warned_of_and_no_others(n_chunks: int, shift: float, sign: int) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200_000, 10))
    y = (X @ rng.normal(size=10) + rng.logistic(size=len(X)) > shift).astype(int)

    def teach(order: np.ndarray) -> None:
        classifier = fp.PerceptronClassifier(loss="log_loss")
        for chunk in np.array_split(order, n_chunks):
            classifier.partial_fit(X[chunk], y[chunk], [0, 1])

    with pytest.warns(ConvergenceWarning, match="came sorted by class"):
        teach(np.argsort(sign * y, kind="stable"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        teach(np.arange(len(y)))
        teach(np.argsort(X[:, 0]))
