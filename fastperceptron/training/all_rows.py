"""Newton's objective over all rows of a problem, which are standardised anew, block by block, in cache.

Holding them standardised would take as much memory as X does, or twice; to fault that in took longer than the steps.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import aligned_zeros
from fastperceptron.kernels.sample import standardise
from fastperceptron.training.damped_newton import NewtonObjective
from fastperceptron.training.pool import MapInOrder
from fastperceptron.training.problem import Problem
from fastperceptron.training.standards import Standards

# Of a block, in the second-level cache: 512 KB.
BLOCK_ELEMENTS = 1 << 16


class StandardRows(NamedTuple):
    """The rows of a problem by the standards they are to be given."""

    problem: Problem
    standards: Standards  # its scale is infinite for columns that are constant beside an intercept
    bias: float  # what follows a row: 1, or 0 without an intercept


class AllRows(NewtonObjective):
    """The penalised loss of one neuron over all rows.

    Parameters
    ----------
    rows : StandardRows
    positive : int
        The class the neuron stands for.
    loss : str
    penalty : ndarray of padded size
    map_in_order : callable
    """

    def __init__(
        self, rows: StandardRows, positive: int, loss: str, penalty: Array, map_in_order: MapInOrder[Any, Any]
    ) -> None:
        super().__init__(rows.problem.rows.n_rows, loss, penalty, map_in_order)
        self._rows, self._positive = rows, positive

    def blocks(self, start: int, stop: int) -> Iterator[tuple[Array, Array, Array]]:
        """Yield the rows from start to stop, standardised, with their targets and weights."""
        problem, standards, bias = self._rows
        scale, size = standards.scale[: standards.n_features], max(1, BLOCK_ELEMENTS // self.penalty.size)
        panel = aligned_zeros((size, self.penalty.size), np.float64)
        for first in range(start, stop, size):
            last = min(first + size, stop)
            rows, codes = problem.rows.labelled(problem.codes, first, last)
            block = panel[: last - first]
            standardise(rows, standards.centre, scale, bias, block)
            yield block, (codes == self._positive).astype(np.float64), problem.weights_of(codes, first)
