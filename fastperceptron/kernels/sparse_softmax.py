"""The softmax layer over the z of sparse rows, where a row's z stand side by side; see kernels/softmax.py."""

import functools

from fastperceptron.kernels.exponential import exp_nonpositive
from fastperceptron.kernels.jit import inlined, jit
from fastperceptron.kernels.softmax import log1p_positive, probability_pair


@jit
def best_of(z, n_classes):
    """Return the place of the largest of the first z, the first of equal ones."""
    best = 0
    for k in range(1, n_classes):
        best = k if z[k] > z[best] else best
    return best


@jit
def exponentiate(z, n_classes, best):
    """Replace the first z by exp(z - the largest); return the sum over all but the largest."""
    largest, rest = z[best], 0.0
    for k in range(n_classes):
        z[k] = exp_nonpositive(z[k] - largest)[0]
        rest += z[k] if k != best else 0.0
    return rest


@jit
def place_of(code, classes):
    """Return the place of a row's class among the classes, -1 where it is not one of them."""
    place = -1
    for k in range(classes.size):
        place = k if classes[k] == code else place
    return place


@functools.cache
def softmax_layer(loss):  # of the log loss alone
    """Return the kernel that evaluates a softmax layer; see `separate_neurons` in sparse_objective.py.

    The cost of a row stands in the place of the first class; those of all others are 0.
    """

    @inlined
    def evaluate(z, codes, positives, weights, costs, curvatures, exactness):
        n_classes = positives.size
        for i in range(z.shape[0]):
            row, place, best = z[i], place_of(codes[i], positives), best_of(z[i], n_classes)
            weight = weights[i] if weights.size > 0 else 1.0
            above = row[best] - (row[place] if place >= 0 else 0.0)
            rest = exponentiate(row, n_classes, best)
            costs[i, :] = 0
            costs[i, 0] = weight * (above + log1p_positive(rest))
            for k in range(n_classes):
                p, others = probability_pair(row[k], rest, k == best)
                row[k] = weight * (-others if k == place else p)
                if curvatures.size > 0:
                    curvatures[i, k] = weight * p * others
            for k in range(n_classes, row.size):
                row[k] = 0
            if curvatures.size > 0:
                curvatures[i, n_classes:] = 0

    return evaluate
