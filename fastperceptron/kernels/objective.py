"""One read of rows: the sums of loss and gradient of every neuron, and on request the columns' moments.

Rows are cut into tiles at absolute row numbers, and each tile's sums are float64: added in row order, they give the
same bits however threads share the tiles. Inside a tile, SUB_TILE rows at a time are summed in the precision of the
arithmetic, which is that of `weights`, `centre` and `scratch`: float32 on float32 rows, or float64.

A centre c is subtracted from all rows, so that columns far from zero lose no digits: z = w . (x - c) + b.
"""

import functools

from fastperceptron.kernels.arithmetic import fma
from fastperceptron.kernels.centred_rows import add_rows, add_squares, set_dots, sum_wide
from fastperceptron.kernels.jit import inlined, jit
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.kernels.narrow_rows import set_columns, set_ones
from fastperceptron.kernels.rows import padded_size, sum_of_products, use_widest_vectors
from fastperceptron.kernels.vectors import LANES

SUB_TILE = 256
TILE_ELEMENTS = 1 << 16
# Rows of a run of tiles: 2 to 5 ms of work of a Hessian for a part of TILE columns, 0.5 ms for 20 columns.
FEWEST_ROWS, VALUES_PER_RUN = 2048, 1 << 19
# Rows of fewer values are transposed. ns per row with it and without, log loss: float32 1.5 and 2.6 with 1 value, 2.2
# and 2.7 with 2, 2.7 and 2.7 with 3; float64 3.3 and 4.1 with 1, 4.4 and 4.1 with 2, 5.6 and 4.9 with 3. Where moments
# are summed, too, rows of 2 float32 take 4.0 and 3.8, of 2 float64 7.4 and 6.2.
NARROW = 3
# Groups between the one that is worked on and the one that is prefetched; 1 and 4 are as fast within 5%.
AHEAD = 2
# Rows of `scratch` before the sums of a sub-tile.
Z, TARGETS, ROW_WEIGHTS, LOSS_WEIGHTS, COSTS, CURVATURES, SUMS = range(7)


