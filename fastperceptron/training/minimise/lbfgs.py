"""L-BFGS as a value that is asked for a point and told loss and gradient there: whoever reads the rows stays in charge.

Its initial inverse Hessian is a sample's, so few steps are left to do; no point is accepted before its loss is known.

References
----------
Nocedal (1980), Updating quasi-Newton matrices with limited storage. Hager and Zhang (2005), for the acceptance of steps
whose gain drowns in rounding: there the slope at the end tells what the values cannot.
"""

from collections.abc import Callable

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.linear_algebra import inner_product

MEMORY = 30
SUFFICIENT_DECREASE = 1e-4
# Rounding of a sum of float32 losses, relative: what an increase may be blamed on.
VALUE_ROUNDING = 1e-9
MAXIMUM_REJECTIONS = 12
# Steps whose gain is held against what was foretold.
RECENT = 4


class LBFGS:
    """A minimisation in progress.

    Attributes
    ----------
    point, value, gradient
        The last accepted point, the objective and its gradient there.
    gap : float
        Half the Newton decrement there: the estimated excess of the objective over its minimum.
    trial : ndarray
        The next point to evaluate.
    n_rejections : int
        How many trials in a row were no better.
    is_stuck : bool
        Whether no step along the direction lowers the objective.
    """

    def __init__(
        self,
        point: Array,
        value: float,
        gradient: Array,
        precondition: Callable[[Array], Array],
        is_scaled: bool = False,
    ) -> None:
        self.point, self.value, self.gradient = point, value, gradient
        self._recent: list[tuple[float, float]] = []
        self._is_scaled = is_scaled
        self.restart(precondition)

    def restart(self, precondition: Callable[[Array], Array]) -> None:
        """Go on from the accepted point with another inverse Hessian and no memory of the steps before.

        Where only its diagonal is known, it is scaled by what the last step found (Nocedal and Wright 2006, 7.20).
        """
        self.precondition = precondition
        self._pairs: list[tuple[Array, Array, float]] = []
        self._recent = []
        self._choose_direction()

    def recondition(self, precondition: Callable[[Array], Array]) -> None:
        """Go on from the accepted point with another inverse Hessian, and the memory of the steps before."""
        self.precondition = precondition
        self._recent.pop()
        self._choose_direction()

    def _choose_direction(self) -> None:
        self._direction = -self.inverse_hessian_times(self.gradient)
        self._slope = float(inner_product(self._direction, self.gradient))
        self._length, self.n_rejections = 1.0, 0
        decrement = -self._slope / 2
        self.gap = decrement * self._calibration()
        self._recent = [*self._recent[-(RECENT - 1) :], (self.value, decrement)]
        self.is_stuck = False

    def _calibration(self) -> float:
        """Return how many times the recent gaps' estimates fell short of what was gained since, at least 1.

        On separable rows the loss falls like an exponential, on rare columns the preconditioner sees too little: there
        the decrement tells a half or a third of the gap.
        """
        shares = [(value - self.value) / gap for value, gap in self._recent if gap > 0]
        return max([1.0, *shares])

    def inverse_hessian_times(self, vector: Array) -> Array:
        """Return the two-loop recursion's product."""
        result, factors = vector.copy(), []
        for step, change, curvature in reversed(self._pairs):
            factor = float(inner_product(step, result)) / curvature
            result -= factor * change
            factors.append(factor)
        result = self.precondition(result)
        if self._is_scaled and self._pairs:
            _, change, curvature = self._pairs[-1]
            result *= curvature / float(inner_product(change, self.precondition(change)))
        for (step, change, curvature), factor in zip(self._pairs, reversed(factors), strict=True):
            result += (factor - float(inner_product(change, result)) / curvature) * step
        return result

    @property
    def trial(self) -> Array:
        """The next point to evaluate."""
        return self.point + self._length * self._direction

    def observe(self, point: Array, value: float, gradient: Array) -> bool:
        """Take in the objective and gradient at (about) the trial point; return whether it was accepted."""
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
            self._pairs = [*self._pairs[-(MEMORY - 1) :], (step, change, curvature)]
        self.point, self.value, self.gradient = point, value, gradient
        self._choose_direction()
        return True

    def _shorten(self, value: float, slope: float) -> None:
        """Try again where the parabola through what is known is lowest, within a tenth and a half."""
        excess = value - self.value - slope
        share = -slope / (2 * excess) if np.isfinite(excess) and excess > 0 else 0.1
        self._length *= min(max(share, 0.1), 0.5)
        self.n_rejections += 1
        self.is_stuck = self.n_rejections >= MAXIMUM_REJECTIONS
