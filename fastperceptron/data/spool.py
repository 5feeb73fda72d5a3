"""Decoded rows, class numbers and weights in raw temporary files that are memory-mapped: decoding happens once per fit.

The files have no name (they are unlinked as soon as they are open), so that the system frees them whatever happens to
the process: no error, interrupt or kill leaves one behind, and nothing has to be cleaned up.
"""

import errno
import mmap
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import ArrayRows, read_only
from fastperceptron.data.dataset import Block, Dataset, Table, no_labels
from fastperceptron.data.running_labels import RunningLabels
from fastperceptron.data.sparse_arrays import CsrArray, Matrix
from fastperceptron.data.sparse_rows import SparseRows
from fastperceptron.kernels.cache import cache_root

CODES_AT_A_TIME = 1 << 20  # converted at a time from the order in which classes were met to the sorted one: 1 MB


class _RawFile:
    """A file without a name, to which arrays of one dtype are appended, and which is then mapped as one array."""

    def __init__(self, directory: Path, dtype: type | np.dtype) -> None:
        self._directory, self.dtype = directory, np.dtype(dtype)
        self._file = tempfile.TemporaryFile(dir=directory, buffering=0)  # noqa: SIM115  # `close` closes it
        self.size = 0

    def append(self, values: Array) -> None:
        """Write an array's values, in C order."""
        content = np.ascontiguousarray(values, self.dtype).reshape(-1).view(np.uint8).data
        try:
            while content:
                written = self._file.write(content)
                content, self.size = content[written:], self.size + written
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
                raise
            free = shutil.disk_usage(self._directory).free
            raise OSError(
                error.errno,
                f"no room for decoded rows in {os.fspath(self._directory)!r}: {self.size / 1e9:.3g} GB are written, "
                f"more are to come (4 or 8 bytes per value), and {free / 1e9:.3g} GB are free. Pass a cache_dir with "
                "more room.",
            ) from error

    def widened(self, dtype: np.dtype) -> "_RawFile":
        """Return a file of the same values in another dtype."""
        own, other = self.map(), _RawFile(self._directory, dtype)
        for start in range(0, own.size, CODES_AT_A_TIME):
            other.append(own[start : start + CODES_AT_A_TIME])
        return other

    def map(self) -> Array:
        """Return a 1-d array that maps what was written."""
        if self.size == 0:
            return np.empty(0, self.dtype)
        memory = mmap.mmap(self._file.fileno(), self.size)
        return np.frombuffer(memory, self.dtype)

    def close(self) -> None:
        """Close the file; a map of it stays valid until it is garbage-collected."""
        self._file.close()


class _DenseRows:
    """Decoded rows in a file."""

    def __init__(self, directory: Path, dtype: np.dtype) -> None:
        self._file = _RawFile(directory, dtype)

    def append(self, X: Array) -> None:
        self._file.append(X)

    def map(self, n_features: int) -> ArrayRows:
        return ArrayRows(self._file.map().reshape(-1, n_features))

    def close(self) -> None:
        self._file.close()


class _SparseRows:
    """Decoded sparse rows in a file per array of the CSR form."""

    def __init__(self, directory: Path, dtype: np.dtype) -> None:
        self._files = [_RawFile(directory, kind) for kind in (np.int64, np.int32, dtype)]
        self._files[0].append(np.zeros(1, np.int64))
        self._n_stored = 0

    def append(self, X: CsrArray) -> None:
        for file, part in zip(self._files, (X.indptr[1:] + self._n_stored, X.indices, X.data), strict=True):
            file.append(part)
        self._n_stored += X.nnz

    def map(self, n_features: int) -> SparseRows:
        indptr, indices, values = (file.map() for file in self._files)
        return SparseRows(indptr, indices, values, n_features)

    def close(self) -> None:
        for file in self._files:
            file.close()


