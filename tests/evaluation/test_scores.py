"""The scores of a model on a data set equal scikit-learn's, for any classes, weights and chunks."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numba.core import config
from sklearn import metrics
from sklearn.exceptions import NotFittedError

import fastperceptron as fp
from fastperceptron.evaluation.scores import evaluate


def model_of(n_classes: int) -> tuple[fp.Perceptron, np.ndarray, np.ndarray]:
    X, y = fp.synthetic(400 if config.DISABLE_JIT else 2000, 3, n_classes=n_classes, rng=0).arrays()
    return fp.PerceptronClassifier(loss="log_loss").fit(X, y).model_, X, y


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_scores_are_scikit_learns(n_classes: int, is_weighted: bool) -> None:
    model, X, y = model_of(n_classes)
    weights = np.random.default_rng(0).uniform(size=len(y)) if is_weighted else None
    data = fp.dataset((X, y) if weights is None else (X, y, weights))
    evaluation, p = evaluate(model, data), model.predict_proba(X)
    scored = p[:, 1] if n_classes == 2 else p
    expected = {
        "log loss": metrics.log_loss(y, p, sample_weight=weights),
        "Brier": metrics.brier_score_loss(y, scored, sample_weight=weights),
        "accuracy": metrics.accuracy_score(y, p.argmax(axis=1), sample_weight=weights),
        "AUC": metrics.roc_auc_score(y, scored, sample_weight=weights, multi_class="ovr"),
    }
    assert evaluation.scores == pytest.approx(expected)
    assert evaluation.n_rows == sum(count for _, _, count in evaluation.calibration) == len(y)
    assert evaluation.as_dict()["calibration"][0].keys() == {"predicted", "observed", "rows"}
    for predicted, observed, count in evaluation.calibration:
        assert observed == pytest.approx(predicted, abs=5 * np.sqrt(0.25 / count) + 0.05)


def test_there_is_no_auc_where_a_class_is_missing() -> None:
    model, X, y = model_of(2)
    assert "AUC" not in evaluate(model, fp.dataset((X[y == 1], y[y == 1]))).scores


def test_labels_must_be_there_and_known() -> None:
    model, X, y = model_of(2)
    with pytest.raises(ValueError, match="this data set has no labels"):
        evaluate(model, fp.dataset(X))
    with pytest.raises(ValueError, match=r"y holds 7 in row 0, but the model knows \[0, 1\]"):
        evaluate(model, fp.dataset((X, np.where(y == y[0], 7, y))))


@pytest.mark.parametrize(
    ("label", "error", "message"),
    [
        (7, ValueError, r"y holds 7 in row 33, but the model knows \[0, 1\]"),
        ("1", TypeError, r"y mixes numbers .* with strings \(row 33\)"),
        (None, ValueError, "y holds None in row 33"),
        (float("nan"), ValueError, "y holds nan in row 33"),
        (pd.NA, ValueError, "y holds <NA> in row 33"),
    ],
)
@pytest.mark.parametrize("judge", ["evaluate", "score"])
def test_wrong_labels_are_refused_by_row(
    judge: str, label: Any, error: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastperceptron.data.array_dataset.VALUES_PER_BLOCK", 30)  # rows 30 to 39 are the fourth block
    X = np.random.default_rng(0).normal(size=(50, 3))
    y = np.arange(50) % 2
    classifier, spoilt = fp.PerceptronClassifier().fit(X, y), y.astype(object)
    spoilt[33] = label
    data = fp.dataset((X, spoilt))
    with pytest.raises(error, match=message):
        fp.evaluate(classifier, data) if judge == "evaluate" else classifier.score(data)


@pytest.mark.parametrize("judge", ["evaluate", "score"])
def test_labels_of_another_kind_are_refused(judge: str) -> None:
    X, y = np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) % 2
    for own, others in ((y, np.array(["0", "1"])[y]), (np.array(["no", "yes"])[y], y)):
        classifier, data = fp.PerceptronClassifier().fit(X, own), fp.dataset((X, others))
        with pytest.raises(ValueError, match="in row 0, but the model knows"):
            fp.evaluate(classifier, data) if judge == "evaluate" else classifier.score(data)
    same = fp.PerceptronClassifier().fit(X, y)
    for others in (y.astype(float), y.astype(bool), y.astype(np.uint8), y.astype(object)):
        assert same.score(fp.dataset((X, others))) == same.score(X, y)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_log_loss_is_that_of_z_and_a_tie_is_the_first_class(n_classes: int) -> None:
    if n_classes == 2:
        model = fp.Perceptron([1.0], 0.0, ["no", "yes"])
        X, y = np.array([[-900.0], [900.0], [0.0], [0.0]]), ["yes", "no", "no", "yes"]
        expected, right = (900 + 900 + 2 * np.log(2)) / 4, 1 / 4
    else:
        model = fp.Perceptron([[1.0], [-1.0], [-1.0]], [0.0, 0.0, 0.0], ["a", "b", "c"])
        X, y = np.array([[900.0], [0.0], [0.0]]), ["b", "a", "b"]
        expected, right = (900 + 2 * np.log(3)) / 3, 1 / 3
    for rows in (X, X.astype(np.float32), X.astype(np.float16)):
        evaluation = fp.evaluate(model, (rows, y))
        assert evaluation.scores["log loss"] == pytest.approx(expected, rel=1e-12)
        assert evaluation.scores["accuracy"] == pytest.approx(right) == np.mean(model.predict(rows) == y)


def test_weights_of_zero_count_as_rows_that_are_not_there() -> None:
    model, X, y = model_of(2)
    evaluation = fp.evaluate(model, (X, y, (y == 1).astype(float)))
    alone = fp.evaluate(model, (X[y == 1], y[y == 1]))
    assert evaluation.scores == pytest.approx(alone.scores)
    assert "AUC" not in evaluation.scores
    with pytest.raises(ValueError, match="all weights are zero"):
        fp.evaluate(model, (X, y, np.zeros(len(y))))


def test_it_takes_classifiers_frames_and_what_dataset_takes() -> None:
    X, y = np.random.default_rng(0).normal(size=(60, 2)), np.tile(["no", "yes", "no"], 20)
    frame = pd.DataFrame(X, columns=["a", "b"])
    classifier = fp.PerceptronClassifier().fit(frame, pd.Series(y, name="bought"))
    expected = fp.evaluate(classifier.model_, (X, y))
    swapped = frame[["b", "a"]]
    for data in (
        (swapped, y),
        (X, list(y)),
        fp.dataset((X, y)),
        swapped.assign(bought=y),
        pa.table({"bought": y, "b": X[:, 1], "a": X[:, 0]}),
    ):
        assert fp.evaluate(classifier, data) == expected
    with pytest.raises(TypeError, match="model must be a Perceptron or a PerceptronClassifier, but is a str"):
        fp.evaluate("model", (X, y))
    with pytest.raises(NotFittedError):
        fp.evaluate(fp.PerceptronClassifier(), (X, y))
    with pytest.raises(ValueError, match="X lacks 'a'"):
        fp.evaluate(classifier, (frame[["b"]], y))


def test_z_tells_apart_rows_whose_probabilities_are_equal() -> None:
    model = fp.Perceptron([1.0], 0.0, [0, 1])
    X, y = np.array([[50.0], [60.0], [70.0], [80.0]]), [0, 0, 1, 1]
    assert fp.evaluate(model, (X, y)).scores["AUC"] == 1
    three = fp.Perceptron(np.eye(3), np.zeros(3), [0, 1, 2])
    assert fp.evaluate(three, (np.diag([50.0, 50.0, 50.0]), [0, 1, 2])).scores["AUC"] == 1


def test_json_can_hold_an_infinite_log_loss() -> None:
    evaluation = fp.evaluate(fp.Perceptron([1e300, 1e300], 0.0, [0, 1]), ([[1e300, 1e300]], [0]))
    assert evaluation.scores["log loss"] == np.inf
    assert evaluation.as_dict()["log loss"] is None
