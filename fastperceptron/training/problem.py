"""What every solver is given, and what it returns: rows with class numbers and weights; neurons with how they came."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import ArrayRows
from fastperceptron.data.generated import GeneratedRows

# Rows whose class numbers or weights are looked at at a time.
BLOCK_ROWS = 1 << 20


@dataclass(frozen=True, eq=False)
class Problem:
    """Rows to be told apart. Nothing in it is checked: that happened at the border.

    Attributes
    ----------
    rows : ArrayRows or GeneratedRows
    codes : ndarray of shape (n_rows,), unsigned integers; or what is read like one
        The class number of each row.
    n_classes : int
        Two classes are one neuron's task; more are one neuron each, against all others.
    row_weights : ndarray of shape (n_rows,), float64, optional
        Finite, none negative, not all zero. A row of weight 2 counts as two equal rows.
    class_weights : ndarray of shape (n_classes,), float64, optional
        Multiplied with the row weights in the loss, not in the columns' deviations: so does scikit-learn's pipeline.
    """

    rows: ArrayRows | GeneratedRows
    codes: Any
    n_classes: int
    row_weights: Array | None = None
    class_weights: Array | None = None

    @property
    def n_neurons(self) -> int:
        """How many neurons it takes."""
        return len(self.positives)

    @property
    def positives(self) -> range:
        """The class that each neuron stands for."""
        return range(1, 2) if self.n_classes == 2 else range(self.n_classes)

    def complain(self) -> NoReturn:
        """Raise ValueError for sums that are not finite: the rows are not, or they overflow."""
        self.rows.check_finite()
        raise overflow()

    def present_rows(self, code: int | None = None) -> Iterator[Array]:
        """Yield, block by block, the numbers of the rows of positive weight; or of those of one class."""
        for start in range(0, self.rows.n_rows, BLOCK_ROWS):
            part = slice(start, min(start + BLOCK_ROWS, self.rows.n_rows))
            is_wanted = np.ones(part.stop - start, bool) if code is None else self.codes[part] == code
            if self.row_weights is not None:
                is_wanted &= self.row_weights[part] > 0
            yield start + np.flatnonzero(is_wanted)


def overflow() -> ValueError:
    """Return the error for finite values whose sums are not."""
    return ValueError("the values of X overflow: scale its columns, or pass float64.")


@dataclass(frozen=True, eq=False)
class Solution:
    """What a solver found.

    Attributes
    ----------
    weights : ndarray of shape (n_neurons, n_features), float64
    bias : ndarray of shape (n_neurons,), float64
    n_iter : int
        Reads of the data.
    loss_curve : ndarray, float64
        The objective over the sum of the rows' weights, summed over neurons, after each read.
    optimality_gap : float
        The estimated excess of the objective, in the same unit, over its minimum; NaN where that is not known.
    is_converged : bool
    distance : float
        From the optimum, in standard errors: what `tol` bounds; NaN where that is not known.
    """

    weights: Array
    bias: Array
    n_iter: int
    loss_curve: Array
    optimality_gap: float
    is_converged: bool
    distance: float
