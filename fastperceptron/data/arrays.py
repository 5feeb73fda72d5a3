"""Rows in memory or a memory map, of any dtype and layout, as C-ordered float32 or float64 blocks for the kernels.

float32 stays float32, and rows that are C-ordered already are not copied; others are converted block by block.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Self

import numpy as np

from fastperceptron.checks import Array, as_array, check_finite
from fastperceptron.kernels.objective import rows_per_run, rows_per_tile
from fastperceptron.kernels.take import take_rows

# Values per block: 1 MB of float32, small enough for the second-level cache and a few ms at most in any kernel.
BLOCK_ELEMENTS = 1 << 18
# Values up to which rows that must be converted are so once, for many reads: 32 MB of float64. Fits of column-major
# tables took 0.72 to 0.93 of the processor time.
KEPT_ELEMENTS = 1 << 22
CACHE_LINE = 64  # bytes


def read_only(array: Array) -> Array:
    """Return a view that cannot be written to: Numba would compile a second kernel for writable arrays."""
    view = array.view()
    view.flags.writeable = False
    return view


def for_kernels(array: Array, dtype: Any) -> Array:
    """Return an array in a dtype, C-ordered and aligned; itself if it is that (np.require takes 3 us to see it)."""
    flags = array.flags
    is_ready = array.dtype == dtype and flags.c_contiguous and flags.aligned
    return array if is_ready else np.require(array, dtype, ["C", "A"])


def aligned_zeros(shape: tuple[int, ...], dtype: type | np.dtype) -> Array:
    """Return zeros that begin at a cache line: weights that straddle two cost 5 of 27 ns per step."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.zeros(size + CACHE_LINE, np.uint8)
    return np.ndarray(shape, dtype, memory, offset=-memory.__array_interface__["data"][0] % CACHE_LINE)


def kernel_dtype(dtype: np.dtype) -> type[np.float32] | type[np.float64]:
    """Return the precision of computations with values of a dtype: float16 and float32 in float32.

    All others in float64, so that the same values give the same bits from arrays, typed columns and text.
    """
    return np.float32 if dtype.kind == "f" and dtype.itemsize <= 4 else np.float64


def as_vector(values: Any, name: str) -> Array:
    """Return values of shape (n_rows,) or (n_rows, 1) as an array of shape (n_rows,); else raise ValueError.

    A list that mixes booleans, numbers, text or others becomes an array of objects: NumPy would make one kind of them.
    """
    array = as_array(values, name)
    if isinstance(values, list | tuple) and array.dtype.kind in "iufU":
        objects = as_array(values, name, object)
        if len(set(map(kind_of, set(map(type, objects.reshape(-1).tolist()))))) > 1:
            array = objects
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        found = "it is None" if array.ndim == 0 and array.item() is None else f"its shape is {array.shape}"
        raise ValueError(f"{name} must have one dimension, a value per row, but {found}.")
    return array


def kind_of(value_type: type) -> str:
    """Return the kind of values of a type, "strings", "booleans" or "numbers", or "" for anything else."""
    kinds = {"strings": str, "booleans": bool | np.bool, "numbers": int | float | np.integer | np.floating}
    return next((name for name, types in kinds.items() if issubclass(value_type, types)), "")


