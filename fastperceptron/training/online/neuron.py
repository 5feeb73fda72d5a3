"""One neuron that learns online: a quadratic model of the rows it saw, corrected by a memory of some of them.

The model is the sum of each row's second-order expansion, at the point where the model so far and the exact loss of the
row's own block were least together: an implicit step, which cannot diverge. What it cannot do is remember rows on which
the neuron had saturated. Their curvature is nil, so that a million rows of one class put up no resistance to the first
of another. Hence the memory: where the point is worse on it than chance explains, the model is made again from it.

References
----------
Ollivier (2018), Online natural gradient as a Kalman filter, for the model without a memory.
"""

import math
from typing import NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.hessian import newton_kernel
from fastperceptron.kernels.linear_algebra import inner_product
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.training.minimise.online_search import Found, Model, Objective, State, room_for, search
from fastperceptron.training.online.kept_rows import Memory
from fastperceptron.training.online.running_columns import Move

# A last Newton step that moves z by less than 3% of a unit, in the mean over rows, needs no check of its loss.
SMALL_MOVE = 0.03
# Mean loss that no step is worth.
NEGLIGIBLE_LOSS = 1e-9
# Losses that a block of rows has only where something is new: so many times the usual, and so many rows' beyond.
SURPRISING, SURPRISING_ROWS = 1.5, 8


class Rows(NamedTuple):
    """Rows as neurons take them: a standardised panel with the bias, class numbers, and weights in the loss."""

    panel: Array
    codes: Array
    weights: Array

    def of(self, positive: int) -> tuple[Array, Array, Array]:
        """Return them as one neuron does: 1 for its class, 0 for all others."""
        return self.panel, (self.codes == positive).astype(np.float64), self.weights


class Task(NamedTuple):
    """What is minimised: the loss and the penalty's factors; and the sum of the weights of all rows so far."""

    loss: str
    penalty: Array
    n_parameters: int
    total_weight: float

    def goal(self, state: State) -> float:
        """Return the excess below which a search may end: the last step is small, or there is nothing to gain."""
        return max(SMALL_MOVE**2 / 2 * state.curvature, NEGLIGIBLE_LOSS * self.total_weight)


class Neuron(NamedTuple):
    """A neuron and what it knows of the rows so far.

    Attributes
    ----------
    positive : int
        The class it stands for.
    point : ndarray of padded size
        In standardised coordinates.
    gradient : ndarray of padded size
        Of the model at the point, without the penalty.
    hessian : ndarray of shape (padded size, padded size) or (1, padded size)
        Of the model, without the penalty; see kernels/online.py.
    curvature : float
        The sum of the rows' curvatures.
    losses : float
        The sum of the rows' losses, each before it was learnt from.
    """

    positive: int
    point: Array
    gradient: Array
    hessian: Array
    curvature: float = 0.0
    losses: float = 0.0

    def moved(self, move: Move, bias: int) -> "Neuron":
        """Return the neuron in other coordinates."""
        point, gradient = move.of_point(self.point, bias), move.of_gradient(self.gradient, bias)
        return self._replace(point=point, gradient=gradient, hessian=move.of_hessian(self.hessian, bias))

    def at(self, found: Found, penalty: Array) -> "Neuron":
        """Return the neuron where a search ended; the expansion there is its model."""
        state, point = found.state, found.end
        # At its minimum the model's slope makes up for the penalty's.
        gradient = -penalty * point if found.is_near else state.gradient - penalty * point
        return Neuron(self.positive, point, gradient, state.hessian, state.curvature, self.losses)

    def loss(self, rows: Rows, loss: str) -> float:
        """Return the sum of the rows' losses."""
        sums, nothing = np.zeros(self.point.size + 3), np.zeros((self.point.size, 0))
        panel, *labels = rows.of(self.positive)
        newton_kernel(loss)(panel, tuple(labels), self.point, 0.0, sums, nothing, room_for(self.point.size))
        return float(sums[self.point.size])


