"""A map whose results come in order, run by the calling thread and by helper threads.

The pool belongs to one fit. Numba's own threading layers abort on concurrent entry or die after a fork; Python threads
that run kernels without the GIL do neither. Waking a thread takes 0.1 ms, as long as a task: so each helper is woken
once per map and takes tasks until none is left, and the caller also takes tasks instead of waiting.
"""

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")
MapInOrder = Callable[[Callable[[Task], Result], Iterable[Task]], Iterator[Result]]

# Results per thread that may wait for an earlier one: those of all tasks of a billion rows would take 15 MB.
TASKS_AHEAD = 4


def ranges_of(n_rows: int, size: int, first: int = 0) -> Iterator[range]:
    """Yield the numbers of the rows from `first` on, `size` at a time."""
    return (range(start, min(start + size, n_rows)) for start in range(first, n_rows, size))


@contextmanager
def open_pool(n_threads: int) -> Iterator[MapInOrder[Any, Any]]:
    """Give a `map` whose results come in order, run by n_threads threads, of which the caller is one."""
    if n_threads == 1:
        yield map
        return
    pool = _Pool(n_threads)
    try:
        yield pool.map_in_order
    finally:
        pool.close()


class _Pool:
    """The helper threads of one fit, started when they are first needed: starting and ending them takes 0.2 ms."""

    def __init__(self, n_threads: int) -> None:
        self._n_threads = n_threads
        self._threads: ThreadPoolExecutor | None = None
        self._works: list[_Work[Any, Any]] = []

    def map_in_order(self, function: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[Any]:
        """Yield function(task) of each task, in the tasks' order."""
        all_tasks = iter(tasks)
        first = list(itertools.islice(all_tasks, 2))
        if len(first) < 2:
            yield from map(function, first)
            return
        work = _Work(function, itertools.chain(first, all_tasks), TASKS_AHEAD * self._n_threads)
        self._works.append(work)
        helpers: list[Future[None]] = []
        try:
            helpers.extend(self._start(work.help) for _ in range(self._n_threads - 1))
            yield from work.results()
        finally:
            work.stop()
            wait(helpers)
            self._works.remove(work)

    def _start(self, function: Callable[[], None]) -> Future[None]:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._n_threads - 1)
        return self._threads.submit(function)

    def close(self) -> None:
        """End the helpers, and maps that are not exhausted: an exception's traceback may keep one alive."""
        for work in self._works:
            work.stop()
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)


class _Work(Generic[Task, Result]):
    """The tasks of one map, taken one by one by any number of threads."""

    def __init__(self, function: Callable[[Task], Result], tasks: Iterable[Task], most_waiting: int) -> None:
        self._function, self._tasks, self._most_waiting = function, iter(tasks), most_waiting
        self._changed = threading.Condition()
        self._done: dict[int, tuple[Result | None, BaseException | None]] = {}
        self._n_taken = self._n_given = 0
        self._is_over = False

    def help(self) -> None:
        """Do tasks until none is left; pause while too many results wait."""
        while True:
            with self._changed:
                while not self._is_over and self._n_taken - self._n_given >= self._most_waiting:
                    self._changed.wait()
            if not self._do_one():
                return

    def results(self) -> Iterator[Result]:
        """Yield the results in order; do tasks while the next one is not ready."""
        while True:
            while self._n_given not in self._done and self._n_taken - self._n_given < self._most_waiting:
                if not self._do_one():
                    break
            with self._changed:
                if self._n_given == self._n_taken and self._is_over:
                    return
                while self._n_given not in self._done:
                    self._changed.wait()
                result, error = self._done.pop(self._n_given)
                self._n_given += 1
                self._changed.notify_all()
            if error is not None:
                raise error
            yield result  # type: ignore[misc]  # without an error it is a Result

    def stop(self) -> None:
        """Hand out no further task."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _do_one(self) -> bool:
        """Take a task and do it; return whether one was left."""
        with self._changed:
            if self._is_over:
                return False
            try:
                task = next(self._tasks)
            except StopIteration:
                self._is_over = True
                return False
            number, self._n_taken = self._n_taken, self._n_taken + 1
        result, error = None, None
        try:
            result = self._function(task)
        except BaseException as caught:  # raised where the results are waited for, in order
            error = caught
        with self._changed:
            self._done[number] = result, error
            self._changed.notify_all()
        return True
