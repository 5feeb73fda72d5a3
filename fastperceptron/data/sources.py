"""fastperceptron.dataset: picks the kind of data set for a source, by its type or the ending of its path."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastperceptron.checks import frame_names, whole_number
from fastperceptron.data.array_dataset import ArrayDataset, text_names
from fastperceptron.data.array_files import Choice, is_npz, load_npy, load_sparse, matrix_dataset, open_array_files
from fastperceptron.data.chunk_dataset import ChunksDataset
from fastperceptron.data.dataset import Dataset
from fastperceptron.data.files import SourceFile, find_files
from fastperceptron.data.formats import SVMLIGHT, ArrayFormat, format_of_files, has_known_ending
from fastperceptron.data.sparse_input import as_matrix_or_csr, is_sparse
from fastperceptron.data.svmlight_files import open_svmlight

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
    max_levels: int | None = None,
    csv: dict[str, Any] | None = None,
    dtype: Any = None,
    first_column: int | None = None,
    cache_dir: Any = None,
) -> Dataset:
    """Return a data set of rows that lie here; cluster/sources.py describes the arguments and what it raises.

    Examples
    --------
    >>> X, y = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array(["no", "yes", "yes"])
    >>> dataset((X, y))
    ArrayDataset(3 rows of 2 features)
    """
    columns = {"target": target, "features": features, "weight": weight}
    others = {"categorical": categorical, "dtype": dtype, "csv": csv, "max_levels": max_levels}
    check_options(dtype, max_levels)
    cache_dir = None if cache_dir is None else os.path.expanduser(cache_dir)
    if isinstance(source, Dataset):
        raise TypeError("this is a Dataset already: pass it on as it is.")
    are_files = _is_path(source) or (isinstance(source, list) and len(source) > 0 and all(map(_is_path, source)))
    if not are_files:
        refuse_first_column(first_column)
    if are_files:
        files = find_files(source, has_known_ending)
        form = format_of_files(files)
        if isinstance(form, ArrayFormat):
            refuse(form.name, **others)
            return _array_files(files, form, columns, first_column, cache_dir)
        refuse_first_column(first_column)
        source = files
    elif isinstance(source, list) and source and all(isinstance(chunk, tuple) for chunk in source):
        refuse("chunks", **columns, **others)
        return ChunksDataset(lambda: iter(source), cache_dir)
    elif isinstance(source, tuple):
        refuse("a tuple of arrays", **columns, **others)
        return _tuple_dataset(source)
    elif not hasattr(source, "__arrow_c_stream__") and (callable(source) or isinstance(source, Iterator)):
        refuse("chunks", **columns, **others)
        return ChunksDataset(source, cache_dir)
    elif isinstance(source, np.ndarray) or is_sparse(source):
        refuse("an array", **others)
        return matrix_dataset(source, Choice(**columns), cache_dir)
    choice = {**columns, "categorical": categorical, "dtype": dtype, "max_levels": max_levels}
    return _columns_dataset().open(source, choice, csv, cache_dir)


def check_options(dtype: Any, max_levels: Any) -> None:
    """Raise ValueError or TypeError if a dtype or a number of levels cannot be."""
    if dtype is not None and np.dtype(dtype) not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, but is {np.dtype(dtype)}.")
    if max_levels is not None:
        whole_number(max_levels, "max_levels")


def _array_files(
    files: list[SourceFile], form: ArrayFormat, columns: dict[str, Any], first_column: int | None, cache_dir: Any
) -> Dataset:
    if form is not SVMLIGHT:
        refuse_first_column(first_column)
        return open_array_files([Path(file.path) for file in files], **columns, cache_dir=cache_dir)
    if any(value is not None for value in columns.values()):
        given = next(name for name, value in columns.items() if value is not None)
        raise ValueError(f"{given} cannot be chosen in svmlight files, which have their labels: leave it out.")
    return open_svmlight(files, first_column)


def refuse_first_column(first_column: int | None) -> None:
    """Raise ValueError if the number of the first column is given for a source that is not of svmlight files."""
    if first_column is not None:
        raise ValueError("first_column is for svmlight files, whose columns are counted from 0 or 1: leave it out.")


def _is_path(source: Any) -> bool:
    return isinstance(source, str | os.PathLike)


def _columns_dataset() -> type["ColumnsDataset"]:
    try:
        from fastperceptron.data.column_dataset import ColumnsDataset
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(ARROW_MISSING, name=error.name) from error
    return ColumnsDataset


def refuse(kind: str, **options: Any) -> None:
    """Raise ValueError if an option is given that sources of this kind do not take."""
    for name, value in options.items():
        if value is not None:
            raise ValueError(f"{name} is for files and frames, and cannot be given for {kind}: leave it out.")


def _loaded(path: Any) -> Any:
    """Return the array of an .npy file, or the sparse matrix of an .npz file."""
    path = Path(path).expanduser()
    return load_sparse(path) if is_npz(path) else load_npy(path)


def _tuple_dataset(source: tuple[Any, ...]) -> Dataset:
    if not 1 <= len(source) <= 3:
        raise ValueError(f"a tuple must be (X, y) or (X, y, weights), but has {len(source)} parts.")
    X, y, weights = (*(_loaded(part) if _is_path(part) else part for part in source), None, None)[:3]
    return ArrayDataset(as_matrix_or_csr(X), y, weights, text_names(frame_names(X)))