def _spooled_rows(X: Matrix, directory: Path, dtype: np.dtype) -> Any:
    """Return a context manager with files for rows of the kind of some first rows."""
    return closing((_SparseRows if isinstance(X, CsrArray) else _DenseRows)(directory, dtype))


def spool_directory(cache_dir: Any = None) -> Path:
    """Return the directory of temporary files: the given one, which must exist, the user's cache, or the system's."""
    if cache_dir is not None:
        directory = Path(cache_dir).expanduser()
        if not directory.is_dir():
            raise NotADirectoryError(f"cache_dir must be a directory, but {os.fspath(directory)!r} is not one.")
        return directory
    directory = cache_root()
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.gettempdir())
    return directory if os.access(directory, os.W_OK) else Path(tempfile.gettempdir())


class DecodedDataset(Dataset):
    """A data set whose blocks must be decoded, or come only once: a fit reads them once into temporary files."""

    def pick(self, places: Sequence[int]) -> "DecodedDataset":
        """Return the same rows with the features at these places only, in this order."""
        return Picked(self, places)

    def _new_labels(self) -> RunningLabels:
        return RunningLabels()

    def _blocks_for_labels(self) -> Iterator[Block]:
        """Yield all rows once, in order, with labels as `_new_labels` takes them."""
        return self.blocks()

    @contextmanager
    def open_table(self, rows_read: Callable[[int], object] = int) -> Iterator[Table]:
        """Decode all rows into files, and give them as a `Table`; the files are gone at the end."""
        directory, labels = spool_directory(self.cache_dir), self._new_labels()
        with ExitStack() as stack:
            codes, weights = (
                stack.enter_context(closing(_RawFile(directory, dtype))) for dtype in (np.uint8, np.float64)
            )
            rows: _DenseRows | _SparseRows | None = None  # the first block shows which
            blocks = self._blocks_for_labels()
            if isinstance(blocks, Generator):
                stack.enter_context(closing(blocks))
            for block in blocks:
                if block.y is None:
                    raise no_labels()
                if rows is None:
                    rows = stack.enter_context(_spooled_rows(block.X, directory, self.dtype))
                rows.append(block.X)
                numbers = labels.codes_of(block.y)
                if numbers.dtype != codes.dtype:
                    codes = stack.enter_context(closing(codes.widened(numbers.dtype)))
                codes.append(numbers)
                if block.weights is not None:
                    weights.append(block.weights)
                rows_read(len(block.X))
            classes, numbers, counts = labels.finish()
            class_numbers = codes.map()
            for start in range(0, class_numbers.size, CODES_AT_A_TIME):
                part = slice(start, start + CODES_AT_A_TIME)
                class_numbers[part] = numbers[class_numbers[part]]
            assert rows is not None  # noqa: S101  # labels.finish() refuses no rows
            row_weights = read_only(weights.map()) if weights.size else None  # writable ones compile other kernels
            yield Table(rows.map(self.n_features), classes, read_only(class_numbers), row_weights, counts)


class View(DecodedDataset):
    """A data set that is made of another one as that is read: the base of such."""

    def __init__(self, data: Dataset) -> None:
        self._data = data
        self.n_features, self.feature_names, self.target_name = data.n_features, data.feature_names, data.target_name
        self.classes, self.dtype, self.cache_dir = data.classes, data.dtype, data.cache_dir


class Picked(View):
    """Some features of another data set, in another order."""

    def __init__(self, data: Dataset, places: Sequence[int]) -> None:
        super().__init__(data)
        self._places, self.n_rows, self.n_features = list(places), data.n_rows, len(places)
        names = data.feature_names
        self.feature_names = None if names is None else tuple(names[place] for place in places)

    def blocks(self) -> Iterator[Block]:
        """Yield all rows once, in order."""
        for block in self._data.blocks():
            yield block._replace(X=block.X[:, self._places])

    def head(self, n: int = 5) -> Block:
        """Return the first n rows, or all if there are fewer."""
        block = self._data.head(n)
        return block._replace(X=block.X[:, self._places])
