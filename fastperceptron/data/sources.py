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
    cache_dir: Any = None,
) -> Dataset:
    """Return a data set of rows that are stored somewhere, which may be larger than memory.

    Parameters
    ----------
    source : path, list of paths, frame, stream, array, tuple of arrays, or generator
        - A file, a list of files, a folder, a pattern like "rows-*.parquet", or a URI (file://, s3://, gs://): Parquet,
          Arrow IPC (Feather), ORC, CSV, JSON lines, .npy, .npz or svmlight (``fastperceptron.data.formats.FORMATS`` has
          all endings; CSV, JSON and svmlight may be compressed by gzip, bzip2 or zstd; an .npz has the arrays X, y and
          sample_weight, or is a sparse matrix that scipy.sparse.save_npz wrote). Several files, all of one format, are
          read one after the other, by name. Hidden files and those that begin with "_" are left out. Folders called
          "column=value" below a folder or pattern hold a column. svmlight (LIBSVM) files have their labels; they are
          read by scikit-learn, and their columns are counted from 1 unless a column 0 occurs, which the data set tells.
        - A frame or table (pandas, polars, pyarrow, DuckDB, a lazy frame of polars, a dataset of pyarrow, ...), or any
          object that streams Arrow (``__arrow_c_stream__``). The index of a pandas frame is not a feature.
        - An array, memory map or sparse matrix of shape (n_rows, n_columns); or (X, y) or (X, y, weights), each an
          array or the path of an .npy file; X may be sparse, or an .npz file that scipy.sparse.save_npz wrote.
        - A generator (read once), a function that returns one, or a list, of chunks (X, y) or (X, y, weights).
    target : str or int, optional
        The column of the labels, by name or number. Without it the data set serves only for prediction.
    features : sequence of str or int, optional
        The columns of the features; all but target and weight by default.
    weight : str or int, optional
        The column of the rows' weights.
    categorical : "auto", sequence of str, or dict of str to sequence, optional
        Columns coded as one column of zeros and ones per level, named "column=level"; "auto" means all columns of text.
        A dict names the levels; else they take one more read. A row with an unknown level has 0 in all of them, and a
        column of which no row has a known level is warned of. A model knows its levels, so that rows to predict or
        score need none of this. Text of CSV files is numbers if all levels of its column are.
    max_levels : int, optional
        The largest number of levels of a column whose levels are read; by default 1000, or more if there are 20 rows
        per level.
    csv : dict, optional
        How CSV files are written: options of ``pyarrow.csv`` by their names there (delimiter, quote_char, escape_char,
        encoding, decimal_point, null_values, strings_can_be_null, skip_rows, column_names, block_size, ...), and
        has_header (False: columns are f0, f1, ...; True: names may be numbers), comment (lines that begin with this
        character are left out), column_types ("string" or a type of numbers by column, for labels that are digits but
        not numbers) and newlines_in_values (True: values within quotes may have any lines; by default lines that look
        like rows are refused, since a quote may not be closed, which takes longer for files with many such values).
    dtype : float32 or float64, optional
        By default float64, and float32 if that is the type of the columns where they come from. Numbers in text (CSV)
        are read as float64.
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
        If the source is of an unknown kind, or the target is neither numeric nor text. A feature that is not numeric is
        refused when rows are read, since a model may know its levels.
    ModuleNotFoundError
        If pyarrow is not installed.

    Examples
    --------
    >>> X, y = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array(["no", "yes", "yes"])
    >>> data = dataset((X, y))
    >>> data
    ArrayDataset(3 rows of 2 features)
    """
    columns = {"target": target, "features": features, "weight": weight}
    others = {"categorical": categorical, "dtype": dtype, "csv": csv, "max_levels": max_levels}
    if dtype is not None and np.dtype(dtype) not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, but is {np.dtype(dtype)}.")
    if max_levels is not None:
        whole_number(max_levels, "max_levels")
    cache_dir = None if cache_dir is None else os.path.expanduser(cache_dir)
    if isinstance(source, Dataset):
        raise TypeError("this is a Dataset already: pass it on as it is.")
    if _is_path(source) or (isinstance(source, list) and source and all(map(_is_path, source))):
        files = find_files(source, has_known_ending)
        form = format_of_files(files)
        if isinstance(form, ArrayFormat):
            _refuse(form.name, **others)
            return _array_files(files, form, columns, cache_dir)
        source = files
    elif isinstance(source, list) and source and all(isinstance(chunk, tuple) for chunk in source):
        _refuse("chunks", **columns, **others)
        return ChunksDataset(lambda: iter(source), cache_dir)
    elif isinstance(source, tuple):
        _refuse("a tuple of arrays", **columns, **others)
        return _tuple_dataset(source)
    elif not hasattr(source, "__arrow_c_stream__") and (callable(source) or isinstance(source, Iterator)):
        _refuse("chunks", **columns, **others)
        return ChunksDataset(source, cache_dir)
    elif isinstance(source, np.ndarray) or is_sparse(source):
        _refuse("an array", **others)
        return matrix_dataset(source, Choice(**columns), cache_dir)
    choice = {**columns, "categorical": categorical, "dtype": dtype, "max_levels": max_levels}
    return _columns_dataset().open(source, choice, csv, cache_dir)


def _array_files(files: list[SourceFile], form: ArrayFormat, columns: dict[str, Any], cache_dir: Any) -> Dataset:
    if form is not SVMLIGHT:
        return open_array_files([Path(file.path) for file in files], **columns, cache_dir=cache_dir)
    if any(value is not None for value in columns.values()):
        given = next(name for name, value in columns.items() if value is not None)
        raise ValueError(f"{given} cannot be chosen in svmlight files, which have their labels: leave it out.")
    return open_svmlight(files)


def _is_path(source: Any) -> bool:
    return isinstance(source, str | os.PathLike)


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


def _loaded(path: Any) -> Any:
    """Return the array of an .npy file, or the sparse matrix of an .npz file."""
    path = Path(path).expanduser()
    return load_sparse(path) if is_npz(path) else load_npy(path)


def _tuple_dataset(source: tuple[Any, ...]) -> Dataset:
    if not 1 <= len(source) <= 3:
        raise ValueError(f"a tuple must be (X, y) or (X, y, weights), but has {len(source)} parts.")
    X, y, weights = (*(_loaded(part) if _is_path(part) else part for part in source), None, None)[:3]
    return ArrayDataset(as_matrix_or_csr(X), y, weights, text_names(frame_names(X)))
