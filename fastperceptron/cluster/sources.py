"""fastperceptron.dataset with what Dask has: collections, delayed chunks, and rows that workers read or make."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastperceptron.checks import is_collection
from fastperceptron.cluster.collections import CollectionDataset, DelayedDataset
from fastperceptron.cluster.made_rows import MadeOnWorkers
from fastperceptron.data.dataset import Dataset
from fastperceptron.data.files import find_files
from fastperceptron.data.formats import ArrayFormat, format_of_files, has_known_ending
from fastperceptron.data.sources import (
    ARROW_MISSING,
    check_options,
    dataset as local_dataset,
    refuse,
    refuse_first_column,
)
from fastperceptron.data.synthetic import SyntheticDataset


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
    engine: Any = None,
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
          read by scikit-learn, and their columns are counted from 1 unless a column 0 occurs, which the data set tells,
          or from `first_column`. A model counts the columns of later files as those that it learnt from.
        - A frame or table (pandas, polars, pyarrow, DuckDB, a lazy frame of polars, a dataset of pyarrow, ...), or any
          object that streams Arrow (``__arrow_c_stream__``). The index of a pandas frame is not a feature.
        - An array, memory map or sparse matrix of shape (n_rows, n_columns); or (X, y) or (X, y, weights), each an
          array or the path of an .npy file; X may be sparse, or an .npz file that scipy.sparse.save_npz wrote.
        - An array or a frame of Dask, a tuple of arrays or Series of Dask, or a list of delayed chunks (X, y) or (X, y,
          weights): the workers of the current client, or of `engine`, keep and read the rows; without a client, one
          partition at a time is computed.
        - A dataset of Ray (``ray.data``), whose workers keep and read the rows, in the order of its blocks.
        - A data set that `fastperceptron.synthetic` returned, with `engine`: workers make its rows.
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
    first_column : {0, 1}, optional
        The number of the first column in svmlight files.
    cache_dir : path, optional
        The directory of decoded rows during a fit: the user's cache directory by default.
    engine : distributed.Client, optional
        The cluster whose workers read the files, which must be where each worker finds them. The source is then files
        of columns, a synthetic data set, or what Dask has, for which the current client is the default.

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
    chosen = {"target": target, "features": features, "weight": weight}
    coded = {"categorical": categorical, "dtype": dtype, "max_levels": max_levels, "csv": csv}
    if engine is not None or is_collection(source) or _are_delayed(source):
        refuse_first_column(first_column)
    if _are_delayed(source):
        refuse("delayed chunks", **chosen, **coded)
        return DelayedDataset(source if isinstance(source, list) else [source], client=engine)
    if isinstance(source, tuple) and any(map(is_collection, source)):
        refuse("a tuple of collections", **chosen, **coded)
        return CollectionDataset(*source, client=engine)
    if is_collection(source) or _is_of_ray(source):
        return _of_collection(source, chosen, coded, cache_dir, engine)
    if isinstance(source, SyntheticDataset) and engine is not None:
        refuse("a synthetic data set", **chosen, **coded)
        return MadeOnWorkers(source, client=engine)
    if engine is None:
        return local_dataset(source, **chosen, **coded, first_column=first_column, cache_dir=cache_dir)
    paths = source if isinstance(source, list) else [source]
    if not (paths and all(isinstance(each, str | os.PathLike) for each in paths)):
        raise TypeError(
            f"engine is for files, which workers can read, and for what Dask has, but the source is a "
            f"{type(source).__name__}, which lies here: make a collection of Dask of it, or leave `engine` out."
        )
    files = find_files([*map(_absolute, paths)] if isinstance(source, list) else _absolute(source), has_known_ending)
    form = format_of_files(files)
    if isinstance(form, ArrayFormat):
        raise TypeError(
            f"workers read Parquet, Arrow, ORC, CSV and JSON files, but these are {form.name}: read them by "
            "dask.array, or leave `engine` out."
        )
    return _columns(files, chosen, coded, cache_dir, engine)


def _absolute(path: Any) -> str:
    """Return a path that means the same in the folder where a worker runs; a URI as it is."""
    text = os.fsdecode(path)
    return text if "://" in text else os.path.abspath(os.path.expanduser(text))


def _are_delayed(source: Any) -> bool:
    each = source if isinstance(source, list) and source else [source]
    return all(type(one).__module__.startswith("dask.") and hasattr(one, "key") and callable(one) for one in each)


def _of_collection(source: Any, chosen: dict[str, Any], coded: dict[str, Any], cache_dir: Any, engine: Any) -> Dataset:
    if _is_of_ray(source):
        return _of_ray(source, chosen, coded, cache_dir, engine)
    if hasattr(source._meta, "columns"):
        return _columns(source, chosen, coded, cache_dir, engine)
    refuse("an array of Dask", **coded)
    if source.ndim != 2:
        raise ValueError(f"source must have two dimensions (rows, columns), but has {source.ndim}.")
    n_columns = int(source.shape[1])
    roles = {
        name: None if chosen[name] is None else _place(chosen[name], n_columns, name) for name in ("target", "weight")
    }
    given = chosen["features"]
    kept = (
        [k for k in range(n_columns) if k not in roles.values()]
        if given is None
        else [_place(each, n_columns, "features") for each in given]
    )
    y, weights = (None if roles[name] is None else source[:, roles[name]] for name in ("target", "weight"))
    return CollectionDataset(source[:, kept], y, weights, client=engine)


def _place(column: Any, n_columns: int, name: str) -> int:
    is_number = isinstance(column, int | np.integer) and not isinstance(column, bool)
    if not is_number or not -n_columns <= column < n_columns:
        raise ValueError(
            f"{name} must be the number of one of the {n_columns} columns of the array, but is {column!r}."
        )
    return int(column) % n_columns


def _is_of_ray(source: Any) -> bool:
    return type(source).__module__.startswith("ray.data.")


def _of_ray(source: Any, chosen: dict[str, Any], coded: dict[str, Any], cache_dir: Any, engine: Any) -> Dataset:
    refuse("a dataset of Ray", csv=coded["csv"])
    if engine is not None:
        raise TypeError("a dataset of Ray is read by Ray's workers: leave `engine`, a client of Dask, out.")
    check_options(coded["dtype"], coded["max_levels"])
    from fastperceptron.cluster.ray_rows import columns_of_ray

    others = {name: coded[name] for name in ("categorical", "dtype", "max_levels")}
    return columns_of_ray(source, {**chosen, **others}, cache_dir)


def _columns(source: Any, chosen: dict[str, Any], coded: dict[str, Any], cache_dir: Any, engine: Any) -> Dataset:
    check_options(coded["dtype"], coded["max_levels"])
    try:
        from fastperceptron.cluster.columns_on_workers import ColumnsOnWorkers
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(ARROW_MISSING, name=error.name) from error
    others = {name: coded[name] for name in ("categorical", "dtype", "max_levels")}
    return ColumnsOnWorkers.of(source, {**chosen, **others}, coded["csv"], client=engine, cache_dir=cache_dir)
