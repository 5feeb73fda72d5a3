"""The scores of a model on a data set equal scikit-learn's, for any classes, weights and chunks."""

import numpy as np
import pytest
from numba.core import config
from sklearn import metrics

import fastperceptron as fp
from fastperceptron.evaluation import evaluate


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
