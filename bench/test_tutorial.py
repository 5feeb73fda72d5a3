"""The tutorial's loop, 46 flowers drawn one by one, beside the same loop in plain Python and in C.

All three go the same way: the same start, the same rows, the mean cost over all rows after every 100 steps. Both
competitors are checked against our weights first, so that nothing else than this way is timed.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastperceptron as fp
from fastperceptron import reference
from fastperceptron.history import History
from fastperceptron.training.tutorial.row_order import WithReplacement

pytestmark = pytest.mark.benchmark(group="tutorial")

SEED = 0
STEPS = 1_000_000
REFERENCE_STEPS = 20_000
RECORD_EVERY = 100
LEARNING_RATE = 0.2
DRAWS_PER_SEED = 8192
FLOWERS = fp.load_flowers()
TARGETS = (FLOWERS.y == "versicolor").astype(np.float64)


def ours(steps: int = STEPS) -> fp.Perceptron:
    return fp.train(FLOWERS.X, FLOWERS.y, steps=steps, rng=SEED)


def reference_run() -> Callable[[], Any]:
    """Return the reference's run, which is given the rows drawn already: that much it is spared."""
    generator = np.random.default_rng(SEED)
    *weights, bias = generator.standard_normal(FLOWERS.X.shape[1] + 1).tolist()
    order = WithReplacement(len(FLOWERS.X), generator, History()).take(REFERENCE_STEPS).tolist()
    rows, targets = FLOWERS.X.tolist(), TARGETS.tolist()
    return lambda: reference.train(rows, targets, order, weights, bias, LEARNING_RATE, record_every=RECORD_EVERY)


def check(steps: int, weights: Any, last_cost: float) -> None:
    model = ours(steps)
    np.testing.assert_allclose([*model.weights, model.bias], weights, rtol=1e-9)
    assert model.history.costs[-1] == pytest.approx(last_cost, rel=1e-9)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile tutorial.c."""
    if shutil.which("gcc") is None:
        pytest.skip("there is no gcc")
    path = tmp_path_factory.mktemp("tutorial") / "tutorial"
    source = Path(__file__).with_name("tutorial.c")
    subprocess.run(["gcc", "-O3", "-march=native", "-o", path, source, "-lm"], check=True)
    return path


def write_arguments(path: Path, steps: int) -> Path:
    generator = np.random.default_rng(SEED)
    start = generator.standard_normal(FLOWERS.X.shape[1] + 1)
    seeds = np.array([int(generator.integers(2**63)) for _ in range(0, steps, DRAWS_PER_SEED)], np.uint64)
    sizes = np.array([*FLOWERS.X.shape, steps, RECORD_EVERY], np.int64)
    parts = [sizes, np.array([LEARNING_RATE]), seeds, start, FLOWERS.X, TARGETS]
    path.write_bytes(b"".join(part.tobytes() for part in parts))
    return path


def run_program(program: Path, arguments: Path) -> tuple[float, list[float]]:
    """Return nanoseconds a step, and weights, bias and last cost."""
    output = subprocess.run([program, arguments], check=True, capture_output=True, text=True).stdout
    nanoseconds, *results = map(float, output.split())
    return nanoseconds, results


def test_beside_plain_python(race: Callable[..., Any], note: Callable[..., None]) -> None:
    theirs = reference_run()
    weights, bias, costs = theirs()
    check(REFERENCE_STEPS, [*weights, bias], costs[-1])
    times = race(ours, theirs, units=(STEPS, REFERENCE_STEPS))
    note("tutorial: fp.train", min(times.ours), "ns a step", "<= 25")
    note("tutorial: reference.train", min(times.theirs), "ns a step")
    note("tutorial: reference.train / fp.train", 1 / times.ratio, "times", ">= 120")


def test_beside_c(race: Callable[..., Any], note: Callable[..., None], program: Path, tmp_path: Path) -> None:
    *weights, last_cost = run_program(program, write_arguments(tmp_path / "short", REFERENCE_STEPS))[1]
    check(REFERENCE_STEPS, weights, last_cost)
    arguments = write_arguments(tmp_path / "long", STEPS)
    # The program times its own loop: starting a process is not what it is there for.
    theirs = lambda: run_program(program, arguments)[0] * STEPS / 1e9  # noqa: E731
    times = race(ours, theirs, units=(STEPS, STEPS), their_clock=lambda program: program())
    note("tutorial: C", min(times.theirs), "ns a step")
    note("tutorial: fp.train beside C", min(times.ours), "ns a step")
    note("tutorial: fp.train / C", times.ratio, "times", "<= 1.0")


@pytest.mark.skipif(
    os.environ.get("FASTPERCEPTRON_BENCH_FULL") != "1", reason="takes long: FASTPERCEPTRON_BENCH_FULL=1"
)
def test_hundred_million_steps(benchmark: Any, note: Callable[..., None]) -> None:
    steps = 100_000_000
    start = time.perf_counter()
    model = benchmark.pedantic(ours, (steps,))
    note("tutorial, 100,000,000 steps: fp.train", time.perf_counter() - start, "s")
    assert model.history.n_steps == steps
    assert len(model.history) == steps // RECORD_EVERY
    start = time.perf_counter()
    reference_run()()
    seconds = (time.perf_counter() - start) * steps / REFERENCE_STEPS
    note("tutorial, 100,000,000 steps: reference.train, extrapolated", seconds, "s")
