"""A competitor's own process: it is told tables and settings, fits, and tells what that took and what came out.

One process a competitor, so that its memory is its own; all map the same file of dense rows, which none of them copies
unless its library does. The clock stands around the adapter's whole fit, here and nowhere else.
"""

import ctypes
import gc
import json
import os
import resource
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from bench.competitors import Array, Fitted, Rows, all_competitors
from bench.honesty import check
from bench.tasks import SPARSE_ROWS

# What is compiled at the first fit, is compiled before the clock runs: all settings, and those of many rows.
FEW_ROWS, MANY_ROWS = 2000, 100_000


def load(folder: Path) -> tuple[Rows, Array]:
    """Return the raw rows and labels, in the page cache and mapped: shared, until someone writes to them.

    Sparse rows are loaded: each process has its own.
    """
    if (folder / SPARSE_ROWS).exists():
        return sparse.load_npz(folder / SPARSE_ROWS), np.load(folder / "y.npy")
    X, y = (np.load(folder / f"{name}.npy", mmap_mode="c") for name in ("X", "y"))
    for part in (X, y):
        np.add.reduce(part.view(np.ndarray).ravel(order="K")[:: 4096 // part.itemsize])  # every page is resident
    return X.view(np.ndarray), y.view(np.ndarray)


def _status(key: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    return 0


def reset_peak() -> int:
    """Let the peak of memory start anew; return the memory in use."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status("VmRSS")


def core_seconds() -> float:
    """Return the processor time of this process and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def give_back() -> None:
    """Return to the system what was freed, where the C library can: what is at hand would hide what a fit needs."""
    gc.collect()
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


def measure(fit: Any, X: Rows, y: Array, C: float, setting: dict[str, Any]) -> dict[str, Any]:
    """Fit once; return seconds, core-seconds, the peak of memory in bytes beyond what was in use, and the weights."""
    before, cores = reset_peak(), core_seconds()
    start = time.perf_counter()
    fitted: Fitted = fit(X, y, C=C, **setting)
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "core_seconds": core_seconds() - cores,
        "peak_bytes": max(0, _status("VmHWM") - before),
        "weights": np.asarray(fitted.weights, np.float64).tolist(),
        "bias": np.asarray(fitted.bias, np.float64).tolist(),
    }


def answer(name: str, request: dict[str, Any], table: dict[str, Any]) -> dict[str, Any]:
    """Do what is asked: check the adapter, take a table and warm up, or fit with one of the settings."""
    competitor = all_competitors()[name]
    if "check" in request:
        check(competitor)
    elif "table" in request:
        X, y = load(Path(request["table"]))
        few, many = slice(FEW_ROWS), slice(MANY_ROWS)
        for setting in competitor.settings if not table else ():
            competitor.fit(X[few], y[few], C=request["C"], **setting)
        competitor.fit(X[many], y[many], C=request["C"], **competitor.settings[0])
        table.update(X=X, y=y, C=request["C"])
    else:
        setting = dict(competitor.settings[request["setting"]])
        if request["is_trimmed"]:
            give_back()
        return measure(competitor.fit, table["X"], table["y"], table["C"], setting)
    return {"ready": True}


def main() -> None:
    """Answer requests, a line of JSON each, until there are none; what libraries print goes to the error stream."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    table: dict[str, Any] = {}
    for line in sys.stdin:
        try:
            reply = answer(sys.argv[1], json.loads(line), table)
        except Exception as error:  # a competitor that fails has failed: that is its result
            traceback.print_exc()
            reply = {"error": f"{type(error).__name__}: {error}"[:300]}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
