"""A problem in units near 1, for the solvers: what is minimised is the same, and nothing overflows or underflows.

Weights are divided by a power of two near their mean and C is multiplied by it, so that no threshold depends on the
unit of the weights. Columns are divided by powers of two only where a fit finds one whose squares leave the precision:
looking for them would cost a read. A power of two changes no digit, so neither changes the result.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import Rows, read_only
from fastperceptron.data.sparse_rows import SparseRows
from fastperceptron.training.observer import Observer, Progress
from fastperceptron.training.parted_rows import PartedRows, Question
from fastperceptron.training.problem import (
    LARGEST,
    SMALLEST,
    ObjectiveOptions,
    OutOfRangeError,
    Problem,
    ScaledWeights,
    Solution,
    WeightRange,
    range_of,
)
from fastperceptron.training.tile_sums import Part
from fastperceptron.training.tile_tree import sum_of_weights

# Deviations of columns whose squares, and those of rare or outlying values, are within the precision.
SAFE_EXPONENTS = {np.dtype(np.float32): 48, np.dtype(np.float64): 400}
SURE = 500.0  # the bias, up to its sign, of a neuron that is sure of all rows: the other class has 1e-217
FLOAT32_EXPONENT = 30  # of weights that float32 arithmetic takes

Options = TypeVar("Options", bound=ObjectiveOptions)
Solve = Callable[[Problem, Options, Array | None], Solution]


def solve_in_units(
    solve: Solve[Options], problem: Problem, options: Options, start: Array | None, observer: Observer
) -> Solution:
    """Return the solution that `solve` finds in units near 1, in the problem's own.

    A neuron whose class has no weight, or all, has no finite optimum beside a free bias: it gets weights of 0 and a
    bias that is sure of every row.
    """
    if start is not None:
        start = np.where(np.abs(start[:, -1:]) == SURE, 0.0, start)  # to a search it would look like a saturated neuron
    if not (problem.absent and options.fit_intercept):
        return _solve(solve, problem, options, start)
    every, absent = problem.positives, problem.absent
    is_sought = np.array([not (each in absent or len(absent) == problem.n_classes - 1) for each in every])
    weights = np.zeros((len(every), problem.rows.n_features))
    bias = np.array([-SURE if each in absent else SURE for each in every])
    if not is_sought.any():
        observer.read_done(Progress(1, 0.0, 0.0))
        return Solution(weights, bias, 1, np.zeros(1), 0.0, is_converged=True, distance=0.0)
    sought = tuple(each for each, is_one in zip(every, is_sought.tolist(), strict=True) if is_one)
    start = None if start is None else start[is_sought]
    solution = _solve(solve, dataclasses.replace(problem, sought=sought), options, start)
    weights[is_sought], bias[is_sought] = solution.weights, solution.bias
    return dataclasses.replace(solution, weights=weights, bias=bias, memory=None)


def _solve(solve: Solve[Options], problem: Problem, options: Options, start: Array | None) -> Solution:
    given, (problem, options) = problem, in_units_of_weights(problem, options)
    try:
        return _with_units(solve(problem, options, start), given, problem)
    except OutOfRangeError:
        rows: Any = scaled(problem.rows)  # read like those of a problem
        if start is not None:
            start = np.column_stack([start[:, :-1] / rows.units, start[:, -1]])
        solution = solve(dataclasses.replace(problem, rows=rows), options, start)
        solution = _with_units(solution, given, problem, rows.exponents)
        with np.errstate(over="ignore"):
            weights = solution.weights * rows.units
        check_weights(weights)
        return dataclasses.replace(solution, weights=weights)


def _with_units(solution: Solution, given: Problem, solved: Problem, exponents: Array | None = None) -> Solution:
    """Return the solution of a problem in units, whose memory says what those are."""
    if solution.memory is None or (solved is given and exponents is None):
        return solution
    unit, divided = 1.0, solved.row_weights
    if given.row_weights is not None:
        unit = float(given.row_weights[:1][0]) if divided is None else math.ldexp(1.0, getattr(divided, "exponent", 0))
    memory = solution.memory._replace(row_unit=unit, loss_unit=solved.loss_unit, exponents=exponents)
    return dataclasses.replace(solution, memory=memory)


def in_units_of_weights(problem: Problem, options: Options) -> tuple[Problem, Options]:
    """Return the problem and its options with row weights whose mean is in [1, 2), and class weights of at most 2.

    Equal weights of all rows, or all classes, are left out.
    """
    if problem.is_plain:
        return problem, options
    row_weights, class_weights, C, unit = problem.row_weights, problem.class_weights, options.C, 1.0
    is_narrow, least = True, 1.0
    if row_weights is not None:
        known = range_of(row_weights)
        if known.smallest == known.largest:
            row_weights, C = None, C * known.largest
        else:
            row_weights, exponent = _near_one(row_weights, known.largest)
            C = _times_power(C, exponent)
            is_narrow, least = _is_narrow(known.over(exponent)), known.over(exponent).least
    if class_weights is not None:
        if class_weights.min() == class_weights.max():
            unit, class_weights = float(class_weights[0]), None
            C *= unit
        else:
            exponent = math.frexp(float(class_weights.max()))[1] - 1
            class_weights, unit = read_only(np.ldexp(class_weights, -exponent)), math.ldexp(1.0, exponent)
            C = _times_power(C, exponent)
            known = range_of(class_weights)
            is_narrow, least = is_narrow and _is_narrow(known), least * known.least
    C = C if math.isinf(options.C) else min(max(C, SMALLEST), LARGEST)
    changed = dataclasses.replace(
        problem,
        row_weights=row_weights,
        class_weights=class_weights,
        is_float32_enough=is_narrow,
        least_weight=least,
        loss_unit=unit,
    )
    return changed, dataclasses.replace(options, C=C)


def _near_one(weights: Array, largest: float) -> tuple[Any, int]:
    """Return weights divided by a power of two, so that their mean is in [1, 2), and its exponent."""
    exponent = exponent_of_mean(weights, largest)
    return (weights if exponent == 0 else ScaledWeights(weights, exponent)), exponent


def exponent_of_mean(weights: Any, largest: float) -> int:
    """Return the power of two that the mean of weights is 1 to 2 times as large as; `largest` is the largest one."""
    top = math.frexp(largest)[1]
    mean = sum_of_weights(weights, -top) / weights.size
    return top + math.frexp(mean)[1] - 1


def _is_narrow(known: WeightRange) -> bool:
    """Return whether the positive weights are so near 1 that products of two of them are within float32."""
    return known.least >= 2.0**-FLOAT32_EXPONENT and known.largest <= 2.0**FLOAT32_EXPONENT


def _times_power(value: float, exponent: int) -> float:
    """Return value * 2^exponent; infinity where that overflows."""
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        return math.inf


def check_range(problem: Problem, deviations: Array) -> None:
    """Raise OutOfRangeError where squares of a column may leave the precision; ValueError at NaN or infinity."""
    most = SAFE_EXPONENTS[problem.rows.dtype]
    low, high = math.ldexp(1.0, -most), math.ldexp(1.0, most)
    # A scaled column may stay small, because rows without weight hold larger values.
    low = 0.0 if hasattr(problem.rows, "units") else low
    if not ((deviations == 0) | ((deviations >= low) & (deviations <= high))).all():
        problem.raise_not_finite()


def check_weights(weights: Array) -> None:
    """Raise ValueError where a weight for raw rows is not finite."""
    if not np.isfinite(weights).all():
        column = int(np.argwhere(~np.isfinite(weights))[0, 1])
        raise ValueError(
            f"column {column} of X has values so small that its weight overflows: multiply it by a large number."
        )


def scaled(rows: Any) -> Any:
    """Return rows with columns divided by powers of two, so that no value is above 1.

    Their `units` turn weights for them into those for `rows`.
    """
    sizes = rows.ask(SIZES) if isinstance(rows, PartedRows) else [_sizes(Part(rows, None))]
    return _divided(rows, np.frexp(np.max(sizes, axis=0))[1])


def units_of(exponents: Array) -> Array:
    """Return what weights for columns divided by powers of two are multiplied with to be weights for the columns."""
    with np.errstate(over="ignore"):
        units: Array = np.ldexp(1.0, -exponents)
    return units


def _sizes(part: Part, map_in_order: Any = map) -> Array:  # noqa: ARG001
    """Return the size of the largest value of each column of a part: (n_features,) float64."""
    rows, largest = part.rows, np.zeros(part.rows.n_features)
    if rows.is_sparse:
        np.maximum.at(largest, rows.indices, np.abs(rows.values.astype(np.float64)))
        return largest
    for _, block in rows.blocks():
        np.maximum(largest, np.abs(block).max(axis=0), out=largest)
    return largest


SIZES = Question(_sizes)


def _divided(rows: Any, exponents: Array) -> Any:
    if isinstance(rows, PartedRows):
        rows = rows.changed(_divided_part, exponents)
        rows.exponents, rows.units = exponents, units_of(exponents)
        return rows
    return (ScaledSparseRows if rows.is_sparse else ScaledRows)(rows, exponents)


def _divided_part(part: Part, exponents: Array) -> Part:
    return part._replace(rows=_divided(part.rows, exponents))


class ScaledSparseRows(SparseRows):
    """A copy of sparse rows whose columns are divided by powers of two."""

    def __init__(self, rows: SparseRows, exponents: Array) -> None:
        values = np.ldexp(rows.values.astype(np.float64), -exponents[rows.indices])
        super().__init__(rows.indptr, rows.indices, values, rows.n_features, rows.tile_rows)
        self.exponents, self.units = exponents, units_of(exponents)


class ScaledRows(Rows):
    """Rows whose columns are divided by powers of two."""

    is_in_place = False

    def __init__(self, rows: Any, exponents: Array) -> None:
        super().__init__(rows.n_rows, rows.n_features, rows.dtype)
        self._rows, self.exponents, self.units = rows, exponents, units_of(exponents)

    def _scaled(self, rows: Array) -> Array:
        return read_only(np.ldexp(rows, -self.exponents))

    def rows_at(self, places: range | Array) -> Array:
        """Return the rows with these numbers."""
        return self._scaled(self._rows.rows_at(places))

    def labelled_at(self, codes: Any, places: range | Array) -> tuple[Array, Array]:
        """Return the rows with these numbers and their class numbers; `codes` has those of all rows."""
        rows, chosen = self._rows.labelled_at(codes, places)
        return self._scaled(rows), chosen

    def check_finite(self) -> None:
        """Raise ValueError at the first NaN or infinity."""
        self._rows.check_finite()

    def take(self, order: Array, codes: Array) -> tuple[Array, Array, Array]:
        """Return the rows in `order`, their codes, and their places in what is returned: 0, 1, ..."""
        rows, chosen = self.labelled_at(codes, order)
        return rows, chosen, read_only(np.arange(order.size))
