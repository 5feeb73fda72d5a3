"""An epoch of mini-batches of 256 float32 rows, beside X @ w on one thread: what reading the rows once costs anyway.

Measured twice: the descent alone, and the whole call of fp.train, which checks all rows and labels first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy.special import expit
from threadpoolctl import threadpool_limits

import fastperceptron as fp
from fastperceptron.data.arrays import ArrayRows
from fastperceptron.data.labels import encode
from fastperceptron.history import History
from fastperceptron.training.tutorial.descent import Descent, DescentOptions

pytestmark = pytest.mark.benchmark(group="mini-batch")

BATCH_SIZE = 256
LEARNING_RATE = 0.2
SEED = 1
SHAPES = [(1_000_000, 2), (1_000_000, 20), (200_000, 100), (20_000, 1000)]
ASKED_NANOSECONDS = {2: "<= 4"}
ASKED_RATIOS = {20: "<= 2.2", 100: "<= 1.3", 1000: "<= 1.2"}


@dataclass(frozen=True)
class Table:
    """Rows, labels, the weights to start from (the bias last) and the weights after an epoch in NumPy."""

    X: np.ndarray
    y: np.ndarray
    start: np.ndarray
    expected: np.ndarray

    @property
    def steps(self) -> int:
        return len(self.X) // BATCH_SIZE

    @property
    def name(self) -> str:
        return f"mini-batch, d={self.X.shape[1]}"


def epoch_in_numpy(X: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weights after all whole batches, in float64 and without any help from the package."""
    for stop in range(BATCH_SIZE, len(X) + 1, BATCH_SIZE):
        rows = np.c_[X[stop - BATCH_SIZE : stop].astype(np.float64), np.ones(BATCH_SIZE)]
        p = expit(rows @ weights)
        slopes = 2 * (p - y[stop - BATCH_SIZE : stop]) * p * (1 - p)
        weights = weights - LEARNING_RATE * (slopes @ rows) / BATCH_SIZE
    return weights


@pytest.fixture(scope="module", params=SHAPES, ids=lambda shape: f"d={shape[1]}")
def table(request: pytest.FixtureRequest) -> Table:
    n_rows, n_features = request.param
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, n_features), dtype=np.float32)
    y = (X @ rng.standard_normal(n_features, dtype=np.float32) + rng.standard_normal(n_rows) > 0).astype(np.uint8)
    start = np.random.default_rng(SEED).standard_normal(n_features + 1)
    return Table(X, y, start, epoch_in_numpy(X, y, start))


def whole_call(table: Table) -> fp.Perceptron:
    return fp.train(
        table.X,
        table.y,
        steps=table.steps,
        learning_rate=LEARNING_RATE,
        batch_size=BATCH_SIZE,
        sampling="in_order",
        record_every=None,
        rng=SEED,
    )


def descent(table: Table) -> Descent:
    options = DescentOptions(table.steps, LEARNING_RATE, "squared_error", BATCH_SIZE, "in_order", None)
    codes = encode(table.y, len(table.y))[1]
    return Descent(ArrayRows(table.X), codes, options, table.start, History(), np.random.default_rng(SEED))


def beside_product(race: Callable[..., Any], table: Table, ours: Callable[..., object], **options: Any) -> Any:
    weights = table.start[:-1].astype(np.float32)
    with threadpool_limits(1):
        return race(ours, lambda: table.X @ weights, units=(table.steps * BATCH_SIZE, len(table.X)), **options)


def test_descent(race: Callable[..., Any], note: Callable[..., None], table: Table) -> None:
    checked = descent(table)
    checked.run(int)
    np.testing.assert_allclose(checked.result[0], table.expected, rtol=1e-4, atol=1e-5)
    # A descent ends after its steps, so that each round needs one of its own.
    times = beside_product(race, table, lambda fresh: fresh.run(int), prepare=lambda: (descent(table),))
    d = table.X.shape[1]
    note(f"{table.name}: descent", min(times.ours), "ns a row", ASKED_NANOSECONDS.get(d, ""))
    note(f"{table.name}: X @ w", min(times.theirs), "ns a row")
    note(f"{table.name}: descent / X @ w", times.ratio, "times", ASKED_RATIOS.get(d, ""))


def test_whole_call(race: Callable[..., Any], note: Callable[..., None], table: Table) -> None:
    model = whole_call(table)
    np.testing.assert_allclose([*model.weights, model.bias], table.expected, rtol=1e-4, atol=1e-5)
    times = beside_product(race, table, lambda: whole_call(table))
    note(f"{table.name}: fp.train", min(times.ours), "ns a row")
    note(f"{table.name}: fp.train / X @ w", times.ratio, "times")
