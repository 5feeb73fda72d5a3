"""What every solver of the estimator takes and returns: a problem, options, and a solution."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from fastperceptron.checks import (
    BOOLEAN,
    COUNT,
    NOT_NEGATIVE,
    POSITIVE,
    POSITIVE_OR_INFINITE,
    Array,
    one_of,
    option,
)
from fastperceptron.data.arrays import ArrayRows
from fastperceptron.data.generated import GeneratedRows
from fastperceptron.kernels.losses import LOSSES

# Rows whose class numbers and weights are examined at a time: 9 MB of temporary arrays.
ROWS_AT_A_TIME = 1 << 20


@dataclass(frozen=True, eq=False)
class Problem:
    """Rows with class numbers and weights. Nothing in it is checked: that happened at the border.

    Row weights are finite, none negative, not all zero; a row of weight 2 counts as two equal rows. Class weights are
    multiplied with them in the loss, not in the columns' deviations: so does scikit-learn's pipeline.
    """

    rows: ArrayRows | GeneratedRows
    codes: Any  # (n_rows,) unsigned integers, or what is read like them: the class number of each row
    n_classes: int  # two classes are one neuron's task; more are one neuron each, against all others
    row_weights: Array | None = None  # (n_rows,) float64
    class_weights: Array | None = None  # (n_classes,) float64

    @property
    def n_neurons(self) -> int:
        """One for two classes, else one per class."""
        return len(self.positives)

    @property
    def positives(self) -> range:
        """The class that each neuron separates from the others."""
        return range(1, 2) if self.n_classes == 2 else range(self.n_classes)

    def raise_not_finite(self) -> NoReturn:
        """Raise ValueError for sums over the rows that are not finite: a value is not, or they overflow."""
        self.rows.check_finite()
        raise overflow()

    def present_rows(self, code: int | None = None) -> Iterator[Array]:
        """Yield, block by block, the numbers of the rows of positive weight, of all classes or of one."""
        for start in range(0, self.rows.n_rows, ROWS_AT_A_TIME):
            part = slice(start, min(start + ROWS_AT_A_TIME, self.rows.n_rows))
            is_wanted = np.ones(part.stop - start, bool) if code is None else self.codes[part] == code
            if self.row_weights is not None:
                is_wanted &= self.row_weights[part] > 0
            yield start + np.flatnonzero(is_wanted)


def overflow() -> ValueError:
    """Return the error for finite values whose sums are not."""
    return ValueError("the values of X overflow: scale its columns, or pass float64.")


@dataclass(frozen=True, eq=False)
class Solution:
    """The weights that a solver found."""

    weights: Array  # (n_neurons, n_features) float64
    bias: Array  # (n_neurons,) float64
    n_iter: int  # reads of the data
    loss_curve: Array  # float64: the objective over the sum of the rows' weights, summed over neurons, after each read
    optimality_gap: float  # the objective's estimated excess over its minimum, in the same unit; NaN if not known
    is_converged: bool
    distance: float  # from the optimum, in standard errors: what `tol` bounds; NaN where that is not known


@dataclass(frozen=True)
class ObjectiveOptions:
    """What is minimised, and when a solver stops. See `fastperceptron.PerceptronClassifier`."""

    loss: str = option("squared_error", one_of(LOSSES))
    C: float = option(1.0, POSITIVE_OR_INFINITE)
    fit_intercept: bool = option(True, BOOLEAN)
    standardize: bool = option(True, BOOLEAN)
    tol: float = option(0.01, POSITIVE)
    max_iter: int = option(100, COUNT)

    @property
    def penalty(self) -> float:
        """The factor of |w|^2 / 2 in the objective."""
        return 0.0 if math.isinf(self.C) else 1.0 / self.C


@dataclass(frozen=True)
class NewtonOptions(ObjectiveOptions):
    """Options of solver="newton" and of partial_fit."""

    n_threads: int = 1


@dataclass(frozen=True)
class SgdOptions(ObjectiveOptions):
    """Options of solver="sgd"."""

    batch_size: int = option(256, COUNT)
    shuffle: bool = option(True, BOOLEAN)
    average: bool = option(False, BOOLEAN)
    learning_rate: str = option("constant", one_of(("constant", "invscaling")))
    eta0: float = option(0.2, POSITIVE)
    power_t: float = option(0.25, NOT_NEGATIVE)
    seed: int = 0

    @property
    def power(self) -> float:
        """The learning rate of step t is eta0 / t^power."""
        return self.power_t if self.learning_rate == "invscaling" else 0.0
