"""fastperceptron.calibration compares probabilities with observed shares, in one read and bounded memory."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from fastperceptron.checks import choice, is_number, whole_number
from fastperceptron.evaluation.cells import TOP, Cells, cells_of
from fastperceptron.evaluation.comparison import Compared, as_dataset, as_perceptron, compared_blocks, no_weight
from fastperceptron.evaluation.formulas import (
    area_under_curve,
    bins_of,
    brier_parts,
    histogram_of,
    total,
    wilson_interval,
)
from fastperceptron.evaluation.result import Calibration

STRATEGIES = ("quantile", "uniform")


def calibration(
    classifier: Any,
    data: Any,
    *,
    n_bins: int = 10,
    strategy: str = "quantile",
    level: float = 0.95,
    pos_label: Any = None,
) -> Calibration:
    """Compare predicted probabilities with the shares of the classes, in one read of the data.

    Memory does not grow with the number of rows. The result has the same bits for any chunks of the same rows.

    Parameters
    ----------
    classifier : PerceptronClassifier or Perceptron
    data : Dataset, or what `fastperceptron.dataset` takes
        With labels: (X, y) or (X, y, weights), or a table that has the model's `target_name` as a column. Rows of
        weight 0 do not count. Shares, means and quantiles are weighted. Intervals take a weight as the importance of
        one row, not as a number of repeated rows.
    n_bins : int
        The largest number of bins.
    strategy : {"quantile", "uniform"}
        Whether bins have equal weights, or equal widths of the probability. Rows of equal probability are in one bin.
    level : float
        The confidence level of intervals, between 0 and 1.
    pos_label : bool, int, float or str, optional
        The class whose probability is compared. By default it is the second of two classes. With three or more classes
        it is the predicted class of each row, and `by_class` has each class against all others.

    Returns
    -------
    Calibration

    Raises
    ------
    ValueError
        If there are no rows or no labels, a label is missing or not a class of the model, all weights are zero, the
        features are not the model's, or an option is not as above.
    TypeError
        If the model is of another kind, or `n_bins` is not a whole number.

    References
    ----------
    Murphy (1973), "A new vector partition of the probability score". DeLong, DeLong and Clarke-Pearson (1988),
    "Comparing the areas under two or more correlated receiver operating characteristic curves". Wilson (1927),
    "Probable inference, the law of succession, and statistical inference".

    Examples
    --------
    >>> import fastperceptron as fp
    >>> model = fp.Perceptron([1.0], 0.0, ["no", "yes"])
    >>> X = [[-2.0], [-1.0], [0.0], [1.0], [2.0], [3.0]]
    >>> print(fp.calibration(model, (X, ["no", "yes", "no", "yes", "no", "yes"]), n_bins=2))
    Calibration of class yes: 6 rows, bins of equal weight
      predicted  observed  95% interval            rows
         0.2960    0.3333  0.0615 to 0.7923           3
         0.8548    0.6667  0.2077 to 0.9385           3
      expected calibration error  0.112714
      log loss  0.770352
      Brier  0.27484 = 0.0184 calibration + 0.222222 refinement +0.0342 within bins
      AUC  0.666667, 95% interval 0.1332 to 1.0000
    """
    model, n_bins = as_perceptron(classifier), whole_number(n_bins, "n_bins")
    choice(strategy, STRATEGIES, "strategy")
    if not is_number(level) or not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, but is {level!r}.")
    labels = model.classes.tolist()
    if pos_label is not None and pos_label not in labels:
        raise ValueError(f"pos_label={pos_label!r} is not a valid label. It should be one of {labels}.")
    targets = [TOP, *range(len(labels))] if len(labels) > 2 else [1]
    targets = targets if pos_label is None else [labels.index(pos_label)]
    blocks = compared_blocks(model, as_dataset(model, data))
    cells, is_exact = cells_of(_some(blocks), targets)
    if not cells:
        raise no_weight()
    names = [None if target == TOP else labels[target] for target in targets]
    first, *others = (
        _summary(own, name, bins_of(own, n_bins, strategy), level, strategy=strategy, is_exact=is_exact)
        for own, name in zip(cells, names, strict=True)
    )
    return _of_all(first, others) if others else first


def _summary(cells: Cells, label: Any, bins: Cells, level: float, *, strategy: str, is_exact: bool) -> Calibration:
    weight = bins.weight
    low, high = wilson_interval(bins, level)
    parts, area = brier_parts(bins), area_under_curve(cells, level)
    return Calibration(
        label=label,
        n_rows=int(bins.rows.sum()),
        predicted=bins.p / weight,
        observed=bins.positive / weight,
        low=low,
        high=high,
        rows=bins.rows.astype(np.int64),
        weights=weight / total(weight),
        level=float(level),
        strategy=strategy,
        histogram=histogram_of(cells),
        accuracy=total(bins.right) / total(weight),
        log_loss=total(bins.log_loss) / total(weight),
        brier=total(bins.squared_error) / total(weight),
        brier_calibration=parts.calibration,
        brier_refinement=parts.refinement,
        brier_within=parts.within,
        expected_calibration_error=parts.expected_calibration_error,
        auc=area.value,
        auc_low=area.low,
        auc_high=area.high,
        auc_error=0.0 if is_exact else area.error,
    )


def _of_all(top: Calibration, each: list[Calibration]) -> Calibration:
    """Return the predicted class's calibration with the scores of all classes: Brier parts as sums, AUC as mean."""
    names = ("brier_calibration", "brier_refinement", "brier_within")
    scores: dict[str, Any] = {name: math.fsum(getattr(own, name) for own in each) for name in names}
    scores |= {name: math.fsum(getattr(own, name) for own in each) / len(each) for name in ("auc", "auc_error")}
    by_class = {own.label: own for own in each}
    return replace(top, **scores, auc_low=math.nan, auc_high=math.nan, by_class=by_class)


def _some(blocks: Iterator[Compared]) -> Iterator[Compared]:
    """Yield the blocks; raise ValueError if there are none."""
    is_empty = True
    for block in blocks:
        is_empty = False
        yield block
    if is_empty:
        raise ValueError("the data set has no rows: at least one is needed.")
