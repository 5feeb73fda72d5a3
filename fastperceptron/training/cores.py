"""Which cores the threads of a map run on: the caller stays where it is, its helpers go elsewhere.

Linux wakes a thread on its waker's core unless another is idle, and takes a virtual machine's halted cores for busy
ones: caller and helper took turns on one core in two fits of three, 16 ms instead of 12. Results do not depend on it.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def caller_kept_apart() -> Iterator[set[int]]:
    """Keep the calling thread on its core; give the cores left to its helpers, or none where all may go anywhere.

    Other threads of the process are not touched, and the caller may go where it might before, once this ends.
    """
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set()
    own = _current_core() if len(allowed) > 1 else -1
    if own not in allowed:
        yield set()
        return
    stay_on({own})
    try:
        yield allowed - {own}
    finally:
        stay_on(allowed)


def stay_on(cores: set[int]) -> None:
    """Let the calling thread run on these cores only; no cores change nothing."""
    if cores:
        with suppress(OSError):  # forbidden here, or a core has been taken away: it is not needed for being right
            os.sched_setaffinity(0, cores)


def _current_core() -> int:
    try:
        return int(ctypes.CDLL(None).sched_getcpu())
    except (AttributeError, OSError):
        return -1
