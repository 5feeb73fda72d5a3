"""How well a model predicts: proper scores, accuracy, AUC and a calibration table. The scores are scikit-learn's."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.dataset import Block, Dataset, no_labels
from fastperceptron.data.labels import codes_of
from fastperceptron.model import Perceptron

N_BINS = 10


@dataclass(frozen=True)
class Evaluation:
    """The result of `evaluate`."""

    n_rows: int
    scores: dict[str, float]
    # (mean predicted probability, observed share, number of rows) in ten bins of the probability: of the second of two
    # classes, or of the predicted one of more.
    calibration: list[tuple[float, float, int]]

    def as_dict(self) -> dict[str, Any]:
        """Return it as a dict that JSON can hold."""
        names = ("predicted", "observed", "rows")
        table = [dict(zip(names, row, strict=True)) for row in self.calibration]
        return {"rows": self.n_rows, **self.scores, "calibration": table}


def evaluate(model: Perceptron, data: Dataset) -> Evaluation:
    """Compare a model's probabilities with the labels of a data set.

    It raises ValueError if there are no labels, one is not a class of the model, or the features are not the model's.
    """
    from sklearn.metrics import log_loss, roc_auc_score

    blocks = [
        (model.predict_proba(block.X), codes_of(block.y, len(block.y), model.classes), is_right, block.weights)
        for block, is_right in _predicted_blocks(model, model.aligned(data, has_labels=True))
    ]
    p, codes, is_right = (np.concatenate([block[part] for block in blocks]) for part in range(3))
    weights = None if blocks[0][3] is None else np.concatenate([block[3] for block in blocks])
    classes, n = np.arange(len(model.classes)), len(codes)
    is_class = codes[:, None] == classes
    error = ((p - is_class) ** 2).sum(axis=1) / (2 if len(classes) == 2 else 1)
    scores = {
        "log loss": float(log_loss(codes, p, sample_weight=weights, labels=classes)),
        "Brier": float(np.average(error, weights=weights)),
        "accuracy": float(np.average(is_right, weights=weights)),
    }
    if is_class.any(axis=0).all():
        options = {"sample_weight": weights, "labels": classes, "multi_class": "ovr"}
        scores["AUC"] = float(roc_auc_score(codes, p[:, 1] if len(classes) == 2 else p, **options))
    if len(classes) == 2:
        return Evaluation(n, scores, _calibration(p[:, 1], codes == 1, weights))
    return Evaluation(n, scores, _calibration(p.max(axis=1), is_right, weights))


def accuracy(model: Perceptron, data: Dataset) -> float:
    """Return the share of the rows' weight whose class a model predicts, of a data set with the model's features."""
    right = total = 0.0
    for block, is_right in _predicted_blocks(model, data):
        weights = np.ones(len(block.X)) if block.weights is None else block.weights
        right += float(weights[is_right].sum())
        total += float(weights.sum())
    if total == 0:
        raise ValueError("all weights are zero: at least one row must count.")
    return right / total


def _predicted_blocks(model: Perceptron, data: Dataset) -> Iterator[tuple[Block, Array]]:
    """Yield each block of rows, with whether the predicted class of each row is its label."""
    for block in data.blocks():
        if block.y is None:
            raise no_labels()
        yield block, model.predict(block.X) == np.asarray(block.y)


def _calibration(p: Array, is_right: Array, weights: Array | None) -> list[tuple[float, float, int]]:
    weights = np.ones(p.size) if weights is None else weights
    bins = np.minimum((p * N_BINS).astype(np.intp), N_BINS - 1)
    counts, totals = (np.bincount(bins, own, N_BINS) for own in (None, weights))
    sums, hits = (np.bincount(bins, weights * values, N_BINS) for values in (p, is_right))
    return [
        (float(sums[k] / totals[k]), float(hits[k] / totals[k]), int(counts[k])) for k in range(N_BINS) if totals[k] > 0
    ]
