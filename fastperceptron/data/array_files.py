"""STUB."""

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastperceptron.checks import Array, as_matrix
from fastperceptron.data.array_dataset import ArrayDataset
from fastperceptron.data.chunk_dataset import ChunksDataset
from fastperceptron.data.dataset import Dataset

CHUNK_ROWS = 1 << 14  # rows copied at a time where the features are scattered columns of an array


def load_array(path):
    return _load_npy(path)


def open_array_files(paths, target, features, weight, cache_dir):
    if paths[0].endswith(".npz"):
        X, y, w = _load_npz(Path(paths[0]))
        return ArrayDataset(as_matrix(X), y, w)
    return matrix_dataset(_load_npy(paths[0]), target, features, weight, cache_dir)


def _load_npy(path: Path) -> "Array":
    import numpy as np

    return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]


def _load_npz(path: Path) -> "tuple[Array | None, ...]":
    import numpy as np

    # Opened here: np.load does not close a file that is not an archive.
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError("it is not a zip archive")
        with np.load(file, allow_pickle=False) as archive:
            if "X" not in archive:
                raise ValueError(
                    f"it holds {sorted(archive)}, but rows must be called 'X', labels 'y', weights 'weights'"
                )
            X, *others = parts = tuple(archive.get(name) for name in ("X", "y", "weights"))
    for name, part in zip(("y", "weights"), others, strict=True):
        if part is not None and part.shape[:1] != X.shape[:1]:
            raise ValueError(f"X has {len(X)} rows, but {name} {len(part)}")
    return parts


def matrix_dataset(matrix: Array, target: Any, features: Sequence[Any] | None, weight: Any, cache_dir: Any) -> Dataset:
    matrix = as_matrix(matrix)
    n_columns = matrix.shape[1]
    named = ("target", target), ("weight", weight)
    special = [None if column is None else _column_number(column, n_columns, name) for name, column in named]
    others = [column for column in range(n_columns) if column not in special]
    chosen = others if features is None else [_column_number(column, n_columns, "features") for column in features]
    if not chosen:
        raise ValueError("there are no columns for features beside target and weight.")
    y, weights = (None if column is None else matrix[:, column] for column in special)
    is_range = chosen == list(range(chosen[0], chosen[-1] + 1))
    if is_range or y is None:
        return ArrayDataset(matrix[:, slice(chosen[0], chosen[-1] + 1) if is_range else chosen], y, weights)

    # Scattered columns must be copied: into files, since the matrix may be larger than memory.
    def chunks() -> Iterator[tuple[Array, ...]]:
        for start in range(0, len(matrix), CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            yield (matrix[part][:, chosen], y[part]) + (() if weights is None else (weights[part],))

    return ChunksDataset(chunks, cache_dir)


def _column_number(column: Any, n_columns: int, name: str) -> int:
    if isinstance(column, str) and column.lstrip("-").isdigit():
        column = int(column)
    if not isinstance(column, int | np.integer) or not -n_columns <= column < n_columns:
        raise ValueError(
            f"{name} must be the number of one of the {n_columns} columns of the array, but is {column!r}."
        )
    return int(column) % n_columns
