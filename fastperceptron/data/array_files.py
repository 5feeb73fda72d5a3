"""Arrays and sparse matrices in files, .npy and .npz: an .npy file is read where it is, several files are one data set.

What the files hold is known from their headers, so that files which differ are refused before any row is read.
"""

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array, as_matrix
from fastperceptron.data.array_dataset import ArrayDataset
from fastperceptron.data.arrays import kernel_dtype
from fastperceptron.data.dataset import Block, Dataset
from fastperceptron.data.sparse_arrays import CsrArray, Matrix
from fastperceptron.data.sparse_input import as_csr, as_matrix_or_csr
from fastperceptron.data.spool import DecodedDataset, Picked

WEIGHT_NAMES = "sample_weight", "weights", "weight"
KNOWN_NAMES = "X", "y", *WEIGHT_NAMES, "feature_names"
SPARSE = "sparse matrix"  # stands for the arrays that scipy.sparse.save_npz writes
KINDS = {"b": "booleans", "i": "integers", "u": "integers", "f": "floats", "U": "strings"}


class Head(NamedTuple):
    """What the header of an array says."""

    shape: tuple[int, ...]
    dtype: np.dtype


class Choice(NamedTuple):
    """The numbers of the columns of a matrix; None stands for no such column, or for all others as features."""

    target: Any = None
    features: Sequence[Any] | None = None
    weight: Any = None


def open_array_files(
    paths: Sequence[Path], target: Any = None, features: Any = None, weight: Any = None, cache_dir: Any = None
) -> "ArrayDataset | Picked | ArrayFilesDataset":
    """Return the data set of .npy files of one matrix each, or of .npz files of X, y, sample_weight, feature_names.

    `target`, `features` and `weight` are column numbers of .npy files; for .npz, target="y" and the name of the weights
    may be given. It raises ValueError naming the file if one is broken, holds something else or differs from the first.
    """
    choice = Choice(target, features, weight)
    if len({is_npz(path) for path in paths}) > 1:
        raise ValueError(f"{str(paths[0])!r} and others are of both kinds, .npy and .npz: pass files of one kind.")
    heads = [_heads(path) for path in paths]
    if is_npz(paths[0]) and not _is_sparse(heads[0]):
        _check_names_given(choice, heads[0], paths[0])
    for path, head in zip(paths, heads, strict=True):
        _check_alike(head, heads[0], path, paths[0])
    if len(paths) == 1:
        return _open_one(paths[0], choice, cache_dir)
    return ArrayFilesDataset(paths, choice, heads, cache_dir)


def load_npy(path: Path) -> Array:
    """Return the array of an .npy file as a memory map; raise ValueError that names the file if there is none."""
    with _whole(path):
        with path.open("rb") as file:
            shape = _read_head(file).shape
        if 0 in shape:
            raise _UnfitError(f"is empty: its shape is {shape}")
        return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]


def load_sparse(path: Path) -> CsrArray:
    """Return the matrix that scipy.sparse.save_npz wrote to a file; raise ValueError that names the file otherwise."""
    if not _is_sparse(_heads(path)):
        raise ValueError(f"{str(path)!r} holds arrays by name, not a sparse matrix: pass it by itself, not in a tuple.")
    from scipy import sparse

    with _whole(path):
        matrix = sparse.load_npz(path)
    with _named(path):
        return as_csr(matrix)


def load_npz(path: Path) -> ArrayDataset:
    """Return the arrays of an .npz file as a data set; raise ValueError that names the file if they make none."""
    heads = _heads(path)
    with _whole(path), np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in heads}
    weights = next((arrays[name] for name in WEIGHT_NAMES if name in arrays), None)
    names = arrays.get("feature_names")
    with _named(path):
        return ArrayDataset(
            as_matrix(arrays["X"]), arrays.get("y"), weights, None if names is None else tuple(names.tolist())
        )


