"""What a fit leaves for partial_fit: its Hessians, and the columns' moments. All of it was computed for the fit."""

import numpy as np

from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.column_statistics import column_means
from fastperceptron.kernels.linear_algebra import inner_product
from fastperceptron.training.minimise.inverse_hessian import diagonal_of
from fastperceptron.training.newton.all_rows import AllRows
from fastperceptron.training.newton.neuron import Neuron
from fastperceptron.training.newton.start import Start
from fastperceptron.training.problem import Memory, Problem

# Elements of all neurons' Hessians from which only their diagonals are kept: 8 MB, which a pickle would hold.
MOST_ELEMENTS = 1 << 20


def memory_of(problem: Problem, start: Start, all_rows: AllRows, neurons: list[Neuron], values: list[float]) -> Memory:
    """Return the memory of a fit that ended at objectives of these values."""
    coordinates, means, n = start.coordinates, all_rows.means, problem.rows.n_features
    if means.size == 0:  # nothing was read but the sample, which is all rows
        averages = np.zeros(coordinates.scale.size)
        column_means(start.sample.panel, start.sample.weights, averages)
        means = coordinates.centre[:n] + averages[:n] * coordinates.scale[:n]
    hessians = [neuron.hessian.of_all_rows(neuron.diagonal) for neuron in neurons]
    # The biases' elements are the sum of curvatures; without an intercept they are 0, and others are about that.
    by_class = [diagonal_of(hessian).reshape(-1, coordinates.scale.size) for hessian in hessians]
    curvatures = [float(sum_in_order(each[:, n]) or sum_in_order(each.max(axis=1))) for each in by_class]
    if sum(hessian.size for hessian in hessians) > MOST_ELEMENTS:
        hessians = [diagonal_of(hessian)[None].copy() for hessian in hessians]
    penalties = [float(inner_product(all_rows.penalty * neuron.point, neuron.point)) / 2 for neuron in neurons]
    return Memory(
        coordinates.centre,
        coordinates.scale,
        all_rows.deviations,
        means,
        tuple(hessians),
        tuple(curvatures),
        tuple(value - penalty for value, penalty in zip(values, penalties, strict=True)),
        problem.total_weight,
        problem.rows.n_rows,
    )
