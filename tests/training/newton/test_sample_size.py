"""The rule for the sample's size and for which Hessian: a table of what it says, and what must hold for all sizes."""

import pytest
from hypothesis import given, strategies as st

from fastperceptron.training.newton.sample_size import (
    CHEAPEST_READS,
    FEWEST_ROWS_PER_PARAMETER,
    HESSIAN_PRICE,
    MAXIMUM_ELEMENTS,
    SMALL_HESSIAN,
    hessian_rows,
    sample_size,
)

N_ROWS, WIDTHS = st.integers(1, 10**9), st.integers(1, 10_000)


@pytest.mark.parametrize(
    ("n_rows", "n_features", "size", "of_hessian"),
    [
        (2, 2, 2, 2),
        (150, 4, 150, 150),
        (20_000, 4, 20_000, 20_000),  # Newton's method on all rows
        (60_000, 9, 3870, 3870),
        (1_000_000, 20, 22_910, 22_910),
        (10_000_000, 2, 27_385, 27_385),
        (200_000, 100, 12_645, 12_645),
        (36_344, 89, 5400, 5400),  # more, where they are few a parameter
        (100_000, 500, 10_020, 5189),  # as many as two reads of all rows buy
        (20_000, 2000, 20_000, 0),  # too few for so many parameters: the diagonal
        (60_000, 784, 15_700, 0),
        (30, 100, 30, 30),
        (500, 5000, 500, 0),
    ],
)
def test_what_the_rule_says(n_rows: int, n_features: int, size: int, of_hessian: int) -> None:
    assert sample_size(n_rows, n_features) == size
    assert hessian_rows(n_rows, n_features) == of_hessian


@given(n_rows=N_ROWS, n_features=WIDTHS)
def test_a_sample_is_no_larger_than_all_rows_or_memory(n_rows: int, n_features: int) -> None:
    size = sample_size(n_rows, n_features)
    assert 1 <= size <= n_rows
    assert size * (n_features + 1) <= max(MAXIMUM_ELEMENTS, 20 * (n_features + 1) ** 2, 1 << 23)
    assert size >= min(n_rows, 20 * (n_features + 1))


@given(n_rows=N_ROWS, n_features=WIDTHS)
def test_a_first_hessian_costs_two_reads_or_is_small(n_rows: int, n_features: int) -> None:
    rows, n_parameters = hessian_rows(n_rows, n_features), n_features + 1
    assert 0 <= rows <= sample_size(n_rows, n_features)
    is_small = rows * n_parameters**2 // 2 + n_parameters**3 // 6 <= SMALL_HESSIAN
    assert is_small or rows * n_parameters <= HESSIAN_PRICE * CHEAPEST_READS * n_rows
    assert is_small or rows == 0 or rows >= FEWEST_ROWS_PER_PARAMETER * n_parameters
