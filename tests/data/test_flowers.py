"""The shipped flowers are rows 1-20 and 51-76 of the iris data."""

import numpy as np
import pytest

import fastperceptron as fp


def test_they_are_the_irises_that_scikit_learn_ships() -> None:
    iris = pytest.importorskip("sklearn.datasets").load_iris()
    rows = [*range(20), *range(50, 76)]
    flowers = fp.load_flowers()
    np.testing.assert_array_equal(flowers.X, iris.data[rows])
    np.testing.assert_array_equal(flowers.y, iris.target_names[iris.target[rows]])
    assert flowers.feature_names == tuple(iris.feature_names)
