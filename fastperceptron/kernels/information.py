"""Log-likelihood, gradient, information matrix and outer products of the scores of a tile of rows, all in float64.

Rows are less the centre of the columns, so that columns far from 0 lose no digits. CHUNK rows at a time stay in cache
between their dot products and their part of the matrices: read twice from memory, 1M x 20 took 43 instead of 26 ns.
"""

import functools
import math

from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.centred_rows import add_squares, set_dots
from fastperceptron.kernels.jit import inlined, jit
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.kernels.rows import sum_of_products, use_widest_vectors
from fastperceptron.kernels.scaled_products import add_scaled_products

CHUNK = 256
# The root of the least curvature that a row is given: without it, rows whose curvature underflows had no gradient.
LEAST_ROOT = 1e-150
LOG_2 = 0.6931471805599453  # the cost at z = 0: rows that cost less are on the side of their class
# Rows of `scratch`; from ROOTS on, those of each matrix.
TARGETS, OWN, IN_LOSS, COSTS, SLOPES, CURVATURES, EXTRAS, NOTHING, ROOTS = range(9)
# Places of `sums`.
LOSS, WEIGHT, POSITIVE_WEIGHT, POSITIVE_SLOPE, OWN_WEIGHT, COUNT = range(6)


@inlined
def set_labels(labels, positive, start, size, scratch):
    """Write targets and weights; return whether there are weights."""
    codes, row_weights, class_weights = labels
    targets, own, in_loss = scratch[TARGETS, :size], scratch[OWN, :size], scratch[IN_LOSS, :size]
    for k in range(targets.size):
        targets[k] = codes[start + k] == positive
        own[k] = 1.0
    for k in range(targets.size if row_weights.size > 0 else 0):
        own[k] = row_weights[start + k]
    for k in range(targets.size):
        in_loss[k] = own[k]
    for k in range(targets.size if class_weights.size > 0 else 0):
        in_loss[k] *= class_weights[codes[start + k]]
    return row_weights.size + class_weights.size > 0


@functools.cache
def terms_kernel(loss):
    """Return the kernel that replaces SLOPES, the rows' z, by weighted slopes, and writes COSTS and CURVATURES."""
    cost_and_slope, curvature = LOSSES[loss].cost_and_slope, LOSSES[loss].curvature

    @inlined
    def set_terms(size, has_weights, scratch):
        z, y, omega = scratch[SLOPES, :size], scratch[TARGETS, :size], scratch[IN_LOSS, :size]
        costs, bends = scratch[COSTS, :size], scratch[CURVATURES, :size]
        for k in range(z.size):  # without weights, since LLVM vectorises it only with few arrays: 3 and 14 ns a row
            bends[k] = curvature(z[k], y[k], 1.0)
            costs[k], z[k] = cost_and_slope(z[k], y[k])
        if has_weights:
            for k in range(z.size):
                costs[k] *= omega[k]
            for k in range(z.size):
                z[k] *= omega[k]
            for k in range(z.size):
                bends[k] *= omega[k]

    return set_terms


@jit
def smallest(values):
    """Return the smallest value, or infinity; NaN is passed over."""
    first, second, third, fourth = math.inf, math.inf, math.inf, math.inf
    whole = values.size // 4 * 4
    for i in range(0, whole, 4):
        first = values[i] if values[i] < first else first
        second = values[i + 1] if values[i + 1] < second else second
        third = values[i + 2] if values[i + 2] < third else third
        fourth = values[i + 3] if values[i + 3] < fourth else fourth
    for i in range(whole, values.size):
        first = values[i] if values[i] < first else first
    return min(first, second, third, fourth)


@jit
def add_sums(size, has_weights, scratch, sums, least):
    """Add what is summed of each row to `sums`, and lower `least`, see `information_kernel`."""
    costs, slopes, targets = scratch[COSTS, :size], scratch[SLOPES, :size], scratch[TARGETS, :size]
    in_loss, spare = scratch[IN_LOSS, :size], scratch[EXTRAS, :size]
    least[0] = min(least[0], smallest(scratch[CURVATURES, :size]))
    sums[LOSS] += sum_in_order(costs)
    for k in range(costs.size):
        spare[k] = slopes[k] * targets[k]
    sums[POSITIVE_SLOPE] += sum_in_order(spare)
    for k in range(costs.size):
        spare[k] = LOG_2 * in_loss[k] - costs[k]
    if has_weights:
        for k in range(costs.size):
            spare[k] = spare[k] if in_loss[k] > 0 else 1.0
    least[1] = min(least[1], smallest(spare))
    for k in range(costs.size):
        spare[k] = in_loss[k] * targets[k]
    sums[POSITIVE_WEIGHT] += sum_in_order(spare)
    if not has_weights:
        for place in (WEIGHT, OWN_WEIGHT, COUNT):
            sums[place] += size
        return
    sums[WEIGHT] += sum_in_order(in_loss)
    sums[OWN_WEIGHT] += sum_in_order(scratch[OWN, :size])
    for k in range(costs.size):
        spare[k] = 1.0 if in_loss[k] > 0 else 0.0
    sums[COUNT] += sum_in_order(spare)


