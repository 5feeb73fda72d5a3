"""One neuron of partial_fit: a quadratic function for the rows it has seen, corrected by the rows that are kept.

The quadratic is the sum of each block's second-order expansion, taken where the sum of the quadratic so far and the
block's exact loss is least: an implicit step, which cannot diverge. It cannot represent rows on which the neuron had
saturated. Their curvature is nil, so a million rows of one class would not resist the first row of another. So where
the kept rows say, by more than chance explains, that another point is better, the quadratic is made from them.

References
----------
Ollivier (2018), Online natural gradient as a Kalman filter, for the quadratic without kept rows.
"""

import math
from typing import NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.linear_algebra import inner_product
from fastperceptron.kernels.losses import CONVEX_LOSS, LOSSES
from fastperceptron.training.coordinates import Move
from fastperceptron.training.minimise.damped_newton import Found, minimise
from fastperceptron.training.minimise.objective import Objective, Quadratic, State
from fastperceptron.training.minimise.softmax_objective import objective_of
from fastperceptron.training.online.kept_rows import KeptRows

# A last Newton step that moves z by less than 3% of a unit, in the mean over rows, is taken without evaluating its end.
SMALL_MOVE = 0.03
# Mean loss per row that no step is worth.
NEGLIGIBLE_GAIN_PER_ROW = 1e-9
# A block is surprising if its loss exceeds this many times the usual, plus that of this many rows.
SURPRISING, SURPRISING_ROWS = 1.5, 8
# A block is one-sided if it lacks a side of which this many rows are expected: by chance, one block in 20,000 does.
MISSING_ROWS = 10
ROUNDING = 1e-9  # of sums of weights
MAXIMUM_EVALUATIONS = 40  # per search


class Block(NamedTuple):
    """Some rows, standardised."""

    panel: Array  # (n_rows, padded size) float64, with the bias's column
    codes: Array  # (n_rows,): class numbers
    weights: Array  # (n_rows,) float64, in the loss


class Task(NamedTuple):
    """What is minimised."""

    loss: str
    penalty: Array  # (padded size,) float64: the objective has penalty . point^2 / 2
    n_parameters: int
    total_weight: float  # of all rows so far, those of a fit too

    def goal(self, state: State) -> float:
        """Return the excess at which a search may end: the last step is small, or nothing is left to gain."""
        return max(SMALL_MOVE**2 / 2 * state.curvature, NEGLIGIBLE_GAIN_PER_ROW * self.total_weight)

    @property
    def is_convex(self) -> bool:
        """Whether the loss is."""
        return bool(LOSSES[self.loss].IS_CONVEX)


class Neuron(NamedTuple):
    """A neuron, or a softmax layer, and what it knows of the rows so far."""

    classes: tuple[int, ...]  # the class that it separates from all others; or those of the layer
    quadratic: Quadratic  # of the rows so far, about the neuron's point
    memory: Quadratic | None = None  # of rows before the first that could be kept: those of a fit
    losses: float = 0.0  # the sum of the rows' losses, each before it was learnt from
    doubt: float = 0.0  # the expected excess of the losses over their minimum, where rows came sorted; else 0

    @property
    def point(self) -> Array:
        """The weights, standardised, bias last; of a layer those of its classes, one after another."""
        return self.quadratic.point

    def moved(self, move: Move, bias: int) -> "Neuron":
        """Return the neuron in other coordinates; `bias` is the bias's index."""
        memory = None if self.memory is None else moved_quadratic(self.memory, move, bias)
        return self._replace(quadratic=moved_quadratic(self.quadratic, move, bias), memory=memory)

    def about(self, point: Array, penalty: Array) -> "Neuron":
        """Return the neuron at another point, which it takes for the optimum of all rows so far; none are kept."""
        has_rows = self.quadratic.curvature > 0
        memory = self.quadratic._replace(point=point, gradient=-penalty * point * has_rows)
        return self._replace(quadratic=memory, memory=memory if has_rows else None)

    def at(self, found: Found, penalty: Array) -> "Neuron":
        """Return the neuron where a search ended; the expansion there is its quadratic."""
        state, point = found.state, found.end
        # At the minimum of the penalised expansion, the slope of the rest cancels the penalty's.
        gradient = -penalty * point if found.is_sure else state.gradient - penalty * point
        return self._replace(quadratic=Quadratic(point, gradient, state.hessian, state.curvature))

    def objective(self, rows: Block | KeptRows, task: Task, loss: str, quadratic: Quadratic | None) -> Objective:
        """Return the penalised loss over rows, plus a quadratic for others."""
        return objective_of(rows, self.classes, loss, task.penalty, quadratic=quadratic)

    def objective_of_all(self, kept: KeptRows, task: Task, loss: str) -> Objective:
        """Return the penalised loss over all rows so far, as the kept rows and the memory tell it."""
        return self.objective(kept, task, loss, self.memory)

    def loss(self, rows: Block, task: Task) -> float:
        """Return the sum of the rows' losses, without the penalty."""
        objective = self.objective(rows, task._replace(penalty=np.zeros_like(task.penalty)), task.loss, None)
        return objective.at(self.point, 0.0, has_hessian=False).value


def moved_quadratic(quadratic: Quadratic, move: Move, bias: int) -> Quadratic:
    """Return a quadratic function in other coordinates; `bias` is the bias's index."""
    point, gradient, hessian, curvature = quadratic
    return Quadratic(
        move.of_point(point, bias), move.of_gradient(gradient, bias), move.of_hessian(hessian, bias), curvature
    )


def _penalty_at(point: Array, task: Task) -> float:
    return float(inner_product(task.penalty * point, point)) / 2


