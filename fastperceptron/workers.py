"""How many threads a fit takes: all available cores, but one where it is itself a part of something run in parallel.

Threads never change a result, so taking all cores is safe; but eight workers of eight threads each would only stand in
each other's way.
"""

import multiprocessing
import os
import sys
from functools import lru_cache
from typing import Any


def thread_count(n_jobs: int | None) -> int:
    """Return the number of threads that `n_jobs` asks for.

    Parameters
    ----------
    n_jobs : int or None
        -1 means all available cores, -2 all but one. None means all of them too, but one inside a worker (of joblib,
        Dask or multiprocessing), and what `joblib.parallel_config` says where that says something.

    Examples
    --------
    >>> thread_count(3)
    3
    >>> thread_count(None) == thread_count(-1)
    True
    """
    if n_jobs is None:
        level, configured = _joblib_context()
        if level > 0 or multiprocessing.parent_process() is not None or _is_in_dask_worker():
            return 1
        n_jobs = -1 if configured is None else configured
    return n_jobs if n_jobs > 0 else max(1, _available_cores() + 1 + n_jobs)


def _joblib_context() -> tuple[int, int | None]:
    """Return how deep within joblib's workers this thread is, and the n_jobs that is configured for it."""
    joblib: Any = sys.modules.get("joblib.parallel")
    if joblib is None:
        return 0, None
    backend, n_jobs = joblib.get_active_backend()
    # Processes of loky are known by their parent too; threads of the threading backend by this level only.
    return backend.nesting_level or 0, n_jobs


def _is_in_dask_worker() -> bool:
    # Workers may be threads of this very process: LocalCluster(processes=False).
    distributed: Any = sys.modules.get("distributed")
    try:
        return distributed is not None and distributed.get_worker() is not None
    except (ValueError, AttributeError):  # no worker here; or the package is only just being imported
        return False


def _available_cores() -> int:
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(affinity, _allowed_cores(affinity))


@lru_cache(1)
def _allowed_cores(affinity: int) -> int:
    """Return how many cores the container's quota allows: it is read from files in 80 us, so once only."""
    joblib: Any = sys.modules.get("joblib")
    return affinity if joblib is None else max(1, joblib.cpu_count())
