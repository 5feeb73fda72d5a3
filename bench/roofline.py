"""The roofline (Williams, Waterman, Patterson 2009): what the machine's memory and arithmetic allow each kernel.

`python -m bench.roofline` measures both and every kernel on one thread, and writes the table in bench/README.md. A
kernel's bound is the longer of reading its rows and of doing its arithmetic; it says how far the kernel is from it.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from threadpoolctl import threadpool_limits

from bench.competitors import Array
from bench.generated import write_part
from fastperceptron.data.arrays import ArrayRows, aligned_zeros
from fastperceptron.kernels.rows import padded_size
from fastperceptron.prediction import probabilities
from fastperceptron.training.problem import Problem
from fastperceptron.training.reads import SumsOverRows

# Elements of X: more than the last cache holds.
N_VALUES, MOST_ROWS = 16_000_000, 2_000_000
N_CLASSES = 10
ROUNDS = 9
# Multiply-adds, or what takes as long, of one row's sigmoid, log loss, curvature: counted in kernels/log_loss.py.
ELEMENTARY = {"float32": 30, "float64": 45}


def rows(n_values: int, dtype: np.dtype[Any], layout: str, n_features: int) -> Array:
    """Return normal rows of about so many values."""
    n_rows = min(MOST_ROWS, n_values // n_features)
    X = np.random.default_rng(0).standard_normal((n_rows, n_features), dtype=np.float32)
    return np.asarray(X, dtype, order="C" if layout == "C" else "F")


def a_read(X: Array, has_moments: bool = False, n_classes: int = 2) -> Callable[[], object]:
    """Return a read of all rows, as the newton solver reads them."""
    n_neurons, (n_rows, n_features) = 1 if n_classes == 2 else n_classes, X.shape
    codes = np.random.default_rng(1).integers(n_classes, size=n_rows, dtype=np.uint8)
    weights = aligned_zeros((n_neurons, padded_size(n_features)), X.dtype)
    weights[:, :n_features] = np.linspace(-1, 1, n_features) / n_features**0.5
    positives = np.arange(n_neurons) if n_neurons > 1 else np.array([1])
    centre = np.zeros(padded_size(n_features))
    sums = SumsOverRows(Problem(ArrayRows(X), codes, n_classes), "log_loss", centre, 0.0, map)
    return lambda: sums(weights, positives, has_moments)


def prediction(X: Array) -> Callable[[], object]:
    """Return the probabilities of all rows."""
    weights = np.zeros(padded_size(X.shape[1]))
    weights[: X.shape[1]] = 1 / X.shape[1] ** 0.5
    return lambda: probabilities(ArrayRows(X), weights)


# What makes each call, and its multiply-adds a value and a row, in those of the elementary functions.
KERNELS: dict[str, tuple[Callable[[Array], Callable[[], object]], float, float]] = {
    "read": (a_read, 4, 1),
    "first read": (lambda X: a_read(X, has_moments=True), 10, 1.2),
    "read, 10 classes": (lambda X: a_read(X, n_classes=N_CLASSES), 4 * N_CLASSES, N_CLASSES),
    "probabilities": (prediction, 1, 0.6),
}


def prepared(kernel: str, dtype: np.dtype[Any], layout: str, n_features: int) -> tuple[Callable[[], object], int]:
    """Return a call of a kernel, or of X @ w, and its number of rows."""
    X = rows(N_VALUES, dtype, layout, n_features)
    if kernel == "X @ w":
        vector = np.ones(n_features, dtype)
        return (lambda: X @ vector), len(X)
    return KERNELS[kernel][0](X), len(X)


def seconds_of(call: Callable[[], object]) -> float:
    """Return the median seconds of a call, after one that does not count."""
    call()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


@njit(nogil=True)
def _sum_of(values: Array) -> int:
    # Integers: their sum may be taken in any order, so it is vector code.
    total = 0
    for k in range(values.size):
        total += values[k]
    return total


def read_bandwidth() -> float:
    """Return the bytes a second that one thread reads from memory."""
    values = np.ones(1 << 25, np.int64)
    return float(values.nbytes / seconds_of(lambda: _sum_of(values)))


def multiply_adds(dtype: np.dtype[Any]) -> float:
    """Return the fused multiply-adds a second of one core, as OpenBLAS's matrix product reaches them."""
    A = np.ones((1500, 1500), dtype)
    return float(A.shape[0] ** 3 / seconds_of(lambda: A @ A))


def table() -> list[str]:
    """Return the table in Markdown: measured on one thread, where bounds do not depend on who shares the cores."""
    with threadpool_limits(1):
        bandwidth = read_bandwidth()
        rates = {name: multiply_adds(np.dtype(name)) for name in ELEMENTARY}
        lines = [
            f"One thread reads {bandwidth / 1e9:.1f} GB/s, and does {rates['float32'] / 1e9:.0f} (float32) or "
            f"{rates['float64'] / 1e9:.0f} (float64) thousand million multiply-adds a second.",
            "",
            "| kernel | dtype | columns | memory, ns a row | arithmetic | bound by | measured | times its bound |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        for kernel, (_, a_value, a_row) in KERNELS.items():
            for name, elementary in ELEMENTARY.items():
                for n_features in (2, 4, 8, 20, 100, 1000):
                    call, n_rows = prepared(kernel, np.dtype(name), "C", n_features)
                    measured = seconds_of(call) / n_rows * 1e9
                    memory = n_features * np.dtype(name).itemsize / bandwidth * 1e9
                    work = (a_value * (n_features + 1) + a_row * elementary) / rates[name] * 1e9
                    bound = max(memory, work)
                    who = "memory" if memory >= work else "arithmetic"
                    figures = f"{memory:.3g} | {work:.3g} | {who} | {measured:.3g} | {measured / bound:.1f}"
                    lines.append(f"| {kernel} | {name} | {n_features} | {figures} |")
    return lines


if __name__ == "__main__":
    write_part(Path(__file__).with_name("README.md"), "roofline", table())
