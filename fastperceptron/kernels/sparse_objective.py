"""One read of sparse rows: the sums of loss and gradient of every neuron, and on request the columns' moments.

What is not stored is 0, and is never visited. Rows are cut into tiles at fixed row numbers. Of a tile, products of
stored values are summed in a table with a row per column; then all rows less the centre are accounted for at once:
the sum of slope * (x - c) is that of slope * x over the stored values, less c times that of all slopes. (With implicit
zeros, a column's deviation is at least c / sqrt(n_rows), which bounds the rounding.) Squares are summed of x - c.

A table could be avoided by a transposed copy of the rows, whose columns are gathered. Per stored value and thread, that
took 2.7 ns where this takes 3.2 with 20,000 columns, 9 where it takes 9 with a million; making the copy took 11 and 27.
"""

import functools

import numpy as np

from fastperceptron.kernels.jit import inlined, jit
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.kernels.objective import rows_per_run
from fastperceptron.kernels.rows import use_widest_vectors
from fastperceptron.kernels.sparse_products import ONE, PRODUCTS, add_rows, set_z
from fastperceptron.kernels.vectors import LANES

# Stored values of a tile at least: 0.3 ms of work. A table costs as much as half as many values as it has rows, so
# that a tile has TABLES times as many: of rows that are wider, FEWEST times, as long as there are FEW_TILES.
TILE_VALUES, TABLES, FEWEST, FEW_TILES = 1 << 17, 16, 4, 8
# A tile has some times the rows of a run of dense rows, over a power of two, so that few runs hold whole tiles: parts
# of the rows begin with one. A tile is larger than wanted by a GRIDS-th at most.
GRIDS = 4
# Stored values of the rows that are worked on together: they stay in the first-level cache between z and the sums.
GROUP_VALUES, SMALLEST_GROUP, LARGEST_GROUP = 4096, 16, 256
# Rows that are summed in turn into as many sums: of 4, each waited for the last addition (1.6 instead of 0.5 ns a row).
IN_TURN = 16
# Rows of `totals`; of `scratch`; and columns of `squares` before those of the neurons.
COSTS, SLOPES, CURVATURES, OWN = range(4)
Z, ITS_COSTS, ITS_CURVATURES, OWN_WEIGHTS, LOSS_WEIGHTS = range(5)
ZEROTH, FIRST, SECOND, OF_NEURONS = (np.uint64(place) for place in range(4))


