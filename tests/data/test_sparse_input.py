"""Any sparse matrix becomes the CSR arrays of the same rows, or is refused before a kernel reads it."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import sparse

from fastperceptron.data.sparse_arrays import CsrArray, joined, rows_of
from fastperceptron.data.sparse_input import as_csr
from sparse_tables import FORMATS, coordinates, everything_in, sparse_table, with_indices_of

X, _ = sparse_table(13, 9)


def assert_is_canonical(rows: CsrArray) -> None:
    assert rows.indptr.dtype == np.int64
    assert rows.indices.dtype == np.int32
    assert rows.data.dtype in (np.float32, np.float64)
    assert rows.indptr[0] == 0
    assert rows.indptr[-1] == rows.nnz == len(rows.indices) == len(rows.data)
    assert rows.data.all()
    for start, stop in zip(rows.indptr[:-1], rows.indptr[1:], strict=True):
        assert (np.diff(rows.indices[start:stop]) > 0).all()


@given(coordinates(), st.sampled_from([*FORMATS, "as it is"]), st.randoms(use_true_random=False))
def test_the_rows_are_those_of_toarray(given: Any, name: str, random: Any) -> None:
    matrix = given if name == "as it is" else FORMATS[name](given)
    if name.startswith("csr") and matrix.nnz:  # columns in any order, as a user may build them
        for start, stop in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
            order = np.array(random.sample(range(int(start), int(stop)), int(stop - start)), int)
            matrix.indices[start:stop], matrix.data[start:stop] = matrix.indices[order], matrix.data[order]
        matrix.has_sorted_indices = False
    before = everything_in(matrix)
    rows = as_csr(matrix)
    assert_is_canonical(rows)
    assert rows.dtype == (np.float32 if given.dtype == np.float32 else np.float64)
    assert rows.toarray().tolist() == matrix.toarray().astype(np.float64).tolist()
    assert everything_in(matrix) == before


@pytest.mark.parametrize("name", FORMATS)
def test_every_format(name: str) -> None:
    rows = as_csr(FORMATS[name](X))
    assert_is_canonical(rows)
    assert rows.toarray().tobytes() == X.tobytes()


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("name", ["csr_array", "csr_matrix", "csc_array", "csc_matrix"])
def test_both_types_of_indices(name: str, index: Any) -> None:
    assert as_csr(with_indices_of(FORMATS[name](X), index)).toarray().tobytes() == X.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_canonical_arrays_are_not_copied(dtype: Any) -> None:
    matrix = sparse.csr_array(X.astype(dtype))
    rows = as_csr(matrix)
    assert np.shares_memory(rows.data, matrix.data)
    assert np.shares_memory(rows.indices, matrix.indices)
    assert not rows.data.flags.writeable
    assert matrix.data.flags.writeable


@pytest.mark.parametrize("name", ["csr_array", "csc_matrix", "coo_array"])
@pytest.mark.parametrize("dtype", ["float16", ">f4", ">f8", ">i4"])
def test_values_that_scipy_does_not_compute_with(name: str, dtype: str) -> None:
    matrix = FORMATS[name](np.rint(4 * X))
    matrix.data = matrix.data.astype(dtype)
    rows = as_csr(matrix)
    assert rows.dtype == (np.float32 if dtype in ("float16", ">f4") else np.float64)
    assert (rows.toarray() == np.rint(4 * X)).all()
    assert matrix.data.dtype == dtype


def test_a_matrix_out_of_order_is_left_as_it_is() -> None:
    matrix = sparse.csr_matrix((np.array([3.0, 1.0, 0.0, 2.0]), np.array([2, 0, 1, 2]), np.array([0, 4])), shape=(1, 3))
    before = everything_in(matrix)
    assert as_csr(matrix).toarray().tolist() == [[1.0, 0.0, 5.0]]
    assert as_csr(matrix).indices.tolist() == [0, 2]
    assert everything_in(matrix) == before


def test_duplicates_are_added_in_their_own_dtype() -> None:
    place = np.zeros(2, int), np.zeros(2, int)
    for dtype, value, total in (
        ("bool", 1, 1),
        ("int8", 100, -56),
        ("uint8", 200, 144),
        ("float32", 0.1, np.float32(0.2)),
    ):
        both = sparse.coo_array((np.array([value, value]).astype(dtype), place), shape=(1, 1))
        assert as_csr(both).toarray()[0, 0] == total
    opposite = sparse.coo_array((np.array([1.0, -1.0]), place), shape=(1, 1))
    assert as_csr(opposite).nnz == 0


def broken(name: str, **parts: Any) -> Any:
    matrix = FORMATS[name](X)
    for part, (place, value) in parts.items():
        array = getattr(matrix, part).copy()
        if place is None:
            array = value(array)
        else:
            array[place] = value
        setattr(matrix, part, array)
    return matrix


def cut(array: Any) -> Any:
    return array[:-1]


BROKEN = [
    ("csr_array", {"indices": (0, 9)}, "row 0 has the column index 9, which is out of range: there are 9"),
    ("csr_matrix", {"indices": (0, -1)}, "row 0 has the column index -1, which is out of range"),
    ("csr_array", {"indices": (-1, 2**31 - 1)}, "row 12 has the column index 2147483647, which is out of range"),
    ("csc_array", {"indices": (0, 13)}, "column 0 has the row index 13, which is out of range: there are 13"),
    ("csr_array", {"indptr": (3, 30)}, "indptr decreases at row 3, from 30 to"),
    ("csc_matrix", {"indptr": (3, 35)}, "indptr decreases at column 3, from 35 to"),
    ("csr_array", {"indptr": (-1, 99)}, "indptr ends with 99 in row 12, but "),
    ("csr_array", {"indptr": (0, 1)}, "indptr must begin with 0, but begins with 1"),
    ("csr_array", {"indptr": (None, cut)}, r"indptr has shape \(13,\), but for 13 rows it must be \(14,\)"),
    ("csr_array", {"indices": (None, cut)}, "indices, but "),
    ("csc_array", {"data": (None, cut)}, "indices, but "),
    ("bsr_array", {"indices": (0, 50)}, "row 0 has the column index 50"),
]


@pytest.mark.parametrize(("name", "parts", "message"), BROKEN)
def test_broken_arrays_are_refused(name: str, parts: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"X is not a valid {name[:3].upper()} matrix: .*{message}"):
        as_csr(broken(name, **parts))


@pytest.mark.parametrize(("axis", "value"), [(0, 13), (0, -1), (1, 9), (1, -2)])
def test_broken_coordinates_are_refused(axis: int, value: int) -> None:
    matrix = sparse.coo_array(X)
    coords = [each.copy() for each in matrix.coords]
    coords[axis][5] = value
    matrix.coords = tuple(coords)
    kind = ("row", "column")[axis]
    with pytest.raises(ValueError, match=f"its stored value 5, in row -?[0-9]+, has the {kind} number {value}, but"):
        as_csr(matrix)


def test_wide_indices_beyond_int32_are_refused_and_not_wrapped() -> None:
    matrix = with_indices_of(sparse.csr_array(X), np.int64)
    matrix.indices[0] += 2**32
    with pytest.raises(ValueError, match=re.escape(f"column index {matrix.indices[0]}, which is out of range")):
        as_csr(matrix)


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
def test_values_that_are_no_real_numbers(dtype: Any) -> None:
    with pytest.raises(TypeError, match="X must hold real numbers, but its dtype is complex"):
        as_csr(sparse.csr_array(X.astype(dtype)))
    objects = sparse.csr_array(X)
    objects.data = objects.data.astype(object)
    with pytest.raises(TypeError, match="X must hold real numbers, but its dtype is object"):
        as_csr(objects)


def test_one_dimension_is_refused_with_advice() -> None:
    with pytest.raises(
        ValueError, match=r"Expected 2D input, got a sparse array of shape \(9,\)(.|\n)*reshape\(1, -1\)"
    ):
        as_csr(sparse.coo_array(X[0]))


@given(st.data())
def test_rows_are_cut_joined_and_picked_like_an_array(data: Any) -> None:
    rows = as_csr(sparse.csr_array(X))
    numbers = data.draw(st.lists(st.integers(-13, 12), max_size=8))
    columns = data.draw(st.lists(st.integers(-9, 8), min_size=1, max_size=12))
    bound = st.none() | st.integers(-15, 15)
    part = slice(data.draw(bound), data.draw(bound), data.draw(st.sampled_from([None, 1, 2, -1])))
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=13, max_size=13)))
    for key in (numbers and np.array(numbers), part, mask):
        if isinstance(key, list):
            continue
        found = rows[key]
        assert_is_canonical(found)
        assert found.toarray().tolist() == X[key].tolist()
        picked = found[:, columns]
        assert_is_canonical(picked)
        assert picked.toarray().tolist() == X[key][:, columns].tolist()
    pieces = [rows[:4], rows[4:4], rows[4:9], rows[9:]]
    assert joined(pieces).toarray().tolist() == X.tolist()
    assert rows.to_scipy().toarray().tolist() == X.tolist()


def test_what_would_not_fit_as_dense_rows_is_refused_with_its_bytes() -> None:
    wide = as_csr(sparse.csr_array((1 << 20, 1 << 30)))
    with pytest.raises(MemoryError, match="9,007,199,254,740,992 bytes"):
        wide.toarray()
    rows = rows_of(wide)
    assert rows.n_features == 1 << 30
    with pytest.raises(MemoryError, match="1,000 sparse rows of 1,073,741,824 features take 8,589,934,592,000 bytes"):
        rows.read(0, 1000)
