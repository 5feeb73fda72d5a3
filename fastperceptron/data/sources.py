"""fastperceptron.dataset: a Dataset of whatever rows are stored in. It looks at the source and picks who reads it."""

import glob
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastperceptron.checks import Array, as_matrix, column_names
from fastperceptron.data.array_dataset import ArrayDataset
from fastperceptron.data.dataset import Dataset

ARROW_MISSING = "reading this source needs the packages pyarrow and narwhals: pip install 'fastperceptron[files]'"


def dataset(
    source: Any,
    *,
    target: Any = None,
    features: Sequence[Any] | None = None,
    weight: Any = None,
    categorical: Any = None,
    dtype: Any = None,
    cache_dir: Any = None,
) -> Dataset:
    """Return a data set of rows that are stored somewhere, which may be larger than memory.

    Parameters
    ----------
    source : path, frame, stream, array, tuple of arrays, or generator
        - A file (.parquet, .arrow, .feather, .csv, .csv.gz, .npy, .npz), a folder of Parquet files, or a pattern like
          "rows-*.parquet": the files one after the other, by name.
        - A frame or table (pandas, polars, pyarrow, ...), or anything that streams Arrow (``__arrow_c_stream__``).
        - An array or memory map of rows; or (X, y) or (X, y, weights), each an array or the path of an .npy file.
        - A generator (read once), or a function that returns one, of chunks (X, y) or (X, y, weights).
    target : str or int, optional
        The column of the labels, by name or number. Without one there is only something to predict.
    features : sequence of str or int, optional
        The columns of the features; all but target and weight by default.
    weight : str or int, optional
        The column of the rows' weights.
    categorical : "auto", sequence of str, or dict of str to sequence, optional
        Columns whose levels become one column of zeros and ones each, named "column=level"; "auto" means all of text. A
        dict names the levels. A level that is not known makes all of them 0.
    dtype : float32 or float64, optional
        float32 by default, float64 where a column has values that float32 cannot hold; text (CSV) is read as float32.
    cache_dir : path, optional
        Where decoded rows are kept during a fit: the user's cache directory by default.

    Returns
    -------
    Dataset

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the source is empty or broken, files differ in their columns, or a column is not there.
    TypeError
        If the source is of no known kind, or a feature is not numeric.
    ModuleNotFoundError
        If pyarrow is not installed.

    Examples
    --------
    >>> X, y = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array(["no", "yes", "yes"])
    >>> data = dataset((X, y))
    >>> data
    ArrayDataset(3 rows of 2 features)
    """
    dtype = _checked(dtype)
    columns = {"target": target, "features": features, "weight": weight, "categorical": categorical}
    if isinstance(source, Dataset):
        raise TypeError("this is a Dataset already: pass it on as it is.")
    if isinstance(source, tuple):
        _refuse("a tuple of arrays", **columns, dtype=dtype)
        return _of_tuple(source)
    if not hasattr(source, "__arrow_c_stream__") and (callable(source) or isinstance(source, Iterator)):
        _refuse("chunks", **columns, dtype=dtype)
        return _of_chunks(source, cache_dir)
    if isinstance(source, str | os.PathLike):
        paths = _paths(os.fspath(source))
        if paths[0].suffix.lower() == ".npz":
            _refuse(".npz", **columns)
            return _of_tuple(_load_npz(paths[0]))
        if paths[0].suffix.lower() != ".npy":
            return _of_columns(paths, (target, features, weight, categorical, dtype), cache_dir)
        source = _mapped(paths[0])
    if isinstance(source, np.ndarray):
        _refuse("an array", dtype=dtype, categorical=categorical)
        return _of_matrix(source, target, features, weight, cache_dir)
    return _of_columns(source, (target, features, weight, categorical, dtype), cache_dir)


def _checked(dtype: Any) -> Any:
    if dtype is None or np.dtype(dtype) in (np.float32, np.float64):
        return dtype
    raise ValueError(f"dtype must be float32 or float64, but is {np.dtype(dtype)}.")


def _refuse(what: str, **options: Any) -> None:
    for name, value in options.items():
        if value is not None:
            raise ValueError(f"{name} is for files and frames, and cannot be given for {what}: leave it out.")


def _paths(source: str) -> list[Path]:
    """Return the files that a path or pattern means, by name."""
    path = Path(source)
    if path.is_dir():
        found = sorted(each for each in path.rglob("*") if each.suffix.lower() in (".parquet", ".pq"))
        if not found:
            raise FileNotFoundError(f"there are no Parquet files (.parquet, .pq) in the folder {source!r}.")
        return found
    if path.is_file():
        return [path]
    found = sorted(Path(each) for each in glob.glob(source, recursive=True))
    if not found:
        kind = "file that fits the pattern" if glob.has_magic(source) else "file or folder"
        raise FileNotFoundError(f"there is no {kind} {source!r}.")
    return found


def _of_columns(source: Any, choice: tuple[Any, ...], cache_dir: Any) -> Dataset:
    reader = _reader(source, choice[-1])
    from fastperceptron.data.columns import choose_columns
    from fastperceptron.data.decoded import ColumnsDataset

    return ColumnsDataset(reader, choose_columns(reader, *choice), cache_dir)


