"""What a new process pays before it trains: the import, the first call (compiled or loaded), and the whole demo.

Each is a process of its own, since a second import or a second first call in this one would cost nothing.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.benchmark(group="start-up")

IMPORT = """
import time
import numpy
start = time.perf_counter()
import fastperceptron
print(time.perf_counter() - start)
"""
# Numba's own import is not part of a first call: it is measured by itself.
FIRST_CALL = """
import time
import numpy as np
start = time.perf_counter()
import fastperceptron as fp
fp.train, fp.sigmoid
imported = time.perf_counter()
{call}
print(imported - start, time.perf_counter() - imported)
"""
CALLS = {
    "fp.sigmoid": "fp.sigmoid(np.zeros(10))",
    "fp.train": "fp.train(np.eye(2), [0, 1], steps=100, rng=0)",
    "fp.train in mini-batches": "fp.train(np.eye(10, dtype=np.float32), [0, 1] * 5, batch_size=4, steps=100, rng=0)",
}
DEMO = "from fastperceptron.cli import main; main()"


def python(code: str, *arguments: str, cache: Path | None = None) -> str:
    """Return what a new interpreter prints; its kernels are kept in `cache`."""
    environment = os.environ | ({"FASTPERCEPTRON_CACHE_DIR": str(cache)} if cache else {})
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


def test_import(benchmark: Any, note: Callable[..., None]) -> None:
    seconds: list[float] = []
    benchmark.pedantic(lambda: seconds.append(float(python(IMPORT))), rounds=7)
    note("import fastperceptron, beyond numpy", min(seconds) * 1e3, "ms", "<= 30")


@pytest.mark.parametrize("name", CALLS)
def test_first_call(benchmark: Any, note: Callable[..., None], tmp_path: Path, name: str) -> None:
    code = FIRST_CALL.format(call=CALLS[name])
    run = lambda cache: [float(word) for word in python(code, cache=cache).split()]  # noqa: E731
    compiling = [run(tmp_path / str(number))[1] for number in range(2)]
    assert list((tmp_path / "0").rglob("*.kernel"))
    loading: list[list[float]] = []
    benchmark.pedantic(lambda: loading.append(run(tmp_path / "0")), rounds=7)
    note(f"first {name}, compiling", min(compiling), "s")
    note(f"first {name}, loading", min(seconds for _, seconds in loading) * 1e3, "ms")
    note(f"import of all that {name} needs, Numba with it", min(seconds for seconds, _ in loading) * 1e3, "ms")


def test_demo(benchmark: Any, note: Callable[..., None], tmp_path: Path) -> None:
    arguments = DEMO, "demo", "--output", str(tmp_path / "demo")
    python(*arguments, cache=tmp_path / "cache")
    seconds: list[float] = []

    def second_run() -> str:
        start = time.perf_counter()
        text = python(*arguments, cache=tmp_path / "cache")
        seconds.append(time.perf_counter() - start)
        return text

    assert "versicolor" in benchmark.pedantic(second_run, rounds=7)
    assert len(list((tmp_path / "demo").iterdir())) == 4
    note("fastperceptron demo, second run", min(seconds), "s", "<= 2.5")
