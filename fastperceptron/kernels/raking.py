"""Raking: new weights for sampled rows, with which their Hessian's diagonal is that of all rows.

Rows are reweighed, never columns: a sum of outer products of rows with positive weights has the null space that the
rows have, so that directions that are flat since columns are collinear stay flat. (Deming and Stephan 1940, On a least
squares adjustment of a sampled frequency table when the expected marginal totals are known.)
"""

from fastperceptron.kernels.jit import jit
from fastperceptron.kernels.rows import add_in_row_order, sum_of_products

# Rows whose squares stay in the first-level cache until they are added.
BLOCK = 32


@jit
def rake(panel, curvatures, coordinates, weights, scratch, sums):
    """Multiply each row's weight by the mean of its columns' ratios; add weight * curvature * x^2 to `sums`.

    coordinates : (ratio / diagonal, 1 / diagonal) of each column, (size,) float64; both 0 for a column to leave out
    weights : (n_rows,) float64
    scratch : (BLOCK, size) and (BLOCK,) float64
    """
    (shares, units), (squares, factors) = coordinates, scratch
    for start in range(0, panel.shape[0], BLOCK):
        rows = panel[start : start + BLOCK]
        its_weights, its_curvatures = weights[start : start + BLOCK], curvatures[start : start + BLOCK]
        for k in range(rows.shape[0]):
            for j in range(rows.shape[1]):
                squares[k, j] = rows[k, j] * rows[k, j]
        for k in range(rows.shape[0]):
            whole = sum_of_products(squares[k], units)
            if whole > 0:
                its_weights[k] *= sum_of_products(squares[k], shares) / whole
            factors[k] = its_weights[k] * its_curvatures[k]
        add_in_row_order(squares[: rows.shape[0]], factors, sums)
