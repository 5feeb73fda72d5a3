"""The objective over the sample is that of the neuron, the loss and the sample that are asked for."""

import itertools

import numpy as np

from fastperceptron.data.arrays import ArrayRows, read_only
from fastperceptron.training.newton.neuron import Neuron
from fastperceptron.training.newton.sample import draw_sample
from fastperceptron.training.newton.start import Searched, Start
from fastperceptron.training.problem import NewtonOptions, Problem


def test_the_objective_over_the_sample_does_not_depend_on_what_was_asked_before() -> None:
    rng = np.random.default_rng(0)
    codes = read_only(rng.integers(0, 3, 60).astype(np.uint8))
    problem = Problem(ArrayRows(rng.normal(size=(60, 3))), codes, 3)
    start = Start(problem, NewtonOptions(), map)
    neurons = [Neuron((each,), start.first_point((each,), None)) for each in range(3)]
    samples = [start.sample, draw_sample(problem, 30, has_intercept=True)]
    asked = [*itertools.product(samples, neurons, ("log_loss", "squared_error"), (np.zeros(8), np.ones(8)))]
    for first, second in itertools.product(asked, repeat=2):
        for sample, neuron, loss, penalty in (first, second):
            start.sample = sample
            objective = start.objective(neuron, loss, penalty)
            assert objective.rows.panel is sample.panel
            assert np.array_equal(objective.rows.targets, sample.codes == neuron.classes[0])
            assert (objective.loss, id(objective.penalty)) == (loss, id(penalty))
            assert start.objective(neuron, loss, penalty) is objective


def test_a_search_over_all_rows_goes_on_where_its_gap_is_not_known() -> None:
    rng = np.random.default_rng(0)
    problem = Problem(ArrayRows(rng.normal(size=(60, 3))), read_only(rng.integers(0, 2, 60).astype(np.uint8)), 2)
    start = Start(problem, NewtonOptions(), map)
    neuron, penalty = Neuron((1,), start.first_point((1,), None)), np.ones(8)
    assert start.is_all
    for length, is_enough in ((1e-3, True), (10.0, False)):
        step = length * (np.arange(8) < 4)
        search = Searched(neuron.point, step, 30.0, 1e-6, 0.0, is_confirmed=True)
        assert start.is_enough(neuron, search, penalty) == is_enough
