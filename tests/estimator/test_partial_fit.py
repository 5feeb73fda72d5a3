"""partial_fit: chunks of any size, classes that come late or never, chunks whose weights are all 0."""

import copy
import functools
import pickle
import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numba.core import config
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

import fastperceptron as fp
from fastperceptron.training.online import kept_rows
from oracle import losses_at, softmax_at
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


def objective(classifier: fp.PerceptronClassifier, X: np.ndarray, y: np.ndarray) -> float:
    """Return what a fit of all rows minimises, independently of the package; for C=1."""
    total, deviations = 0.0, X.std(axis=0)
    positives = [1] if len(classifier.classes_) == 2 else classifier.classes_
    if classifier.model_.activation == "softmax":
        total = softmax_at(X @ classifier.coef_.T + classifier.intercept_, y)[0].sum()
        return total + np.sum((classifier.coef_ * deviations) ** 2) / 2
    for weights, bias, positive in zip(classifier.coef_, classifier.intercept_, positives, strict=True):
        total += losses_at(classifier.loss, X @ weights + bias, y == positive)[0].sum()
        total += np.sum((weights * deviations) ** 2) / 2
    return total


@pytest.mark.compiled  # tens of thousands of rows
@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
@pytest.mark.parametrize("order", ["as they come", "by feature"])
@pytest.mark.parametrize(
    ("n_before", "n_after", "n_features", "n_classes"),
    [(200, 100, 3, 2), (30_000, 30_000, 8, 2), (3000, 3000, 5, 3), (100, 20_000, 4, 2), (50_000, 500, 20, 2)],
)
@pytest.mark.parametrize("chunk", [1000, 37])
def test_fit_then_partial_fit_ends_near_the_optimum_of_all_rows(
    n_before: int, n_after: int, n_features: int, n_classes: int, order: str, loss: str, chunk: int
) -> None:
    rng, n_rows = np.random.default_rng(0), n_before + n_after
    X = rng.normal(size=(n_rows, n_features)) @ rng.normal(size=(n_features, n_features))
    scores = X @ rng.normal(size=(n_features, n_classes)) / n_features
    X, y = 1e3 * (X + 3), np.argmax(scores + rng.gumbel(size=scores.shape), axis=1)
    if order == "by feature":
        places = np.argsort(X[:, 0])
        X, y = X[places], y[places]
    classifier = fp.PerceptronClassifier(loss=loss).fit(X[:n_before], y[:n_before])
    alone = objective(classifier, X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for start in range(n_before, n_rows, chunk):
            classifier.partial_fit(X[start : start + chunk], y[start : start + chunk])
    least = objective(fp.PerceptronClassifier(loss=loss, tol=1e-3).fit(X, y), X, y)
    # Chance costs half a unit per parameter.
    assert objective(classifier, X, y) - least < max(0.05 * (n_features + 1) * n_classes / 2, 0.01 * (alone - least))


def test_a_fitted_classifier_that_was_copied_goes_on_alike() -> None:
    X, y = made(3)
    fitted = fp.PerceptronClassifier(loss="log_loss").fit(X[::2], y[::2])
    copies = [pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted), copy.copy(fitted)]
    expected = bits(fitted.partial_fit(X[1::2], y[1::2]))
    assert [bits(other.partial_fit(X[1::2], y[1::2])) for other in copies] == [expected] * 3
    assert bits(fitted.fit(X, y)) == bits(fp.PerceptronClassifier(loss="log_loss").fit(X, y))
    assert not hasattr(clone(fitted), "coef_")


def without_a_known_hessian() -> dict[str, fp.PerceptronClassifier]:
    X, y = made()
    by_hand = fp.PerceptronClassifier()
    by_hand.coef_, by_hand.intercept_, by_hand.classes_ = np.ones((1, 4)), np.zeros(1), np.array([0, 1])
    return {"sgd": fp.PerceptronClassifier(solver="sgd", tol=1.0).fit(X, y), "by hand": by_hand}


@pytest.mark.parametrize("name", ["sgd", "by hand"])
def test_coefficients_without_known_rows_are_a_start_and_a_warning_says_so(name: str) -> None:
    X, y = made()
    classifier = without_a_known_hessian()[name].set_params(loss="log_loss")
    with pytest.warns(UserWarning, match="cannot count the rows behind them"):
        classifier.partial_fit(X, y)
    fresh = fp.PerceptronClassifier(loss="log_loss").partial_fit(X, y, [0, 1])
    np.testing.assert_allclose(classifier.coef_, fresh.coef_, rtol=0.02, atol=0.02)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        classifier.partial_fit(X, y)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("is_fitted", [False, True])
