"""Probabilities of classes that share a softmax layer, and matrices of scaled rows of any width, for inference."""

import math

from fastperceptron.kernels.centred_rows import add_squares
from fastperceptron.kernels.exponential import exp_nonpositive
from fastperceptron.kernels.jit import jit
from fastperceptron.kernels.outer_products import TILE
from fastperceptron.kernels.scaled_products import add_scaled_products


@jit
def set_class_probabilities(z, others, logs):
    """Replace z, (n_classes, n_rows), by probabilities; write 1 - p, as a sum, to `others`, and log(sum(exp(z)))."""
    n_classes = z.shape[0]
    for i in range(z.shape[1]):
        largest, total = z[0, i], 0.0
        for k in range(1, n_classes):
            largest = max(largest, z[k, i])
        for k in range(n_classes):
            z[k, i] = exp_nonpositive(z[k, i] - largest)[0]
            total += z[k, i]
        logs[i] = largest + math.log(total)
        for k in range(n_classes):
            rest = 0.0
            for j in range(n_classes):
                rest += z[j, i] if j != k else 0.0
            others[k, i] = rest / total
        for k in range(n_classes):
            z[k, i] /= total


@jit
def add_scaled_matrix(X, terms, coordinates, packed, total):
    """Add what `add_scaled_products` adds to all parts on and above the diagonal of a matrix of whole strips."""
    size = total.shape[0]
    for i in range(0, size, TILE):
        for j in range(i, size, TILE):
            part = total[i : min(i + TILE, size), j : min(j + TILE, size)]
            add_scaled_products(X, terms, coordinates, (i, j), packed, part)


@jit
def add_column_moments(X, row_weights, centre, sums, squares):
    """Add the weighted sums of the columns less the centre, and of their squares."""
    add_squares((sums, squares), X, 0, X.shape[0], (row_weights, row_weights), centre, X.shape[0])
