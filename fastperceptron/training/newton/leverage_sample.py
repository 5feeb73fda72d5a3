"""A second sample, drawn by leverage in a read of its own, for where the first does not represent all rows.

Of a level that few rows have, an even sample holds one row or none, and its minimum is far from that of all rows. This
one holds about twenty, or all of them (kernels/leverage.py).
"""

from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import aligned_zeros
from fastperceptron.kernels.leverage import keep_rows
from fastperceptron.kernels.rows import padded_size
from fastperceptron.training.coordinates import Coordinates
from fastperceptron.training.newton.sample import SEED, Sample, panel_of, weights_in_loss
from fastperceptron.training.problem import Problem
from fastperceptron.training.threads import MapInOrder, ranges_of

# Values of a task: 1 to 2 ms of work.
TASK_VALUES = 1 << 20

Kept = tuple[Array, Array, Array, Array]
"""Rows, their class numbers, their weights in the loss, and the probabilities with which they were kept."""


def draw_by_leverage(
    problem: Problem,
    size: int,
    coordinates: Coordinates,
    deviations: Array,
    has_intercept: bool,
    map_in_order: MapInOrder[Any, Any],
) -> Sample:
    """Return a sample of about `size` rows, by one read of all rows.

    `deviations`, (n_features,) float64, are the columns' exact ones; rows are standardised in the coordinates.
    """
    rows, n = problem.rows, problem.rows.n_features
    factors = np.divide(1.0, deviations, out=np.zeros(n), where=deviations > 0)
    centre = coordinates.centre[:n].copy()
    rate = size / (2 * problem.total_in_loss)

    def keep(places: range) -> Kept:
        X, codes = rows.labelled(problem.codes, places.start, places.stop)
        weights = weights_in_loss(problem, places, codes)
        probabilities = np.empty(len(places))
        scratch = aligned_zeros((padded_size(n),), np.float64)
        keep_rows(
            X, rate * weights, (centre, factors), np.uint64(places.start), np.uint64(SEED), probabilities, scratch
        )
        is_kept = probabilities > 0
        return X[is_kept], codes[is_kept], weights[is_kept], probabilities[is_kept]

    keep(range(0))  # compile before threads do
    parts = zip(*map_in_order(keep, ranges_of(rows.n_rows, max(1, TASK_VALUES // n))), strict=True)
    X, codes, weights, probabilities = (np.concatenate(each) for each in parts)
    panel = panel_of(X, coordinates, deviations, has_intercept)
    return Sample(panel, codes, weights / probabilities, coordinates, is_all=False, is_plain=problem.is_plain)
