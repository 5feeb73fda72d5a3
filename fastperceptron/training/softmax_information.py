"""One read of all rows for the inference of a softmax layer: likelihood, gradient, information and scores.

As information.py, with a block of the matrix for each pair of classes: the curvature between classes k and l is
-p_k p_l, which has one sign, so that each block is a matrix of rows scaled by its root.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import read_only
from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.class_terms import add_column_moments, add_scaled_matrix, set_class_probabilities
from fastperceptron.kernels.information import LEAST_ROOT, set_row_dots
from fastperceptron.kernels.outer_products import TILE, packed_shape
from fastperceptron.kernels.strips import whole_strips
from fastperceptron.training.information import RowsAt, RunSums, sums_of_groups, symmetric, with_whole_strips
from fastperceptron.training.parted_rows import PerRow
from fastperceptron.training.problem import weights_in_loss


class LayerInformation(NamedTuple):
    """Sums over the rows, by their weights; matrices in the point's coordinates, float64. p = n_classes * (d + 1)."""

    hessian: Array  # (p, p): by class, in each the weights and the bias
    gradient: Array  # (p,)
    products: Array  # (p, p): of the scores; or empty
    loss: float
    class_weights: Array  # (n_classes,): the sum of the weights in the loss of each class
    own_weight: float
    n_rows: int
    least_curvature: float  # the smallest weight * probability of a row's class
    is_separated: bool  # whether the class of every row is the most probable one
    moments: Array  # (2, d), or empty


class Asked(NamedTuple):
    """What is computed in the same read besides the information matrix."""

    has_products: bool
    is_frequency: bool
    groups: Array | None
    n_groups: int
    has_moments: bool


SUMMED = ("blocks", "products", "sums", "moments")


class _Run(NamedTuple):
    blocks: Array
    products: Array
    sums: Array
    least: float
    is_separated: bool
    groups: Array
    scores: Array
    moments: Array


def read_layer_information(rows: RowsAt, weights: Array, asked: Asked) -> LayerInformation:
    """Read all rows once; `weights`, (n_classes, padded size), are for rows less the centre, bias last."""
    n_classes, n = len(weights), rows.problem.rows.n_features + 1
    groups = None if asked.groups is None else PerRow(asked.groups)
    total, found = rows.sums(_layer_information, weights, asked._replace(groups=None), groups)
    pairs = [(k, m) for k in range(n_classes) for m in range(k, n_classes)]
    hessian, products = np.zeros((n_classes * n,) * 2), np.zeros((n_classes * n * asked.has_products,) * 2)
    for place, (k, m) in enumerate(pairs):
        block = symmetric(total["blocks"][place, :n, :n]) * (1 if k == m else -1)
        own, other = slice(k * n, k * n + n), slice(m * n, m * n + n)
        hessian[own, other] = hessian[other, own] = block
        if asked.has_products:
            positive, negative = (symmetric(each[:n, :n]) for each in total["products"][2 * place : 2 * place + 2])
            block = positive - negative
            products[own, other] = products[other, own] = block
    if asked.groups is not None:
        scores = sums_of_groups(found, asked.n_groups, n_classes * n)
        products = np.einsum("ij,ik->jk", scores, scores, optimize=False)
    gradient = np.concatenate([total["blocks"][pairs.index((k, k)), :n, n] for k in range(n_classes)])
    loss, own_weight, count, *class_weights = total["sums"].tolist()
    return LayerInformation(
        hessian,
        gradient,
        products,
        loss,
        np.array(class_weights),
        own_weight,
        int(count),
        float(found.least[0]),
        bool(found.least[1]),
        total["moments"][:, : n - 1],
    )


def _layer_information(rows: RowsAt, weights: Array, asked: Asked, groups: PerRow | None) -> RunSums:
    """Return the sums of `read_layer_information`; the least are a curvature, and 1 if rows are separated, else 0."""
    add_up = partial(_run_of, rows, weights, asked, groups)
    trees = {name: rows.tree(getattr(add_up(range(0)), name).shape) for name in SUMMED}  # compiles before threads do
    least, of_groups = np.array([np.inf, 1.0]), []
    for places, run in zip(rows.ranges(), rows.map_in_order(add_up, rows.ranges()), strict=True):
        for name, tree in trees.items():
            tree.push(getattr(run, name)[None])
        np.minimum(least, (run.least, run.is_separated), out=least)
        if groups is not None:
            of_groups.append((rows.first + places.start, run.groups, run.scores))
    return RunSums({name: tree.nodes() for name, tree in trees.items()}, least, of_groups)


