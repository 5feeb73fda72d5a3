"""L-BFGS, as a search that the caller drives (see search.py).

References
----------
Nocedal (1980), Updating quasi-Newton matrices with limited storage.
"""

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.linear_algebra import add_product, inner_product
from fastperceptron.training.minimise.inverse_hessian import Inverse
from fastperceptron.training.minimise.search import Search

MAXIMUM_PAIRS = 30
# The curvature along a step is not known if the slope rises by less than this share of itself.
SMALLEST_CURVATURE = 1e-12


class LBFGS(Search):
    """A minimisation in progress, from a point and an initial inverse Hessian.

    `is_scaled`: whether the initial inverse is scaled by the last pair (Nocedal and Wright 2006, 7.20), for guesses.
    """

    def __init__(
        self, point: Array, value: float, gradient: Array, initial_inverse: Inverse, is_scaled: bool = False
    ) -> None:
        super().__init__(point, value, gradient)
        self.initial_inverse, self._is_scaled = initial_inverse, is_scaled
        self._pairs: list[tuple[Array, Array, float]] = []
        self._accept()

    def _learn(self, step: Array, change: Array, is_accepted: bool) -> None:
        curvature = float(inner_product(step, change))
        if is_accepted and curvature > SMALLEST_CURVATURE * abs(float(inner_product(step, self.gradient))):
            self._pairs = [*self._pairs[-(MAXIMUM_PAIRS - 1) :], (step, change, curvature)]

    def _accept(self) -> None:
        self._set_step(-self.inverse_hessian_times(self.gradient))
        self._length = 1.0

    def begin_from(self, initial_inverse: Inverse) -> None:
        """Choose the next trial by a better initial inverse; pairs are kept."""
        self.initial_inverse = initial_inverse
        self._accept()

    def _reject(self, value: float, slope: float) -> None:
        """Shorten the step to the minimum of the parabola through what is known, to between a tenth and a half."""
        excess = value - self.value - slope
        share = -slope / (2 * excess) if np.isfinite(excess) and excess > 0 else 0.1
        self._length *= min(max(share, 0.1), 0.5)

    @property
    def trial(self) -> Array:
        """The next point to evaluate."""
        trial: Array = self.point + self._length * self.step
        return trial

    def inverse_hessian_times(self, vector: Array) -> Array:
        """Return the product of the two-loop recursion."""
        result, factors = vector.copy(), []
        for step, change, curvature in reversed(self._pairs):
            factor = float(inner_product(step, result)) / curvature
            add_product(-factor, change, result)
            factors.append(factor)
        result = self.initial_inverse(result)
        if self._is_scaled and self._pairs:
            _, change, curvature = self._pairs[-1]
            product = float(inner_product(change, self.initial_inverse(change)))
            # 0 where all curvatures have underflowed, on separable rows without a penalty.
            result *= curvature / product if product > 0 else 1.0
        for (step, change, curvature), factor in zip(self._pairs, reversed(factors), strict=True):
            add_product(factor - float(inner_product(change, result)) / curvature, step, result)
        return result
