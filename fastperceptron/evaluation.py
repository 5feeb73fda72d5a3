"""How well a model predicts: proper scores, accuracy, AUC and a calibration table. The scores are scikit-learn's."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fastperceptron import prediction
from fastperceptron.checks import Array, as_numpy, column_names
from fastperceptron.data.dataset import Dataset, no_labels
from fastperceptron.data.labels import codes_of
from fastperceptron.data.sources import dataset
from fastperceptron.data.sparse_input import as_matrix_or_csr
from fastperceptron.model import Perceptron

N_BINS = 10


@dataclass(frozen=True)
class Evaluation:
    """The result of `evaluate`.

    Attributes
    ----------
    n_rows : int
    scores : dict of str to float
        "log loss", "Brier" and "accuracy", and "AUC" unless it is not defined, because a class has no rows of positive
        weight. All are means over the rows, by their weights.
    calibration : list of (float, float, int)
        The mean predicted probability, the observed share and the number of rows, in ten bins of the probability: of
        the second of two classes, or of the predicted one of more. `fastperceptron.plot.plot_calibration` draws it.
    calibrated_class : bool, int, float or str, or None
        The class that the calibration is of: the second of two; None means the predicted class of each row.
    """

    n_rows: int
    scores: dict[str, float]
    calibration: list[tuple[float, float, int]]
    calibrated_class: Any = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as a dict that JSON can hold: None stands for an infinite score."""
        names = ("predicted", "observed", "rows")
        table = [dict(zip(names, row, strict=True)) for row in self.calibration]
        scores = {name: score if math.isfinite(score) else None for name, score in self.scores.items()}
        return {"rows": self.n_rows, **scores, "calibration": table, "calibrated class": self.calibrated_class}


def evaluate(model: Any, data: Any) -> Evaluation:
    """Compare a model's probabilities with labels.

    The log loss is computed from z, so it is exact where probabilities round to 0 or 1: a row of label 1 at z = -900
    costs 900. A row counts as right if its label is what `predict` returns.

    Parameters
    ----------
    model : Perceptron or PerceptronClassifier
    data : Dataset, or what `fastperceptron.dataset` takes
        With labels: (X, y) or (X, y, weights), or a table that has the model's `target_name` as a column.

    Returns
    -------
    Evaluation

    Raises
    ------
    ValueError
        If there are no rows or no labels, a label is missing or not a class of the model, all weights are zero, or the
        features are not the model's.
    TypeError
        If the model is of another kind.

    Examples
    --------
    >>> import fastperceptron as fp
    >>> flowers = fp.load_flowers()
    >>> classifier = fp.PerceptronClassifier().fit(flowers.X, flowers.y)
    >>> fp.evaluate(classifier, (flowers.X, flowers.y)).scores["accuracy"]
    1.0
    """
    model = as_perceptron(model)
    parts = list(_compared_blocks(model, _as_dataset(model, data)))
    if not parts:
        raise ValueError("the data set has no rows: at least one is needed.")
    z, p, codes, is_right, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    if not weights.any():
        raise _no_weight()
    n_classes, rows, logs = len(model.classes), np.arange(len(codes)), prediction.log_probabilities(z)
    is_class = codes[:, None] == np.arange(n_classes)
    error = ((p - is_class) ** 2).sum(axis=1) / (2 if n_classes == 2 else 1)
    scores = {
        "log loss": float(np.average(-logs[rows, codes], weights=weights)),
        "Brier": float(np.average(error, weights=weights)),
        "accuracy": float(np.average(is_right, weights=weights)),
    }
    if is_class[weights > 0].any(axis=0).all():
        scores["AUC"] = _area_under_curve(z if n_classes == 2 else logs, is_class, weights)
    if n_classes == 2:
        return Evaluation(len(codes), scores, _calibration(p[:, 1], codes == 1, weights), model.classes.tolist()[1])
    return Evaluation(len(codes), scores, _calibration(p.max(axis=1), is_right, weights))


def accuracy(model: Perceptron, data: Dataset) -> float:
    """Return the share of the rows' weight whose class a model predicts, of a data set with the model's features."""
    right = total = 0.0
    for block in _compared_blocks(model, data):
        right += float(block.weights[block.is_right].sum())
        total += float(block.weights.sum())
    if total == 0:
        raise _no_weight()
    return right / total


def as_perceptron(model: Any) -> Perceptron:
    """Return a classifier's model, or a model as it is."""
    model = model.model_ if hasattr(type(model), "model_") else model
    if not isinstance(model, Perceptron):
        raise TypeError(f"model must be a Perceptron or a PerceptronClassifier, but is a {type(model).__name__}.")
    return model


def _as_dataset(model: Perceptron, data: Any) -> Dataset:
    """Return a data set with labels and the model's features."""
    if isinstance(data, tuple):
        is_frame = bool(data) and column_names(data[0]) is not None
        X = (as_matrix_or_csr(model.aligned(data[0])),) if is_frame else data[:1]
        data = dataset(X + tuple(as_numpy(part, "y") for part in data[1:]))
    elif not isinstance(data, Dataset):
        data = dataset(data, target=model.target_name)
    aligned: Dataset = model.aligned(data, has_labels=True)
    return aligned


class _Compared(NamedTuple):
    """A block of rows with what the model predicts; all in float64, also of float32 rows."""

    z: Array  # (n,) or (n, n_classes)
    p: Array  # (n, n_classes)
    codes: Array  # (n,): the class number of each label
    is_right: Array  # (n,) bool
    weights: Array  # (n,)


def _compared_blocks(model: Perceptron, data: Dataset) -> Iterator[_Compared]:
    first_row = 0
    for block in data.blocks():
        if block.y is None:
            raise no_labels()
        X = block.X.astype(np.float64, copy=False) if block.X.dtype.kind == "f" else block.X
        codes, z = codes_of(block.y, len(block.X), model.classes, first_row), model.decision_function(X)
        weights = np.ones(len(X)) if block.weights is None else block.weights
        yield _Compared(z, model.predict_proba(X), codes, prediction.class_numbers(z) == codes, weights)
        first_row += len(X)


def _no_weight() -> ValueError:
    return ValueError("all weights are zero: at least one row must count.")


def _area_under_curve(scores: Array, is_class: Array, weights: Array) -> float:
    """Return the AUC of two classes, or the mean of those of more, each against the others.

    `scores` are z, or the logarithms of the probabilities of more: probabilities of different rows round to one value.
    """
    from sklearn.metrics import roc_auc_score

    scores = np.clip(scores, -prediction.LARGEST, prediction.LARGEST)  # scikit-learn refuses infinities
    pairs = [(is_class[:, 1], scores)] if scores.ndim == 1 else zip(is_class.T, scores.T, strict=True)
    return float(np.mean([roc_auc_score(own, score, sample_weight=weights) for own, score in pairs]))


def _calibration(p: Array, is_right: Array, weights: Array) -> list[tuple[float, float, int]]:
    bins = np.minimum((p * N_BINS).astype(np.intp), N_BINS - 1)
    counts, totals = (np.bincount(bins, own, N_BINS) for own in (None, weights))
    sums, hits = (np.bincount(bins, weights * values, N_BINS) for values in (p, is_right))
    return [
        (float(sums[k] / totals[k]), float(hits[k] / totals[k]), int(counts[k])) for k in range(N_BINS) if totals[k] > 0
    ]