def matrix_dataset(matrix: Any, choice: Choice, cache_dir: Any = None) -> ArrayDataset | Picked:
    """Return the data set of a matrix whose columns have roles; raise ValueError if a column does not exist."""
    matrix = as_matrix_or_csr(matrix)
    n_columns = matrix.shape[1]
    named = ("target", choice.target), ("weight", choice.weight)
    special = [None if column is None else _column_number(column, n_columns, name) for name, column in named]
    others = [column for column in range(n_columns) if column not in special]
    given = choice.features
    if isinstance(given, str | int):
        raise TypeError(f"features must be a list of column numbers, but is {given!r}.")
    chosen = others if given is None else [_column_number(column, n_columns, "features") for column in given]
    if not chosen:
        raise ValueError("there are no columns for features beside target and weight.")
    if len(set(chosen)) < len(chosen):
        raise ValueError(f"features has a column more than once: {list(given or ())}.")
    for name, column in zip(("target", "weight"), special, strict=True):
        if column in chosen:
            raise ValueError(f"column {column} is the {name}, and cannot be among the features, too.")
    y, weights = (None if column is None else _column(matrix, column) for column in special)
    is_range = chosen == list(range(chosen[0], chosen[-1] + 1))
    if is_range or y is None or isinstance(matrix, CsrArray):
        return ArrayDataset(matrix[:, slice(chosen[0], chosen[-1] + 1) if is_range else chosen], y, weights)
    picked = Picked(ArrayDataset(matrix, y, weights), chosen)  # copied into files: it may be larger than memory
    picked.cache_dir = cache_dir
    return picked


class ArrayFilesDataset(DecodedDataset):
    """The rows of several files of one kind, one file after the other; only one is open at a time."""

    def __init__(self, paths: Sequence[Path], choice: Choice, heads: list[dict[str, Head]], cache_dir: Any) -> None:
        self._paths, self._choice, self.cache_dir = paths, choice, cache_dir
        first = _open_one(paths[0], choice)
        self.n_features, self.feature_names = first.n_features, first.feature_names
        self.dtype = np.dtype(kernel_dtype(np.result_type(*(_rows_of(head).dtype for head in heads))))
        self.n_rows = sum(_rows_of(head).shape[0] for head in heads)

    def blocks(self) -> Iterator[Block]:
        """Yield all rows once, in order."""
        for path in self._paths:
            data: Dataset = _open_one(path, self._choice)
            if self.feature_names is not None:  # columns go by name
                with _named(path):
                    data = data.with_features(self.feature_names, has_labels=True)
            yield from data.blocks()


def _open_one(path: Path, choice: Choice, cache_dir: Any = None) -> ArrayDataset | Picked:
    is_sparse = is_npz(path) and _is_sparse(_heads(path))
    if is_npz(path) and not is_sparse:
        return load_npz(path)
    matrix = load_sparse(path) if is_sparse else load_npy(path)
    with _named(path):
        return matrix_dataset(matrix, choice, cache_dir)


def is_npz(path: Path) -> bool:
    """Return whether a file's name says that it is an .npz file."""
    return path.name.lower().endswith(".npz")


class _UnfitError(ValueError):
    """What a whole file holds is not what is read."""


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Turn errors of NumPy's readers into a ValueError that names the file; OSErrors of the system stay."""
    try:
        yield
    except _UnfitError as error:
        raise ValueError(f"{str(path)!r} {error}.") from error
    except Exception as error:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) is not None:
            raise
        raise ValueError(f"{str(path)!r} is not a whole {path.suffix} file: {error}") from error


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Put the file's name before what is said of its arrays."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise type(error)(f"{str(path)!r}: {error}") from error


def _read_head(file: Any, what: str = "it") -> Head:
    version = np.lib.format.read_magic(file)
    # Version 3 differs from 2 in how names of fields are written, which are refused.
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if dtype.hasobject:
        raise _UnfitError(f"holds Python objects: save {what} as numbers or as strings (array.astype(str))")
    if dtype.names is not None:
        raise _UnfitError(f"holds records with the fields {list(dtype.names)}: save {what} as one matrix of numbers")
    return Head(shape, dtype)


def _heads(path: Path) -> dict[str, Head]:
    """Return the headers of a file's arrays by name, "X" for that of an .npy file."""
    # Opened here: np.load does not close a file that is not an archive.
    with _whole(path), path.open("rb") as file:
        if not is_npz(path):
            heads = {"X": _read_head(file)}
        else:
            if not zipfile.is_zipfile(file):
                raise ValueError("it is not a zip archive")
            with zipfile.ZipFile(file) as archive:
                names = [name.removesuffix(".npy") for name in archive.namelist()]
                if {"format", "shape", "data"} <= {*names}:  # as scipy.sparse.save_npz writes it
                    with archive.open("shape.npy") as member, archive.open("data.npy") as values:
                        shape = tuple(np.lib.format.read_array(member, allow_pickle=False).tolist())
                        return {SPARSE: Head(shape, _read_head(values, "data").dtype)}
                _check_names(names)
                heads = {}
                for name in names:
                    with archive.open(f"{name}.npy") as member:
                        heads[name] = _read_head(member, name)
        _check_heads(heads)
        return heads


