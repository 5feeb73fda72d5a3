"""A minimisation over rows that the caller reads: what all searches share. They name the next point to evaluate.

So the caller stays in control of the loop. No point is accepted before its loss is known.

References
----------
Hager and Zhang (2005), for the acceptance of steps whose decrease is hidden by rounding: there the slope at the end
decides.
"""

from abc import ABC, abstractmethod

from fastperceptron.checks import Array
from fastperceptron.kernels.linear_algebra import inner_product
from fastperceptron.training.minimise.damped_newton import SUFFICIENT_DECREASE
from fastperceptron.training.minimise.objective import are_alike

# Relative rounding of a sum of float32 losses: an increase below it is not a reason to reject a step.
VALUE_ROUNDING = 1e-9
MAXIMUM_REJECTIONS = 12
# Recent steps whose decrease is compared with the decrease that was predicted.
RECENT_STEPS = 4
# The largest such ratio with which a gap is still known within a factor of 3.
MOST_CALIBRATION = 2.5


class Search(ABC):
    """A minimisation in progress.

    Parameters
    ----------
    point : ndarray of shape (size,)
        Where to start.
    value : float
    gradient : ndarray of shape (size,)
        The objective and its gradient at the point.

    Attributes
    ----------
    point, value, gradient
        The last accepted point, the objective and its gradient there.
    trial : ndarray of shape (size,)
        The next point to evaluate.
    step : ndarray of shape (size,)
        The whole step to the minimum of the quadratic model at the accepted point.
    gap : float
        The estimated excess there of the objective over its minimum: half the Newton decrement g' H^-1 g, times what
        recent estimates fell short by.
    n_rejections : int
        Rejected trials since the last accepted point.
    is_stuck : bool
        Whether no step along the direction lowers the objective.
    """

    step: Array

    def __init__(self, point: Array, value: float, gradient: Array) -> None:
        self.point, self.value, self.gradient = point, value, gradient
        self.n_rejections, self.is_stuck, self.gap = 0, False, float("inf")
        # The value and the decrement at recent accepted points, this one not among them.
        self._recent: list[tuple[float, float]] = []
        self._decrement = 0.0

    def observe(self, point: Array, value: float, gradient: Array) -> bool:
        """Take the objective and its gradient at the trial point (rounded or not); return whether it is accepted."""
        step = point - self.point
        slope_before, slope_after = (float(inner_product(step, g)) for g in (self.gradient, gradient))
        is_lower = slope_before < 0 and value <= self.value + SUFFICIENT_DECREASE * slope_before
        is_flat = value <= self.value + VALUE_ROUNDING * abs(self.value)
        is_accepted = is_lower or (is_flat and abs(slope_after) <= 0.5 * abs(slope_before))
        self._learn(step, gradient - self.gradient, is_accepted)
        if is_accepted:
            self._recent = [*self._recent[-(RECENT_STEPS - 1) :], (self.value, self._decrement)]
            self.point, self.value, self.gradient = point, value, gradient
            self.n_rejections, self.is_stuck = 0, False
            self._accept()
        else:
            self.n_rejections += 1
            self.is_stuck = self.n_rejections >= MAXIMUM_REJECTIONS
            self._reject(value, slope_before)
        return is_accepted

    @property
    @abstractmethod
    def trial(self) -> Array:
        """The next point to evaluate."""

    @abstractmethod
    def _learn(self, step: Array, change: Array, is_accepted: bool) -> None:
        """Take the change of the gradient along a step."""

    @abstractmethod
    def _accept(self) -> None:
        """Choose the next trial from the point that was accepted."""

    @abstractmethod
    def _reject(self, value: float, slope: float) -> None:
        """Choose another trial: the last one had this value, and the objective this slope towards it."""

    def _set_step(self, step: Array) -> None:
        """Take the step to the minimum of the quadratic model, and the gap that follows from it."""
        self.step = step
        self._decrement = -float(inner_product(step, self.gradient)) / 2
        self.gap = self._decrement * self._calibration()

    @property
    def is_confirmed(self) -> bool:
        """Whether the last step gained what was foretold, so that the estimates of the gap need no other proof.

        On tables of rare columns, reads went on for a sample that agrees with them: 21 instead of 6.
        """
        shares = self._shares()
        return len(shares) > 0 and are_alike(1.0, shares[-1]) and max(shares) <= MOST_CALIBRATION

    def _shares(self) -> list[float]:
        """Return how many times larger recent decreases were than the gaps estimated before them."""
        return [(value - self.value) / gap for value, gap in self._recent if gap > 0]

    def _calibration(self) -> float:
        """Return how many times larger recent decreases were than the gaps estimated before them, at least 1.

        On separable rows the loss falls exponentially, and of rare columns the initial inverse knows too little: there
        the decrement is a half or a third of the gap.
        """
        return max([1.0, *self._shares()])
