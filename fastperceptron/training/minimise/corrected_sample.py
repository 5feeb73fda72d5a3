"""The gradient-corrected sample problem: a sample's loss, corrected by what reads of all rows say, as their model.

At the accepted point w the model is

    phi(v) = loss of the sample at v + penalty + (g - g_sample) . (v - w) + (v - w)' E (v - w) / 2

where g is the gradient over all rows. The sample's rows are weighed so that the Hessian's diagonal at w is exact (see
kernels/raking.py), and E holds secant corrections: what past reads showed of the Hessian that the sample lacks. phi is
minimised without a read; then one read at its minimum follows. The sample's curvature at every v is in phi, so that the
rows' saturation, which no quadratic model knows of, is too.

References
----------
Shamir, Srebro and Zhang (2014), Communication-efficient distributed optimization using an approximate Newton-type
method, for the linear correction. Nocedal and Wright (2006, 6.2), for symmetric rank-one updates.
"""

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.linear_algebra import inner_product
from fastperceptron.kernels.online import add_product
from fastperceptron.training.minimise.inverse_hessian import Inverse, exact_inverse, inverse_hessian, is_bent
from fastperceptron.training.minimise.lbfgs import LBFGS
from fastperceptron.training.minimise.objective import Objective, Quadratic
from fastperceptron.training.minimise.search import Search

# Times that rows are raked: at first, and from there on as their curvatures change.
RAKINGS, FEWER_RAKINGS = 3, 2
# Share of the gap at which the model's minimum is close enough, and evaluations of the model that are spent on it.
ENOUGH, MOST_EVALUATIONS = 0.01, 30
# How many gaps the model may fall: along a separable direction the loss falls by two. Beyond, the model has no minimum
# worth going to: the linear correction outweighs the loss of a sample that is nearly separable.
MOST_GAPS = 3.0
# Share of the gap before at which a read gained so much that its secants are kept.
HELPFUL = 0.5
# What is left of the allowed decrease when a trial is rejected.
SHRINKAGE = 0.25
# A secant that is nearly orthogonal to its step (the cosine is that in the Hessian's norm) is noise, which a rank-one
# update magnifies: with all of them, a gap on diamonds was told 200 times too small.
SMALLEST_COSINE = 0.3
# A secant of negative curvature counts while this share of the sample's Hessian makes up for it.
SHARE_OF_HESSIAN = 0.7


