"""L-BFGS as an object that names the next point to evaluate and is given loss and gradient there.

So the caller, who reads the rows, stays in control of the loop. No point is accepted before its loss is known.

References
----------
Nocedal (1980), Updating quasi-Newton matrices with limited storage. Hager and Zhang (2005), for the acceptance of steps
whose decrease is hidden by rounding: there the slope at the end decides.
"""

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.linear_algebra import inner_product
from fastperceptron.training.minimise.damped_newton import SUFFICIENT_DECREASE
from fastperceptron.training.minimise.inverse_hessian import Inverse
from fastperceptron.training.minimise.objective import are_alike

MAXIMUM_PAIRS = 30
# Relative rounding of a sum of float32 losses: an increase below it is not a reason to reject a step.
VALUE_ROUNDING = 1e-9
MAXIMUM_REJECTIONS = 12
# Recent steps whose decrease is compared with the decrease that was predicted.
RECENT_STEPS = 4
# The largest such ratio with which a gap is still known within a factor of 3.
MOST_CALIBRATION = 2.5


class LBFGS:
    """A minimisation in progress.

    Parameters
    ----------
    point : ndarray of shape (size,)
        Where to start.
    value : float
    gradient : ndarray of shape (size,)
        The objective and its gradient at the point.
    initial_inverse : callable
        The inverse Hessian before any pair (step, change of gradient) is known.
    is_scaled : bool
        Whether the initial inverse is scaled by the last pair (Nocedal and Wright 2006, 7.20): for guesses.

    Attributes
    ----------
    point, value, gradient
        The last accepted point, the objective and its gradient there.
    gap : float
        The estimated excess there of the objective over its minimum: half the Newton decrement g' H^-1 g, times what
        recent estimates fell short by.
    n_rejections : int
        Rejected trials since the last accepted point.
    is_stuck : bool
        Whether no step along the direction lowers the objective.
    """

    def __init__(
        self, point: Array, value: float, gradient: Array, initial_inverse: Inverse, is_scaled: bool = False
    ) -> None:
        self.point, self.value, self.gradient = point, value, gradient
        self._is_scaled = is_scaled
        self.restart(initial_inverse)

    def restart(self, initial_inverse: Inverse) -> None:
        """Continue from the accepted point with another initial inverse and without the pairs."""
        self.initial_inverse = initial_inverse
        self._pairs: list[tuple[Array, Array, float]] = []
        self._recent: list[tuple[float, float]] = []
        self._choose_direction()

    def recondition(self, initial_inverse: Inverse) -> None:
        """Continue from the accepted point with another initial inverse and the pairs."""
        self.initial_inverse = initial_inverse
        self._recent.pop()
        self._choose_direction()

    def _choose_direction(self) -> None:
        self._direction = -self.inverse_hessian_times(self.gradient)
        self._slope = float(inner_product(self._direction, self.gradient))
        self._length, self.n_rejections = 1.0, 0
        decrement = -self._slope / 2
        self.gap = decrement * self._calibration()
        self._recent = [*self._recent[-(RECENT_STEPS - 1) :], (self.value, decrement)]
        self.is_stuck = False

    @property
    def is_confirmed(self) -> bool:
        """Whether the last step gained what was foretold, so that the estimates of the gap need no other proof.

        On tables of rare columns, reads went on for a sample that agrees with them: 21 instead of 6.
        """
        shares = self._shares()
        return len(shares) > 1 and are_alike(1.0, shares[-2]) and max(shares) <= MOST_CALIBRATION

    def _shares(self) -> list[float]:
        """Return how many times larger recent decreases were than the gaps estimated before them; 0 for the present."""
        return [(value - self.value) / gap for value, gap in self._recent if gap > 0]

    def _calibration(self) -> float:
        """Return how many times larger recent decreases were than the gaps estimated before them, at least 1.

        On separable rows the loss falls exponentially, and of rare columns the initial inverse knows too little: there
        the decrement is a half or a third of the gap.
        """
        return max([1.0, *self._shares()])

    def inverse_hessian_times(self, vector: Array) -> Array:
        """Return the product of the two-loop recursion."""
        result, factors = vector.copy(), []
        for step, change, curvature in reversed(self._pairs):
            factor = float(inner_product(step, result)) / curvature
            result -= factor * change
            factors.append(factor)
        result = self.initial_inverse(result)
        if self._is_scaled and self._pairs:
            _, change, curvature = self._pairs[-1]
            product = float(inner_product(change, self.initial_inverse(change)))
            # 0 where all curvatures have underflowed, on separable rows without a penalty.
            result *= curvature / product if product > 0 else 1.0
        for (step, change, curvature), factor in zip(self._pairs, reversed(factors), strict=True):
            result += (factor - float(inner_product(change, result)) / curvature) * step
        return result

    @property
    def step(self) -> Array:
        """The whole step to the minimum of the quadratic model."""
        return self._direction

    @property
    def trial(self) -> Array:
        """The next point to evaluate."""
        return self.point + self._length * self._direction

    def observe(self, point: Array, value: float, gradient: Array) -> bool:
        """Take the objective and its gradient at the trial point (rounded or not); return whether it is accepted."""
        step = point - self.point
        slope_before, slope_after = (float(inner_product(step, g)) for g in (self.gradient, gradient))
        is_lower = value <= self.value + SUFFICIENT_DECREASE * slope_before
        is_flat = value <= self.value + VALUE_ROUNDING * abs(self.value)
        if not (is_lower or (is_flat and abs(slope_after) <= 0.5 * abs(slope_before))):
            self._shorten(value, slope_before)
            return False
        change = gradient - self.gradient
        curvature = slope_after - slope_before
        if curvature > 1e-12 * float(np.abs(slope_before)):
            self._pairs = [*self._pairs[-(MAXIMUM_PAIRS - 1) :], (step, change, curvature)]
        self.point, self.value, self.gradient = point, value, gradient
        self._choose_direction()
        return True

    def _shorten(self, value: float, slope: float) -> None:
        """Shorten the step to the minimum of the parabola through what is known, to between a tenth and a half."""
        excess = value - self.value - slope
        share = -slope / (2 * excess) if np.isfinite(excess) and excess > 0 else 0.1
        self._length *= min(max(share, 0.1), 0.5)
        self.n_rejections += 1
        self.is_stuck = self.n_rejections >= MAXIMUM_REJECTIONS
