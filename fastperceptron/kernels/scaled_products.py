"""Sums of outer products of scaled rows, (root x) (root x)': the information matrix, where root^2 is the curvature.

Scaled by the root, a row is both factors, so that it is copied to strips once: in cache, 21 columns took 16 ns a row
instead of 21 with `add_products`, whose factors differ. One column more, beside the bias's 1, holds extra / root: its
products with the others are the sum of extra * x, the gradient where `extra` is the slope, at no cost where the strips
had room. All products are float64. Each element is a sum in the rows' order.
"""

from fastperceptron.kernels.jit import jit
from fastperceptron.kernels.outer_products import BLOCK, add_outer
from fastperceptron.kernels.strips import copy_strip


@jit
def add_scaled_products(X, terms, coordinates, columns, packed, total):
    """Add the products of the rows (x, 1, extra / root^2, 0, ...) * root to a part of the matrix.

    Parameters
    ----------
    X : (n_rows, n_features), C-ordered
    terms : (roots, extras over roots), each (n_rows,) float64
    coordinates : (centre, factors), float64, of whole strips
    columns : (i, j), the first row and column of the part; i <= j
    packed : float64, see `packed_shape`
    total : float64, of whole strips; where i == j, only what is on and above the diagonal counts
    """
    (i, j), width = columns, packed.shape[3]
    n_left, n_right = total.shape[0] // width, total.shape[1] // width
    for start in range(0, X.shape[0], BLOCK):
        n_rows = min(BLOCK, X.shape[0] - start)
        copy_scaled(X, start, n_rows, terms, coordinates, j, packed[1, :n_right])
        left = packed[1]
        if i != j:
            copy_scaled(X, start, n_rows, terms, coordinates, i, packed[0, :n_left])
            left = packed[0]
        for s in range(n_right):
            for other in range(min(n_left, s + 1) if i == j else n_left):
                add_outer(total, left[other], packed[1, s], other * width, s * width, n_rows)


@jit
def copy_scaled(X, start, n_rows, terms, coordinates, first, strips):
    """Copy the columns from `first` on of scaled rows to strips."""
    roots, extras = terms
    width = strips.shape[2]
    for s in range(strips.shape[0]):
        copy_strip(X, start, n_rows, first + s * width, coordinates, roots[start : start + n_rows], strips[s])
    place = X.shape[1] + 1 - first
    if 0 <= place < strips.shape[0] * width:
        strip, column = strips[place // width], place % width
        for k in range(n_rows):
            strip[k, column] = extras[start + k]