def _is_sparse(head: dict[str, Head]) -> bool:
    return SPARSE in head


def _rows_of(head: dict[str, Head]) -> Head:
    """Return the head of the rows."""
    return head[SPARSE] if _is_sparse(head) else head["X"]


def _column(matrix: Matrix, column: int) -> Array:
    """Return a column as an array, (n_rows,)."""
    return matrix[:, [column]].toarray()[:, 0] if isinstance(matrix, CsrArray) else matrix[:, column]


def _check_names(names: list[str]) -> None:
    """Raise `_UnfitError` if the arrays of an .npz file are not called as they must be."""
    known = "the known names are X, y, sample_weight and feature_names (np.savez(path, X=X, y=y))"
    unknown = [name for name in names if name not in KNOWN_NAMES]
    if unknown or "X" not in names:
        raise _UnfitError(
            f"holds {', '.join(map(repr, unknown or names)) or 'no arrays'}{'' if unknown else ', but no X'}: {known}"
        )
    weights = [name for name in names if name in WEIGHT_NAMES]
    if len(weights) > 1:
        raise _UnfitError(f"holds both {weights[0]!r} and {weights[1]!r}: which are the weights? Leave one out")


def _check_heads(heads: dict[str, Head]) -> None:
    X = heads["X"].shape
    if len(X) not in (1, 2) or 0 in X:
        raise _UnfitError(f"holds an array of shape {X}: (n_rows, n_features) is needed, at least one of each")
    n_features = X[1] if len(X) == 2 else 1
    for name, (shape, dtype) in heads.items():
        n, what = (n_features, "columns") if name == "feature_names" else (X[0], "rows")
        if name != "X" and shape != (n,) and (shape != (n, 1) or name == "feature_names"):
            raise _UnfitError(f"holds X of {n} {what}, but {name} of shape {shape}: one for each is needed")
        if name == "feature_names" and dtype.kind != "U":
            raise _UnfitError(f"holds feature_names of dtype {dtype}: strings are needed")


def _check_names_given(choice: Choice, head: dict[str, Head], path: Path) -> None:
    """Raise ValueError if columns are chosen of an .npz file, whose arrays have fixed names."""
    weight = next((name for name in WEIGHT_NAMES if name in head), None)
    own = {"target": "y" if "y" in head else None, "features": None, "weight": weight}
    for role, name in choice._asdict().items():
        if name is not None and name != own[role]:
            raise ValueError(
                f"{role}={name!r} cannot be chosen in {str(path)!r}: an .npz file names its labels y, its weights "
                f"sample_weight, and all columns of X are features. It holds {', '.join(head)}."
            )


def _check_alike(head: dict[str, Head], first: dict[str, Head], path: Path, first_path: Path) -> None:
    def facts(of: dict[str, Head]) -> dict[str, Any]:
        kinds = {name: KINDS.get(array.dtype.kind, array.dtype) for name, array in of.items()}
        return {"columns": _rows_of(of).shape[1:], "arrays": sorted(of)} | {
            f"the kind of {name}": kinds[name] for name in kinds
        }

    one, other = facts(first), facts(head)
    for fact in one:
        if one[fact] != other[fact]:
            raise ValueError(
                f"{str(first_path)!r} and {str(path)!r} differ in {fact}: {one[fact]} and {other[fact]}. "
                "Files that are read together must hold the same."
            )


def _column_number(column: Any, n_columns: int, name: str) -> int:
    if isinstance(column, str) and column.lstrip("-").isdigit():
        column = int(column)
    if not isinstance(column, int | np.integer) or isinstance(column, bool) or not -n_columns <= column < n_columns:
        raise ValueError(
            f"{name} must be the number of one of the {n_columns} columns of the array, but is {column!r}."
        )
    return int(column) % n_columns
