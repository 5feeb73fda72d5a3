"""Loss, gradient and Hessian of the softmax layer over a sample of rows, all float64, summed in a fixed order.

What hessian.py, reach.py and raking.py do for one neuron. The Hessian consists of blocks, one for each pair of classes
k <= l: the sum over rows of weight * p_k ((k == l) - p_l) * x x'. Weights and steps are (n_classes, size).
"""

from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.hessian import HESSIAN_ROWS
from fastperceptron.kernels.jit import inlined, jit
from fastperceptron.kernels.outer_products import TILE, add_upper_triangle, packed_shape
from fastperceptron.kernels.reach import COST, CUBIC, LARGEST_CHANGE, LOWER, QUADRATIC, UPPER, bounds
from fastperceptron.kernels.rows import add_in_row_order, sum_of_products
from fastperceptron.kernels.softmax import (
    N_SCRATCH,
    set_complements,
    set_costs,
    set_curvatures,
    set_exponentials,
    set_probabilities,
    set_slopes,
)

# Below the square of any change of z.
TINY = 1e-300
# Rows worked on together.
BLOCK = HESSIAN_ROWS
COSTS, SCALES, MEANS, LEAST, MOST = range(N_SCRATCH, N_SCRATCH + 5)  # rows of `scratch`, after those of the layer


def scratch_shape(n_classes):
    """Return the shape of `scratch`: what the layer needs, sums of rows, and three values of each class."""
    return MOST + 1 + 3 * n_classes, BLOCK


def strips_shape(size):
    """Return the shape of `packed`, see kernels/strips.py."""
    return packed_shape(min(size, TILE), 8)


@inlined
def set_z(rows, weights, z):
    """Write z of each class to a row of `z`."""
    for k in range(weights.shape[0]):
        row, of_class = z[k], weights[k]
        for i in range(rows.shape[0]):
            row[i] = sum_of_products(rows[i], of_class)


@inlined
def values_of_classes(scratch, n_classes):
    """Return the parts of `scratch` that have a row for each class."""
    first = MOST + 1
    middle, last = first + n_classes, first + 2 * n_classes
    return scratch[first:middle], scratch[middle:last], scratch[last : last + n_classes]


@inlined
def weighted_sums(slopes, curvatures, omega):
    """Multiply values by the rows' weights; return the sums of the curvatures and of the squares of the slopes."""
    total, squares = 0.0, 0.0
    for k in range(slopes.shape[0]):
        slope, curvature = slopes[k, : omega.size], curvatures[k, : omega.size]
        for i in range(omega.size):
            slope[i] *= omega[i]
            curvature[i] *= omega[i]
        total += sum_in_order(curvature)
        squares += sum_of_squares(slope)
    return total, squares


@jit
def sum_of_squares(values):
    """Return the sum of squares, in order."""
    total = 0.0
    for i in range(values.size):
        total += values[i] * values[i]
    return total


@inlined
def add_pairs(rows, omega, p, curvatures, scales, packed, blocks):
    """Add rows to the blocks of the pairs of classes, in the order (0, 0), (0, 1), ..., (1, 1), ..."""
    block = 0
    for k in range(p.shape[0]):
        for other in range(k, p.shape[0]):
            one, two, own = p[k], p[other], curvatures[k]
            for i in range(rows.shape[0]):
                scales[i] = own[i] if other == k else -omega[i] * one[i] * two[i]
            add_upper_triangle(rows, scales, None, 0, packed, blocks[block])
            block += 1


@jit
def add_softmax_sums(panel, labels, weights, sums, blocks, scratch, packed):
    """Add a sample's sums.

    labels : (the places of the rows' classes, row weights), float64
    sums : the gradient, class by class, then loss, sum of curvatures, sum of squared weighted slopes
    blocks : (pairs of classes, size, size), or without pairs; what is on and above their diagonals counts
    """
    (targets, row_weights), (n_classes, size) = labels, weights.shape
    z, slopes, curvatures = values_of_classes(scratch, n_classes)
    n = n_classes * size
    for start in range(0, panel.shape[0], BLOCK):
        stop = min(start + BLOCK, panel.shape[0])
        rows, omega, costs = panel[start:stop], row_weights[start:stop], scratch[COSTS, : stop - start]
        set_z(rows, weights, z)
        set_costs(z, targets[start:stop], costs, scratch)
        set_slopes(z, targets[start:stop], slopes, scratch)
        set_curvatures(z, omega.size, curvatures, scratch)
        for i in range(omega.size):
            costs[i] *= omega[i]
        curvature, squares = weighted_sums(slopes, curvatures, omega)
        sums[n] += sum_in_order(costs)
        sums[n + 1] += curvature
        sums[n + 2] += squares
        for k in range(n_classes):
            add_in_row_order(rows, slopes[k], sums[k * size :])
        if blocks.shape[0] > 0:
            set_probabilities(z, omega.size, z, scratch)
            add_pairs(rows, omega, z, curvatures, scratch[SCALES], packed, blocks)


