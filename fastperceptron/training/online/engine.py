"""What both engines of partial_fit share: rows that wait for more, weights to go on from, and the solution.

The engines differ in what they know of the rows so far, and how they learn from more: online.py and wide.py.
"""

import math
from abc import ABC, abstractmethod
from typing import Generic, Protocol, TypeVar

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import read_only
from fastperceptron.kernels.rows import padded_size
from fastperceptron.training.minimise.softmax_objective import without_common_part
from fastperceptron.training.online.running_columns import RunningColumns
from fastperceptron.training.online.weight_units import Units
from fastperceptron.training.problem import Memory, NewtonOptions, Problem, Solution, layers_of
from fastperceptron.training.units import check_weights


class Known(Protocol):
    """What is known after some rows. It is immutable, so that a chunk refused halfway leaves no trace."""

    @property
    def columns(self) -> RunningColumns:
        """What is known of the columns."""

    @property
    def units(self) -> Units | None:
        """The units of weights; None before the first row."""

    @property
    def points(self) -> tuple[Array, ...]:
        """Per layer the weights, standardised, bias last, of its classes one after another."""


K = TypeVar("K", bound=Known)
R = TypeVar("R")  # rows that wait


class OnlineEngine(ABC, Generic[K, R]):
    """Neurons that learn from chunks of rows of any size.

    The result is close to the optimum of all rows so far. It is the same for any layout of the rows, but depends
    slightly on how they were cut into chunks. A few rows wait for more, so that a step pays. Whoever asks for the
    solution is told it as if they had not waited; what comes later does not depend on being asked.

    Parameters
    ----------
    n_features, n_classes : int
    options : NewtonOptions
    memory : Memory, optional
        What a fit left; `go_on_from` sets its weights.
    is_softmax : bool
        Whether the classes are one layer.
    """

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        options: NewtonOptions,
        memory: Memory | None = None,
        *,
        is_softmax: bool = False,
    ) -> None:
        self._options, self._n_features, self._n_classes, self._is_softmax = options, n_features, n_classes, is_softmax
        self._layers = layers_of((1,) if n_classes == 2 else tuple(range(n_classes)), is_softmax=is_softmax)
        self._n_vectors = len(self._layers[0])
        self._n_parameters = (n_features + 1) * max(self._n_vectors - 1, 1)  # of a layer
        columns, units = RunningColumns.of_none(n_features, options.fit_intercept), None
        if memory is not None:
            columns = RunningColumns.of_fit(memory, options.fit_intercept)
            units = Units(memory.row_unit, memory.loss_unit)
        self._known = self._before_rows(columns, units, memory)
        self._waiting: tuple[R, ...] = ()
        self._curve: list[float] = []
        self._solution: Solution | None = None

    @abstractmethod
    def _before_rows(self, columns: RunningColumns, units: Units | None, memory: Memory | None) -> K:
        """Return what is known before the first row, or of a fit, with all weights 0."""

    @abstractmethod
    def _about(self, known: K, points: tuple[Array, ...], penalty: Array) -> K:
        """Return what is known about other points, taken for the optima of all rows so far; none are kept."""

    @abstractmethod
    def _after(self, known: K, waiting: tuple[R, ...]) -> tuple[K, float]:
        """Return what is known after more rows, and their mean loss before they were learnt from."""

    @abstractmethod
    def update(self, problem: Problem) -> None:
        """Learn from a chunk of rows, not all of weight 0.

        Raises
        ------
        ValueError
            If a row holds NaN or infinity, or values overflow; what was learnt before is then unchanged.
        """

    @property
    @abstractmethod
    def doubt(self) -> float:
        """The expected excess of the losses over their minimum, relative to them, where rows came sorted by class.

        NaN where nothing tells how large it is; 0 where they did not come sorted.
        """

    def go_on_from(self, weights: Array, bias: Array) -> None:
        """Take weights, (n_neurons, n_features), and biases for the optimum of all rows so far.

        What is known of these rows is kept as a quadratic function about the weights, but none of the rows. If there
        were none, this is only where the search starts.
        """
        known, _ = self._after_waiting()
        penalty = self._penalty(known)
        vectors = np.array([known.columns.to_standard(*neuron) for neuron in zip(weights, bias, strict=True)])
        vectors[:, self._n_features] *= self._options.fit_intercept  # without an intercept no step would change it
        vectors = without_common_part(vectors) if self._is_softmax else vectors
        self._set(self._about(known, tuple(vectors.reshape(-1, penalty.size)), penalty), (), [])

    def _set(self, known: K, waiting: tuple[R, ...], curve: list[float]) -> None:
        self._known, self._waiting, self._curve, self._solution = known, waiting, curve, None

    def _after_waiting(self) -> tuple[K, list[float]]:
        """Return what would be known, and the losses of each step, if the rows that wait did not."""
        if not self._waiting:
            return self._known, self._curve
        known, loss = self._after(self._known, self._waiting)
        return known, [*self._curve, loss]

    def _penalty(self, known: K) -> Array:
        """Return the factors of point^2 / 2 in the objective of a layer."""
        strength = (known.units or Units()).penalty(self._options)
        return np.tile(known.columns.penalty(strength, self._options.standardize), self._n_vectors)

    @property
    def solution(self) -> Solution:
        """The neurons after the rows so far.

        `loss_curve` has the mean loss of the rows of each step before they were learnt from; `n_iter` is 1, as
        scikit-learn counts for partial_fit.
        """
        if self._solution is None:
            known, curve = self._after_waiting()
            vectors = np.concatenate(known.points).reshape(-1, padded_size(self._n_features))
            weights, bias = known.columns.to_raw(without_common_part(vectors) if self._is_softmax else vectors)
            check_weights(weights)
            losses = read_only(np.array(curve))
            self._solution = Solution(weights, bias, min(len(curve), 1), losses, math.nan, True, math.nan)
        return self._solution
