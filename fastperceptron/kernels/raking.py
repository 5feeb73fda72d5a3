"""Raking: new weights for sampled rows, with which their Hessian's diagonal is that of all rows.

Rows are reweighed, never columns: a sum of outer products of rows with positive weights has the null space that the
rows have, so that directions that are flat since columns are collinear stay flat. (Deming and Stephan 1940, On a least
squares adjustment of a sampled frequency table when the expected marginal totals are known.)
"""

from fastperceptron.kernels.jit import jit
from fastperceptron.kernels.rows import sum_of_products


@jit
def rake(panel, curvatures, coordinates, weights, squares, sums):
    """Multiply each row's weight by the mean of its columns' ratios; add weight * curvature * x^2 to `sums`.

    coordinates : (ratio / diagonal, 1 / diagonal) of each column, (size,) float64; both 0 for a column to leave out
    weights : (n_rows,) float64
    squares : (size,) float64, scratch
    """
    shares, units = coordinates
    for i in range(panel.shape[0]):
        row = panel[i]
        for j in range(row.size):
            squares[j] = row[j] * row[j]
        whole = sum_of_products(squares, units)
        if whole > 0:
            weights[i] *= sum_of_products(squares, shares) / whole
        factor = weights[i] * curvatures[i]
        for j in range(row.size):
            sums[j] += factor * squares[j]