class CorrectedSample(Search):
    """A minimisation over all rows by the corrected loss of a sample.

    Parameters
    ----------
    sample : Objective
        The loss of the sampled rows, whose weights make up for the rows that were not drawn.
    exactness : float
        Of the Hessians; see `State`.
    point, value, gradient
        See `Search`; they are of all rows.
    diagonal, diagonal_point : ndarray of shape (size,)
        Of the Hessian over all rows, without the penalty, and the point where that was read.

    Attributes
    ----------
    hessian : ndarray of shape (size, size)
        Of the sample at the last point that it was taken at, without the penalty; its upper triangle counts.
    """

    def __init__(
        self,
        sample: Objective,
        exactness: float,
        point: Array,
        value: float,
        gradient: Array,
        diagonal: Array,
        diagonal_point: Array,
    ) -> None:
        super().__init__(point, value, gradient)
        self._drawn, self._sample, self.exactness = sample, sample, exactness
        self._secants = np.zeros((point.size, point.size))
        self._most_decrease = self._gap_before = np.inf
        self.renew(diagonal, diagonal_point)

    def renew(self, diagonal: Array, diagonal_point: Array) -> None:
        """Weigh the sample for an exact diagonal, and take its Hessian at the accepted point.

        Secants are dropped where the last read gained little: they are of a curvature that was, on separable rows say.
        """
        if self.gap > HELPFUL * self._gap_before:
            self._secants[:] = 0.0
        self._gap_before = self.gap
        n_rakings = RAKINGS if self._sample is self._drawn else FEWER_RAKINGS
        weights, unseen = raked_weights(self._sample, diagonal_point, self.exactness, diagonal, n_rakings)
        self._sample, self._unseen = self._drawn.weighted(weights), np.diag(unseen)
        self._state = self._sample.at(self.point, self.exactness)
        if self.exactness > 0 and is_bent(self._state.hessian + self._unseen, self._drawn.penalty):
            self.exactness = 0.0
            self._state = self._sample.at(self.point, self.exactness)
        self.hessian = self._state.hessian + self._unseen
        self._set_inverse()

    def _set_inverse(self) -> None:
        """Take the model's inverse Hessian at the accepted point; secants that make it indefinite are dropped."""
        hessian, penalty = self.hessian, self._drawn.penalty
        self._inverse: Inverse = exact_inverse(hessian + self._secants, penalty) or inverse_hessian(hessian, penalty)
        self._set_step(-self._inverse(self.gradient))
        self._trial: Array | None = None

    @property
    def trial(self) -> Array:
        """The next point to evaluate: the model's minimum, as far as the model is allowed to fall."""
        if self._trial is None:
            self._trial = self._minimum_of_model()
        return self._trial

    def _minimum_of_model(self) -> Array:
        correction = self.gradient - self._state.gradient
        model = self._sample.plus(Quadratic(self.point, correction, self._unseen + self._secants))
        start = model.at(self.point, 0.0, has_hessian=False)
        search = LBFGS(self.point, start.value, start.gradient, self._inverse)
        allowed, enough = min(self._most_decrease, MOST_GAPS * search.gap), ENOUGH * search.gap
        for _ in range(MOST_EVALUATIONS):
            if search.gap <= enough or search.is_stuck or start.value - search.value >= allowed:
                break
            trial = model.at(search.trial, 0.0, has_hessian=False)
            if start.value - trial.value > 2 * allowed:
                # Too far: halfway between the last two points.
                search.observe(trial.point, np.inf, trial.gradient)
            else:
                search.observe(trial.point, trial.value, trial.gradient)
        self._decrease = start.value - search.value
        if search.point is self.point:
            # Rounding hides that the model falls: a part of the step to the minimum of its quadratic expansion.
            return self.point + SHRINKAGE**self.n_rejections * self.step
        return search.point

    def _learn(self, step: Array, change: Array, is_accepted: bool) -> None:
        """Correct the model's Hessian by what the read shows along the step, by a symmetric rank-one update."""
        end = self._sample.at(self.point + step, 0.0, has_hessian=False)
        known = end.gradient - self._state.gradient
        add_product(self._unseen + self._secants, step, known)
        lacking = change - known
        curvature = float(inner_product(lacking, step))
        size = inner_product(lacking, self._inverse(lacking)) * abs(inner_product(step, known))
        if curvature * curvature > SMALLEST_COSINE**2 * size:
            secants = self._secants + np.outer(lacking, lacking) / curvature
            rest = SHARE_OF_HESSIAN * self._state.hessian + self._unseen
            if curvature > 0 or exact_inverse(rest + secants, self._drawn.penalty) is not None:
                self._secants = secants
        if is_accepted:
            self._state = self._state._replace(point=end.point, value=end.value, gradient=end.gradient)

    def _accept(self) -> None:
        self._most_decrease = np.inf
        self._set_inverse()

    def _reject(self, value: float, slope: float) -> None:  # noqa: ARG002 (what L-BFGS goes by)
        self._most_decrease = SHRINKAGE * self._decrease
        self._set_inverse()


def raked_weights(
    sample: Objective, point: Array, exactness: float, diagonal: Array, n_rakings: int
) -> tuple[Array, Array]:
    """Return weights of a sample's rows with which its Hessian has a given diagonal, and what no weights can give.

    That is the diagonal of the columns that no sampled row has, and 0 elsewhere.
    """
    curvatures, weights = sample.curvatures(point, exactness), sample.rows.weights.copy()
    nothing = np.zeros(point.size)
    sums = sample.rake(curvatures, (nothing, nothing), weights)
    is_seen = (sums > 0) & (diagonal > 0)
    units = np.divide(1.0, diagonal, out=np.zeros(point.size), where=is_seen)
    for _ in range(n_rakings):
        shares = np.divide(1.0, sums, out=units.copy(), where=is_seen & (sums > 0))
        sums = sample.rake(curvatures, (shares, units), weights)
    return weights, np.where(is_seen, 0.0, np.maximum(diagonal, 0.0))