def dataset_for(names: tuple[str, ...] | None, source: str, target: Any = None, weight: Any = None) -> Dataset:
    """Return a data set of files with a model's features, if they have names; other columns are not looked at."""
    paths = _paths(source)
    if names is None or paths[0].suffix.lower() in (".npy", ".npz"):
        return dataset(source, target=target, weight=weight)
    reader = _reader(paths, None)
    from fastperceptron.data.columns import columns_for, found_column
    from fastperceptron.data.decoded import ColumnsDataset

    target, weight = (None if name is None else found_column(reader, name) for name in (target, weight))
    return ColumnsDataset(reader, columns_for(reader, names, target, weight, None))


def _reader(source: Any, dtype: Any) -> Any:
    try:
        import pyarrow as pa

        from fastperceptron.data.readers import FileReader, StreamReader
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(ARROW_MISSING, name=error.name) from error
    if isinstance(source, list) and all(isinstance(path, Path) for path in source):
        return FileReader(source, pa.float64() if dtype is not None and np.dtype(dtype) == np.float64 else pa.float32())
    return StreamReader(_stream(source))


def _stream(source: Any) -> Any:
    """Return an object that streams Arrow; frames without their index."""
    import narwhals as nw

    try:
        frame = nw.from_native(source, eager_only=True)
    except TypeError:
        if hasattr(source, "__arrow_c_stream__"):
            return source
        raise TypeError(
            f"source must be a path, a frame, an Arrow stream, an array, a tuple of arrays or a generator, but is a "
            f"{type(source).__name__}."
        ) from None
    known, table = set(map(str, frame.columns)), frame.to_arrow()
    return table.select([name for name in table.column_names if name in known])


def _mapped(path: Any) -> Array:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
    except (ValueError, EOFError, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ValueError(f"{os.fspath(path)!r} is not a whole .npy file: {error}") from error


def _load_npz(path: Path) -> tuple[Array | None, ...]:
    """Return the rows "X" of an archive, its labels "y" and its weights "weights", None where they are not there."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:  # NumPy leaves broken ones open
            if "X" not in archive:
                raise ValueError(
                    f"it holds {sorted(archive)}, but rows must be called 'X', labels 'y', weights 'weights'"
                )
            parts = {name: archive.get(name) for name in ("X", "y", "weights")}
    except (ValueError, TypeError, EOFError, OSError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{os.fspath(path)!r} is not a whole .npz file of rows: {error}") from error
    for name, part in parts.items():
        if part is not None and part.shape[:1] != parts["X"].shape[:1]:
            raise ValueError(f"{os.fspath(path)!r}: X has {len(parts['X'])} rows, but {name} {len(part)}.")
    return tuple(parts.values())


def _of_tuple(source: tuple[Any, ...]) -> Dataset:
    if not 1 <= len(source) <= 3:
        raise ValueError(f"a tuple must be (X, y) or (X, y, weights), but has {len(source)} parts.")
    parts = [_mapped(part) if isinstance(part, str | os.PathLike) else part for part in source]
    X, y, weights = (*parts, None, None)[:3]
    return ArrayDataset(as_matrix(X), y, weights, column_names(X))


def _of_matrix(matrix: Array, target: Any, features: Sequence[Any] | None, weight: Any, cache_dir: Any) -> Dataset:
    matrix = as_matrix(matrix)
    n_columns = matrix.shape[1]
    named = (("target", target), ("weight", weight))
    special = [None if column is None else _number(column, n_columns, name) for name, column in named]
    if features is None:
        chosen = [column for column in range(n_columns) if column not in special]
    else:
        chosen = [_number(column, n_columns, "features") for column in features]
    if not chosen:
        raise ValueError("there are no columns for features beside target and weight.")
    y, weights = (None if column is None else matrix[:, column] for column in special)
    if chosen == list(range(chosen[0], chosen[-1] + 1)):
        return ArrayDataset(matrix[:, chosen[0] : chosen[-1] + 1], y, weights)
    if y is None:
        return ArrayDataset(matrix[:, chosen], y, weights)

    def chunks() -> Iterator[tuple[Array, ...]]:
        for start in range(0, len(matrix), 1 << 14):
            part = slice(start, start + (1 << 14))
            yield (matrix[part][:, chosen], y[part]) + (() if weights is None else (weights[part],))

    return _of_chunks(chunks, cache_dir)


def _number(column: Any, n_columns: int, name: str) -> int:
    if isinstance(column, str) and column.lstrip("-").isdigit():
        column = int(column)
    if not isinstance(column, int | np.integer) or not -n_columns <= column < n_columns:
        raise ValueError(
            f"{name} must be the number of one of the {n_columns} columns of the array, but is {column!r}."
        )
    return int(column) % n_columns


def _of_chunks(source: Callable[[], Iterator[Any]] | Iterator[Any], cache_dir: Any) -> Dataset:
    from fastperceptron.data.decoded import ChunksDataset

    return ChunksDataset(source, cache_dir)
