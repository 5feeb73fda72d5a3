"""A second sample, drawn by leverage in a read of its own, for where the first does not represent all rows.

Of a level that few rows have, an even sample holds one row or none, and its minimum is far from that of all rows. This
one holds about twenty, or all of them (kernels/leverage.py).
"""

from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import aligned_zeros
from fastperceptron.kernels.leverage import keep_rows
from fastperceptron.kernels.rows import padded_size
from fastperceptron.training.coordinates import Coordinates
from fastperceptron.training.newton.sample import SEED, Sample, panel_of
from fastperceptron.training.parted_rows import Question, ask_rows, exponent_of, weighted
from fastperceptron.training.problem import Problem, weights_in_loss
from fastperceptron.training.threads import MapInOrder, ranges_of
from fastperceptron.training.tile_sums import Part

# Values of a task: 1 to 2 ms of work.
TASK_VALUES = 1 << 20

Kept = tuple[Array, Array, Array, Array]
"""Rows, their class numbers, their weights in the loss, and the probabilities with which they were kept."""


class Draw(NamedTuple):
    """How rows are drawn."""

    rate: float  # the probability of a row of weight 1 at the mean
    coordinates: tuple[Array, Array]  # centre and 1 / deviation of the columns, (n_features,) float64
    class_weights: Array | None
    exponent: int | None  # of the row weights, see parted_rows.weighted


def _keep(part: Part, draw: Draw, map_in_order: MapInOrder[Any, Any]) -> Kept:
    """Return the rows of a part that are drawn."""
    part, n = weighted(part, draw.exponent), part.rows.n_features

    def keep(places: range) -> Kept:
        X, codes = part.rows.labelled(part.codes, places.start, places.stop)
        weights = weights_in_loss(part.row_weights, draw.class_weights, places, codes)
        probabilities = np.empty(len(places))
        scratch = aligned_zeros((padded_size(n),), np.float64)
        first = np.uint64(part.first + places.start)
        keep_rows(X, draw.rate * weights, draw.coordinates, first, np.uint64(SEED), probabilities, scratch)
        is_kept = probabilities > 0
        return X[is_kept], codes[is_kept], weights[is_kept], probabilities[is_kept]

    nothing = keep(range(0))  # compile before threads do
    found = map_in_order(keep, ranges_of(part.rows.n_rows, max(1, TASK_VALUES // n)))
    X, codes, weights, probabilities = (np.concatenate(each) for each in zip(nothing, *found, strict=True))
    return X, codes, weights, probabilities


KEEP = Question(_keep)


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
    n = problem.rows.n_features
    factors = np.divide(1.0, deviations, out=np.zeros(n), where=deviations > 0)
    draw = Draw(
        size / (2 * problem.total_in_loss),
        (coordinates.centre[:n].copy(), factors),
        problem.class_weights,
        exponent_of(problem.row_weights),
    )
    parts = ask_rows(problem, KEEP, draw, map_in_order=map_in_order)
    X, codes, weights, probabilities = (np.concatenate(each) for each in zip(*parts, strict=True))
    panel = panel_of(X, coordinates, deviations, has_intercept)
    return Sample(panel, codes, weights / probabilities, coordinates, is_all=False, is_plain=problem.is_plain)
