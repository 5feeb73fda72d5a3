"""Sums over all rows have the same bits for any number of threads, size of task, layout and neighbour."""

from pathlib import Path

import numpy as np
import pytest
from numba.core import config

from fastperceptron.data.arrays import ArrayRows, read_only
from fastperceptron.kernels.objective import rows_per_tile
from fastperceptron.kernels.rows import padded_size
from fastperceptron.training import reads
from fastperceptron.training.problem import Problem
from fastperceptron.training.reads import SumsOverRows
from fastperceptron.training.threads import open_pool
from tables import layouts

N_FEATURES = 12


def example(n_tiles: float, n_classes: int = 2, *, is_weighted: bool = False) -> Problem:
    rng = np.random.default_rng(0)
    n_rows = 20 if config.DISABLE_JIT else int(n_tiles * rows_per_tile(N_FEATURES))
    X = rng.normal(size=(n_rows, N_FEATURES)).astype(np.float32)
    codes = read_only(rng.integers(0, n_classes, n_rows).astype(np.uint8))
    weights = rng.exponential(size=n_rows) if is_weighted else None
    return Problem(ArrayRows(X), codes, n_classes, weights, np.array([0.5, 2.0, 1.0]) if is_weighted else None)


def sums_of(problem: Problem, n_threads: int = 1) -> bytes:
    """Return the bytes of all sums, in float64 arithmetic: those of float32 add up exactly in float64, in any order."""
    n_neurons, size = problem.n_neurons, padded_size(N_FEATURES)
    weights, centre = np.zeros((n_neurons, size)), np.zeros(size)
    weights[:, : N_FEATURES + 1] = np.random.default_rng(1).normal(size=(n_neurons, N_FEATURES + 1))
    positives = np.array([1]) if n_neurons == 1 else np.arange(n_neurons)
    with open_pool(n_threads) as map_in_order:
        exact = SumsOverRows(problem, "log_loss", centre, 0.0, map_in_order)
        return b"".join(part.tobytes() for has in (True, False) for part in exact(weights, positives, has))


@pytest.mark.compiled  # the rows of several tasks are too many to interpret
@pytest.mark.parametrize("n_threads", [1, 2, 3, 5])
@pytest.mark.parametrize("tiles_per_task", [1, 2, 32])
def test_threads_and_tasks(monkeypatch: pytest.MonkeyPatch, tiles_per_task: int, n_threads: int) -> None:
    problems = [example(5.3), example(4, 3, is_weighted=True)]
    expected = [sums_of(problem) for problem in problems]
    monkeypatch.setattr(reads, "TILES_PER_TASK", tiles_per_task)
    monkeypatch.setattr(reads, "SINGLE_THREAD_VALUES", 0)
    assert all(reads.tiles_per_task(n_tiles) < n_tiles for n_tiles in (6, 4)) or tiles_per_task == 32
    assert [sums_of(problem, n_threads) for problem in problems] == expected


def test_layouts(tmp_path: Path) -> None:
    problem = example(2.3)
    X = problem.rows._X
    same = layouts(X, tmp_path) | {"a copy elsewhere": np.concatenate([X, X])[len(X) :]}
    expected = sums_of(problem)
    for name, rows in same.items():
        assert sums_of(Problem(ArrayRows(rows), problem.codes, 2)) == expected, name
