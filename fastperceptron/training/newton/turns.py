"""What a neuron turns to where steps gain little: the corrected loss of a sample, or a Hessian of all rows."""

from typing import Any

from fastperceptron.training.minimise.corrected_sample import CorrectedSample
from fastperceptron.training.minimise.lbfgs import LBFGS
from fastperceptron.training.newton.all_rows import AllRows, Reading
from fastperceptron.training.newton.leverage_sample import draw_by_leverage
from fastperceptron.training.newton.neuron import Neuron, OwnHessian
from fastperceptron.training.newton.start import Start
from fastperceptron.training.newton.ways import Prices, Way, expected_halvings, halvings
from fastperceptron.training.problem import NewtonOptions, Problem
from fastperceptron.training.threads import MapInOrder

# A search begins again from the sample's minimum where its gap is this many times what chance makes of that.
FAR = 4.0
# Rejected steps in a row after which a corrected sample or a new Hessian is given up.
REJECTIONS = 3
# Reads with a gap at the goal that is not known, after which a Hessian of all rows is to prove it, and those after
# which a search ends without proof.
UNPROVEN, MOST_UNPROVEN = 2, 6


class Turns:
    """Chooses how neurons go on, and lets them."""

    def __init__(
        self,
        problem: Problem,
        options: NewtonOptions,
        start: Start,
        all_rows: AllRows,
        map_in_order: MapInOrder[Any, Any],
    ) -> None:
        self._problem, self._options, self._map = problem, options, map_in_order
        self._start, self._all_rows = start, all_rows
        self._n_sampled = start.n_sampled
        self._prices = Prices(problem.rows, self._n_sampled, len(problem.layers[0]))

    def steps_from(self, neuron: Neuron, reading: Reading) -> None:
        """Go on by L-BFGS steps from the neuron's Hessian of the sample, or from the diagonal alone."""
        self._search_from(neuron, reading)
        neuron.mismatch = neuron.hessian.mismatch(neuron.diagonal)
        expected = expected_halvings(self._n_sampled, self._problem.rows.n_features, neuron.mismatch)
        neuron.pace.begin(Way.STEPS, neuron.search.gap, expected)

    def _search_from(self, neuron: Neuron, reading: Reading) -> None:
        inverse = neuron.hessian.inverse(neuron.diagonal, self._all_rows.penalty)
        neuron.search = LBFGS(reading.point, reading.value, reading.gradient, inverse, neuron.hessian.is_scaled)

    def way_of(self, neuron: Neuron, tol: float) -> Way:
        """Return the cheapest way to go on; STEPS is the present one."""
        search = neuron.search
        if neuron.pace.way is not Way.STEPS and 0 < search.n_rejections < REJECTIONS:
            return Way.STEPS
        # No gap exceeds the objective, which is never negative.
        needed = halvings(max(min(search.gap, search.value) / neuron.certificate.goal(tol), 1.0))
        is_new = neuron.hessian_point is not search.point
        if needed == 0 and neuron.n_unproven >= UNPROVEN:
            return Way.HESSIAN if is_new and self._prices.is_hessian_useful else Way.STEPS
        return self._prices.cheapest(neuron.pace, needed, is_new, neuron.mismatch)

    def draw(self, neuron: Neuron) -> bool:
        """Draw the sample to correct, unless a neuron did; return whether the neuron is far from its minimum.

        Then it is moved there, and has to be read: what is saturated at a point says nothing about another one.
        """
        start, all_rows, problem = self._start, self._all_rows, self._problem
        if not self._prices.has_drawn:
            start.sample = draw_by_leverage(
                problem,
                self._prices.n_corrected,
                start.coordinates,
                all_rows.deviations,
                self._options.fit_intercept,
                self._map,
            )
            self._prices.has_drawn = True
            all_rows.n_reads += 1
        if neuron.search.gap <= FAR * start.expected_excess(all_rows.loss):
            return False
        start.minimise_anew(neuron, all_rows.loss, all_rows.penalty)
        return True

    def correct_sample(self, neuron: Neuron, fresh: Reading | None) -> None:
        """Go on by the corrected loss of the sample: from a fresh reading, if that is better than where it is."""
        search, all_rows = neuron.search, self._all_rows
        at = search.point, search.value, search.gradient
        if fresh is not None and fresh.value < search.value:
            neuron.take_diagonal(fresh)
            at = fresh.point, fresh.value, fresh.gradient
        sample = self._start.objective(neuron, all_rows.loss, all_rows.penalty)
        corrected = CorrectedSample(sample, all_rows.exactness, *at, neuron.diagonal, neuron.diagonal_point)
        neuron.search, neuron.hessian = corrected, OwnHessian(corrected.hessian, corrected.exactness)
        neuron.pace.begin(Way.DRAW if self._prices.has_drawn else Way.SAMPLE, corrected.gap)

    def take_hessian(self, neuron: Neuron) -> None:
        """Go on by L-BFGS steps from the Hessian of all rows, by a read."""
        search, all_rows = neuron.search, self._all_rows
        hessian, exactness = all_rows.hessian(search.point, neuron.classes)
        neuron.hessian, neuron.hessian_point = OwnHessian(hessian, exactness), search.point
        reading = Reading(search.point, search.value, search.gradient, hessian.diagonal())
        neuron.take_diagonal(reading)
        self._search_from(neuron, reading)
        neuron.pace.begin(Way.HESSIAN, neuron.search.gap)