def search(objective: Objective, start: Array, task: Task, most: int = MAXIMUM_EVALUATIONS) -> Found:
    """Return the minimum of an objective to within the task's goal, or where the evaluations ended."""
    exactness = 0.0 if LOSSES[objective.loss].IS_CONVEX else 1.0
    first = minimise(objective, start, task.goal, exactness, 1)
    if first.is_sure or most == 1:
        return first
    # Where a neuron has saturated and is wrong, slopes are 1 and curvatures nil, and steps overshoot: zero is better.
    zero = np.zeros_like(start)
    start = zero if start.any() and objective.at(zero, exactness).value < first.state.value else start
    found = minimise(objective, start, task.goal, exactness, most - 1)
    return found._replace(values=(*first.values, *found.values))


def learn(neuron: Neuron, rows: Block, task: Task) -> tuple[Neuron, bool]:
    """Return the neuron after more rows, and whether their losses were surprising."""
    quadratic, start = neuron.quadratic, neuron.point
    is_fresh = quadratic.curvature == 0.0 and not task.is_convex
    if is_fresh:
        start = search(neuron.objective(rows, task, CONVEX_LOSS, quadratic), start, task).end
    found = search(neuron.objective(rows, task, task.loss, quadratic), start, task)
    loss = neuron.loss(rows, task) if is_fresh else found.values[0] - _penalty_at(neuron.point, task)
    weight = float(sum_in_order(rows.weights))
    usual = neuron.losses / max(task.total_weight - weight, weight * 1e-9)
    is_surprised = loss > SURPRISING * usual * weight + SURPRISING_ROWS * weight / rows.weights.size
    return neuron.at(found, task.penalty)._replace(losses=neuron.losses + loss), is_surprised


def optimum_of_all(neuron: Neuron, kept: KeptRows, task: Task, *, is_fresh: bool) -> Found:
    """Return the minimum over the kept rows where these are all rows so far.

    The squared error has several minima, and no slope where a neuron is sure and wrong: a fresh search also starts from
    the minimum of the convex loss.
    """
    objective = neuron.objective_of_all(kept, task, task.loss)
    found = search(objective, neuron.point, task)
    if is_fresh and not task.is_convex:
        start = search(neuron.objective_of_all(kept, task, CONVEX_LOSS), neuron.point, task).end
        found = min(found, search(objective, start, task), key=lambda one: one.state.value)
    return found


def is_one_sided(block: Block, kept: KeptRows, classes: tuple[int, ...]) -> bool:
    """Return whether rows came sorted by class: a block lacks one side, or has all rows of it so far, unlike chance.

    Sides are a class and all others.
    """
    return any(_lacks_a_side(block, kept, each) for each in classes)


def _lacks_a_side(block: Block, kept: KeptRows, positive: int) -> bool:
    n_rows, total = block.codes.size, float(sum_in_order(kept.class_totals))
    is_positive, share = block.codes == positive, float(kept.class_totals[positive]) / total
    for side, part in ((is_positive, share), (~is_positive, 1.0 - share)):
        count = int(np.count_nonzero(side))
        if count == 0 and part * n_rows > MISSING_ROWS:
            return True
        is_new = part * total <= float(sum_in_order(block.weights[side])) * (1 + ROUNDING)
        if is_new and kept.n_seen > n_rows and count > MISSING_ROWS:
            return True
    return False


def corrected(neuron: Neuron, kept: KeptRows, task: Task, *, is_sorted: bool = False) -> Neuron:
    """Return the neuron, or one made from the kept rows if that is better on them than chance explains.

    Where rows came sorted by class, little but the kept rows is known of the first classes: to be better than chance
    does on average is enough. If a block is one-sided (`is_sorted`), the neuron notes that average.

    That one has the minimum of the convex loss. The squared error's own fits the few kept rows between the classes too
    closely: with 1% of rows in one class it cost 0.007 per row on all rows, this one 0.00003.
    """
    found = search(neuron.objective_of_all(kept, task, CONVEX_LOSS), neuron.point, task)
    now = found.values[0]
    if task.loss != CONVEX_LOSS:
        objective = neuron.objective_of_all(kept, task, task.loss)
        now = objective.at(neuron.point, 0.0, has_hessian=False).value
        found = search(objective, found.end, task, most=1)
    if is_sorted:
        neuron = neuron._replace(doubt=expected_excess(found.state, kept, task))
    threshold = (expected_excess if kept.is_sorted else explained_by_chance)(found.state, kept, task)
    is_worse = now - found.state.value > threshold
    return neuron.at(found, task.penalty) if is_worse else neuron


def explained_by_chance(state: State, kept: KeptRows, task: Task) -> float:
    """Return how far above the minimum over the kept rows that over all rows may be.

    Twice that excess, over the mean of slope^2 / curvature times the weight of a kept row, is distributed as
    chi-squared (Wilks 1938); the result is beyond all but about 1e-5 of it. The mean is taken from the loss's facts
    where the neuron is so sure of the kept rows that a parameter has less than one row's curvature.
    """
    factor = task.n_parameters / 2 + 3 * math.sqrt(task.n_parameters) + 8
    return _ratio(state, kept, task) * factor


def expected_excess(state: State, kept: KeptRows, task: Task) -> float:
    """Return the expected excess over all rows of the minimum over the kept rows: the mean of that chi-squared."""
    return _ratio(state, kept, task) * task.n_parameters / 2


def _ratio(state: State, kept: KeptRows, task: Task) -> float:
    facts, ratio = LOSSES[task.loss], state.squared_slopes / state.curvature if state.curvature > 0 else 0.0
    mean_weight = float(sum_in_order(kept.class_totals)) / kept.n_seen
    has_saturated = state.curvature < facts.LARGEST_CURVATURE * task.n_parameters * mean_weight
    if has_saturated:
        ratio = kept.expansion * facts.UNKNOWN_RATIO
    return ratio