class Rows(ABC):
    """Rows that are read by number, from any thread, as kernels take them: C-ordered, aligned and read-only.

    They are read as `dtype`: float32 or float64. With `is_sparse`, reads visit stored values only (sparse_rows.py).
    """

    is_sparse = False

    def __init__(self, n_rows: int, n_features: int, dtype: Any) -> None:
        self.n_rows, self.n_features, self.dtype = n_rows, n_features, np.dtype(dtype)
        self._block_rows = max(1, BLOCK_ELEMENTS // n_features)

    @property
    def read_width(self) -> float:
        """The number of columns of dense rows that a read of all rows takes as long for."""
        return float(self.n_features)

    @cached_property
    def tile_rows(self) -> int:
        """The rows of a tile, the part that a read sums by itself."""
        return int(rows_per_tile(self.n_features))

    @property
    def run_rows(self) -> int:
        """The rows of a run, which holds whole tiles: parts of the rows begin with one."""
        return math.lcm(rows_per_run(self.n_features), self.tile_rows)

    @property
    def is_one_block(self) -> bool:
        """Whether all rows are one block, so that a kernel may go over all of them in one call."""
        return self.n_rows <= self._block_rows

    @abstractmethod
    def rows_at(self, places: range | Array) -> Array:
        """Return the rows with these numbers."""

    @abstractmethod
    def labelled_at(self, codes: Any, places: range | Array) -> tuple[Array, Array]:
        """Return the rows with these numbers and their class numbers; `codes` has those of all rows."""

    def for_many_reads(self) -> Self:
        """Return the same rows in the form that many reads are fastest from."""
        return self

    def read(self, start: int, stop: int) -> Array:
        """Return the rows from start to stop."""
        return self.rows_at(range(start, stop))

    def labelled(self, codes: Any, start: int, stop: int) -> tuple[Array, Array]:
        """Return the rows from start to stop and their class numbers."""
        return self.labelled_at(codes, range(start, stop))

    def blocks(self) -> Iterator[tuple[slice, Array]]:
        """Yield (place, rows) from the first row to the last."""
        for start in range(0, self.n_rows, self._block_rows):
            stop = min(start + self._block_rows, self.n_rows)
            yield slice(start, stop), self.read(start, stop)


class ArrayRows(Rows):
    """The rows of an array of shape (n_rows, n_features), of any real or boolean dtype and any layout."""

    def __init__(self, X: Array) -> None:
        super().__init__(X.shape[0], X.shape[1], kernel_dtype(X.dtype))
        self._X = read_only(self._convert(X) if self.is_one_block else X)

    def _convert(self, rows: Array) -> Array:
        return for_kernels(rows, self.dtype)

    @property
    def is_in_place(self) -> bool:
        """Whether kernels read the rows where they are, without a copy."""
        X = self._X
        return bool(X.dtype == self.dtype and X.flags.c_contiguous and X.flags.aligned)

    def for_many_reads(self) -> Self:
        """Return the same rows, converted once and for all, unless they are many or need no conversion."""
        is_kept = self._X.size <= KEPT_ELEMENTS and not self.is_in_place
        return type(self)(self._convert(self._X)) if is_kept else self

    def rows_at(self, places: range | Array) -> Array:
        """Return the rows with these numbers; those of a range are copied only where they must be converted."""
        if isinstance(places, range):
            return read_only(self._convert(self._X[places.start : places.stop]))
        if not self.is_in_place:
            return read_only(np.ascontiguousarray(self._X[places], self.dtype))
        rows = np.empty((places.size, self.n_features), self.dtype)
        take_rows(self._X, places, rows)
        return read_only(rows)

    def labelled_at(self, codes: Any, places: range | Array) -> tuple[Array, Array]:
        """Return the rows with these numbers and their class numbers; `codes` has those of all rows."""
        chosen = slice(places.start, places.stop) if isinstance(places, range) else places
        return self.rows_at(places), read_only(codes[chosen])

    def check_finite(self) -> None:
        """Raise ValueError at the first NaN or infinity."""
        for start in range(0, self.n_rows, self._block_rows):
            check_finite(self._X[start : start + self._block_rows], start)

    def take(self, order: Array, codes: Array) -> tuple[Array, Array, Array]:
        """Return (rows, their codes, places) such that rows[places[k]] is row order[k].

        The rows are all rows where kernels can read those in place, else a converted copy of the ones in `order`.
        """
        if self.is_in_place:
            return self._X, read_only(codes), read_only(order)
        return read_only(self._convert(self._X[order])), read_only(codes[order]), read_only(np.arange(order.size))
