"""Which way is cheapest: known cases, and what must hold for all sizes and paces."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from fastperceptron.data.arrays import ArrayRows
from fastperceptron.training.newton.ways import Pace, Prices, Way, expected_halvings, halvings

RATIOS = st.floats(1e-300, 1e300)


def pace(way: Way, gained: float, n_reads: int = 9) -> Pace:
    made = Pace()
    made.begin(way, 1.0, gained)
    made.n_reads = n_reads
    return made


@given(power=st.integers(-900, 900))
def test_halvings_are_the_logarithm_of_powers_of_two(power: int) -> None:
    assert halvings(2.0**power) == power


@given(one=RATIOS, other=RATIOS)
def test_halvings_rise_and_are_near_the_logarithm(one: float, other: float) -> None:
    assert (halvings(one) <= halvings(other)) == (one <= other)
    assert abs(halvings(one) - math.log2(one)) <= 0.0861


@pytest.mark.parametrize(
    ("sizes", "way", "gained", "expected"),
    [
        ((1_000_000, 20, 18_328), Way.STEPS, 8.0, Way.STEPS),  # two reads more: nothing is cheaper
        ((1_000_000, 20, 18_328), Way.STEPS, 0.5, Way.DRAW),
        ((300_000, 100, 12_000), Way.STEPS, 0.0, Way.DRAW),  # a step that was rejected
        ((300_000, 100, 12_000), Way.DRAW, 4.0, Way.STEPS),  # what is done already is the drawn sample's
        ((300_000, 100, 12_000), Way.SAMPLE, 0.1, Way.DRAW),
        ((15_000, 130, 4000), Way.STEPS, 0.3, Way.DRAW),
        ((5000, 200, 5000), Way.STEPS, 0.1, Way.HESSIAN),  # too few rows per parameter for a sample
        ((5000, 2000, 5000), Way.STEPS, 0.4, Way.STEPS),  # L-BFGS: a Hessian would cost 150 reads
        ((20_000, 10, 20_000), Way.DRAW, 0.0, Way.HESSIAN),
    ],
)
def test_known_cases(sizes: tuple[int, int, int], way: Way, gained: float, expected: Way) -> None:
    n_rows, n_features, n_sampled = sizes
    prices = Prices(ArrayRows(np.broadcast_to(np.zeros(1), (n_rows, n_features))), n_sampled)
    assert prices.cheapest(pace(way, gained), 15.0, is_hessian_new=True, mismatch=1.0) is expected


@pytest.mark.parametrize(
    ("mismatch", "n_sampled", "has_drawn", "expected"),
    [
        (0.5, 12_000, False, Way.SAMPLE),
        (1.0, 12_000, False, Way.DRAW),  # a column that no sampled row has
        (0.5, 2000, False, Way.DRAW),  # too few rows per parameter
        (0.5, 12_000, True, Way.DRAW),  # there is only the drawn sample
    ],
)
def test_the_first_sample_is_corrected_where_it_represents_all_rows(
    mismatch: float, n_sampled: int, has_drawn: bool, expected: Way
) -> None:
    prices = Prices(ArrayRows(np.broadcast_to(np.zeros(1), (300_000, 100))), n_sampled)
    prices.has_drawn = has_drawn
    assert prices.cheapest(pace(Way.STEPS, 0.5), 15.0, is_hessian_new=True, mismatch=mismatch) is expected


@given(
    n_rows=st.integers(1000, 10**8),
    n_features=st.integers(1, 3000),
    way=st.sampled_from(Way),
    gained=st.floats(-1, 20),
    needed=st.floats(0, 60),
    is_new=st.booleans(),
    mismatch=st.floats(0, 3),
)
def test_nothing_is_changed_to_what_is_done_or_impossible(
    n_rows: int, n_features: int, way: Way, gained: float, needed: float, is_new: bool, mismatch: float
) -> None:
    prices = Prices(ArrayRows(np.broadcast_to(np.zeros(1), (n_rows, n_features))), min(n_rows, 4000))
    best = prices.cheapest(pace(way, gained), needed, is_new, mismatch)
    assert best is not way or way is Way.STEPS or way is Way.HESSIAN
    assert best is not Way.SAMPLE or (way is not Way.DRAW and mismatch < 1)
    assert best not in (Way.SAMPLE, Way.DRAW) or 60 * (n_features + 1) <= n_rows
    assert best is not Way.HESSIAN or (is_new and n_rows >= 4 * (n_features + 1))
    assert prices.n_corrected <= n_rows


def test_a_pace_is_what_accepted_reads_gained_of_the_gap() -> None:
    made = Pace()
    made.begin(Way.SAMPLE, 64.0)
    assert made.gained == math.inf
    made.note(8.0, is_accepted=True)
    assert made.gained == 3
    made.note(0.1, is_accepted=False)  # the gap of a rejected step is not better known
    assert made.gained == 1.5
    assert made.known[Way.SAMPLE] == 1.5
    made.note(4.0, is_accepted=True)
    assert made.gained == pytest.approx(4 / 3)
    made.begin(Way.HESSIAN, 4.0)
    for _ in range(3):
        made.note(9.0, is_accepted=False)
    assert made.gained == 0
    assert made.known[Way.HESSIAN] > 0  # elsewhere it may do


def test_a_sample_that_tells_columns_wrong_is_expected_to_gain_little() -> None:
    expected = [expected_halvings(10_000, 20, mismatch) for mismatch in (0.0, 0.1, 0.3, 1.0, 5.0)]
    assert expected == sorted(expected, reverse=True)
    assert expected[0] > 8
    assert expected[-1] == 0
