"""Nanoseconds a row of each kernel, on one thread, beside X @ w: every dtype, layout and width a group of its own.

`pytest bench -k kernels --benchmark-autosave` keeps the figures, `--benchmark-compare` shows what became slower.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from bench.roofline import KERNELS, prepared

DTYPES, LAYOUTS, WIDTHS = ("float32", "float64"), ("C", "F"), (2, 4, 8, 20, 100, 1000)


@pytest.mark.parametrize("kernel", ["X @ w", *KERNELS])
@pytest.mark.parametrize("n_features", WIDTHS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_kernel(
    benchmark: Any, note: Callable[..., None], dtype: str, layout: str, n_features: int, kernel: str
) -> None:
    benchmark.group = f"{dtype}, {layout}-ordered, d={n_features}"
    call, n_rows = prepared(kernel, np.dtype(dtype), layout, n_features)
    with threadpool_limits(1):
        benchmark.pedantic(call, warmup_rounds=1, rounds=7)
    note(f"{kernel}, {benchmark.group}", benchmark.stats.stats.median / n_rows * 1e9, "ns a row")
