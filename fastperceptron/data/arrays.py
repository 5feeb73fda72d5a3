"""Rows in memory: any dtype, layout or memory map, handed to the kernels as C-ordered float32 or float64 blocks.

float32 stays float32 and nothing is copied where the rows are so already; anything else is converted block by block.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from fastperceptron.checks import Array, check_finite
from fastperceptron.kernels.take import take_rows

# Elements of a block: 1 MB of float32, small enough for the second-level cache and a few ms at most in any kernel.
BLOCK_ELEMENTS = 1 << 18
CACHE_LINE = 64


def read_only(array: Array) -> Array:
    """Return a view that cannot be written: Numba would compile a second kernel for arrays that can."""
    view = array.view()
    view.flags.writeable = False
    return view


def aligned_zeros(shape: tuple[int, ...], dtype: type | np.dtype) -> Array:
    """Return zeros that begin at a cache line: weights that straddle two cost 5 of 27 ns a step."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.zeros(size + CACHE_LINE, np.uint8)
    return np.ndarray(shape, dtype, memory, offset=-memory.ctypes.data % CACHE_LINE)


def kernel_dtype(dtype: np.dtype) -> type[np.float32] | type[np.float64]:
    """Return the precision in which values of a dtype are computed with: float16 and float32 in float32."""
    return np.float32 if dtype.kind == "f" and dtype.itemsize <= 4 else np.float64


def rows_dtype(dtype: np.dtype) -> type[np.float32] | type[np.float64]:
    """Return the precision in which rows of a dtype are read: float32 where that holds all its values."""
    is_exact = dtype.kind == "b" or (dtype.kind in "iu" and dtype.itemsize <= 2)
    return np.float32 if is_exact else kernel_dtype(dtype)


class ArrayRows:
    """The rows of a numeric array, as blocks that kernels take.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Any real or boolean dtype and any layout.
    """

    def __init__(self, X: Array) -> None:
        self.n_rows, self.n_features = X.shape
        self.dtype = np.dtype(rows_dtype(X.dtype))
        self._block_rows = max(1, BLOCK_ELEMENTS // self.n_features)
        if self.n_rows <= self._block_rows:
            X = self._converted(X)
        self._X = read_only(X)

    @property
    def is_one_block(self) -> bool:
        """Whether all rows are one block, so that a kernel may go over all of them in one call."""
        return bool(self.n_rows <= self._block_rows)

    def _converted(self, rows: Array) -> Array:
        return np.require(rows, dtype=self.dtype, requirements=["C", "A"])

    def blocks(self) -> Iterator[tuple[slice, Array]]:
        """Yield (place, rows) from the first row to the last."""
        for start in range(0, self.n_rows, self._block_rows):
            place = slice(start, min(start + self._block_rows, self.n_rows))
            yield place, read_only(self._converted(self._X[place]))

    @property
    def is_in_place(self) -> bool:
        """Whether kernels read the rows where they are."""
        X = self._X
        return bool(X.dtype == self.dtype and X.flags.c_contiguous and X.flags.aligned)

    def read(self, start: int, stop: int) -> Array:
        """Return the rows from start to stop as a kernel takes them, copied only where they must be converted."""
        return read_only(self._converted(self._X[start:stop]))

    def labelled(self, codes: Any, start: int, stop: int) -> tuple[Array, Array]:
        """Return the rows from start to stop and their class numbers, out of those of all rows."""
        return self.read(start, stop), read_only(codes[start:stop])

    def rows_at(self, places: Array) -> Array:
        """Return a copy of the rows of these numbers, converted."""
        if not self.is_in_place:
            return read_only(np.ascontiguousarray(self._X[places], self.dtype))
        rows = np.empty((places.size, self.n_features), self.dtype)
        take_rows(self._X, places, rows)
        return read_only(rows)

    def labelled_at(self, codes: Any, places: Array) -> tuple[Array, Array]:
        """Return a copy of the rows of these numbers and their class numbers, out of those of all rows."""
        return self.rows_at(places), read_only(codes[places])

    def check_finite(self) -> None:
        """Raise ValueError at the first NaN or infinity."""
        for start in range(0, self.n_rows, self._block_rows):
            check_finite(self._X[start : start + self._block_rows], start)

    def take(self, order: Array, codes: Array) -> tuple[Array, Array, Array]:
        """Return (rows, their codes, places) such that rows[places[k]] is row order[k].

        They are all rows where kernels can read those in place, else a converted copy of the ones in `order`.
        """
        if self.is_in_place:
            return self._X, read_only(codes), read_only(order)
        return read_only(self._converted(self._X[order])), read_only(codes[order]), read_only(np.arange(order.size))
