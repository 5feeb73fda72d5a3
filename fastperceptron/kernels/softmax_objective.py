"""A read of rows for the softmax layer: as kernels/objective.py, but all classes' z of a group of rows come first."""

import functools

from fastperceptron.kernels.centred_rows import add_rows, add_squares, set_dots, sum_wide
from fastperceptron.kernels.jit import inlined
from fastperceptron.kernels.objective import (
    AHEAD,
    COSTS,
    LOSS_WEIGHTS,
    ROW_WEIGHTS,
    SUB_TILE,
    SUMS,
    TARGETS,
    add_to,
    group_of,
    over_tiles,
    set_weights,
)
from fastperceptron.kernels.rows import padded_size
from fastperceptron.kernels.softmax import N_SCRATCH, set_costs, set_curvatures, set_slopes


def softmax_scratch_shape(n_classes, n_features):
    """Return the shape of `scratch`: the sigmoid's first rows, then those of the layer, z, curvatures and sums."""
    return SUMS + N_SCRATCH + 4 * n_classes + 2, max(SUB_TILE, padded_size(n_features))


@inlined
def set_places(codes, classes, targets):
    """Write the place of each row's class among the classes, -1 where it is not one of them."""
    for i in range(codes.size):
        targets[i] = -1
    for k in range(classes.size):
        for i in range(codes.size):
            targets[i] = k if codes[i] == classes[k] else targets[i]


@inlined
def multiply(values, weights):
    """Multiply each row by the weights."""
    for k in range(values.shape[0]):
        row = values[k, : weights.size]
        for i in range(weights.size):
            row[i] *= weights[i]


@inlined
def evaluate_group(size, z, curvatures, scratch, has_weights, has_moments):
    """Replace a group's z by slopes, write its curvatures if asked for, and return the sum of costs."""
    padded = (size + 15) // 16 * 16
    targets, costs, weights = scratch[TARGETS, :padded], scratch[COSTS, :padded], scratch[LOSS_WEIGHTS, :padded]
    layer = scratch[SUMS : SUMS + N_SCRATCH]
    set_costs(z, targets, costs, layer)
    if has_moments:
        set_curvatures(z, padded, curvatures, layer)
    set_slopes(z, targets, z, layer)
    if has_weights:
        for i in range(padded):
            costs[i] *= weights[i]
        multiply(z, weights)
    if has_moments:
        multiply(curvatures, weights)
    costs[size:] = 0
    return sum_wide(costs)


@functools.cache
def softmax_objective_kernel():
    """Return the kernel of a read for the softmax layer, whose parameters are those of `objective_kernel`'s.

    The classes are those of the neurons; the loss of all stands in the place of the first one's.
    """

    @inlined
    def add_sub_tile(X, place, labels, neurons, centre, totals, scratch, exactness):
        (weights, classes), (sums, moments) = neurons, totals
        n_classes, size = weights.shape
        has_moments = moments.size > 0
        first = SUMS + N_SCRATCH
        z, in_sub_tile = scratch[first : first + n_classes], scratch[first + 2 * n_classes :]
        curvatures = scratch[first + n_classes : first + (2 * n_classes if has_moments else n_classes)]
        own = scratch[ROW_WEIGHTS]
        for k in range(in_sub_tile.shape[0]):
            for j in range(size):
                in_sub_tile[k, j] = 0
        group_size = group_of(X.shape[1])
        for start in range(place[0], place[1], group_size):
            stop, ahead = min(start + group_size, place[1]), start + AHEAD * group_size
            has_weights = set_weights(labels, start, stop, has_moments, scratch)
            set_places(labels[0][start:stop], classes, scratch[TARGETS])
            for k in range(n_classes):
                set_dots(z[k], X, start, stop, weights[k], centre, ahead)
            sums[0, size] += evaluate_group(stop - start, z, curvatures, scratch, has_weights, has_moments)
            for k in range(n_classes):
                if not has_moments:
                    add_rows(in_sub_tile[k], X, start, stop, z[k], centre, ahead)
                elif k > 0:
                    both = in_sub_tile[k], in_sub_tile[n_classes + 2 + k]
                    add_squares(both, X, start, stop, (z[k], curvatures[k]), centre, ahead)
                else:
                    own_sums, own_squares = in_sub_tile[n_classes], in_sub_tile[n_classes + 1]
                    all_four = in_sub_tile[0], in_sub_tile[n_classes + 2], own_sums, own_squares
                    add_squares(all_four, X, start, stop, (z[0], curvatures[0], own, own), centre, ahead)
        for k in range(n_classes):
            add_to(sums[k], in_sub_tile[k], size)
        for k in range(moments.shape[0]):
            add_to(moments[k], in_sub_tile[n_classes + k], size)

    return over_tiles(add_sub_tile)
