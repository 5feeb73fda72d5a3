"""The sample's part in a fit: the start of the search over all rows, its Hessians, and the scale of the certificate.

Where the sample is all rows, its minimum is the fit's.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.losses import CONVEX_LOSS, LOSSES
from fastperceptron.training.coordinates import Coordinates
from fastperceptron.training.minimise.by_gradients import follow_gradients, minimise_by_gradients
from fastperceptron.training.minimise.damped_newton import minimise
from fastperceptron.training.minimise.objective import ROUNDING, Objective, Reach, State
from fastperceptron.training.minimise.softmax_objective import SoftmaxObjective, objective_of, without_common_part
from fastperceptron.training.newton.all_rows import Reading
from fastperceptron.training.newton.certificate import (
    MORE_COMPARED_STEPS,
    ROUGH,
    Certificate,
    RowTotals,
    certificate_of,
    is_little_left,
    rough_goal,
)
from fastperceptron.training.newton.neuron import DiagonalOnly, KroneckerHessian, Neuron, OwnHessian
from fastperceptron.training.newton.sample import Sample, draw_sample
from fastperceptron.training.newton.sample_size import gradient_rows, hessian_rows
from fastperceptron.training.problem import NewtonOptions, Problem
from fastperceptron.training.separation import is_partly_separated, is_separated
from fastperceptron.training.threads import MapInOrder
from fastperceptron.training.units import check_range

# Multiply-adds of a Hessian above which gradients should do most of the way.
LARGE_WORK = 1 << 24
# Rows per parameter below which the minimum over the sample is so far from that over all rows that half of the sample
# is held out to end the search.
ENOUGH_ROWS_PER_PARAMETER = 20
# Where all rows are the sample and no more than this, the minimum is polished to rounding, by three steps.
POLISHED_ROWS, POLISHING_STEPS = 5000, 3
# How many rough goals, each a tenth of the sampling error, a given start may be above the minimum over the sample.
GIVEN = 20.0
# Share of the goal that further steps from a Kronecker product may gain, as far as the gains so far foretell.
KRONECKER_SHARE = 0.5
# Sampled rows per parameter with the largest curvature, together as much as all have: below, the loss has saturated.
CURVED_ROWS = 1.5
# Every eighth row takes the first steps, at most eight, where these are enough rows and a Hessian of all takes time:
# real tables of 10,000 to 40,000 rows took 0.76 to 0.95 of the time on one thread, larger ones 0.96 to 1.02.
COARSE, COARSE_EVALUATIONS, LITTLE_WORK = 8, 8, 1 << 19


def stages(loss: str) -> list[str]:
    """Return the losses to minimise one after another: one that is not convex starts from the convex one's minimum."""
    return [loss] if LOSSES[loss].IS_CONVEX else [CONVEX_LOSS, loss]


class Searched(NamedTuple):
    """Where a search over all rows is."""

    point: Array
    step: Array  # the Newton step from there
    value: float  # of the objective
    gap: float
    exactness: float  # of the Hessian; see State
    is_confirmed: bool = False  # whether the last read gained what was foretold, see LBFGS
    hessian_point: Array | None = None  # where the Hessian was taken, if it is of all rows and the sample is not

    @property
    def is_of_all(self) -> bool:
        """Whether the Hessian is of all rows, where the sample is not."""
        return self.hessian_point is not None


class _Last(NamedTuple):
    """The last objective over the sample, and what it was made from."""

    sample: Sample
    classes: tuple[int, ...]
    objective: Objective


