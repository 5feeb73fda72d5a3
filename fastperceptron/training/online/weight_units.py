"""The units of weights in partial_fit, which the first rows fix. The units of a fit are in training/units.py."""

import math
from typing import NamedTuple, Self

from fastperceptron.training.problem import LARGEST, SMALLEST, NewtonOptions, Problem
from fastperceptron.training.units import exponent_of_mean


class Units(NamedTuple):
    """What weights are divided by, so that they are near 1."""

    row: float = 1.0
    loss: float = 1.0  # class weights are divided by it

    @classmethod
    def near(cls, problem: Problem) -> Self:
        """Return powers of two near the mean of the row weights, and below the largest class weight."""
        own, factors = problem.row_weights, problem.class_weights
        row = 0 if own is None else exponent_of_mean(own[own > 0], float(own.max()))
        loss = 0 if factors is None else math.frexp(float(factors.max()))[1] - 1
        return cls(math.ldexp(1.0, row), math.ldexp(1.0, loss))

    def penalty(self, options: NewtonOptions) -> float:
        """Return the factor of |w|^2 / 2 in the objective in these units."""
        return 0.0 if math.isinf(options.C) else 1.0 / min(max(options.C * self.row * self.loss, SMALLEST), LARGEST)
