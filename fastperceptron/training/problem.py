"""What every solver of the estimator takes and returns: a problem, options, and a solution."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, NoReturn

import numpy as np

from fastperceptron.checks import BOOLEAN, Array, Rule, is_number, is_whole, one_of, option
from fastperceptron.data.arrays import ArrayRows, read_only
from fastperceptron.data.generated import GeneratedRows
from fastperceptron.data.labels import count_of_codes
from fastperceptron.data.sparse_rows import SparseRows
from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.training.tile_tree import sum_of_weights, weights_by_class

# Rows whose class numbers and weights are examined at a time: 9 MB of temporary arrays.
ROWS_AT_A_TIME = 1 << 20
# Options that are real numbers, and their reciprocals, are within what float64 can work with.
SMALLEST, LARGEST = 1e-300, 1e300
MOST = 2**53  # integers up to here are exact in float64
COUNT = Rule(lambda value: is_whole(value) and 1 <= value <= MOST, "an int in the range [1, 2**53]")
POSITIVE = Rule(
    lambda value: is_number(value) and SMALLEST <= value <= LARGEST, "a float in the range [1e-300, 1e+300]"
)
POSITIVE_OR_INFINITE = Rule(
    lambda value: POSITIVE.is_valid(value) or (is_number(value) and value == math.inf),
    "a float in the range [1e-300, 1e+300], or inf",
)
NOT_NEGATIVE = Rule(lambda value: is_number(value) and 0 <= value <= LARGEST, "a float in the range [0.0, 1e+300]")


@dataclass(frozen=True, eq=False)
class Problem:
    """Rows with class numbers and weights. Nothing in it is checked: that happened at the border.

    Row weights are finite, none negative, not all zero; a row of weight 2 counts as two equal rows. Class weights are
    multiplied with them in the loss, not in the columns' deviations: so does scikit-learn's pipeline.
    """

    rows: ArrayRows | SparseRows | GeneratedRows  # or PartedRows, which are read like them
    codes: Any  # (n_rows,) unsigned integers, or what is read like them: the class number of each row
    n_classes: int  # two classes are one neuron's task; more take one neuron each
    row_weights: Any = None  # (n_rows,) float64, or what is read like it
    class_weights: Array | None = None  # (n_classes,) float64
    absent: tuple[int, ...] = ()  # the classes whose rows have no weight in the loss
    sought: tuple[int, ...] | None = None  # the classes whose neurons are looked for; None means all
    is_float32_enough: bool = True  # whether float32 holds all weights
    least_weight: float = 1.0  # no positive weight in the loss is smaller
    loss_unit: float = 1.0  # losses are divided by it, since the class weights are
    is_softmax: bool = False  # whether three or more classes share a softmax layer; else each is against all others

    @property
    def n_neurons(self) -> int:
        """One for two classes, else one per class; fewer where some are not looked for."""
        return len(self.positives)

    @cached_property
    def positives(self) -> tuple[int, ...]:
        """The class that each neuron separates from the others."""
        every = (1,) if self.n_classes == 2 else tuple(range(self.n_classes))
        return every if self.sought is None else self.sought

    @cached_property
    def layers(self) -> tuple[tuple[int, ...], ...]:
        """The classes whose weights are found together: all by softmax, else each by itself."""
        return layers_of(self.positives, is_softmax=self.is_softmax)

    @cached_property
    def n_parameters(self) -> int:
        """Those of a layer that the data determine: the common part of a softmax layer's weights has no effect."""
        return (self.rows.n_features + 1) * (max(self.n_neurons - 1, 1) if self.is_softmax else 1)

    @property
    def is_plain(self) -> bool:
        """Whether all rows weigh the same."""
        return self.row_weights is None and self.class_weights is None

    @cached_property
    def total_weight(self) -> float:
        """The sum of the rows' own weights, by which reported objectives are divided."""
        if self.row_weights is None:
            return float(self.rows.n_rows)
        return sum_of_weights(self.row_weights)

    @cached_property
    def total_in_loss(self) -> float:
        """The sum of the rows' weights in the loss."""
        codes, n_classes = self.codes, self.n_classes
        if self.class_weights is None:
            return self.total_weight
        if self.row_weights is None:
            of_classes: Array = counts_of(codes, n_classes).astype(np.float64)
        else:
            of_classes = weights_by_class(self.row_weights, codes, n_classes)
        return float(sum_in_order(of_classes * self.class_weights))

    def reported(self, value: Any) -> Any:
        """Return a sum of losses over rows as it is reported: over the sum of the rows' own weights."""
        return value / self.total_weight * self.loss_unit

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


def counts_of(codes: Any, n_classes: int) -> Array:
    """Return the number of rows of each class, (n_classes,) int64."""
    counts: Array = codes.counts if hasattr(codes, "counts") else count_of_codes(codes, n_classes)
    return counts


