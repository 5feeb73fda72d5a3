"""Which cores the threads of a fit run on: while helpers are at work, the caller stays where it is, apart from them.

Linux wakes a thread on its waker's core unless another is idle, and takes a virtual machine's halted cores for busy
ones: caller and helper took turns on one core in two fits of three, 16 ms instead of 12. Results do not depend on it.
"""

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Cores:
    """The core of the thread that makes this, and those of its helpers; or none, where all may run anywhere.

    Attributes
    ----------
    of_helpers : set of int
    """

    def __init__(self, n_helpers: int) -> None:
        self._thread, self._allowed, own = threading.get_native_id(), _allowed(), _current()
        is_room = own in self._allowed and n_helpers < len(self._allowed)
        self._own = {own} if is_room else set()
        self.of_helpers = self._allowed - self._own if is_room else set()

    @contextmanager
    def caller_stays(self) -> Iterator[None]:
        """Keep the caller on its core for a while. Other threads of the process are not touched."""
        try:
            stay_on(self._own, self._thread)
            yield
        finally:
            self.release()

    def release(self) -> None:
        """Let the caller go where it might before, unless someone has moved it since."""
        if self._own and _allowed(self._thread) == self._own:
            stay_on(self._allowed, self._thread)


def stay_on(cores: set[int], thread: int = 0) -> None:
    """Let a thread, the calling one by default, run on these cores only; no cores change nothing."""
    if cores and sys.platform == "linux":
        with suppress(OSError):  # forbidden here, or a core has been taken away: nothing but speed depends on it
            os.sched_setaffinity(thread, cores)


def _allowed(thread: int = 0) -> set[int]:
    if sys.platform == "linux":
        with suppress(OSError):
            return os.sched_getaffinity(thread)
    return set()


def _current() -> int:
    try:
        return int(ctypes.CDLL(None).sched_getcpu())
    except (AttributeError, OSError, TypeError):  # there is no such function, or no such library
        return -1