@jit
def rows_per_tile(n_features):
    """Return the number of rows of a tile: a quarter of a megabyte of float32, in whole sub-tiles."""
    return max(1, TILE_ELEMENTS // n_features // SUB_TILE) * SUB_TILE


def rows_per_run(n_features):
    """Return the rows of a run of tiles, a power of two of them: those of a task of the Hessian.

    Parts begin at a multiple of it, so that neither tiles nor runs are cut.
    """
    tile_size, wanted = rows_per_tile(n_features), max(FEWEST_ROWS, VALUES_PER_RUN // padded_size(n_features))
    return int(tile_size << max(wanted // tile_size, 1).bit_length() - 1)


def sums_shape(n_tiles, n_neurons, n_features):
    """Return the shape of `sums`: per tile and neuron the padded gradient, then the loss and zeros."""
    return n_tiles, n_neurons, padded_size(n_features) + LANES


def moments_shape(n_tiles, n_neurons, n_features):
    """Return the shape of `moments`: per tile the columns' sums and sums of squares, then Hessian diagonals."""
    return n_tiles, 2 + n_neurons, padded_size(n_features)


def scratch_shape(n_neurons, n_features):
    """Return the shape of `scratch`; for narrow rows its end holds a sub-tile's columns."""
    width = max(SUB_TILE, padded_size(n_features))
    return SUMS + (NARROW if n_features < NARROW else 2 + 2 * n_neurons), width


@functools.cache
def evaluation_kernel(loss):
    """Return the kernel that replaces a group's z by slopes and returns the sum of costs; see `objective_kernel`."""
    cost_and_slope = LOSSES[loss].cost_and_slope
    curvature = LOSSES[loss].curvature

    @inlined
    def evaluate(size, scratch, has_weights, has_moments, exactness):
        # Whole vectors: a remainder in scalar code takes ten times as long per row.
        padded = (size + 15) // 16 * 16
        z, targets, costs = scratch[Z, :padded], scratch[TARGETS, :padded], scratch[COSTS, :padded]
        weights, curvatures = scratch[LOSS_WEIGHTS, :padded], scratch[CURVATURES, :padded]
        if has_moments:
            # In one loop, so that the exponential is computed once.
            for k in range(z.size):
                curvatures[k] = curvature(z[k], targets[k], type(z[0])(exactness)) * weights[k]
                costs[k], z[k] = cost_and_slope(z[k], targets[k])
            curvatures[size:] = 0
        else:
            for k in range(z.size):
                costs[k], z[k] = cost_and_slope(z[k], targets[k])
        if has_weights:
            for k in range(z.size):
                costs[k] *= weights[k]
                z[k] *= weights[k]
        z[size:] = 0
        costs[size:] = 0
        return sum_wide(costs)

    return evaluate


@inlined
def set_weights(labels, start, stop, are_needed, scratch):
    """Write the rows' own weights, or 1, and their weights in the loss; return whether there are any.

    The weight in the loss is the row's own times that of its class.
    """
    codes, row_weights, class_weights = labels
    has_weights = row_weights.size + class_weights.size > 0
    if has_weights or are_needed:
        size = stop - start
        padded = (size + 15) // 16 * 16
        own, in_loss = scratch[ROW_WEIGHTS, :padded], scratch[LOSS_WEIGHTS, :padded]
        for k in range(size):  # a loop: assigning to a slice took 0.4 ns per row instead of 0.1
            own[k] = 1
        for k in range(size if row_weights.size > 0 else 0):
            own[k] = row_weights[start + k]
        own[size:] = 0
        for k in range(padded):
            in_loss[k] = own[k]
        for k in range(size if class_weights.size > 0 else 0):
            in_loss[k] *= class_weights[codes[start + k]]
    return has_weights


@inlined
def add_to(total, added, size):
    """Add the first elements of one array to another's."""
    for j in range(size):
        total[j] += added[j]


@inlined
def set_targets(codes, positive, scratch):
    """Write 1 for the rows of the class `positive`, 0 for the others."""
    targets = scratch[TARGETS, : codes.size]
    for k in range(codes.size):
        targets[k] = codes[k] == positive


@inlined
def group_of(n_features):
    """Return how many rows are worked on together, a power of 2: 8 to 16 KB of float32, in the first-level cache."""
    size = SUB_TILE
    while size > 8 and size * n_features > 4096:
        size //= 2
    return size


@inlined
def add_with_moments(in_sub_tile, neuron, X, group, scratch, centre):
    """Add a group's gradient and Hessian diagonal of a neuron and, for the first neuron, the columns' moments."""
    n_neurons, (start, stop, ahead) = in_sub_tile.shape[0] // 2 - 1, group
    totals = in_sub_tile[neuron], in_sub_tile[n_neurons + 2 + neuron]
    slopes, curvatures, own = scratch[Z], scratch[CURVATURES], scratch[ROW_WEIGHTS]
    if neuron > 0:
        add_squares(totals, X, start, stop, (slopes, curvatures), centre, ahead)
    else:
        moments = in_sub_tile[n_neurons], in_sub_tile[n_neurons + 1]
        add_squares(totals + moments, X, start, stop, (slopes, curvatures, own, own), centre, ahead)


@functools.cache
def wide_kernel(loss):
    """Return the kernel that adds the sums of at most SUB_TILE rows to a tile's `sums` and, unless empty, `moments`.

    Rows are cut into groups that stay in the first-level cache between the dot products and the sums of all neurons.
    """
    evaluate = evaluation_kernel(loss)

    @inlined
    def add_sub_tile(X, place, labels, neurons, centre, totals, scratch, exactness):
        (weights, positives), (sums, moments) = neurons, totals
        n_neurons, size = weights.shape
        has_moments = moments.size > 0
        in_sub_tile = scratch[SUMS:]
        for k in range(in_sub_tile.shape[0]):
            for j in range(size):
                in_sub_tile[k, j] = 0
        group_size = group_of(X.shape[1])
        for start in range(place[0], place[1], group_size):
            stop = min(start + group_size, place[1])
            has_weights = set_weights(labels, start, stop, has_moments, scratch)
            for neuron in range(n_neurons):
                set_targets(labels[0][start:stop], positives[neuron], scratch)
                set_dots(scratch[Z], X, start, stop, weights[neuron], centre, start + AHEAD * group_size)
                sums[neuron, size] += evaluate(stop - start, scratch, has_weights, has_moments, exactness)
                group = start, stop, start + AHEAD * group_size
                if has_moments:
                    add_with_moments(in_sub_tile, neuron, X, group, scratch, centre)
                else:
                    add_rows(in_sub_tile[neuron], X, start, stop, scratch[Z], centre, group[2])
        for neuron in range(n_neurons):
            add_to(sums[neuron], in_sub_tile[neuron], size)
        for k in range(moments.shape[0]):
            add_to(moments[k], in_sub_tile[n_neurons + k], size)

    return add_sub_tile


@functools.cache
def narrow_kernel(loss):
    """Return `add_sub_tile` for rows of fewer than NARROW values, which are transposed in cache.

    Vectors then run along the rows; the bias is a column of ones.
    """
    evaluate = evaluation_kernel(loss)

    @inlined
    def add_sub_tile(X, place, labels, neurons, centre, totals, scratch, exactness):
        (weights, positives), (sums, moments), (start, stop) = neurons, totals, place
        n_columns, n_rows, size = X.shape[1] + 1, stop - start, weights.shape[1]
        has_moments = moments.size > 0
        # Contiguous rows: LLVM makes slower code for rows of a slice, 4.0 against 2.6 ns per row at d=2.
        columns = scratch[SUMS:].reshape(scratch[SUMS:].size)[: n_columns * SUB_TILE].reshape((n_columns, SUB_TILE))
        set_columns(X[start:stop].reshape(n_rows * X.shape[1]), n_rows, centre, columns)
        set_ones(columns)
        if n_rows < SUB_TILE:
            columns[: n_columns - 1, n_rows:] = 0
        has_weights = set_weights(labels, start, stop, has_moments, scratch)
        scratch[ROW_WEIGHTS, n_rows:SUB_TILE] = 0
        for neuron in range(weights.shape[0]):
            set_targets(labels[0][start:stop], positives[neuron], scratch)
            z = scratch[Z, :SUB_TILE]
            for k in range(SUB_TILE):  # a loop, as in set_weights
                z[k] = 0
            for j in range(n_columns):
                column, weight = columns[j], weights[neuron, j]
                for k in range(SUB_TILE):
                    z[k] = fma(weight, column[k], z[k])
            sums[neuron, size] += evaluate(n_rows, scratch, has_weights, has_moments, exactness)
            z[n_rows:] = 0
            scratch[CURVATURES, n_rows:SUB_TILE] = 0
            for j in range(n_columns):
                sums[neuron, j] += sum_of_products(z, columns[j])
            if has_moments:
                add_column_squares(moments[2 + neuron], columns, scratch[CURVATURES, :SUB_TILE], scratch[COSTS])
        if has_moments:
            own = scratch[ROW_WEIGHTS, :SUB_TILE]
            for j in range(n_columns):
                moments[0, j] += sum_of_products(own, columns[j])
            add_column_squares(moments[1], columns, own, scratch[COSTS])

    return add_sub_tile


@jit
def add_column_squares(total, columns, scales, scaled):
    """Add the sums of scales * column^2; `scaled` is room for a column."""
    for j in range(columns.shape[0]):
        column = columns[j]
        for k in range(SUB_TILE):
            scaled[k] = scales[k] * column[k]
        total[j] += sum_of_products(scaled[:SUB_TILE], column)


@functools.cache
def objective_kernel(loss, is_narrow):
    """Return the kernel add_tiles(X, labels, neurons, centre, sums, moments, scratch, exactness).

    Parameters of the kernel
    ------------------------
    X : whole tiles of rows, C-ordered; only the last may be short
    labels : (codes, row_weights, class_weights), of which the two float64 arrays may be empty
    neurons : (weights of shape (n_neurons, padded_size(d)), the class each stands for)
    sums, moments : float64, zeros; see `sums_shape` and `moments_shape`; `moments` may have no tiles
    exactness : of the curvature in the Hessian diagonals; see the losses
    """
    return over_tiles(narrow_kernel(loss) if is_narrow else wide_kernel(loss))


def over_tiles(add_sub_tile):
    """Return the kernel that adds rows tile by tile, by add_sub_tile for at most SUB_TILE rows."""

    @jit
    def add_tiles(X, labels, neurons, centre, sums, moments, scratch, exactness):
        use_widest_vectors()
        tile_size = rows_per_tile(X.shape[1])
        for start in range(0, X.shape[0], SUB_TILE):
            tile = start // tile_size
            place = (start, min(start + SUB_TILE, X.shape[0]))
            tile_moments = moments[min(tile, moments.shape[0]) : tile + 1]
            totals = sums[tile], tile_moments.reshape((tile_moments.size // moments.shape[2], moments.shape[2]))
            add_sub_tile(X, place, labels, neurons, centre, totals, scratch, exactness)

    return add_tiles
