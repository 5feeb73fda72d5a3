"""What must be decoded is decoded once: rows, class numbers and weights go raw into temporary files, and are mapped.

The files have no name (they are unlinked as soon as they are open), so that the system frees them whatever happens to
the process: no error, interrupt or kill leaves one behind, and there is nothing to sweep.
"""

import errno
import mmap
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import ArrayRows, read_only
from fastperceptron.data.dataset import Block, Table
from fastperceptron.data.running_labels import RunningLabels
from fastperceptron.kernels.cache import cache_root

# Class numbers that are put into the classes' order at a time.
BLOCK_CODES = 1 << 20


class _RawFile:
    """A file without a name that grows by arrays, and is then an array."""

    def __init__(self, directory: Path, dtype: type | np.dtype) -> None:
        self._directory, self._dtype = directory, np.dtype(dtype)
        self._file = tempfile.TemporaryFile(dir=directory, buffering=0)  # noqa: SIM115  # closed by `close`
        self.size = 0

    def append(self, values: Array) -> None:
        """Write an array's values, in C order."""
        content = np.ascontiguousarray(values, self._dtype).reshape(-1).view(np.uint8).data
        try:
            while content:
                written = self._file.write(content)
                content, self.size = content[written:], self.size + written
        except OSError as error:
            raise _full(error, self._directory, self.size) from error

    def mapped(self) -> Array:
        """Return what was written, 1-d and read from the file."""
        if self.size == 0:
            return np.empty(0, self._dtype)
        memory = mmap.mmap(self._file.fileno(), self.size)
        return np.frombuffer(memory, self._dtype)

    def close(self) -> None:
        """Let go of the file; what is mapped stays until nobody has it."""
        self._file.close()


def _full(error: OSError, directory: Path, written: int) -> OSError:
    if error.errno not in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        return error
    free = shutil.disk_usage(directory).free
    return OSError(
        error.errno,
        f"no room for decoded rows in {os.fspath(directory)!r}: {written / 1e9:.3g} GB are written, more are to "
        f"come (4 or 8 bytes a value), and {free / 1e9:.3g} GB are free. Pass a cache_dir with more room.",
    )


def spool_directory(cache_dir: Any = None) -> Path:
    """Return where temporary files go: the given directory, which must be there, or the user's cache, or the system's.

    Raises
    ------
    NotADirectoryError
        If what was given is no directory.
    """
    if cache_dir is not None:
        directory = Path(cache_dir)
        if not directory.is_dir():
            raise NotADirectoryError(f"cache_dir must be a directory, but {os.fspath(directory)!r} is none.")
        return directory
    directory = cache_root()
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.gettempdir())
    return directory if os.access(directory, os.W_OK) else Path(tempfile.gettempdir())


@contextmanager
def spooled(
    blocks: Iterable[Block],
    shape_and_dtype: tuple[int, np.dtype],
    cache_dir: Any = None,
    tell: Callable[[int], object] = int,
) -> Iterator[Table]:
    """Decode blocks into files, and give them as a table; the files are gone at the end.

    Parameters
    ----------
    blocks : iterable of Block
        Each with labels.
    shape_and_dtype : (int, dtype)
        The number of features, and float32 or float64.
    cache_dir : path-like, optional
    tell : callable
        Is told how many rows were decoded.
    """
    (n_features, dtype), directory, labels = shape_and_dtype, spool_directory(cache_dir), RunningLabels()
    with ExitStack() as stack:
        rows, codes, weights = (_RawFile(directory, kind) for kind in (dtype, np.uint8, np.float64))
        for file in (rows, codes, weights):
            stack.callback(file.close)
        blocks = stack.enter_context(closing(blocks)) if isinstance(blocks, Generator) else blocks
        for block in blocks:
            rows.append(block.X)
            codes.append(labels.codes_of(block.y))
            if block.weights is not None:
                weights.append(block.weights)
            tell(len(block.X))
        classes, numbers, counts = labels.finish()
        in_order = codes.mapped()
        for start in range(0, in_order.size, BLOCK_CODES):
            in_order[start : start + BLOCK_CODES] = numbers[in_order[start : start + BLOCK_CODES]]
        X = rows.mapped().reshape(-1, n_features)
        own = read_only(weights.mapped()) if weights.size else None
        yield Table(ArrayRows(X), classes, read_only(in_order), own, counts)
