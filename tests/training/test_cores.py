"""Cores: while a map runs, its caller and its helpers are on different ones; before and after, on any."""

import os
import threading
import time

import pytest

from fastperceptron.training import cores
from fastperceptron.training.cores import caller_kept_apart
from fastperceptron.training.pool import pool_of

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2, reason="threads cannot be kept apart here"
)


def places_of(n_threads: int) -> dict[int, set[int]]:
    """Return the cores that each thread of a map may use, as its tasks see them."""
    places: dict[int, set[int]] = {}

    def look(_: int) -> None:
        places[threading.get_ident()] = os.sched_getaffinity(0)
        time.sleep(0.002)

    with pool_of(n_threads) as map_in_order:
        list(map_in_order(look, range(40)))
    return places


@pytest.mark.parametrize("n_threads", [2, 5])
def test_helpers_stay_off_the_core_of_the_caller(n_threads: int) -> None:
    places = places_of(n_threads)
    own = places.pop(threading.get_ident())
    assert len(own) == 1
    assert places
    assert all(place and not own & place for place in places.values())


def test_afterwards_the_caller_may_go_where_it_might_before() -> None:
    before = os.sched_getaffinity(0)
    places_of(2)
    assert os.sched_getaffinity(0) == before
    with pytest.raises(ZeroDivisionError), pool_of(2) as map_in_order:
        list(map_in_order(lambda k: 1 // (k - 3), range(9)))
    assert os.sched_getaffinity(0) == before


@pytest.mark.parametrize("core", [-1, 1 << 20])
def test_where_the_core_is_not_known_all_may_go_anywhere(monkeypatch: pytest.MonkeyPatch, core: int) -> None:
    before = os.sched_getaffinity(0)
    monkeypatch.setattr(cores, "_current_core", lambda: core)
    with caller_kept_apart() as others:
        assert others == set()
        assert os.sched_getaffinity(0) == before
    assert all(place == before for place in places_of(2).values())


def test_what_the_system_forbids_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", forbidden)
    assert places_of(2)