class Start:
    """A sample of the rows, and what a fit takes from it.

    `has_hessian`: each neuron has a Hessian of the sample of its own.
    """

    def __init__(self, problem: Problem, options: NewtonOptions, map_in_order: MapInOrder[Any, Any]) -> None:
        self._problem, self._options, self._map = problem, options, map_in_order
        n_rows, n_features = problem.rows.n_rows, problem.rows.n_features
        size = hessian_rows(n_rows, n_features, len(problem.layers[0]), problem.rows.read_width)
        self.has_hessian = size > 0
        size = size or gradient_rows(n_rows, n_features, len(problem.layers[0]))
        self.sample = draw_sample(problem, size, options.fit_intercept)
        check_range(problem, self.sample.coordinates.deviations)
        self._unit = self._totals.unit  # the weight of a typical row
        self._last: _Last | None = None

    @property
    def coordinates(self) -> Coordinates:
        """Those of the fit."""
        return self.sample.coordinates

    @property
    def n_sampled(self) -> int:
        """The number of rows of the sample."""
        return self.sample.n_rows

    @property
    def is_all(self) -> bool:
        """Whether the sample is all rows, and its minimum the fit's."""
        return self.has_hessian and self.sample.is_all

    def expected_excess(self, loss: str) -> float:
        """Return the excess over all rows that chance makes of the minimum over the sample."""
        return rough_goal(loss, self._problem.n_parameters, self._expansion, self._unit) / ROUGH

    def minimise_anew(self, neuron: Neuron, loss: str, penalty: Array) -> None:
        """Move a neuron to the minimum over the present sample, from zero weights."""
        neuron.point, neuron.found, certificate = self.first_point(neuron.classes, None), None, neuron.certificate
        for stage in stages(loss):
            self._minimise(neuron, stage, penalty, is_given=False)
        # The sampling error is not known from rows that stand for different numbers of others.
        neuron.certificate = certificate

    def first_point(self, classes: tuple[int, ...], weights: Array | None) -> Array:
        """Return a point: of given weights for raw rows, bias last; else of zeros and biases near the classes' odds."""
        vectors = np.zeros((len(classes), self.sample.panel.shape[1]))
        if weights is not None:
            vectors[:] = [self.coordinates.to_standard(each) for each in weights]
        elif self._options.fit_intercept:
            is_shared = len(classes) > 1
            logits = [self._rough_logit(each, is_shared) for each in classes]
            vectors[:, self._problem.rows.n_features] = logits
        return (vectors if len(classes) == 1 else without_common_part(vectors)).reshape(-1)

    def renews_diagonal(self, neuron: Neuron) -> bool:  # noqa: ARG002  # as WideStart needs it
        """Return whether the next read is to renew a diagonal that steps begin from: not where there is a sample."""
        return False

    def is_better_diagonal(self, neuron: Neuron, reading: Reading) -> bool:  # noqa: ARG002  # as WideStart needs it
        """Return whether the diagonal of a reading is to replace the neuron's."""
        return True

    def _rough_logit(self, code: int, is_shared: bool) -> float:
        return self.sample.rough_logit(code, is_shared=is_shared)

    def is_enough(self, neuron: Neuron, search: Searched, penalty: Array) -> bool:
        """Return whether a search may end where its gap is at most the goal: the gap must be known, if it can be.

        That of a Kronecker product is not: where it ended the search, the objective was 1.5 to 16 goals too high.
        Without a penalty, rows that are separated move on and on; that they are is decided once their cost is small.
        """
        if isinstance(neuron.hessian, KroneckerHessian):
            goal = neuron.certificate.goal(self._options.tol)
            return is_little_left(neuron.values, search.gap, KRONECKER_SHARE * goal, MORE_COMPARED_STEPS)
        if not (neuron.hessian.is_own or self.is_all):
            return True
        problem, loss = self._problem, self._options.loss
        is_blind = not LOSSES[loss].IS_CONVEX and search.exactness == 0
        if is_blind or (self._options.penalty == 0 and is_separated(problem, loss, search.value)):
            return True
        reach = self.reach(neuron, search, loss, penalty)
        is_free = self._options.penalty == 0 and LOSSES[loss].IS_CONVEX
        is_local = reach.is_local(search.value, search.gap, search.is_confirmed, search.is_of_all)
        is_held = is_local or (is_free and is_partly_separated(problem, reach, search.gap))
        return is_held and self.is_fresh(neuron, search, reach, penalty)

    def is_fresh(self, neuron: Neuron, search: Searched, reach: Reach, penalty: Array) -> bool:
        """Return whether a search's Hessian holds where it is; `reach` is that of its step. See `Reach.is_fresh`."""
        then = search.hessian_point
        if then is None or then is search.point or search.gap <= ROUNDING * abs(search.value):
            return True
        objective = self.objective(neuron, self._options.loss, penalty)
        of_step, moved = objective.reach(then, search.step), objective.reach(then, search.point - then)
        return reach.is_fresh(search.gap, of_step, moved)

    def prepare(self, neurons: list[Neuron], penalty: Array, is_given: bool) -> list[str]:
        """Move neurons to a good start, and take their Hessians; return the losses to minimise over all rows.

        `is_given` says that they start from given weights. Where a loss that is not convex has saturated on the sample,
        the way leads over the convex loss: of nearly separable flowers, the squared error ended in another minimum, a
        quarter higher, or took 44 reads instead of 11.
        """
        loss = self._options.loss
        if self._problem.is_softmax and not self.has_hessian:
            # From zero weights: where few rows' minimum leads, probabilities are saturated. 22 reads instead of 39.
            for neuron in neurons:
                objective = self.objective(neuron, loss, penalty)
                if isinstance(objective, SoftmaxObjective):
                    neuron.hessian = KroneckerHessian(objective.kronecker_product(neuron.point))
            return [loss]
        if is_given or self.has_hessian:
            for neuron in neurons if self.has_hessian else ():
                for stage in [loss] if is_given else stages(loss):
                    self._minimise(neuron, stage, penalty, is_given)
            if is_given or self.is_all or all(self._is_curved(neuron, loss) for neuron in neurons):
                return [loss]
            for neuron in neurons:
                neuron.point, neuron.found = self.first_point(neuron.classes, None), None
                self._minimise(neuron, CONVEX_LOSS, penalty, is_given=False)
        else:
            for neuron in neurons:
                objective = self.objective(neuron, stages(loss)[0], penalty)
                neuron.point, search = follow_gradients(objective, neuron.point)
                neuron.hessian = DiagonalOnly(objective.n_vectors, search)
        return stages(loss)

    def _is_curved(self, neuron: Neuron, loss: str) -> bool:
        """Return whether enough sampled rows have a curvature at the minimum over them, or the loss is convex."""
        facts = LOSSES[loss]
        if facts.IS_CONVEX or neuron.found is None:
            return True
        rows_per_parameter = neuron.found.state.curvature / (self._expansion * self._unit * facts.LARGEST_CURVATURE)
        return bool(rows_per_parameter >= CURVED_ROWS * (self._problem.rows.n_features + 1))

    def objective(self, neuron: Neuron, loss: str, penalty: Array) -> Objective:
        """Return the penalised loss of a neuron over the sample: the same object as the last time, if nothing changed.

        A search, the test of its end and what is told of it need the same one, which costs a read of the class numbers.
        """
        sample, last, classes = self.sample, self._last, neuron.classes
        if last is None or last.sample is not sample or last.classes != classes:
            objective = objective_of(sample, classes, loss, penalty, map_in_order=self._map)
        elif last.objective.loss == loss and last.objective.penalty is penalty:
            return last.objective
        else:
            objective = last.objective.of(loss, penalty)
        self._last = _Last(sample, classes, objective)
        return objective

    def reach(self, neuron: Neuron, search: Searched, loss: str, penalty: Array) -> Reach:
        """Return how far the quadratic model holds for a search's step, as the sample says.

        Where the Hessian is of all rows, a sample's own may be bent: then its part that is never negative is compared.
        """
        exactness = 0.0 if search.is_of_all else search.exactness
        return self.objective(neuron, loss, penalty).reach(search.point, search.step, exactness)

    def certificate_at(self, neuron: Neuron, reading: Reading, loss: str, penalty: Array) -> Certificate:
        """Return what the gaps of a neuron are compared with, from a reading on."""
        state = self.objective(neuron, loss, penalty).at(reading.point, 0.0, has_hessian=False)
        return self.certificate(state, loss)

    def safe_step(self, neuron: Neuron, loss: str, penalty: Array) -> Array:
        """Return a step from where a neuron's search is to where its objective is sure to be lower."""
        search = neuron.search
        return self.objective(neuron, loss, penalty).safe_step(neuron.point, search.step, search.gap)

    def hessian_at(self, neuron: Neuron, point: Array, loss: str, exactness: float, penalty: Array) -> OwnHessian:
        """Return the sample's Hessian for a neuron at a point."""
        return OwnHessian(self.objective(neuron, loss, penalty).at(point, exactness).hessian, exactness)

    def _minimise(self, neuron: Neuron, loss: str, penalty: Array, is_given: bool) -> None:
        """Move a neuron to the minimum over the sample: within `tol` where that is all rows, else a rough one.

        A given start may be closer to the minimum over all rows than that over the sample is: it stays where it is if
        its excess over the sample is no more than chance explains.
        """
        is_all, options, n_parameters = self.sample.is_all, self._options, self._problem.n_parameters
        objective, exactness = self.objective(neuron, loss, penalty), 0.0 if LOSSES[loss].IS_CONVEX else 1.0
        certificate = self._certificates(loss)
        rough = rough_goal(loss, n_parameters, self._expansion, self._totals.unit)
        rough *= GIVEN if is_given else 1.0
        if objective.work >= LARGE_WORK and not is_all:
            is_held_out = self.sample.n_rows < ENOUGH_ROWS_PER_PARAMETER * n_parameters
            found = minimise_by_gradients(objective, neuron.point, rough, exactness, is_held_out)
        else:
            budget = options.max_iter - (neuron.found.n_evaluations if neuron.found else 0)
            is_polished = is_all and loss == options.loss and self.sample.n_rows <= POLISHED_ROWS
            start, fallback, enough_rows = neuron.point, None, COARSE * ENOUGH_ROWS_PER_PARAMETER * n_parameters
            if neuron.found is None and objective.work >= LITTLE_WORK and self.sample.n_rows >= enough_rows:
                coarse, enough = objective.every(COARSE), COARSE * rough
                fallback = start
                start = minimise(coarse, start, lambda _: enough, exactness, COARSE_EVALUATIONS).state.point

            def is_enough(state: State, step: Array, gap: float) -> bool:
                search = Searched(state.point, step, state.value, gap, state.exactness, is_confirmed=True)
                return self.is_enough(neuron, search, penalty)

            found = minimise(
                objective,
                start,
                lambda state: certificate(state).goal(options.tol) if is_all else rough,
                exactness,
                max(budget, 1),
                polishing_steps=POLISHING_STEPS if is_polished else 0,
                fallback=fallback,
                is_rough=not is_all,
                is_enough=is_enough if is_all and loss == options.loss else None,
            )
        # A read of all rows follows and evaluates the point, so a sure but unevaluated step may be taken.
        is_unchecked = not is_all and found.gap > rough
        neuron.found, neuron.point = found, found.end if is_unchecked else found.state.point
        neuron.hessian = OwnHessian(found.state.hessian, found.state.exactness)
        neuron.certificate = certificate(found.state)
        if is_all and len(found.values) == 1 and not neuron.certificate.is_reached(found.gap, options.tol):
            neuron.point = found.state.point + objective.safe_step(found.state.point, found.step, found.gap)
            neuron.is_beyond = True

    @property
    def _totals(self) -> RowTotals:
        """What all rows weigh in the loss, from the sample."""
        if self._problem.is_plain:
            return RowTotals(float(self._problem.rows.n_rows), 1.0, is_plain=True)
        total, squares = self.sample.weight_sums
        return RowTotals(total, squares / total / self._expansion, is_plain=False)

    @property
    def _expansion(self) -> float:
        """How many rows each sampled row stands for."""
        return float(self._problem.rows.n_rows / self.sample.n_rows)

    @property
    def _n_parameters(self) -> int:
        return self._problem.n_parameters

    def certificate(self, state: State, loss: str) -> Certificate:
        """Return what the gaps of a neuron are compared with, given its state on the sample."""
        return self._certificates(loss)(state)

    def _certificates(self, loss: str) -> Callable[[State], Certificate]:
        """Return `certificate` as a function of the state alone, for the present sample."""
        return partial(
            certificate_of,
            loss=loss,
            n_parameters=self._n_parameters,
            totals=self._totals,
            expansion=self._expansion,
            is_penalised=self._options.penalty > 0,
        )
