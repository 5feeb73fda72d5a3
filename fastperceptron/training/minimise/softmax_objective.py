"""The penalised loss of a softmax layer over rows in memory, with the interface of `Objective`.

A point holds the vectors of all classes, one after another: weights, then the bias, zero-padded. What is added to all
classes' weights of a column alike changes no probability, and the biases' common part is not penalised. So all points
have a sum of 0 over the classes, in each column. Hessians have a term that holds it there, the *gauge*: it is 0 for
steps of sum 0, so that no minimum depends on it, and makes Hessians positive definite.
"""

import itertools
from typing import Any, NamedTuple, Protocol

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.outer_products import add_upper_triangle
from fastperceptron.kernels.rows import padded_size
from fastperceptron.kernels.softmax_sample import (
    add_softmax_reach,
    add_softmax_sums,
    rake_classes,
    scratch_shape,
    set_curvatures_of_rows,
    set_probabilities_of_rows,
    strips_shape,
)
from fastperceptron.training.minimise.inverse_hessian import Inverse, inverse_hessian, with_unseen_columns
from fastperceptron.training.minimise.objective import N_PARTS, NeuronRows, Objective, rows_of


class KroneckerProduct(NamedTuple):
    """A Hessian as the Kronecker product of two matrices, whose upper triangles count."""

    classes: Array  # (n_classes, n_classes): the mean of diag(p) - p p', each row weighed by 1 - |p|^2, of trace 1
    columns: Array  # (size, size): the sum over rows of weight * (1 - |p|^2) x x'


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

    def kronecker_product(self, point: Array) -> KroneckerProduct:
        """Return the Hessian at a point as if the rows' probabilities did not depend on their columns."""
        p, complements = np.empty((2, self.n_vectors, len(self.rows.targets)))
        set_probabilities_of_rows(self.rows.panel, self._by_class(point), p, complements, 0, self._scratch())
        weights = np.zeros(p.shape[1])
        classes = np.zeros((padded_size(self.n_vectors),) * 2)
        for k in range(self.n_vectors):
            own = self.rows.weights * p[k]
            classes[k, k] = sum_in_order(own * complements[k])
            weights += own * complements[k]
            for other in range(k + 1, self.n_vectors):
                classes[k, other] = -sum_in_order(own * p[other])
        return KroneckerProduct(classes / sum_in_order(weights), self._sum_of_products(weights))

    def _sum_of_products(self, weights: Array) -> Array:
        panel = self.rows.panel
        total = np.zeros((panel.shape[1],) * 2)
        edges = [len(panel) * part // N_PARTS for part in range(N_PARTS + 1)]

        def part_of(rows: slice) -> Array:
            part, packed = np.zeros_like(total), np.empty(strips_shape(panel.shape[1]))
            add_upper_triangle(panel[rows], weights[rows], None, 0, packed, part)
            return part

        for part in self._map(part_of, itertools.starmap(slice, itertools.pairwise(edges))):
            total += part
        return total

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
    one, other = np.triu_indices(n_classes)
    gauge = np.diag(_gauge(blocks[one == other].diagonal(axis1=1, axis2=2)))
    whole = np.triu(blocks)
    whole += np.triu(blocks, 1).swapaxes(1, 2)
    whole += gauge
    hessian[one, :, other] = whole
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


def inverse_of_product(product: KroneckerProduct, diagonal: Array, penalty: Array) -> Inverse:
    """Return the inverse of a Kronecker product with the exact diagonal of columns that no sampled row has.

    The penalty is added to the matrix of columns, as if all classes had the mean curvature: it need not be exact.
    """
    classes, size = product.classes.copy(), product.columns.shape[0]
    n_classes = penalty.size // size
    on_average = 1.0 / (n_classes - 1)  # the mean eigenvalue among sums of 0
    classes[:n_classes, :n_classes] += on_average / n_classes
    of_columns = np.zeros(size)
    for row in diagonal.reshape(n_classes, size):
        of_columns += row
    columns = with_unseen_columns(product.columns, of_columns)
    invert_columns = inverse_hessian(columns, penalty[:size] / on_average)
    invert_classes = inverse_hessian(classes, np.zeros(classes.shape[0]))

    def times(vector: Array) -> Array:
        by_class = np.zeros((classes.shape[0], size))
        by_class[:n_classes] = [invert_columns(row) for row in vector.reshape(n_classes, size)]
        solved = [invert_classes(column) for column in np.ascontiguousarray(by_class.T)]
        return np.ascontiguousarray(np.array(solved).T[:n_classes]).reshape(-1)

    return among_sums_of_zero(times, n_classes)