@jit
def set_roots(size, is_convex, has_scores, is_frequency, scratch):
    """Write the roots of each matrix, and EXTRAS, the slopes over the roots of the first."""
    slopes, bends, own = scratch[SLOPES, :size], scratch[CURVATURES, :size], scratch[OWN, :size]
    roots, extras = scratch[ROOTS, :size], scratch[EXTRAS, :size]
    for k in range(size):
        roots[k] = math.sqrt(max(bends[k], LEAST_ROOT * LEAST_ROOT))
        extras[k] = slopes[k] / roots[k]
    if not is_convex:
        negative = scratch[ROOTS + 1, :size]
        for k in range(size):
            negative[k] = math.sqrt(max(-bends[k], 0.0))
    if has_scores:
        scores = scratch[ROOTS + (1 if is_convex else 2), :size]
        for k in range(size):
            scores[k] = slopes[k]
        for k in range(size if is_frequency else 0):
            scores[k] = slopes[k] / math.sqrt(own[k]) if own[k] > 0 else 0.0


@functools.cache
def information_kernel(loss):
    """Return the kernel add_information(X, labels, neuron, coordinates, columns, totals, sums, wanted, scratch).

    Parameters of the kernel
    ------------------------
    X : (n_rows, n_features), C-ordered
    labels : (codes, row_weights, class_weights), of which the two float64 arrays may be empty
    neuron : (weights for rows less the centre, centre, the class it stands for), both of padded size
    coordinates, columns : of the matrices, see `add_scaled_products`
    totals : (matrices, sums, least, moments), all float64, to which is added: of each matrix a part, see
        `add_scaled_products`; the sums named above; the least curvature, and the least by which a row costs less than
        at z = 0; the columns' sums and sums of squares, or nothing if it is empty
    wanted : (has_scores, is_frequency), see training/information.py
    scratch : (packed, see `packed_shape`; (ROOTS + n_matrices, CHUNK), zeros)
    """
    set_terms, is_convex = terms_kernel(loss), LOSSES[loss].IS_CONVEX

    @jit
    def add_information(X, labels, neuron, coordinates, columns, totals, wanted, scratch):
        use_widest_vectors()
        (weights, centre, positive), (matrices, sums, least, moments) = neuron, totals
        has_scores, is_frequency = wanted
        packed, terms = scratch
        for start in range(0, X.shape[0], CHUNK):
            stop = min(start + CHUNK, X.shape[0])
            size = stop - start
            has_weights = set_labels(labels, positive, start, size, terms)
            set_dots(terms[SLOPES, :size], X, start, stop, weights, centre, stop)
            set_terms(size, has_weights, terms)
            add_sums(size, has_weights, terms, sums, least)
            set_roots(size, is_convex, has_scores, has_weights and is_frequency, terms)
            for m in range(matrices.shape[0]):
                pair = terms[ROOTS + m, :size], terms[EXTRAS if m == 0 else NOTHING, :size]
                add_scaled_products(X[start:stop], pair, coordinates, columns, packed, matrices[m])
            if moments.size > 0:
                own = terms[OWN, :size]
                add_squares((moments[0], moments[1]), X, start, stop, (own, own), centre, stop)

    return add_information


@functools.cache
def scores_kernel(loss):
    """Return the kernel set_scores(X, labels, neuron, scratch, out).

    It writes the rows' weighted slopes and curvatures to the two rows of `out`, float64.
    """
    set_terms = terms_kernel(loss)

    @jit
    def set_scores(X, labels, neuron, scratch, out):
        use_widest_vectors()
        weights, centre, positive = neuron
        for start in range(0, X.shape[0], CHUNK):
            stop = min(start + CHUNK, X.shape[0])
            size = stop - start
            has_weights = set_labels(labels, positive, start, size, scratch)
            set_dots(scratch[SLOPES, :size], X, start, stop, weights, centre, stop)
            set_terms(size, has_weights, scratch)
            for k in range(size):
                out[0, start + k], out[1, start + k] = scratch[SLOPES, k], scratch[CURVATURES, k]

    return set_scores


@jit
def set_row_dots(X, weights, centre, out):
    """Write weights . (x - centre, 1) of each row."""
    for start in range(0, X.shape[0], CHUNK):
        stop = min(start + CHUNK, X.shape[0])
        set_dots(out[start:stop], X, start, stop, weights, centre, stop)


@jit
def set_quadratic_forms(X, coordinates, has_bias, matrix, scratch, out):
    """Write x' matrix x of each row, where x = ((row - centre) * factors, has_bias, 0, ...) of padded size.

    `scratch`, of that size, is zeros.
    """
    n, (centre, factors) = X.shape[1], coordinates
    scratch[n] = has_bias
    for i in range(X.shape[0]):
        for j in range(n):
            scratch[j] = (X[i, j] - centre[j]) * factors[j]
        total = 0.0
        for j in range(n + 1):
            total += scratch[j] * sum_of_products(matrix[j], scratch)
        out[i] = total
