"""The pool: results come in order, the caller works, too, nobody runs far ahead, and errors and ends are clean."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fastperceptron.training.threads import TASKS_AHEAD, open_pool


def test_a_pool_of_one_is_no_pool() -> None:
    with open_pool(1) as map_in_order:
        assert map_in_order is map


@pytest.mark.parametrize("n_threads", [2, 3, 5])
@pytest.mark.parametrize("n_tasks", [0, 1, 2, 20])
def test_results_come_in_order_whoever_is_slow(n_threads: int, n_tasks: int) -> None:
    def slow_at_times(k: int) -> int:
        time.sleep(0.003 * (k % 3 == 0))
        return k * k

    with open_pool(n_threads) as map_in_order:
        for _ in range(3):
            assert list(map_in_order(slow_at_times, range(n_tasks))) == [k * k for k in range(n_tasks)]


def test_the_caller_is_one_of_the_threads() -> None:
    names = set()
    with open_pool(2) as map_in_order:
        for _ in map_in_order(lambda _: (names.add(threading.current_thread().name), time.sleep(0.002)), range(20)):
            pass
    assert threading.current_thread().name in names
    assert len(names) == 2


def test_nobody_runs_further_ahead_than_results_may_wait() -> None:
    taken = 0

    def tasks() -> Iterator[int]:
        nonlocal taken
        for k in range(200):
            taken += 1
            yield k

    with open_pool(2) as map_in_order:
        results = map_in_order(lambda k: k, tasks())
        assert next(results) == 0
        time.sleep(0.05)
        assert taken <= 2 * TASKS_AHEAD + 2
        assert list(results) == list(range(1, 200))


@pytest.mark.parametrize("bad", [0, 3, 19])
def test_an_error_in_any_thread_reaches_the_caller_and_ends_the_pool(bad: int) -> None:
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError), open_pool(3) as map_in_order:
        list(map_in_order(lambda k: 1 // (k - bad), range(20)))
    assert threading.active_count() == before


def test_a_map_that_is_left_halfway_leaves_nobody_at_work() -> None:
    with open_pool(2) as map_in_order:
        for result in map_in_order(lambda k: k, range(1000)):
            if result == 3:
                break
        assert list(map_in_order(lambda k: k, range(5))) == list(range(5))


def test_a_thread_that_cannot_be_started_ends_the_map(monkeypatch: pytest.MonkeyPatch) -> None:
    submit, calls = ThreadPoolExecutor.submit, []

    def submit_once(pool: ThreadPoolExecutor, function: Any) -> Any:
        if calls:
            raise RuntimeError("can't start new thread")
        calls.append(function)
        return submit(pool, function)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", submit_once)
    with pytest.raises(RuntimeError, match="new thread"), open_pool(3) as map_in_order:
        list(map_in_order(lambda k: k, range(1000)))