def _run_of(rows: RowsAt, weights: Array, asked: Asked, groups: PerRow | None, places: range) -> _Run:
    problem, point = rows.problem, rows.point
    block, codes = problem.rows.labelled(problem.codes, places.start, places.stop)
    n_classes, n_rows, n = len(weights), len(block), problem.rows.n_features + 1
    in_loss, own = weights_in_loss(problem.row_weights, problem.class_weights, places, codes), np.ones(n_rows)
    if problem.row_weights is not None:
        own = np.array(problem.row_weights[places.start : places.stop], np.float64)
    p, others, logs = np.empty((n_classes, n_rows)), np.empty((n_classes, n_rows)), np.empty(n_rows)
    for k in range(n_classes):
        set_row_dots(block, read_only(weights[k]), read_only(point.centre), p[k])
    of_row = (codes.astype(np.intp), np.arange(n_rows))
    z = p[of_row]
    set_class_probabilities(p, others, logs)
    costs = (logs - z) * in_loss
    slopes = p.copy()
    slopes[of_row] = -others[of_row]
    slopes *= in_loss
    whole = whole_strips(n + 1, 8)
    coordinates = with_whole_strips(point, whole)
    packed, none = np.empty(packed_shape(min(TILE, whole), 8)), np.zeros(n_rows)
    pairs = [(k, m) for k in range(n_classes) for m in range(k, n_classes)]
    blocks = np.zeros((len(pairs), whole, whole))
    products = np.zeros((2 * len(pairs) * asked.has_products, whole, whole))
    divisor = np.where(own > 0, own, 1.0) if asked.is_frequency else 1.0
    for place, (k, m) in enumerate(pairs):
        roots = np.sqrt(np.maximum(in_loss * p[k] * (others[k] if k == m else p[m]), LEAST_ROOT**2 if k == m else 0.0))
        extras = slopes[k] / roots if k == m else none
        add_scaled_matrix(block, (roots, extras), coordinates, packed, blocks[place])
        for sign in range(2 * asked.has_products):
            product = slopes[k] * slopes[m] / divisor * (1 - 2 * sign)
            roots = np.sqrt(np.maximum(product, 0.0))
            add_scaled_matrix(block, (roots, none), coordinates, packed, products[2 * place + sign])
    moments = np.zeros((2 * asked.has_moments, point.centre.size))
    if asked.has_moments:
        add_column_moments(block, own, read_only(point.centre), moments[0], moments[1])
    counts = in_loss > 0
    by_class = np.bincount(codes, in_loss, n_classes)
    sums = np.array([sum_in_order(costs), sum_in_order(own), counts.sum(), *by_class])
    is_separated = bool((p.argmax(axis=0) == codes)[counts].all())
    numbers, scores = np.empty(0, np.intp), np.empty((0, n_classes * n))
    if groups is not None:
        numbers, scores = _scores_of_groups(block, slopes, rows, groups.at(rows.numbers(places)))
    least = float((p * in_loss)[:, counts].min(initial=np.inf))
    return _Run(blocks, products, sums, least, is_separated, numbers, scores, moments)


def _scores_of_groups(block: Array, slopes: Array, rows: RowsAt, groups: Array) -> tuple[Array, Array]:
    n, point = rows.problem.rows.n_features, rows.point
    numbers, members = np.unique(groups, return_inverse=True)
    standard: Any = np.ones((len(block), n + 1))
    standard[:, :n] = (block - point.centre[:n]) * point.factors[:n]
    sums = np.zeros((numbers.size, len(slopes), n + 1))
    for k, slope in enumerate(slopes):
        np.add.at(sums[:, k], members, standard * slope[:, None])
    return numbers, sums.reshape(numbers.size, len(slopes) * (n + 1))
