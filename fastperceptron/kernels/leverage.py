"""Rows drawn by their leverage: of those far from the mean more, and all that are alone in a column.

A row is kept with a probability that grows with its squared distance from the columns' means, in deviations (Drineas,
Mahoney and Muthukrishnan 2006, Sampling algorithms for l2 regression; columns are taken as uncorrelated). Whether a row
is kept depends on its number and its values alone, so that any thread can decide it.
"""

import numpy as np

from fastperceptron.kernels.draws import INCREMENT, random_word
from fastperceptron.kernels.jit import jit
from fastperceptron.kernels.rows import sum_of_products

TO_UNIT = 2.0**-64


@jit
def keep_rows(rows, shares, coordinates, first, seed, probabilities, scratch):
    """Write the probability with which each row is kept, or 0 where it is not.

    shares : (n_rows,) float64, the probability of each row at the mean
    coordinates : centre and 1 / deviation of the columns, (n_features,) float64; 0 for a constant column
    first : the number of the first row, uint64
    scratch : (padded size,) float64, zeros
    """
    centre, factors = coordinates
    for i in range(rows.shape[0]):
        row = rows[i]
        for j in range(row.size):
            scratch[j] = (row[j] - centre[j]) * factors[j]
        probability = shares[i] * (1.0 + sum_of_products(scratch, scratch) / row.size)
        uniform = random_word(seed + (first + np.uint64(i) + np.uint64(1)) * INCREMENT) * TO_UNIT
        probabilities[i] = min(probability, 1.0) if uniform < probability else 0.0