class ScaledWeights:
    """Weights divided by a power of two when they are asked for: there may be as many as rows on disk."""

    def __init__(self, weights: Array, exponent: int) -> None:
        self.undivided, self.exponent, self.size = weights, exponent, weights.size

    def __getitem__(self, places: slice | Array) -> Array:
        return read_only(np.ldexp(self.undivided[places], -self.exponent))

    def by_class(self, codes: Any, n_classes: int, power: int) -> Array:
        """Return the sums of all weights times 2^power; see tile_tree.weights_by_class."""
        return weights_by_class(self.undivided, codes, n_classes, power - self.exponent)


class WeightRange(NamedTuple):
    """What weights, of which none is negative, are between."""

    smallest: float
    least: float  # the smallest positive one
    largest: float

    def over(self, exponent: int) -> "WeightRange":
        """Return what weights divided by 2^exponent are between."""
        return WeightRange(*np.ldexp(self, -exponent).tolist())


def range_of(weights: Any) -> WeightRange:
    """Return what weights are between: they are read as slices, unless they know it."""
    if hasattr(weights, "range"):
        known: WeightRange = weights.range
        return known
    smallest, least, largest = math.inf, LARGEST, 0.0
    for start in range(0, weights.size, ROWS_AT_A_TIME):
        part = weights[start : start + ROWS_AT_A_TIME]
        smallest, largest = min(smallest, float(part.min())), max(largest, float(part.max()))
        least = min(least, float(part[part > 0].min(initial=LARGEST)))
    return WeightRange(smallest, least, largest)


def layers_of(positives: tuple[int, ...], *, is_softmax: bool) -> tuple[tuple[int, ...], ...]:
    """Return the classes of each layer: all of them with softmax, else one each."""
    return (positives,) if is_softmax else tuple((each,) for each in positives)


def weights_in_loss(row_weights: Any, class_weights: Array | None, places: range, codes: Array) -> Array:
    """Return the weights in the loss, (n,) float64, of the rows of a range with these class numbers."""
    own = np.ones(len(places)) if row_weights is None else np.array(row_weights[places.start : places.stop])
    return own if class_weights is None else own * class_weights[codes]


class OutOfRangeError(ValueError):
    """Columns have values whose squares overflow or underflow."""


def overflow() -> OutOfRangeError:
    """Return the error for finite values whose sums are not."""
    return OutOfRangeError("the values of X overflow: scale its columns, or pass float64.")


class Memory(NamedTuple):
    """What partial_fit has to know of the rows of a fit. Weights and columns are in units near 1, see units.py."""

    centre: Array  # (padded size,) float64: of the coordinates, as are scale and deviations
    scale: Array  # (padded size,) float64
    deviations: Array  # (n_features,) float64
    means: Array  # (n_features,) float64
    # Per layer the Hessian of the sum of the losses at the solution, without the penalty, float64: of shape
    # (size of a point, same), whose upper triangle counts, or (1, size of a point), its diagonal alone.
    hessians: tuple[Array, ...]
    curvatures: tuple[float, ...]  # per layer: the sum over rows of weight * d2loss/dz2
    losses: tuple[float, ...]  # per layer: the sum over rows of weight * loss, without the penalty
    total_weight: float  # the sum of the rows' own weights
    n_rows: int
    row_unit: float = 1.0  # the rows' weights were divided by it
    loss_unit: float = 1.0  # the class weights were divided by it
    exponents: Array | None = None  # (n_features,) int: the columns were divided by these powers of two


@dataclass(frozen=True, eq=False)
class Solution:
    """The weights that a solver found."""

    weights: Array  # (n_neurons, n_features) float64
    bias: Array  # (n_neurons,) float64
    n_iter: int  # reads of the data
    loss_curve: Array  # float64: the objective over the sum of the rows' weights, summed over neurons, after each read
    optimality_gap: float  # the objective's estimated excess over its minimum, in the same unit; NaN if not known
    is_converged: bool
    distance: float  # from the optimum, in standard errors: what `tol` bounds; rough where the gap is NaN, or NaN too
    # "perfectly" or "quasi-completely" where separable classes have no finite optimum; `is_converged` is False for the
    # first, and says of the second that the objective is within `tol` of its infimum.
    separation: str = ""
    memory: Memory | None = None  # None where the solver knows no Hessian


@dataclass(frozen=True)
class ObjectiveOptions:
    """What is minimised, and when a solver stops. See `fastperceptron.PerceptronClassifier`."""

    loss: str = option("log_loss", one_of(LOSSES))
    C: float = option(1.0, POSITIVE_OR_INFINITE)
    fit_intercept: bool = option(True, BOOLEAN)
    standardize: bool = option(True, BOOLEAN)
    tol: float = option(0.01, POSITIVE)
    max_iter: int = option(1000, COUNT)

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
