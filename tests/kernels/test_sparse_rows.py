"""Sparse rows give dense blocks, hashes and tiles as they should."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

from fastperceptron.kernels.sparse_objective import LARGEST_GROUP, SMALLEST_GROUP, group_rows, tile_rows
from sparse_tables import random_table, sparse_rows

TABLES = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 12), st.integers(1, 9)), elements=st.sampled_from([0.0, 0.0, 1.5, -2.0])
)


@given(X=TABLES, data=st.data())
def test_rows_are_dense_by_range_and_by_number(X: np.ndarray, data: st.DataObject) -> None:
    rows, codes = sparse_rows(X), np.arange(len(X)).astype(np.uint8)
    start = data.draw(st.integers(0, len(X)))
    stop = data.draw(st.integers(start, len(X)))
    numbers = np.array(data.draw(st.lists(st.integers(0, len(X) - 1))), np.int64)
    np.testing.assert_array_equal(rows.read(start, stop), X[start:stop])
    taken, its_codes = rows.labelled_at(codes, numbers)
    np.testing.assert_array_equal(taken, X[numbers])
    np.testing.assert_array_equal(its_codes, numbers)


@given(
    n_rows=st.integers(1, 10**9),
    n_features=st.integers(1, 10**8),
    share=st.floats(0, 1),
)
def test_tiles_cover_all_rows_and_are_not_more_than_their_tables_cost(
    n_rows: int, n_features: int, share: float
) -> None:
    n_stored = int(share * n_rows * n_features)
    size = tile_rows(n_rows, n_features, n_stored)
    assert 1 <= size <= n_rows
    n_tiles = -(-n_rows // size)
    assert n_tiles == 1 or n_tiles * n_features <= n_stored
    assert SMALLEST_GROUP <= group_rows(n_rows, n_stored) <= LARGEST_GROUP


@pytest.mark.parametrize("change", ["value", "place", "row"])
def test_hashes_tell_rows_apart_and_may_be_taken_tile_by_tile(change: str) -> None:
    X = random_table(50, 6, density=0.5)
    rows = sparse_rows(X)
    rows.tile_rows = 8
    whole = rows.hashes(0, 50)
    assert (
        np.concatenate([rows.hashes(start, min(start + 8, 50)) for start in range(0, 50, 8)]).tolist() == whole.tolist()
    )
    i, j = np.argwhere(X[20:30] != 0)[3] + [20, 0]
    k = int(np.flatnonzero(X[i] == 0)[0])
    if change == "value":
        X[i, j] += 1
    elif change == "place":
        X[i, k], X[i, j] = X[i, j], 0
    else:
        X[[i, i + 1]] = X[[i + 1, i]]
    other = sparse_rows(X)
    other.tile_rows = 8
    assert other.hashes(0, 50).tolist() != whole.tolist()
