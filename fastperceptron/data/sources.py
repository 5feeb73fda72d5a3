"""fastperceptron.dataset: picks the kind of data set for a source, by its type or the ending of its path."""

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastperceptron.checks import as_matrix, column_names
from fastperceptron.data.array_dataset import ArrayDataset
from fastperceptron.data.array_files import Choice, matrix_dataset, open_array_files
from fastperceptron.data.chunk_dataset import ChunksDataset
from fastperceptron.data.dataset import Dataset
from fastperceptron.data.formats import FORMATS, NPY, ArrayFormat, endings, find_format, load_arrays

if TYPE_CHECKING:
    from fastperceptron.data.column_dataset import ColumnsDataset

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
        - A file: Parquet, Arrow IPC (Feather), CSV, .npy or .npz (``fastperceptron.data.formats.FORMATS`` has all
          endings; an .npz has the arrays X, y and weights). A folder of Parquet files, or a pattern like
          "rows-*.parquet": the files one after the other, by name.
        - A frame or table (pandas, polars, pyarrow, ...), or any object that streams Arrow (``__arrow_c_stream__``).
        - An array or memory map of shape (n_rows, n_columns); or (X, y) or (X, y, weights), each an array or the path
          of an .npy file.
        - A generator (read once), or a function that returns one, of chunks (X, y) or (X, y, weights).
    target : str or int, optional
        The column of the labels, by name or number. Without it the data set serves only for prediction.
    features : sequence of str or int, optional
        The columns of the features; all but target and weight by default.
    weight : str or int, optional
        The column of the rows' weights.
    categorical : "auto", sequence of str, or dict of str to sequence, optional
        Columns coded as one column of zeros and ones per level, named "column=level"; "auto" means all columns of text.
        A dict names the levels. A row with an unknown level has 0 in all of them.
    dtype : float32 or float64, optional
        float32 by default, float64 where a column has values that float32 cannot hold; text (CSV) is read as float32.
    cache_dir : path, optional
        The directory of decoded rows during a fit: the user's cache directory by default.

    Returns
    -------
    Dataset

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the source is empty or broken, files differ in their columns, or a column does not exist.
    TypeError
        If the source is of an unknown kind, or a feature is not numeric.
    ModuleNotFoundError
        If pyarrow is not installed.

    Examples
    --------
    >>> X, y = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array(["no", "yes", "yes"])
    >>> data = dataset((X, y))
    >>> data
    ArrayDataset(3 rows of 2 features)
    """
    columns = {"target": target, "features": features, "weight": weight, "categorical": categorical}
    if dtype is not None and np.dtype(dtype) not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, but is {np.dtype(dtype)}.")
    if isinstance(source, Dataset):
        raise TypeError("this is a Dataset already: pass it on as it is.")
    if isinstance(source, str | os.PathLike):
        paths = _find_files(os.fspath(source))
        form = find_format(paths[0])
        if isinstance(form, ArrayFormat):
            _refuse(form.name, dtype=dtype, categorical=categorical)
            return open_array_files(paths, target, features, weight, cache_dir)
        source = paths
    if isinstance(source, tuple):
        _refuse("a tuple of arrays", **columns, dtype=dtype)
        return _tuple_dataset(source)
    if not hasattr(source, "__arrow_c_stream__") and (callable(source) or isinstance(source, Iterator)):
        _refuse("chunks", **columns, dtype=dtype)
        return ChunksDataset(source, cache_dir)
    if isinstance(source, np.ndarray):
        _refuse("an array", dtype=dtype, categorical=categorical)
        return matrix_dataset(source, Choice(target, features, weight), cache_dir)
    return _columns_dataset().open(source, columns, dtype, cache_dir)


def dataset_for(names: tuple[str, ...] | None, source: str, target: Any = None, weight: Any = None) -> Dataset:
    """Return a data set of files with a model's features, if they have names; other columns are not read."""
    paths = _find_files(source)
    if names is None or isinstance(find_format(paths[0]), ArrayFormat):
        return dataset(source, target=target, weight=weight)
    return _columns_dataset().open_features(paths, names, target, weight)


def _columns_dataset() -> type["ColumnsDataset"]:
    try:
        from fastperceptron.data.column_dataset import ColumnsDataset
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(ARROW_MISSING, name=error.name) from error
    return ColumnsDataset


def _refuse(kind: str, **options: Any) -> None:
    """Raise ValueError if an option is given that sources of this kind do not take."""
    for name, value in options.items():
        if value is not None:
            raise ValueError(f"{name} is for files and frames, and cannot be given for {kind}: leave it out.")


def _find_files(source: str) -> list[Path]:
    """Return the files that a path or pattern means, by name."""
    path = Path(source)
    if path.is_dir():
        known = endings("is_in_folders")
        found = sorted(each for each in path.rglob("*") if each.name.lower().endswith(known))
        if not found:
            names = " or ".join(dict.fromkeys(FORMATS[ending].name for ending in known))
            raise FileNotFoundError(f"there are no {names} files ({', '.join(known)}) in the folder {source!r}.")
        return found
    if path.is_file():
        return [path]
    found = sorted(Path(each) for each in glob.glob(source, recursive=True))
    if not found:
        kind = "file that fits the pattern" if glob.has_magic(source) else "file or folder"
        raise FileNotFoundError(f"there is no {kind} {source!r}.")
    return found


def _tuple_dataset(source: tuple[Any, ...]) -> Dataset:
    if not 1 <= len(source) <= 3:
        raise ValueError(f"a tuple must be (X, y) or (X, y, weights), but has {len(source)} parts.")
    parts = [load_arrays(Path(part), NPY) if isinstance(part, str | os.PathLike) else part for part in source]
    X, y, weights = (*parts, None, None)[:3]
    return ArrayDataset(as_matrix(X), y, weights, column_names(X))
