"""How well a model predicts: proper scores, accuracy, AUC and a calibration table. The scores are scikit-learn's."""

import math
from dataclasses import dataclass, field
from typing import Any

from fastperceptron.data.dataset import Dataset
from fastperceptron.evaluation.comparison import compared_blocks, no_weight
from fastperceptron.evaluation.reliability import calibration
from fastperceptron.evaluation.result import Calibration
from fastperceptron.model import Perceptron


@dataclass(frozen=True)
class Evaluation:
    """The result of `evaluate`.

    Attributes
    ----------
    n_rows : int
        The number of rows of positive weight.
    scores : dict of str to float
        "log loss", "Brier" and "accuracy", and "AUC" unless it is not defined, because a class has no rows of positive
        weight. All are means over the rows, by their weights.
    calibration : list of (float, float, int)
        Per bin the mean predicted probability, the observed share and the number of rows, in up to ten bins of equal
        weight: of the second of two classes, or of the predicted one of three or more.
    calibrated_class : bool, int, float or str, or None
        The class whose probabilities `calibration` has: the second of two; None means the predicted class of each row.
    details : Calibration
        What `fastperceptron.calibration` returns: it adds intervals of the shares and of the AUC, and the parts of the
        Brier score.
        `fastperceptron.plot.plot_calibration` draws it.
    """

    n_rows: int
    scores: dict[str, float]
    calibration: list[tuple[float, float, int]]
    calibrated_class: Any
    details: Calibration = field(compare=False, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the result as a dict that JSON can hold; an infinite score or an unknown interval is None."""
        names = ("predicted", "observed", "rows")
        table = [dict(zip(names, row, strict=True)) for row in self.calibration]
        scores = {name: score if math.isfinite(score) else None for name, score in self.scores.items()}
        interval = [self.details.auc_low, self.details.auc_high]
        return {
            "rows": self.n_rows,
            **scores,
            "AUC interval": None if math.isnan(interval[0]) else interval,
            "expected calibration error": self.details.expected_calibration_error,
            "calibration": table,
            "calibrated class": self.calibrated_class,
        }


def evaluate(model: Any, data: Any) -> Evaluation:
    """Compare a model's probabilities with labels.

    The log loss is computed from the decision value z, so it is exact where probabilities round to 0 or 1: a row of
    label 1 at z = -900 costs 900. A row counts as right if `predict` returns its label. The data are read once, and
    memory does not grow with the number of rows. Beyond 262,144 rows of two classes the AUC is approximate, within
    `details.auc_error`.

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
    found = calibration(model, data)
    scores = {"log loss": found.log_loss, "Brier": found.brier, "accuracy": found.accuracy}
    if not math.isnan(found.auc):
        scores["AUC"] = found.auc
    table = list(zip(found.predicted.tolist(), found.observed.tolist(), found.rows.tolist(), strict=True))
    return Evaluation(found.n_rows, scores, table, found.label, found)


def accuracy(model: Perceptron, data: Dataset) -> float:
    """Return the share of the rows' weight whose class a model predicts, of a data set with the model's features."""
    right = total = 0.0
    for block in compared_blocks(model, data):
        right += float(block.weights[block.is_right].sum())
        total += float(block.weights.sum())
    if total == 0:
        raise no_weight()
    return right / total
