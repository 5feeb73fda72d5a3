"""The penalised loss of a softmax layer over rows in memory, with the interface of `Objective`.

A point holds the vectors of all classes, one after another: weights, then the bias, zero-padded. What is added to all
classes' weights of a column alike changes no probability, and the biases' common part is not penalised. So all points
have a sum of 0 over the classes, in each column. Hessians have a term that holds it there, the *gauge*: it is 0 for
steps of sum 0, so that no minimum depends on it, and makes Hessians positive definite.
"""

from typing import Any, Protocol

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.softmax_sample import (
    add_softmax_reach,
    add_softmax_sums,
    rake_classes,
    scratch_shape,
    set_curvatures_of_rows,
    strips_shape,
)
from fastperceptron.training.minimise.inverse_hessian import Inverse
from fastperceptron.training.minimise.objective import NeuronRows, Objective, rows_of


class SoftmaxObjective(Objective):
    """The penalised loss over rows, plus a quadratic function for others.

    `rows.targets` are the places of the rows' classes among those of the layer, -1 for rows of other classes, which
    have weight 0.
    """

    @property
    def work(self) -> int:
        """The multiply-adds of a Hessian."""
        n_classes = self.n_vectors
        pairs = n_classes * (n_classes + 1) // 2
        return int(self.rows.panel.size * self.rows.panel.shape[1]) * pairs

    def _by_class(self, values: Array) -> Array:
        return values.reshape(self.n_vectors, -1)

    def _scratch(self) -> Array:
        return np.empty(scratch_shape(self.n_vectors))

    def _first_hessian(self, has_hessian: bool) -> Array:
        n_classes, size = self.n_vectors, self.rows.panel.shape[1]
        n_pairs = n_classes * (n_classes + 1) // 2
        return np.zeros((n_pairs if has_hessian and not self.is_diagonal else 0, size, size))

    def _add_rows(self, rows: NeuronRows, point: Array, exactness: float, hessian: Array) -> tuple[Array, Array]:  # noqa: ARG002 (the loss is convex)
        sums, packed = np.zeros(point.size + 3), np.empty(strips_shape(rows.panel.shape[1]))
        labels, weights = (rows.targets, rows.weights), self._by_class(point)
        add_softmax_sums(rows.panel, labels, weights, sums, hessian, self._scratch(), packed)
        return sums, hessian

    def _add_up(self, point: Array, exactness: float, has_hessian: bool) -> tuple[Array, Array]:
        sums, blocks = super()._add_up(point, exactness, has_hessian)
        if not has_hessian:
            return sums, np.zeros((point.size, 0))
        if self.is_diagonal:
            nothing = np.zeros(point.size)
            hessian = self.rake(self.curvatures(point, exactness), (nothing, nothing), self.rows.weights.copy())[None]
        else:
            hessian = hessian_of_blocks(blocks, self.n_vectors)
        return sums, hessian if self._quadratic is None else hessian + self._quadratic.hessian

    def _add_reach(self, point: Array, step: Array, exactness: float, sums: Array) -> None:  # noqa: ARG002
        labels = self.rows.targets, self.rows.weights
        add_softmax_reach(self.rows.panel, labels, self._by_class(point), self._by_class(step), sums, self._scratch())

    def curvatures(self, point: Array, exactness: float) -> Array:  # noqa: ARG002
        """Return the second derivatives of each row's loss with respect to each z, (n_classes, n_rows)."""
        curvatures = np.empty((self.n_vectors, len(self.rows.targets)))
        set_curvatures_of_rows(self.rows.panel, self._by_class(point), curvatures, self._scratch())
        return curvatures

    def rake(self, curvatures: Array, coordinates: tuple[Array, Array], weights: Array) -> Array:
        """Change the rows' weights as kernels/raking.py says; return the Hessian's diagonal."""
        sums, (shares, units) = np.zeros(self.penalty.size), map(self._by_class, coordinates)
        squares = np.empty(self.rows.panel.shape[1])
        rake_classes(self.rows.panel, curvatures, (shares, units), weights, squares, self._by_class(sums))
        return with_gauge_on_diagonal(sums, self.n_vectors)


class LabelledRows(Protocol):
    """Rows as a sample has them."""

    @property
    def panel(self) -> Array:
        """The rows, (n_rows, size) float64."""

    @property
    def codes(self) -> Array:
        """Their class numbers, (n_rows,)."""

    @property
    def weights(self) -> Array:
        """Their weights in the loss, (n_rows,) float64."""


def objective_of(rows: LabelledRows, classes: tuple[int, ...], loss: str, penalty: Array, **options: Any) -> Objective:
    """Return the objective over rows, of the neuron of one class or the softmax layer of several.

    `options` are those of `Objective`.
    """
    if len(classes) == 1:
        return Objective(rows_of(rows.panel, rows.codes, rows.weights, classes[0]), loss, penalty, **options)
    own = NeuronRows(rows.panel, places_of(rows.codes, classes), rows.weights)
    return SoftmaxObjective(own, loss, penalty, **options)


def places_of(codes: Array, classes: tuple[int, ...]) -> Array:
    """Return the place of each class number among the classes, float64; -1 where it is not one of them."""
    places = np.full(max(*classes, int(codes.max(initial=0))) + 1, -1.0)
    places[list(classes)] = np.arange(len(classes))
    return places[codes]


def with_gauge_on_diagonal(diagonal: Array, n_classes: int) -> Array:
    """Return a Hessian's diagonal with that of the gauge: in each column, the mean over the classes over their number.

    Of one neuron it is returned as it is.
    """
    if n_classes == 1:
        return diagonal
    by_class = diagonal.reshape(n_classes, -1)
    return (by_class + _gauge(by_class)).reshape(-1)


def _gauge(by_class: Array) -> Array:
    """Return the factor of (the sum of a column's weights)^2 / 2: on that sum, the curvature is the classes' mean."""
    total = np.zeros(by_class.shape[1])
    for row in by_class:
        total += row
    return total / len(by_class) ** 2


def hessian_of_blocks(blocks: Array, n_classes: int) -> Array:
    """Return the Hessian with the gauge, (size of a point, same), from the upper triangles of its blocks."""
    size = blocks.shape[1]
    hessian = np.zeros((n_classes, size, n_classes, size))
    pairs = [(k, other) for k in range(n_classes) for other in range(k, n_classes)]
    diagonals = np.array([block.diagonal() for block, (k, other) in zip(blocks, pairs, strict=True) if k == other])
    gauge = np.diag(_gauge(diagonals))
    for block, (k, other) in zip(blocks, pairs, strict=True):
        upper = np.triu(block)
        hessian[k, :, other] = upper + np.triu(upper, 1).T + gauge
    return hessian.reshape(n_classes * size, n_classes * size)


def without_common_part(points: Array) -> Array:
    """Return the vectors, or biases, of classes less their mean: the same probabilities, and a sum of 0."""
    mean = np.zeros(points.shape[1:])
    for row in points:
        mean += row
    return points - mean / len(points)


def among_sums_of_zero(inverse: Inverse, n_classes: int) -> Inverse:
    """Return an inverse of which products have a sum of 0 over the classes, in each column."""

    def product(vector: Array) -> Array:
        centred = without_common_part(vector.reshape(n_classes, -1)).reshape(-1)
        return without_common_part(inverse(centred).reshape(n_classes, -1)).reshape(-1)

    return product