def learn(neuron: Neuron, rows: Rows, task: Task) -> tuple[Neuron, bool]:
    """Return the neuron after some more rows, and whether their losses were a surprise."""
    model, start, labelled = (neuron.point, neuron.gradient, neuron.hessian), neuron.point, rows.of(neuron.positive)
    is_fresh = neuron.curvature == 0.0 and task.loss != "log_loss"
    if is_fresh:
        start = search(Objective(labelled, "log_loss", task.penalty, model), start, task.goal).end
    found = search(Objective(labelled, task.loss, task.penalty, model, neuron.curvature), start, task.goal)
    shrinking = float(inner_product(task.penalty * neuron.point, neuron.point)) / 2
    loss = neuron.loss(rows, task.loss) if is_fresh else found.first_value - shrinking
    weight = float(sum_in_order(rows.weights))
    usual = neuron.losses / max(task.total_weight - weight, weight * 1e-9)
    is_surprised = loss > SURPRISING * usual * weight + SURPRISING_ROWS * weight / rows.weights.size
    return neuron.at(found, task.penalty)._replace(losses=neuron.losses + loss), is_surprised


def optimum_of_all(neuron: Neuron, memory: Memory, task: Task, *, is_fresh: bool) -> Found:
    """Return the optimum over a memory that holds all rows.

    The squared error has several minima, and no slope where a neuron is quite sure and quite wrong: a fresh search goes
    by way of the log loss as well.
    """
    rows, nothing = memory_rows(neuron, memory)
    objective = Objective(rows, task.loss, task.penalty, nothing)
    found = search(objective, neuron.point, task.goal)
    if is_fresh and task.loss != "log_loss":
        start = search(Objective(rows, "log_loss", task.penalty, nothing), neuron.point, task.goal).end
        found = min(found, search(objective, start, task.goal), key=lambda one: one.state.value)
    return found


def corrected(neuron: Neuron, memory: Memory, task: Task) -> Neuron:
    """Return the neuron, or one made from the memory, where that is better on it than chance explains.

    That one has the optimum of the log loss. The squared error's own fits the few rows that are kept between the
    classes too well: with 1% of rows in one class it cost 0.007 on all rows, this 0.00003.
    """
    rows, nothing = memory_rows(neuron, memory)
    found = search(Objective(rows, "log_loss", task.penalty, nothing), neuron.point, task.goal)
    objective = Objective(rows, task.loss, task.penalty, nothing)
    now = found.first_value
    if task.loss != "log_loss":
        now = objective.at(neuron.point, 0.0).value
        found = search(objective, found.end, task.goal, budget=1)
    is_worse = now - found.state.value > explained_by_chance(found, memory, task)
    return neuron.at(found, task.penalty) if is_worse else neuron


def memory_rows(neuron: Neuron, memory: Memory) -> tuple[tuple[Array, Array, Array], Model]:
    """Return the rows of a memory as a neuron takes them, and a model of no others."""
    rows, point = Rows(memory.panel, memory.codes, memory.weights), neuron.point
    return rows.of(neuron.positive), (point, np.zeros_like(point), np.zeros_like(neuron.hessian))


def has_saturated(state: State, memory: Memory, task: Task) -> bool:
    """Return whether a neuron is so sure of the kept rows that a parameter has less than a row's curvature."""
    return (
        state.curvature
        < float(LOSSES[task.loss].LARGEST_CURVATURE) * task.n_parameters * task.total_weight / memory.n_seen
    )


def explained_by_chance(found: Found, memory: Memory, task: Task) -> float:
    """Return how far above a memory's optimum that of all rows may be.

    Twice that excess, over the mean of slope^2 / curvature (times the weight of a kept row), is distributed as
    chi-squared (Wilks 1938); this is beyond all but about 1e-5 of it. A neuron that is sure of all kept rows does not
    tell that mean: it is then taken to be 1 for the log loss, as where it is the right model, and for the squared
    error to be more than usual.
    """
    state, ratio = found.state, memory.expansion * float(LOSSES[task.loss].UNKNOWN_RATIO)
    if not has_saturated(state, memory, task):
        ratio = state.squared_slopes / state.curvature
    return ratio * (task.n_parameters / 2 + 3 * math.sqrt(task.n_parameters) + 8)