def tile_rows(n_rows, n_features, n_stored):
    """Return the number of rows of a tile: all tiles but the last have as many."""
    wide = max(n_stored // (TABLES * n_features), min(FEW_TILES, n_stored // (FEWEST * n_features)))
    n_tiles = max(1, min(n_rows, wide, n_stored // TILE_VALUES))
    wanted, grid = -(-n_rows // n_tiles), rows_per_run(n_features)
    while grid % 2 == 0 and GRIDS * grid > wanted:
        grid //= 2
    return min(-(-wanted // grid) * grid, n_rows)


def group_rows(n_rows, n_stored):
    """Return the number of rows that are worked on together: of IN_TURN, so that sums do not depend on it."""
    wanted = GROUP_VALUES * n_rows // max(n_stored, 1) // IN_TURN * IN_TURN
    return int(max(SMALLEST_GROUP, min(LARGEST_GROUP, wanted)))


def scratch_shapes(n_padded):
    """Return the shapes of `scratch`."""
    return (5, LARGEST_GROUP * n_padded), (PRODUCTS + LANES,)


def totals_shape(n_padded):
    """Return the shape of `totals`: sums over a tile's rows in IN_TURN parts."""
    return 4, IN_TURN * n_padded


def squares_shape(n_features, n_padded):
    """Return the shape of `squares`: a column's sums over its stored values x, with d = x - c.

    Of own weights, of them times d and d^2; then per neuron of curvatures, and per neuron of curvature * d^2.
    """
    return n_features, 3 + 2 * n_padded


@functools.cache
def separate_neurons(loss):
    """Return the kernel that evaluates neurons, each of which separates a class from all others.

    Another kind of layer over z is another kernel evaluate(z, codes, positives, weights, costs, curvatures, exactness):

    z : (n_rows, padded neurons); replaced by slopes
    codes, weights : (n_rows,): class numbers, and weights in the loss, or empty
    positives : (n_neurons,): the class of each neuron
    costs, curvatures : (n_rows, padded neurons); written, the latter unless it is empty
    """
    cost_and_slope, curvature = LOSSES[loss].cost_and_slope, LOSSES[loss].curvature

    @inlined
    def evaluate(z, codes, positives, weights, costs, curvatures, exactness):
        n_padded, flat_z, flat_costs = z.shape[1], z.reshape(z.size), costs.reshape(z.size)
        flat_curvatures = curvatures.reshape(curvatures.size)
        set_targets(codes, positives, costs)
        for e in range(flat_curvatures.size):
            flat_curvatures[e] = curvature(flat_z[e], flat_costs[e], exactness)
        for e in range(flat_z.size):
            flat_costs[e], flat_z[e] = cost_and_slope(flat_z[e], flat_costs[e])
        for i in range(weights.size):
            for e in range(i * n_padded, (i + 1) * n_padded):
                flat_costs[e] *= weights[i]
                flat_z[e] *= weights[i]
            for e in range(i * n_padded, (i + 1) * n_padded if curvatures.size > 0 else 0):
                flat_curvatures[e] *= weights[i]

    return evaluate


@inlined
def set_targets(codes, positives, targets):
    """Write 1 for the rows of each neuron's class, 0 for the others, to (n_rows, padded neurons)."""
    n_padded, flat = targets.shape[1], targets.reshape(targets.size)
    if n_padded == 1:
        for i in range(codes.size):
            flat[i] = codes[i] == positives[0]
        return
    for i in range(codes.size):
        for k in range(positives.size):
            flat[i * n_padded + k] = codes[i] == positives[k]
        for k in range(positives.size, n_padded):
            flat[i * n_padded + k] = 0


@inlined
def set_weights(labels, start, stop, own, in_loss):
    """Write the rows' own weights, or 1, and their weights in the loss."""
    codes, row_weights, class_weights = labels
    for i in range(stop - start):
        own[i] = 1
    for i in range(stop - start if row_weights.size > 0 else 0):
        own[i] = row_weights[start + i]
    for i in range(stop - start):
        in_loss[i] = own[i]
    for i in range(stop - start if class_weights.size > 0 else 0):
        in_loss[i] *= class_weights[codes[start + i]]


@inlined
def add_in_turn(totals, values):
    """Add values of rows, (n_rows, padded neurons), to the totals of every IN_TURN-th row."""
    flat, whole = values.reshape(values.size), values.size // totals.size * totals.size
    for start in range(0, whole, totals.size):
        part = flat[start : start + totals.size]
        for e in range(totals.size):
            totals[e] += part[e]
    for e in range(whole, flat.size):
        totals[e - whole] += flat[e]


@inlined
def join_parts(totals, n_padded):
    """Add the parts of all totals, (4, IN_TURN * n_padded): upper half to lower half, until one is left."""
    for row in range(totals.shape[0]):
        parts, size = totals[row], totals.shape[1]
        while size > n_padded:
            size //= 2
            for e in range(size):
                parts[e] += parts[size + e]


@inlined
def add_squares(rows, first, factors, centre, squares):
    """Add rows to the table of moments, by their own weights and curvatures; see `squares_shape`."""
    (indptr, indices, values), (own, curvatures) = rows, factors
    n_padded = np.uint64(curvatures.shape[1])
    for i in range(curvatures.shape[0]):
        row, weight, its_curvatures = first + np.uint64(i), own[i], curvatures[i]
        for e in range(indptr[row], indptr[row + ONE]):
            j = indices[e]
            difference = values[e] - centre[j]
            square = difference * difference
            squares[j, ZEROTH] += weight
            squares[j, FIRST] += weight * difference
            squares[j, SECOND] += weight * square
            for k in range(n_padded):
                place = OF_NEURONS + k
                squares[j, place] += its_curvatures[k]
                squares[j, place + n_padded] += its_curvatures[k] * square


@functools.cache
def sparse_kernel(loss, layer=separate_neurons):
    """Return the kernel add_tile(rows, place, labels, neurons, centre, sums, scratch, exactness).

    Parameters of the kernel
    ------------------------
    rows : (indptr, indices, values) of all rows; row i is stored from indptr[i] to indptr[i + 1]
    place : (first row, last row and one, rows of a group, whether all values are 1)
    labels : of the tile's rows: (codes, row weights, class weights), of which the two float64 arrays may be empty
    neurons : (weights (n_features, padded neurons), biases (padded neurons,) for rows that are not centred, the class
        each stands for)
    sums : (table (n_features, padded neurons), totals, squares), float64, zeros; `squares` may have no rows, the first
        padded neurons of `totals` are their sums at last
    scratch : two float64 arrays; see `scratch_shapes`
    exactness : of the curvatures; see the losses
    """
    evaluate = layer(loss)

    @jit
    def add_tile(rows, place, labels, neurons, centre, sums, scratch, exactness):
        use_widest_vectors()
        (weights, biases, positives), (table, totals, squares) = neurons, sums
        (by_row, products), n_padded = scratch, weights.shape[1]
        own, in_loss = by_row[OWN_WEIGHTS], by_row[LOSS_WEIGHTS]
        has_weights, (first, last, group, are_ones) = labels[1].size + labels[2].size > 0, place
        for start in range(first, last, group):
            stop = min(start + group, last)
            size, begin = stop - start, start - first
            z = by_row[Z, : size * n_padded].reshape((size, n_padded))
            costs = by_row[ITS_COSTS, : size * n_padded].reshape((size, n_padded))
            n_curvatures = size if squares.size > 0 else 0
            curvatures = by_row[ITS_CURVATURES, : n_curvatures * n_padded].reshape((n_curvatures, n_padded))
            if has_weights or squares.size > 0:
                set_weights(labels, begin, begin + size, own, in_loss)
            set_z(rows, np.uint64(start), weights, biases, z)
            codes = labels[0][begin : begin + size]
            evaluate(z, codes, positives, in_loss[: size if has_weights else 0], costs, curvatures, exactness)
            add_in_turn(totals[COSTS], costs)
            add_in_turn(totals[SLOPES], z)
            add_rows(rows, np.uint64(start), z, table, products, are_ones)
            if squares.size > 0:
                add_in_turn(totals[CURVATURES], curvatures)
                for i in range(size):
                    totals[OWN, i % IN_TURN * n_padded] += own[i]
                add_squares(rows, np.uint64(start), (own, curvatures), centre, squares)
        join_parts(totals, n_padded)

    return add_tile


@jit
def set_centred(tile, centre, sums, moments):
    """Write the sums of a tile's rows less the centre to zeros; kernels/objective.py says which stand where.

    tile : (table, totals, squares), of which the first padded neurons of `totals` are joined
    moments : of one tile, or of none
    """
    (table, totals, squares), size = tile, moments.shape[2]
    n_features, n_padded = table.shape[0], np.uint64(table.shape[1])
    for k in range(sums.shape[0]):
        slopes, its_sums = totals[SLOPES, k], sums[k]
        for j in range(n_features):
            its_sums[j] = table[j, k] - centre[j] * slopes
        its_sums[n_features] = slopes
        its_sums[size] = totals[COSTS, k]
    for its in moments:
        for j in range(n_features):
            column, c = squares[j], centre[j]
            implicit = totals[OWN, 0] - column[ZEROTH]
            its[0, j] = column[FIRST] - implicit * c
            its[1, j] = column[SECOND] + implicit * c * c
            for k in range(sums.shape[0]):
                place = OF_NEURONS + np.uint64(k)
                rest = totals[CURVATURES, k] - column[place]
                its[2 + k, j] = column[place + n_padded] + rest * c * c
        its[0, n_features] = its[1, n_features] = totals[OWN, 0]
        for k in range(sums.shape[0]):
            its[2 + k, n_features] = totals[CURVATURES, k]


@jit
def add_column_sums(rows, place, row_weights, sums):
    """Add the values and their squares of rows to `sums`, (n_features, 2), times weights of these rows, if any."""
    (indptr, indices, values), first = rows, np.uint64(place[0])
    for i in range(place[1] - place[0]):
        row, weight = first + np.uint64(i), row_weights[i] if row_weights.size > 0 else 1.0
        for e in range(indptr[row], indptr[row + ONE]):
            column, x = sums[indices[e]], values[e]
            column[0] += weight * x
            column[1] += weight * x * x
