"""Rows in an .npz archive, compressed or not: read piece by piece, since NumPy would load the whole matrix."""

import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from fastperceptron.checks import Array

# Bytes of a piece.
PIECE = 1 << 24


def npz_chunks(path: Path) -> Callable[[], Iterator[tuple[Array, ...]]] | tuple[Array, ...]:
    """Return a function that yields the rows "X" with the labels "y" and, if there, "weights"; or these as arrays.

    They are arrays where X is stored by columns, or there are no labels.

    Raises
    ------
    ValueError
        If the archive is broken or has no "X".
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            if "X" not in archive:
                raise ValueError(
                    f"it holds {sorted(archive)}, but rows must be called 'X', labels 'y', weights 'weights'"
                )
            rest = tuple(archive[name] for name in ("y", "weights") if name in archive)
            with zipfile.ZipFile(path) as members, members.open("X.npy") as member:
                shape, is_fortran, _ = _header(member)
            if is_fortran or len(shape) != 2 or "y" not in archive:
                return (archive["X"], *rest)
    except (ValueError, EOFError, OSError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{os.fspath(path)!r} is not a whole .npz file of rows: {error}") from error
    for part in rest:
        if len(part) != shape[0]:
            raise ValueError(f"{os.fspath(path)!r}: X has {shape[0]} rows, but y or weights {len(part)}.")

    def chunks() -> Iterator[tuple[Array, ...]]:
        with zipfile.ZipFile(path) as members, members.open("X.npy") as member:
            (n_rows, n_features), _, dtype = _header(member)
            step = max(1, PIECE // (dtype.itemsize * n_features))
            for start in range(0, n_rows, step):
                stop = min(start + step, n_rows)
                content = member.read((stop - start) * n_features * dtype.itemsize)
                X = np.frombuffer(content, dtype).reshape(-1, n_features)
                yield (X, *(part[start:stop] for part in rest))

    return chunks


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, Any]:
    read = {1: npy.read_array_header_1_0, 2: npy.read_array_header_2_0}
    return read[npy.read_magic(member)[0]](member)
