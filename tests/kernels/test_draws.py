"""Draws with replacement: a function of seed and number, the same as plain Python computes, and uniform."""

import itertools

import numpy as np
import pytest
from hypothesis import given, strategies as st

from fastperceptron.kernels.draws import draw_of_runs, draw_rows

WORD = 2**64


def draws_in_python(seed: int, n_rows: int, count: int) -> list[int]:
    rows, state = [], seed
    for _ in range(count):
        state = (state + 0xA0761D6478BD642F) % WORD
        product = state * (state ^ 0xE7037ED1A0B428DB)
        word = (product // WORD) ^ (product % WORD)
        rows.append(n_rows * word // WORD)
    return rows


def draw(seed: int, n_rows: int, count: int) -> np.ndarray:
    rows = np.empty(count, np.intp)
    draw_rows(np.uint64(seed), np.uint64(n_rows), rows)
    return rows


@given(seed=st.integers(0, 2**63 - 1), n_rows=st.integers(1, 2**40))
def test_draws_equal_those_of_plain_python(seed: int, n_rows: int) -> None:
    assert draw(seed, n_rows, 50).tolist() == draws_in_python(seed, n_rows, 50)


@given(seed=st.integers(0, 2**63 - 1), n_rows=st.integers(1, 2**40), share=st.floats(0, 1))
def test_one_row_is_drawn_of_each_of_equal_runs(seed: int, n_rows: int, share: float) -> None:
    size = 1 + int(share * min(n_rows - 1, 200))
    rows, edges = np.empty(size, np.int64), [k * n_rows // size for k in range(size + 1)]
    draw_of_runs(np.uint64(seed), n_rows, rows)
    for k, (start, stop) in enumerate(itertools.pairwise(edges)):
        assert rows[k] == start + draws_in_python(seed, stop - start, k + 1)[k]


@pytest.mark.compiled
@pytest.mark.parametrize("n_rows", [2, 46, 1000])
def test_draws_are_uniform_and_successive_ones_independent(n_rows: int) -> None:
    from scipy.stats import chisquare

    for seed in (0, 1, 2**62 + 12345):
        rows = draw(seed, n_rows, 400_000)
        assert chisquare(np.bincount(rows, minlength=n_rows)).pvalue > 1e-5
        halves = rows * 2 // n_rows
        assert chisquare(np.bincount(2 * halves[:-1:2] + halves[1::2], minlength=4)).pvalue > 1e-5
