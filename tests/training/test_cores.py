"""Cores: while a map runs, its caller and its helpers are on different ones; before and after, on any."""

import os
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from fastperceptron.training import cores
from fastperceptron.training.cores import Cores
from fastperceptron.training.threads import pool_of

needs_two = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="threads cannot be kept apart here"
)


def places_of(n_threads: int) -> dict[int, set[int]]:
    """Return the cores that each thread of a map may use, as its tasks see them."""
    places: dict[int, set[int]] = {}

    def look(_: int) -> None:
        places[threading.get_ident()] = os.sched_getaffinity(0)
        time.sleep(0.002)

    with pool_of(n_threads) as map_in_order:
        for _ in range(2):
            list(map_in_order(look, range(40)))
    return places


@needs_two
def test_helpers_stay_off_the_core_of_the_caller() -> None:
    places = places_of(2)
    own = places.pop(threading.get_ident())
    assert len(own) == 1
    assert [place & own for place in places.values()] == [set()]
    assert all(places.values())


@needs_two
def test_with_fewer_cores_than_threads_all_may_go_anywhere() -> None:
    before = os.sched_getaffinity(0)
    assert all(place == before for place in places_of(len(before) + 1).values())


@needs_two
def test_afterwards_the_caller_may_go_where_it_might_before() -> None:
    before = os.sched_getaffinity(0)
    with pool_of(2) as map_in_order:
        list(map_in_order(lambda k: k, range(9)))
        assert os.sched_getaffinity(0) == before
        with pytest.raises(ZeroDivisionError):
            list(map_in_order(lambda k: 1 // (k - 3), range(9)))
        assert os.sched_getaffinity(0) == before


@needs_two
def test_a_map_that_someone_holds_halfway_holds_nobody_on_a_core() -> None:
    before, held = os.sched_getaffinity(0), []

    def leave_halfway(results: Iterator[int]) -> None:
        held.append(results)
        for result in results:
            if result == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), pool_of(2) as map_in_order:
        leave_halfway(map_in_order(lambda k: k, range(1000)))
    assert os.sched_getaffinity(0) == before
    other = threading.Thread(target=held[0].close)  # as a garbage collector in another thread might
    other.start()
    other.join()
    assert os.sched_getaffinity(0) == before


@needs_two
def test_who_was_moved_meanwhile_stays_there() -> None:
    before = os.sched_getaffinity(0)
    places = Cores(1)
    try:
        with places.caller_stays():
            os.sched_setaffinity(0, places.of_helpers)
        assert os.sched_getaffinity(0) == places.of_helpers
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize("core", [-1, 1 << 20])
def test_where_the_core_is_not_known_nobody_is_kept_anywhere(monkeypatch: pytest.MonkeyPatch, core: int) -> None:
    monkeypatch.setattr(cores, "_current", lambda: core)
    places = Cores(1)
    with places.caller_stays():
        assert places.of_helpers == set()


def test_what_a_system_lacks_or_forbids_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError

    def lacking(_: object) -> None:
        raise TypeError  # as Windows has it

    monkeypatch.setattr(os, "sched_setaffinity", forbidden, raising=False)
    with pool_of(2) as map_in_order:
        assert list(map_in_order(lambda k: k, range(9))) == list(range(9))
    monkeypatch.setattr(os, "sched_getaffinity", forbidden, raising=False)
    assert Cores(1).of_helpers == set()
    monkeypatch.setattr(cores.ctypes, "CDLL", lacking)
    monkeypatch.setattr(sys, "platform", "win32")
    with pool_of(2) as map_in_order:
        assert list(map_in_order(lambda k: k, range(9))) == list(range(9))