@jit
def set_curvatures_of_rows(panel, weights, curvatures, scratch):
    """Write p (1 - p) of each class and row, (n_classes, n_rows)."""
    z, _, of_block = values_of_classes(scratch, weights.shape[0])
    for start in range(0, panel.shape[0], BLOCK):
        stop = min(start + BLOCK, panel.shape[0])
        set_z(panel[start:stop], weights, z)
        set_exponentials(z, stop - start, scratch)
        set_curvatures(z, stop - start, of_block, scratch)
        for k in range(weights.shape[0]):
            for i in range(stop - start):
                curvatures[k, start + i] = of_block[k, i]


@jit
def set_probabilities_of_rows(panel, weights, p, complements, first, scratch):
    """Write p and 1 - p of each class and row, (n_classes, n_rows), from place `first` on."""
    z, _, others = values_of_classes(scratch, weights.shape[0])
    for start in range(0, panel.shape[0], BLOCK):
        size = min(BLOCK, panel.shape[0] - start)
        set_z(panel[start : start + size], weights, z)
        set_exponentials(z, size, scratch)
        set_complements(z, size, others, scratch)
        set_probabilities(z, size, z, scratch)
        for k in range(weights.shape[0]):
            for i in range(size):
                p[k, first + start + i], complements[k, first + start + i] = z[k, i], others[k, i]


@jit
def rake_classes(panel, curvatures, coordinates, weights, squares, sums):
    """Do what `rake` does for the diagonals of all classes; all arrays have a row for each, but those of rows."""
    shares, units = coordinates
    for i in range(panel.shape[0]):
        row, part, whole = panel[i], 0.0, 0.0
        for j in range(row.size):
            squares[j] = row[j] * row[j]
        for k in range(curvatures.shape[0]):
            part += curvatures[k, i] * sum_of_products(squares, shares[k])
            whole += curvatures[k, i] * sum_of_products(squares, units[k])
        if whole > 0:
            weights[i] *= part / whole
        for k in range(curvatures.shape[0]):
            factor, total = weights[i] * curvatures[k, i], sums[k]
            for j in range(row.size):
                total[j] += factor * squares[j]


@jit
def add_softmax_reach(panel, labels, point, step, sums, scratch):
    """Add what kernels/reach.py adds for one neuron, where z changes by the range of the changes of a row's z.

    Along a step the third derivative of a row's cost is at most that range times the second, which is the variance of
    the changes under p.
    """
    targets, weights = labels
    z, changes, _ = values_of_classes(scratch, point.shape[0])
    costs, means, least, most = scratch[COSTS], scratch[MEANS], scratch[LEAST], scratch[MOST]
    for start in range(0, panel.shape[0], BLOCK):
        stop = min(start + BLOCK, panel.shape[0])
        rows, omega, size = panel[start:stop], weights[start:stop], stop - start
        set_z(rows, point, z)
        set_z(rows, step, changes)
        set_costs(z, targets[start:stop], costs[:size], scratch)
        set_probabilities(z, size, z, scratch)
        set_spread(z, changes, size, (means, least, most))
        for i in range(size):
            variance = 0.0
            for k in range(z.shape[0]):
                variance += z[k, i] * (changes[k, i] - means[i]) * (changes[k, i] - means[i])
            change = min(most[i] - least[i], LARGEST_CHANGE)
            lower, upper = bounds(change)
            quadratic, ratio = 0.5 * omega[i] * variance, omega[i] * variance / max(change * change, TINY)
            sums[QUADRATIC] += quadratic
            sums[LOWER] += min(ratio * lower, quadratic)
            sums[UPPER] += max(ratio * upper, quadratic)
            sums[CUBIC] += quadratic * change
            sums[COST] += omega[i] * costs[i]


@inlined
def set_spread(p, changes, size, out):
    """Write the mean of each row's changes under p, the least and the largest."""
    means, least, most = out
    for i in range(size):
        means[i], least[i], most[i] = 0.0, changes[0, i], changes[0, i]
    for k in range(p.shape[0]):
        for i in range(size):
            means[i] += p[k, i] * changes[k, i]
            least[i] = min(least[i], changes[k, i])
            most[i] = max(most[i], changes[k, i])
