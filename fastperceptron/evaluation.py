"""How well a model predicts: proper scores, accuracy, AUC and a calibration table. The scores are scikit-learn's."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.dataset import Dataset, no_labels
from fastperceptron.data.labels import codes_of
from fastperceptron.model import Perceptron

N_BINS = 10


@dataclass(frozen=True)
class Evaluation:
    """What was found.

    Attributes
    ----------
    n_rows : int
    scores : dict of str to float
    calibration : list of (mean predicted probability, observed share, number of rows)
        Of the second of two classes, in ten bins; of more classes, of the predicted one.
    """

    n_rows: int
    scores: dict[str, float]
    calibration: list[tuple[float, float, int]]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        names = ("predicted", "observed", "rows")
        table = [dict(zip(names, row, strict=True)) for row in self.calibration]
        return {"rows": self.n_rows, **self.scores, "calibration": table}


def evaluate(model: Perceptron, data: Dataset) -> Evaluation:
    """Compare a model's probabilities with the labels of a data set.

    Raises
    ------
    ValueError
        If there are no labels, or one that the model does not know; or other features than the model's.
    """
    from sklearn.metrics import log_loss, roc_auc_score

    rows = model.aligned(data, has_labels=True).blocks()
    blocks = [(model.predict_proba(block.X), _codes(model, block.y), block.weights) for block in rows]
    p, codes = (np.concatenate([block[part] for block in blocks]) for part in (0, 1))
    weights = None if blocks[0][2] is None else np.concatenate([block[2] for block in blocks])
    classes, n = np.arange(len(model.classes)), len(codes)
    is_class = codes[:, None] == classes
    error = ((p - is_class) ** 2).sum(axis=1) / (2 if len(classes) == 2 else 1)
    scores = {
        "log loss": float(log_loss(codes, p, sample_weight=weights, labels=classes)),
        "Brier": float(np.average(error, weights=weights)),
        "accuracy": float(np.average(p.argmax(axis=1) == codes, weights=weights)),
    }
    if is_class.any(axis=0).all():
        options = {"sample_weight": weights, "labels": classes, "multi_class": "ovr"}
        scores["AUC"] = float(roc_auc_score(codes, p[:, 1] if len(classes) == 2 else p, **options))
    if len(classes) == 2:
        return Evaluation(n, scores, _calibration(p[:, 1], codes == 1, weights))
    return Evaluation(n, scores, _calibration(p.max(axis=1), p.argmax(axis=1) == codes, weights))


def _codes(model: Perceptron, y: Any) -> Array:
    if y is None:
        raise no_labels()
    return codes_of(y, len(y), model.classes)


def _calibration(p: Array, is_so: Array, weights: Array | None) -> list[tuple[float, float, int]]:
    weights = np.ones(p.size) if weights is None else weights
    bins = np.minimum((p * N_BINS).astype(np.intp), N_BINS - 1)
    counts, totals = (np.bincount(bins, own, N_BINS) for own in (None, weights))
    sums, hits = (np.bincount(bins, weights * values, N_BINS) for values in (p, is_so))
    return [
        (float(sums[k] / totals[k]), float(hits[k] / totals[k]), int(counts[k])) for k in range(N_BINS) if totals[k] > 0
    ]