@pytest.mark.parametrize("chunk", [1, 3, 11])
def test_looking_changes_nothing(chunk: int, is_fitted: bool, n_classes: int) -> None:
    X, y = made(n_classes)
    looked, unlooked = fp.PerceptronClassifier(), fp.PerceptronClassifier()
    if is_fitted:
        looked.fit(X, y)
        unlooked.fit(X, y)
    for start in range(0, 99, chunk):
        for classifier in (looked, unlooked):
            classifier.partial_fit(X[start : start + chunk], y[start : start + chunk], range(n_classes))
        assert {"coef_", "intercept_"}.isdisjoint(vars(unlooked))
        looked.predict(X[:5])
        looked = pickle.loads(pickle.dumps(looked))
        assert looked.model_ == looked.model_
        assert looked.loss_curve_.size > 0
        assert looked.n_iter_ == 1
    assert bits(looked) == bits(unlooked)


def test_single_rows_count_before_a_step_is_taken() -> None:
    X, y = made()
    classifier = fp.PerceptronClassifier(loss="log_loss").partial_fit(X[:1], y[:1], [0, 1])
    seen = [classifier.coef_.copy()]
    for row in range(1, 8):
        classifier.partial_fit(X[row : row + 1], y[row : row + 1])
        seen.append(classifier.coef_.copy())
        together = fp.PerceptronClassifier(loss="log_loss").partial_fit(X[: row + 1], y[: row + 1], [0, 1])
        np.testing.assert_allclose(classifier.coef_, together.coef_)
    assert len({each.tobytes() for each in seen}) == len(seen)


def test_a_data_set_that_knows_its_classes_needs_no_others() -> None:
    X, y = made(3)
    expected = bits(fp.PerceptronClassifier().partial_fit(X, y, range(3)))
    assert bits(fp.PerceptronClassifier().partial_fit(fp.dataset((X, y)))) == expected
    texts = np.array(["a", "b", "c"])[y]
    classifier = fp.PerceptronClassifier().partial_fit(fp.dataset((X, texts)))
    assert classifier.classes_.tolist() == ["a", "b", "c"]


@pytest.mark.compiled  # 200 chunks of a thousand rows
@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("shift", [0.0, 7.0])  # half of the rows, and 2% of them, are of class 1
@pytest.mark.parametrize("n_chunks", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_rows_sorted_by_class_end_near_the_least_loss_or_a_warning_says_so(
    n_chunks: int, shift: float, sign: int, loss: str
) -> None:
    X, y = drawn(shift)
    least = mean_loss(fp.PerceptronClassifier(loss=loss).fit(X, y), X, y)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classifier = taught(loss, X, y, np.argsort(sign * y, kind="stable"), n_chunks)
    excess = mean_loss(classifier, X, y) / least - 1
    is_rare_first = shift > 0 and sign < 0
    assert excess < 0.001 or (is_rare_first and excess < 0.005 and caught)


@pytest.mark.compiled
@pytest.mark.parametrize("n_chunks", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_sorted_rows_are_warned_of_where_too_few_can_be_kept_and_others_never(n_chunks: int) -> None:
    X, y = drawn(0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        taught("log_loss", X, y, np.arange(len(y)), n_chunks)
        taught("log_loss", X, y, np.argsort(X[:, 0]), n_chunks)
    X, y = drawn(0.0, n_rows=40_000, n_features=120)
    with pytest.warns(ConvergenceWarning, match="came sorted by class"):
        taught("log_loss", X, y, np.argsort(y, kind="stable"), n_chunks)


def drawn(shift: float, n_rows: int = 200_000, n_features: int = 10) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, n_features))
    return X, (X @ rng.normal(size=n_features) + rng.logistic(size=n_rows) > shift).astype(int)


def mean_loss(classifier: fp.PerceptronClassifier, X: np.ndarray, y: np.ndarray) -> float:
    return losses_at(classifier.loss, X @ classifier.coef_[0] + classifier.intercept_[0], y)[0].mean()


def taught(loss: str, X: np.ndarray, y: np.ndarray, order: np.ndarray, n_chunks: int) -> fp.PerceptronClassifier:
    classifier = fp.PerceptronClassifier(loss=loss)
    for chunk in np.array_split(order, n_chunks):
        classifier.partial_fit(X[chunk], y[chunk], [0, 1])
    return classifier


@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
def test_a_fit_and_a_few_rows_end_near_the_optimum_of_all(loss: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(160, 2))
    y = (X[:, 0] + rng.logistic(size=160) > 0).astype(int)
    split = fp.PerceptronClassifier(loss=loss).fit(X[:80], y[:80])
    for chunk in (slice(80, 90), slice(90, 160)):
        split.partial_fit(X[chunk], y[chunk])
    whole = fp.PerceptronClassifier(loss=loss).fit(X, y)
    np.testing.assert_allclose(split.coef_, whole.coef_, atol=0.2 * np.abs(whole.coef_).max())


def test_a_few_rows_sorted_by_class_end_near_the_optimum() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(200, 2))
    y = (X[:, 0] + rng.logistic(size=200) > 0).astype(int)
    order, streamed = np.argsort(y, kind="stable"), fp.PerceptronClassifier(loss="log_loss")
    for chunk in np.array_split(order, 8):
        streamed.partial_fit(X[chunk], y[chunk], [0, 1])
    whole = fp.PerceptronClassifier(loss="log_loss").fit(X, y)
    np.testing.assert_allclose(streamed.coef_, whole.coef_, atol=0.2 * np.abs(whole.coef_).max())


