"""Sparse rows of users as canonical CSR arrays: any format of scipy.sparse, checked before a kernel reads them.

SciPy is not imported: whoever has a sparse matrix has imported it. Nothing of the user's object is changed, and arrays
that are as the kernels want them are not copied. SciPy's own checks run when an object is made, not when its arrays are
changed later, and its compiled functions trust them: so all indices are looked at here.
"""

import copy
from typing import Any, NoReturn

import numpy as np

from fastperceptron.checks import Array, as_matrix, check_is_array_like, frame_names
from fastperceptron.data.arrays import kernel_dtype, read_only
from fastperceptron.data.sparse_arrays import CsrArray, Matrix
from fastperceptron.kernels.sparse_prediction import is_canonical

MOST_COLUMNS = 2**31 - 1  # column numbers are int32


def is_sparse(X: Any) -> bool:
    """Return whether X is a sparse matrix or array of SciPy, or like one."""
    return hasattr(X, "toarray") and hasattr(X, "nnz")


def is_sparse_frame(X: Any) -> bool:
    """Return whether X is a pandas frame all of whose columns are sparse."""
    return frame_names(X) is not None and hasattr(X, "sparse") and hasattr(X, "iloc")


def sparse_of_frame(X: Any, name: str = "X") -> Any:
    """Return a frame of sparse columns as a sparse matrix, as scikit-learn does; raise ValueError if it is not one."""
    for column, dtype in X.dtypes.items():
        if not (dtype.fill_value == 0):
            raise ValueError(
                f"fill value must be 0, but the sparse column {column!r} of {name} leaves out {dtype.fill_value!r}: "
                "make it pd.SparseDtype(dtype, 0), or dense (X.sparse.to_dense())."
            )
    matrix = X.sparse.to_coo()
    if matrix.dtype == object:
        raise ValueError(f"the sparse columns of {name} have no common dtype: give them one that is a number's.")
    return matrix


def as_matrix_or_csr(X: Any, n_features: int | None = None, name: str = "X") -> Matrix:
    """Return X as a numeric array, or as a `CsrArray` if it is sparse; it raises what `as_matrix` does."""
    check_is_array_like(X, name)
    if is_sparse_frame(X):
        X = sparse_of_frame(X, name)
    if not is_sparse(X):
        return as_matrix(X, n_features, name)
    rows = as_csr(X, name)
    if 0 in rows.shape:
        raise ValueError(f"{name} is empty: its shape is {rows.shape}. At least one row and one feature are needed.")
    if n_features is not None and rows.shape[1] != n_features:
        raise ValueError(f"{name} has {rows.shape[1]} features, but the model was trained on {n_features}.")
    return rows


def as_csr(X: Any, name: str = "X") -> CsrArray:
    """Return sparse rows in canonical form; those of float32 and float16 as float32, others as float64.

    Raises
    ------
    ValueError
        If X is not 2-d, an index is out of range, or its arrays do not fit each other.
    TypeError
        If its values are not real numbers or booleans.
    """
    if isinstance(X, CsrArray):
        return X
    if getattr(X, "ndim", 2) != 2:
        raise ValueError(
            f"Expected 2D input, got a sparse array of shape {X.shape} instead: {name} must have two dimensions "
            f"(rows, features). One row is {name}.reshape(1, -1)."
        )
    if X.shape[1] > MOST_COLUMNS:
        raise ValueError(f"{name} has {X.shape[1]:,} columns, but at most {MOST_COLUMNS:,} can be numbered.")
    if np.dtype(X.dtype).kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, but its dtype is {X.dtype}.")
    X = _with_native_values(X)
    _check_structure(X, name)
    rows = X if X.format == "csr" else X.tocsr()
    _check_structure(rows, name)
    parts = _in_kernel_types(rows)
    if is_canonical(parts, rows.shape[1]):
        return _with_short_indices(parts, rows.shape[1])
    _check_columns(rows, name)
    return _without_zeros(_with_short_indices(_in_kernel_types(_in_order(rows)), rows.shape[1]))


def _with_native_values(X: Any) -> Any:
    """Return X with values that SciPy computes with: float16 and other byte orders become float32 or native ones."""
    values = getattr(X, "data", None)
    if not isinstance(values, np.ndarray) or values.dtype == object:
        return X
    dtype = np.dtype(np.float32) if values.dtype == np.float16 else values.dtype.newbyteorder("=")
    if dtype == values.dtype and values.dtype.isnative:
        return X
    X = copy.copy(X)
    X.data = values.astype(dtype)
    return X


