"""Sparse rows in every format of SciPy, and what hypothesis draws of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from scipy import sparse

from fastperceptron.data.sparse_rows import SparseRows

FORMATS: dict[str, Callable[[Any], Any]] = {
    f"{name}_{kind}": getattr(sparse, f"{name}_{kind}")
    for name in ("csr", "csc", "coo", "bsr", "dia", "lil", "dok")
    for kind in ("array", "matrix")
}


def sparse_table(
    n_rows: int = 200, n_features: int = 19, n_classes: int = 2, dtype: Any = np.float64, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return dense rows of which most values are 0, and labels that depend on them."""
    rng = np.random.default_rng(seed)
    X = np.where(rng.random((n_rows, n_features)) < 0.3, rng.normal(size=(n_rows, n_features)), 0.0)
    scores = X @ rng.normal(size=(n_features, n_classes)) + rng.gumbel(size=(n_rows, n_classes))
    return X.astype(dtype), scores.argmax(axis=1)


@st.composite
def coordinates(draw: Any) -> Any:
    """Draw a COO matrix of any dtype, with duplicates, explicit zeros and empty rows, in any order."""
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 20)))
    n_stored = draw(st.integers(0, 25))
    numbers = [draw(st.lists(st.integers(0, size - 1), min_size=n_stored, max_size=n_stored)) for size in shape]
    dtype = draw(st.sampled_from(["float32", "float64", "longdouble", "int8", "uint16", "int32", "int64", "bool"]))
    index = draw(st.sampled_from([np.int32, np.int64]))
    values = np.array(draw(st.lists(st.integers(-3, 3), min_size=n_stored, max_size=n_stored)), int).astype(dtype)
    kind = draw(st.sampled_from([sparse.coo_array, sparse.coo_matrix]))
    return kind((values, tuple(np.array(each, index) for each in numbers)), shape=shape)


def with_indices_of(X: Any, dtype: Any) -> Any:
    """Return a CSR or CSC matrix whose index arrays have a dtype, which SciPy's constructor would choose itself."""
    X = X.copy()
    X.indices, X.indptr = X.indices.astype(dtype), X.indptr.astype(dtype)
    return X


def everything_in(X: Any) -> list[bytes]:
    """Return the bytes of all arrays of a sparse matrix, to see whether it has changed."""
    parts = [getattr(X, name, None) for name in ("data", "indices", "indptr", "row", "col", "offsets", "rows")]
    if X.format == "dok":
        return [repr(sorted(X.items())).encode()]
    return [repr(part.tolist()).encode() + str(part.dtype).encode() for part in parts if isinstance(part, np.ndarray)]


def sparse_rows(X: Any) -> SparseRows:
    """Return the rows of a dense array or a scipy.sparse matrix."""
    matrix = sparse.csr_matrix(X)
    matrix.sum_duplicates()
    return SparseRows(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data, matrix.shape[1])


def random_table(n_rows: int, n_features: int, dtype: type = np.float64, density: float = 0.3, seed: int = 0) -> Any:
    """Return a dense array of which a share of the values is not 0."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n_rows, n_features)) * (rng.random((n_rows, n_features)) < density)).astype(dtype)
