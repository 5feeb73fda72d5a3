"""What an objective keeps of the last call is what it would compute again, whatever was asked for in between."""

import itertools

import numpy as np
import pytest

from fastperceptron.training.minimise.objective import NeuronRows, Objective


@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
def test_bounds_of_a_step_do_not_depend_on_what_was_asked_before(loss: str) -> None:
    rng = np.random.default_rng(0)
    rows = NeuronRows(rng.normal(size=(90, 8)), (rng.random(90) < 0.5).astype(float), rng.random(90))
    objective = Objective(rows, loss, np.ones(8))
    points, steps = rng.normal(size=(2, 8)), rng.normal(size=(2, 8))
    asked = [*itertools.product(points, steps, (0.0, 1.0))]
    expected = [Objective(rows, loss, np.ones(8)).reach(*each) for each in asked]
    for first, second in itertools.product(range(len(asked)), repeat=2):
        assert objective.reach(*asked[first]) == expected[first]
        assert objective.reach(*asked[second]) == expected[second]
        assert objective.reach(*asked[second]) is objective.reach(*asked[second])
