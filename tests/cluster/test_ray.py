"""A cluster of Ray: the bytes of the fit on NumPy arrays."""

from collections.abc import Iterator
from contextlib import nullcontext
from itertools import pairwise
from typing import Any

import pytest

import fastperceptron as fp
from cluster.conftest import PartedArrays, table
from fastperceptron.cluster.parted_dataset import parted_table
from tables import bits

ray = pytest.importorskip("ray")
pytestmark = [pytest.mark.compiled, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def started() -> Iterator[None]:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


class OnRay(PartedArrays):
    """Arrays cut at some places."""

    def open_table(self, rows_read: Any = int) -> Any:
        from fastperceptron.cluster.ray_engine import current_engine

        with current_engine(3) as engine:
            tasks = [
                (*(None if each is None else each[a:b] for each in self._parts), number)
                for number, (a, b) in enumerate(pairwise(self._cuts))
            ]
            names = [f"partition {k}" for k in range(len(tasks))]
            return nullcontext(parted_table(engine, tasks, names, 1, rows_read))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_fit_has_the_bytes_of_the_arrays(started: None, n_classes: int) -> None:
    X, y = table(200_001, 20, n_classes)
    expected = bits(fp.PerceptronClassifier().fit(X, y))
    assert bits(fp.PerceptronClassifier().fit(OnRay(X, y, None, (1, 1, 60_000, 199_999)))) == expected