def _check_structure(X: Any, name: str) -> None:
    """Raise ValueError if the arrays of a compressed or coordinate format do not fit each other."""
    kind = f"{name} is not a valid {X.format.upper()} matrix: "
    if X.format == "coo":
        for axis, numbers in enumerate(X.coords if hasattr(X, "coords") else (X.row, X.col)):
            _check_length(kind, ("row", "column")[axis] + " numbers", numbers, X.data)
            wrong = np.flatnonzero((numbers < 0) | (numbers >= X.shape[axis]))
            if wrong.size:
                place = int(wrong[0])
                row = int((X.coords[0] if hasattr(X, "coords") else X.row)[place])
                raise ValueError(
                    f"{kind}its stored value {place}, in row {row}, has the {('row', 'column')[axis]} number "
                    f"{int(numbers[place])}, but there are {X.shape[axis]}."
                )
    if X.format not in ("csr", "csc", "bsr"):
        return
    sizes = X.shape if X.format != "bsr" else tuple(np.floor_divide(X.shape, X.data.shape[1:]))
    n_runs, n_numbers = sizes[::-1] if X.format == "csc" else sizes
    what, run = ("row", "column") if X.format == "csc" else ("column", "row")
    _check_length(kind, "indices", X.indices, X.data)
    indptr = X.indptr
    if indptr.ndim != 1 or indptr.size != n_runs + 1:
        raise ValueError(f"{kind}indptr has shape {indptr.shape}, but for {n_runs} {run}s it must be ({n_runs + 1},).")
    if indptr[0] != 0:
        raise ValueError(f"{kind}indptr must begin with 0, but begins with {indptr[0]}.")
    falls = np.flatnonzero(indptr[1:] < indptr[:-1])
    if falls.size:
        k = int(falls[0])
        raise ValueError(f"{kind}indptr decreases at {run} {k}, from {indptr[k]} to {indptr[k + 1]}.")
    if indptr[-1] != len(X.indices):
        raise ValueError(
            f"{kind}indptr ends with {indptr[-1]} in {run} {n_runs - 1}, but {len(X.indices)} values are stored."
        )
    if X.format != "csr":  # those of CSR are looked at with the rest
        _check_numbers(kind, X.indices, indptr, (what, run), n_numbers)


def _check_length(kind: str, what: str, numbers: Array, values: Array) -> None:
    if numbers.ndim != 1 or len(numbers) != len(values):
        raise ValueError(f"{kind}it has {len(numbers)} {what}, but {len(values)} values.")


def _check_numbers(kind: str, numbers: Array, indptr: Array, names: tuple[str, str], n_numbers: int) -> None:
    if numbers.size and (numbers.min() < 0 or numbers.max() >= n_numbers):
        place = int(np.flatnonzero((numbers < 0) | (numbers >= n_numbers))[0])
        _raise_out_of_range(kind, int(numbers[place]), _run_of(indptr, place), names, n_numbers)


def _raise_out_of_range(kind: str, number: int, run: int, names: tuple[str, str], n_numbers: int) -> NoReturn:
    what, of = names
    raise ValueError(f"{kind}{of} {run} has the {what} index {number}, which is out of range: there are {n_numbers}.")


def _run_of(indptr: Array, place: int) -> int:
    return int(np.searchsorted(indptr, place, side="right")) - 1


def _check_columns(X: Any, name: str) -> None:
    _check_numbers(f"{name} is not a valid CSR matrix: ", X.indices, X.indptr, ("column", "row"), X.shape[1])


def _in_kernel_types(X: Any) -> tuple[Array, Array, Array]:
    """Return a CSR matrix's indptr, indices (int32 or int64) and values as kernels take them, copied only if needed."""
    index = np.int32 if X.indices.dtype == np.int32 else np.int64
    kinds = (X.indptr, np.int64), (X.indices, index), (X.data, kernel_dtype(X.data.dtype))
    indptr, indices, values = (read_only(np.require(array, dtype, ["C", "A"])) for array, dtype in kinds)
    return indptr, indices, values


def _with_short_indices(parts: tuple[Array, Array, Array], n_features: int) -> CsrArray:
    """Return arrays whose column numbers were checked."""
    indptr, indices, values = parts
    return CsrArray(indptr, indices.astype(np.int32, copy=False), values, n_features)


def _in_order(X: Any) -> Any:
    """Return a copy whose columns ascend in each row, values of one place added in their own dtype."""
    own = type(X)((X.data.copy(), X.indices.copy(), X.indptr.copy()), shape=X.shape)
    own.sum_duplicates()
    return own


def _without_zeros(X: CsrArray) -> CsrArray:
    kept = X.data != 0
    # Searched, since a running count of all stored values took 0.5 s for 30 million, of which two were 0.
    n_left_out = np.searchsorted(np.flatnonzero(~kept), X.indptr)
    return CsrArray(X.indptr - n_left_out, X.indices[kept], X.data[kept], X.shape[1])
