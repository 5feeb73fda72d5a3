"""Coefficients that have no finite estimate, because larger ones always make the data more likely.

Perfect separation shows in the read itself: every row is on the side of its class. Quasi-complete separation shows in
the next Newton step: it moves z of the separated rows by about 1, however far they are, and no row to the wrong side
(Albert and Anderson 1984). If they are so far that their curvature is rounded away, it shows in the information matrix:
it is 0 along a direction that changes rows.

A row that moves by c has a curvature of at most step' H step / c^2: a fit without such rows needs no further read.
"""

from typing import NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.training.information import Information, RowsAt, dots_of, read_largest
from fastperceptron.training.problem import weights_in_loss
from fastperceptron.uncertainty.estimable import Relation

# Rows whose z moves by more are separated; none of the others may move back by more than the share of the largest.
LEAST_CHANGE, MOST_BACK = 0.5, 0.1
# The part of a column in the change of a separated row's z that makes its coefficient infinite.
LEAST_PART = 0.1
LEAST_SHIFT = 0.01  # the change of the bias, in z, that makes it infinite
LARGEST_REST = 1e-5  # what others leave of a column that they explain; float32 rounds by 6e-8
MOST_ROWS = 4096  # separated rows whose columns are looked at


class Separation(NamedTuple):
    """Which classes are separated, and by which coefficients."""

    kind: str  # "perfectly" or "quasi-completely"
    is_infinite: Array  # (d + 1,) bool: of weights and bias


def is_flat(rows: RowsAt, relations: list[Relation]) -> list[bool]:
    """Return of each relation whether it holds for all rows, or only for those that have a curvature."""
    if not relations:
        return []
    alone = np.zeros((len(relations), relations[0].direction.size))
    for place, relation in enumerate(relations):
        alone[place, relation.column] = 1.0
    largest = read_largest(rows, np.vstack([*(relation.direction for relation in relations), alone]))
    along, of_column = largest.reshape(2, -1)
    return [bool(each) for each in along <= LARGEST_REST * of_column]


def separation_of(rows: RowsAt, information: Information, step: Array, decrement: float) -> Separation | None:
    """Return the separation of classes, or None; `step`, (d + 1,), is the Newton step in standardised columns."""
    if information.is_separated:
        return Separation("perfectly", np.ones(step.size, bool))
    if information.least_curvature * LEAST_CHANGE**2 > decrement:
        return None
    point, n = rows.point, rows.problem.rows.n_features
    weights = np.zeros(point.weights.size)
    weights[: n + 1] = step * point.factors[: n + 1]
    found = rows.ask(_changes, weights)
    most, back = (max(each[k] for each in found) for k in (0, 1))
    if most <= LEAST_CHANGE or back > MOST_BACK * most:
        return None
    moved = np.concatenate([each[2] for each in found])[:MOST_ROWS]
    parts = np.abs((rows.problem.rows.rows_at(moved) - point.centre[:n]) * weights[:n]).max(axis=0)
    bias = weights[n] - (weights[:n] * point.centre[:n]).sum()
    return Separation("quasi-completely", np.append(parts > LEAST_PART, abs(bias) > LEAST_SHIFT))


def _changes(rows: RowsAt, weights: Array) -> tuple[float, float, Array]:
    """Return the largest change of z to the side of a row's class, that away from it, and the first separated rows."""
    problem, moved, most, back = rows.problem, list[int](), 0.0, 0.0

    def change_of(places: range) -> tuple[range, Array]:
        dots, codes = dots_of(rows, weights, places), np.asarray(problem.codes[places.start : places.stop])
        change = np.where(codes == rows.point.positive, dots, -dots)
        if problem.row_weights is not None:
            change *= np.asarray(problem.row_weights[places.start : places.stop]) > 0
        return rows.numbers(places), change

    change_of(range(0))  # compile before threads do
    for places, change in rows.map_in_order(change_of, rows.ranges()):
        most, back = max(most, float(change.max())), max(back, float(-change.min()))
        moved.extend((places.start + np.flatnonzero(change > LEAST_CHANGE))[: MOST_ROWS - len(moved)].tolist())
    return most, back, np.array(moved, np.int64)


def layer_separation_of(rows: RowsAt, steps: Array) -> Separation | None:
    """Return the quasi-complete separation of the classes of a softmax layer, or None.

    `steps`, (n_classes, d + 1), are the Newton step in standardised columns; `is_infinite` is by class, too.
    """
    point, d = rows.point, rows.problem.rows.n_features
    weights = steps * point.factors[: d + 1]
    most, back, largest = (np.max(each, axis=0) for each in zip(*rows.ask(_layer_changes, weights), strict=True))
    if most <= LEAST_CHANGE or back > MOST_BACK * most:
        return None
    bias = np.abs(weights[:, d] - (weights[:, :d] * point.centre[:d]).sum(axis=1))
    is_infinite = np.column_stack([largest[:, :d] > LEAST_PART, bias > LEAST_SHIFT])
    return Separation("quasi-completely", is_infinite.ravel())


def _layer_changes(rows: RowsAt, weights: Array) -> tuple[float, float, Array]:
    """Return the largest change of z against another class, that of another class, and the part of each weight."""
    problem, point, d = rows.problem, rows.point, rows.problem.rows.n_features
    largest, most, back = np.zeros(weights.shape), 0.0, 0.0
    for places in rows.ranges():
        block, codes = problem.rows.labelled(problem.codes, places.start, places.stop)
        counts = weights_in_loss(problem.row_weights, problem.class_weights, places, codes) > 0
        moved_rows, own = block[counts] - point.centre[:d], codes[counts].astype(np.intp)
        dots = np.einsum("ij,kj->ik", moved_rows, weights[:, :d], optimize=False) + weights[:, d]
        change = dots[np.arange(own.size), own][:, None] - dots
        most, back = max(most, float(change.max(initial=0.0))), max(back, float(-change.min(initial=0.0)))
        of_columns = np.abs(moved_rows[(change > LEAST_CHANGE).any(axis=1)]).max(axis=0, initial=0.0)
        np.maximum(largest[:, :d], of_columns * np.abs(weights[:, :d]), out=largest[:, :d])
    return most, back, largest
