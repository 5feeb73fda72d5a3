"""A neuron on its way through the newton solver, and the solution that all neurons together end as."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.training.coordinates import Coordinates
from fastperceptron.training.minimise.damped_newton import Optimum
from fastperceptron.training.minimise.lbfgs import LBFGS
from fastperceptron.training.newton.certificate import Certificate
from fastperceptron.training.problem import Solution


class Neuron:
    """One neuron on its way."""

    def __init__(self, positive: int, point: Array) -> None:
        self.positive, self.point = positive, point
        self.optimum: Optimum | None = None  # of the sample, with its Hessian
        self.memory: LBFGS | None = None  # of the sample, where a Hessian costs too much
        self.certificate = Certificate(math.inf, 0.0)
        self.search = LBFGS(point, math.inf, np.zeros_like(point), np.copy)
        self.diagonal = np.empty(0)  # of the Hessian, exact
        self.reads_before = 0  # the Hessian was taken
        self.is_refreshed = False  # the diagonal, at every read
        self.is_done = False


class Found(NamedTuple):
    """What a solver ends with, beside the points.

    Without a Hessian of its own a neuron knows too little of flat directions (digits were off by 40 times), and without
    the exact one nothing of bends: then the gaps are no more than what the steps went by.
    """

    gaps: Sequence[float]
    n_reads: int
    curve: Array
    total: float  # of the rows' weights
    is_known: bool
    is_endless: bool  # may the loss fall for ever: with neither a Hessian to tell, nor a penalty, nothing says it ended


def result_of_sample(neurons: Sequence[Neuron]) -> tuple[list[float], int, Array]:
    """Return the gaps, the reads and the objective after each, of neurons that ended with their samples' optima."""
    optima = [neuron.optimum for neuron in neurons if neuron.optimum]
    curve = np.zeros(max(len(optimum.values) for optimum in optima))
    for optimum in optima:
        curve += np.array([*optimum.values, *[optimum.values[-1]] * (curve.size - len(optimum.values))])
    return [optimum.gap for optimum in optima], max(optimum.n_evaluations for optimum in optima), curve


def solution_of(neurons: Sequence[Neuron], found: Found, coordinates: Coordinates, tol: float) -> Solution:
    """Return the solution on the scale of the rows as they came."""
    pairs = [(neuron.certificate, gap) for neuron, gap in zip(neurons, found.gaps, strict=True)]
    is_converged = not found.is_endless and all(certificate.is_reached(gap, tol) for certificate, gap in pairs)
    is_known = found.is_known and all(certificate.is_known for certificate, _ in pairs)
    distance = max(certificate.distance(gap) for certificate, gap in pairs) if is_known else math.nan
    gap = sum(found.gaps) / found.total if is_known else math.nan
    weights, bias = coordinates.to_raw(np.array([neuron.point for neuron in neurons]))
    return Solution(weights, bias, found.n_reads, found.curve, gap, is_converged, distance)
