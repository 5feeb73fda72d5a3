"""What fastperceptron.calibration returns: bins, intervals and scores, and how they are printed."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastperceptron.checks import Array


@dataclass(frozen=True, eq=False, repr=False)
class Calibration:
    """The result of `calibration`; print() shows it as a table.

    Attributes
    ----------
    label : bool, int, float or str, or None
        The class that the probabilities are of; None means the predicted class of each row.
    n_rows : int
        The number of rows of positive weight.
    predicted, observed : ndarray of shape (n_bins,), float64
        The weighted mean probability of the class and its weighted share, in each bin, in ascending order. Bins without
        rows are left out.
    low, high : ndarray of shape (n_bins,), float64
        Wilson's interval of the share in each bin, for the effective number of rows, (sum of w)^2 / (sum of w^2).
    rows : ndarray of shape (n_bins,), int64
        The number of rows of positive weight in each bin.
    weights : ndarray of shape (n_bins,), float64
        The bin's share of the weight of all rows.
    level : float
        The confidence level of all intervals.
    strategy : {"quantile", "uniform"}
    histogram : ndarray of shape (20,), float64
        The share of the weight by probability, in 20 bins of equal width from 0 to 1.
    accuracy : float
        The share of the weight whose class is predicted.
    log_loss : float
        The mean of -log(p) for rows of the class and -log(1 - p) for the others, computed from the decision value z. It
        is infinite if a row has the probability 0 for its label. If `label` is None, it is that of all classes, the
        mean of -log(probability of the row's label).
    brier : float
        The mean of (p - y)^2; if `label` is None, of the sum of it over all classes.
    brier_calibration, brier_refinement, brier_within : float
        Parts of `brier`, which add up to it. Calibration and refinement are Murphy's (1973): the means over bins of
        (predicted - observed)^2 and of observed (1 - observed), by weight. The rest, which may be negative, is the
        variance of p within bins less twice its covariance with the label. If `label` is None, sums over all classes.
    expected_calibration_error : float
        The mean over bins of abs(predicted - observed), by weight.
    auc : float
        The area under the ROC curve; NaN if there is only one class. If `label` is None, the mean of all classes' own.
    auc_low, auc_high : float
        DeLong's interval, within 0 and 1; NaN if there is no AUC, only one row of a class, or `label` is None. It has
        no width where z separates the classes, as its variance is 0 there.
    auc_error : float
        The largest possible error of `auc`. It is 0 for up to 2^19 rows times classes, which is 262,144 rows of two
        classes. With more, rows are grouped in cells of the decision value z, some thousandths wide, and rows of one
        cell count as ties. A cell is in one bin as a whole; all other figures are exact.
    by_class : dict of label to Calibration
        If `label` is None, each class against all others; else empty.
    """

    label: Any
    n_rows: int
    predicted: Array
    observed: Array
    low: Array
    high: Array
    rows: Array
    weights: Array
    level: float
    strategy: str
    histogram: Array
    accuracy: float
    log_loss: float
    brier: float
    brier_calibration: float
    brier_refinement: float
    brier_within: float
    expected_calibration_error: float
    auc: float
    auc_low: float
    auc_high: float
    auc_error: float
    by_class: dict[Any, "Calibration"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    def to_frame(self, backend: str = "pandas") -> Any:
        """Return the bins as a frame of "pandas", "polars" or "pyarrow"."""
        try:
            import narwhals as nw
        except ModuleNotFoundError as error:
            message = "to_frame needs the package narwhals: pip install 'fastperceptron[files]'"
            raise ModuleNotFoundError(message, name="narwhals") from error
        names = ("predicted", "observed", "low", "high", "rows", "weights")
        return nw.from_dict({name: getattr(self, name) for name in names}, backend=backend).to_native()  # type: ignore[arg-type]

    def bin_lines(self) -> Iterator[str]:
        """Yield the bins as lines of a table."""
        interval = f"{100 * self.level:g}% interval"
        yield f"  predicted  observed  {interval:<16}{'rows':>12}"
        for p, share, low, high, n_rows in zip(
            self.predicted, self.observed, self.low, self.high, self.rows, strict=True
        ):
            yield f"  {p:9.4f}  {share:8.4f}  {low:.4f} to {high:.4f}{n_rows:12,}"

    @property
    def of_class(self) -> str:
        """The class that the probabilities are of, in words."""
        return "the predicted class" if self.label is None else f"class {self.label}"

    @property
    def described_log_loss(self) -> str:
        """The log loss, and why it is infinite where it is, in words."""
        return f"{self.log_loss:.6g}" + (
            " (the label of a row has the probability 0)" if math.isinf(self.log_loss) else ""
        )

    @property
    def described_auc(self) -> str:
        """The AUC with its interval and error, in words."""
        if math.isnan(self.auc):
            return "not defined: a class has no rows"
        mean = ", the mean of each class against all others" if self.label is None else ""
        known = (
            ""
            if math.isnan(self.auc_low)
            else f", {100 * self.level:g}% interval {self.auc_low:.4f} to {self.auc_high:.4f}"
        )
        error = f", within {self.auc_error:.1g}" if self.auc_error else ""
        return f"{self.auc:.6g}{error}{known}{mean}"

    def __str__(self) -> str:
        """Show bins and scores as a table."""
        of_all = " of all classes" if self.label is None else ""
        parts = f"{self.brier_calibration:.3g} calibration + {self.brier_refinement:.6g} refinement"
        kind = "weight" if self.strategy == "quantile" else "width"
        lines = [
            f"Calibration of {self.of_class}: {self.n_rows:,} rows, bins of equal {kind}",
            *self.bin_lines(),
            f"  expected calibration error  {self.expected_calibration_error:.6g}",
            f"  log loss{of_all}  {self.described_log_loss}",
            f"  Brier{of_all}  {self.brier:.6g} = {parts} {self.brier_within:+.3g} within bins",
            f"  AUC  {self.described_auc}",
        ]
        if self.by_class:
            lines.append("  each class against all others:  ECE       Brier     log loss  AUC")
        for label, each in self.by_class.items():
            scores = (each.expected_calibration_error, each.brier, each.log_loss, each.auc)
            lines.append(f"  {label!s:<30}  " + "  ".join(f"{score:<8.4g}" for score in scores).rstrip())
        return "\n".join(lines)

    def __repr__(self) -> str:
        """Show the class and the main scores."""
        scores = f"ECE {self.expected_calibration_error:.4g}, Brier {self.brier:.4g}, log loss {self.log_loss:.4g}"
        return f"Calibration(of {self.of_class}: {self.n_rows:,} rows, {scores}, AUC {self.auc:.4g})"
