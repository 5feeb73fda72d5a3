"""Coefficients that have no finite estimate, because larger ones always make the data more likely.

Perfect separation shows in the read itself: every row is on the side of its class. Quasi-complete separation shows in
the next Newton step: it moves z of the separated rows by about 1, however far they are, and no row to the wrong side
(Albert and Anderson 1984). A row that moves by c has a curvature of at most step' H step / c^2, so that a fit without
such rows needs no further read.
"""

from typing import NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.training.information import Information, RowsAt, read_dots

# Rows whose z moves by more are separated; none of the others may move back by more than the share of the largest.
LEAST_CHANGE, MOST_BACK = 0.5, 0.1
# The part of a column in the change of a separated row's z that makes its coefficient infinite.
LEAST_PART = 0.1
LEAST_SHIFT = 0.01  # the change of the bias, in z, that makes it infinite
MOST_ROWS = 4096  # separated rows whose columns are looked at


class Separation(NamedTuple):
    """Which classes are separated, and by which coefficients."""

    kind: str  # "perfectly" or "quasi-completely"
    is_infinite: Array  # (d + 1,) bool: of weights and bias


def separation_of(rows: RowsAt, information: Information, step: Array, decrement: float) -> Separation | None:
    """Return the separation of classes, or None; `step`, (d + 1,), is the Newton step in standardised columns."""
    if information.is_separated:
        return Separation("perfectly", np.ones(step.size, bool))
    if information.least_curvature * LEAST_CHANGE**2 > decrement:
        return None
    problem, point, _ = rows
    n = problem.rows.n_features
    weights = np.zeros(point.weights.size)
    weights[: n + 1] = step * point.factors[: n + 1]
    moved: list[int] = []
    most = back = 0.0
    for places, dots in read_dots(rows, weights):
        codes = np.asarray(problem.codes[places.start : places.stop])
        change = np.where(codes == point.positive, dots, -dots)
        if problem.row_weights is not None:
            change *= np.asarray(problem.row_weights[places.start : places.stop]) > 0
        most, back = max(most, float(change.max())), max(back, float(-change.min()))
        moved.extend((places.start + np.flatnonzero(change > LEAST_CHANGE))[: MOST_ROWS - len(moved)].tolist())
    if most <= LEAST_CHANGE or back > MOST_BACK * most:
        return None
    parts = np.abs((problem.rows.rows_at(np.array(moved)) - point.centre[:n]) * weights[:n]).max(axis=0)
    bias = weights[n] - (weights[:n] * point.centre[:n]).sum()
    return Separation("quasi-completely", np.append(parts > LEAST_PART, abs(bias) > LEAST_SHIFT))