@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
@pytest.mark.parametrize("is_sorted", [False, True])
def test_more_rows_than_are_kept_end_near_the_optimum(
    loss: str, is_sorted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_rows, "FEWEST_ROWS", 60)
    monkeypatch.setattr(kept_rows, "ROWS_PER_PARAMETER", 20)
    monkeypatch.setattr(kept_rows, "MORE_OF_SORTED", 2)
    rng = np.random.default_rng(2)
    X = rng.normal(size=(320, 2))
    y = (X[:, 0] + rng.logistic(size=320) > 0).astype(int)
    order = np.argsort(y, kind="stable") if is_sorted else np.arange(320)
    streamed, whole = (fp.PerceptronClassifier(loss=loss) for _ in range(2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # so few kept rows of sorted ones are in doubt
        for chunk in np.array_split(order, 8):
            streamed.partial_fit(X[chunk], y[chunk], [0, 1])
    whole.fit(X, y)
    np.testing.assert_allclose(streamed.coef_, whole.coef_, atol=0.5 * np.abs(whole.coef_).max())


@pytest.mark.parametrize("is_after_fit", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        {"loss": "squared_error"},
        {"C": 10.0},
        {"fit_intercept": False},
        {"standardize": False},
        {"class_weight": {0: 2.0, 1: 1.0, 2: 1.0}},
        {"multi_class": "one_vs_rest"},
    ],
)
def test_a_changed_objective_is_refused_and_leaves_the_classifier_as_it_was(
    change: dict[str, Any], is_after_fit: bool
) -> None:
    X, y = classes_around_centres(3, 60)
    classifier = fp.PerceptronClassifier(n_jobs=1)
    classifier = classifier.fit(X, y) if is_after_fit else classifier.partial_fit(X, y, [0, 1, 2])
    before, ((name, new),) = classifier.coef_.copy(), change.items()
    old = getattr(classifier, name)
    classifier.set_params(**change)
    with pytest.raises(
        ValueError, match=re.escape(f"{name}={new!r}, but the rows so far were learnt with {name}={old!r}")
    ):
        classifier.partial_fit(X, y)
    assert (classifier.coef_ == before).all()
    classifier.set_params(**{name: old}).partial_fit(X, y)
    assert (classifier.coef_ != before).any()


def test_a_dict_of_class_weights_that_was_changed_in_place_is_refused_too() -> None:
    X, y = classes_around_centres(3, 60)
    factors = {0: 1.0, 1: 1.0, 2: 3.0}
    classifier = fp.PerceptronClassifier(class_weight=factors).partial_fit(X, y, [0, 1, 2])
    factors[0] = 2.0
    with pytest.raises(ValueError, match="class_weight="):
        classifier.partial_fit(X, y)


@pytest.mark.parametrize(
    "change",
    [{"multi_class": "softmax"}, {"tol": 0.1}, {"max_iter": 3}, {"n_jobs": 1}, {"random_state": 3}, {"eta0": 0.1}],
)
def test_what_does_not_change_the_objective_may_change(change: dict[str, Any]) -> None:
    X, y = classes_around_centres(3, 60)
    classifier, known = (fp.PerceptronClassifier().partial_fit(X, y, [0, 1, 2]) for _ in range(2))
    assert bits(classifier.set_params(**change).partial_fit(X, y)) == bits(known.partial_fit(X, y))


def test_weights_of_classes_may_follow_balanced_ones_of_a_fit() -> None:
    X, y = classes_around_centres(3, 60)
    classifier = fp.PerceptronClassifier(class_weight="balanced", n_jobs=1).fit(X, y)
    classifier.set_params(class_weight=None).partial_fit(X, y)
    with pytest.raises(ValueError, match="class_weight="):
        classifier.set_params(class_weight={0: 2.0}).partial_fit(X, y)


def test_two_classes_have_no_layer_to_change() -> None:
    X, y = classes_around_centres(2, 60)
    classifier = fp.PerceptronClassifier().partial_fit(X, y, [0, 1])
    classifier.set_params(multi_class="one_vs_rest").partial_fit(X, y)
