"""Partitions of rows on an engine that runs here: all that a cluster does but for the network."""

import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from fastperceptron.cluster.engine import SerialEngine
from fastperceptron.cluster.parted_dataset import parted_table
from fastperceptron.data.dataset import Dataset


class PartedArrays(Dataset):
    """Arrays cut at some places, in so many bundles; loaded one by one, or on so many shelves."""

    def __init__(
        self, X: Any, y: Any, weights: Any = None, cuts: Sequence[int] = (), n_groups: int = 1, n_shelves: int = 0
    ) -> None:
        self._parts, self._cuts, self._n_groups = (X, y, weights), [0, *sorted(cuts), X.shape[0]], n_groups
        self._n_shelves = n_shelves
        self.n_rows, self.n_features = X.shape

    def blocks(self) -> Any:
        raise NotImplementedError

    def open_table(self, rows_read: Any = int) -> Any:
        engine, places = SerialEngine(self._n_groups), [*pairwise(self._cuts)]
        tasks = [
            (*(None if each is None else each[a:b] for each in self._parts), number)
            for number, (a, b) in enumerate(places)
        ]
        names = [f"partition {k}" for k in range(len(places))]
        shelves = SerialEngine(self._n_shelves).together(tasks) if self._n_shelves else None
        return nullcontext(parted_table(engine, tasks, names, 1, rows_read, shelves=shelves))


def table(
    n_rows: int, n_features: int, n_classes: int = 2, dtype: type = np.float32, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of very different columns, and classes that overlap."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features))
    y = (X @ rng.normal(size=(n_features, n_classes)) + rng.gumbel(size=(n_rows, n_classes))).argmax(axis=1)
    y[:n_classes] = range(n_classes)
    return (X * 10.0 ** rng.integers(-2, 3, n_features)).astype(dtype), y


@pytest.fixture(scope="session")
def cluster() -> Any:
    """Return a small cluster whose workers are threads of this process: it starts within a second."""
    distributed = pytest.importorskip("distributed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=2, processes=False, dashboard_address=None
        ) as started:
            yield started


@pytest.fixture
def client(cluster: Any) -> Any:
    """Make a client of the cluster the current one."""
    from distributed import Client

    with Client(cluster) as client:
        yield client
