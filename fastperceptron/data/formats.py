"""The file formats: `FORMATS` maps each file ending to how such files are read and written; all else derives from it.

To add a format, add an entry: the error messages, the search of folders and the command line list what the table holds.
pyarrow and NumPy are imported inside the functions, so that the command line can list the formats without them.
"""

import importlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fastperceptron.data.files import COMPRESSIONS, SourceFile

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 1 << 17  # rows per record batch


class OpenFile(NamedTuple):
    """An open file of columns."""

    schema: "pa.Schema"
    n_rows: int | None  # None where the file does not store it
    batches: Iterable["pa.RecordBatch"]  # of all rows, in order; their columns may stand in any order


# The columns to read, with their types: of numbers float64 where the format leaves a choice. None: only the schema and
# the number of rows are used.
Types = "dict[str, pa.DataType] | None"


class ColumnFormat(NamedTuple):
    """A format of files with named columns."""

    name: str  # in error messages
    # Takes a file, the columns (see Types), and the options for CSV files; gives the open file.
    open: Callable[[SourceFile, Any, Any], AbstractContextManager[OpenFile]]
    # Takes a path and a schema; returns a context manager with `write_table`. None: files are only read.
    open_writer: Callable[[Path, "pa.Schema"], Any] | None = None
    is_text: bool = False  # whether all values are text, which text_values.py converts
    is_compressible: bool = False  # whether names may end in .gz and so on


class ArrayFormat(NamedTuple):
    """A format of files with arrays, which array_files.py and svmlight_files.py read."""

    name: str  # in error messages
    is_compressible: bool = False


def endings(attribute: str) -> tuple[str, ...]:
    """Return the endings of the formats that have an attribute, such as "open_writer"."""
    return tuple(ending for ending, form in FORMATS.items() if getattr(form, attribute, None))


def find_format(path: str | Path, attribute: str = "name", advice: str = "the known endings of files are") -> Any:
    """Return the format that a file's ending names, which must have an attribute; or raise ValueError with advice."""
    known = endings(attribute)
    form = _format_of(str(path))
    if form is None or not getattr(form, attribute, None):
        raise ValueError(f"{str(path)!r}: {advice} {', '.join(known)}.")
    return form


def _format_of(path: str) -> ColumnFormat | ArrayFormat | None:
    name = path.lower()
    for ending, form in FORMATS.items():
        if name.endswith(ending) or (form.is_compressible and name.endswith(tuple(ending + c for c in COMPRESSIONS))):
            return form
    return None


def has_known_ending(path: str) -> bool:
    """Return whether a file of this name has a known format."""
    return _format_of(path) is not None


def format_of_files(files: list[SourceFile]) -> ColumnFormat | ArrayFormat:
    """Return the one format of some files; raise ValueError if they have several, or one has an unknown one."""
    first: ColumnFormat | ArrayFormat = find_format(files[0].path)
    for file in files[1:]:
        if find_format(file.path) != first:
            raise ValueError(
                f"{files[0]} and {file} have different formats. Give files of one format, for example by a pattern "
                f"like '*{Path(file.path).suffix}'."
            )
    return first


@contextmanager
def name_unreadable_file(file: SourceFile, form: ColumnFormat | ArrayFormat) -> Iterator[None]:
    """Turn any error of a format's reader into a ValueError that names the file; OSErrors of the system stay."""
    try:
        yield
    except Exception as error:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) is not None:
            raise
        if type(error) is ValueError:  # raised here: the file may be whole, but is something else
            raise ValueError(f"{file}: {str(error).rstrip('.')}.") from error
        found = "" if form.is_compressible else file.describe_content()
        raise ValueError(f"{file} is not a whole {form.name} file: {error}{found}") from error


def cut_batch(batch: "pa.RecordBatch") -> Iterator["pa.RecordBatch"]:
    """Yield a record batch in slices of at most BATCH_ROWS rows."""
    for start in range(0, batch.num_rows, BATCH_ROWS):
        yield batch.slice(start, BATCH_ROWS)


def _cut(batches: Iterable["pa.RecordBatch"]) -> Iterator["pa.RecordBatch"]:
    return itertools.chain.from_iterable(map(cut_batch, batches))


@contextmanager
def _open_parquet(file: SourceFile, types: Any, _: Any) -> Iterator[OpenFile]:
    from pyarrow import parquet

    # Measured on 5M x 20 float32: iter_batches without pre-buffering takes 0.30 s and one row group of memory;
    # pyarrow.dataset's scanner 0.36-0.51 s and 450 MB more; read_table 0.57-0.99 s and memory for the whole table.
    with parquet.ParquetFile(file.path, filesystem=file.filesystem, pre_buffer=False) as opened:
        batches = opened.iter_batches(batch_size=BATCH_ROWS, columns=list(types or ()))
        yield OpenFile(opened.schema_arrow, opened.metadata.num_rows, batches)


@contextmanager
def _open_arrow(file: SourceFile, types: Any, _: Any) -> Iterator[OpenFile]:
    import pyarrow as pa

    with pa.memory_map(file.path) if file.is_local else file.filesystem.open_input_file(file.path) as source:
        is_file = source.read(6) == b"ARROW1"  # else it is a stream, which Hugging Face's data sets store
        source.seek(0)
        with pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source) as reader:
            all_batches = map(reader.get_batch, range(reader.num_record_batches)) if is_file else reader
            yield OpenFile(reader.schema, None, _cut(batch.select(list(types or ())) for batch in all_batches))


@contextmanager
def _open_orc(file: SourceFile, types: Any, _: Any) -> Iterator[OpenFile]:
    from pyarrow import orc

    with file.filesystem.open_input_file(file.path) as source:
        opened = orc.ORCFile(source)
        stripes = (opened.read_stripe(number, columns=list(types or ())) for number in range(opened.nstripes))
        yield OpenFile(opened.schema, opened.nrows, _cut(stripes))


@contextmanager
def _open_json(file: SourceFile, types: Any, _: Any) -> Iterator[OpenFile]:
    from fastperceptron.data.json_files import open_json

    with open_json(file, types) as (schema, n_rows, batches):
        yield OpenFile(schema, n_rows, _cut(batches))


@contextmanager
def _open_csv(file: SourceFile, types: Any, options: Any) -> Iterator[OpenFile]:
    from fastperceptron.data.csv_files import csv_options, open_csv

    columns, options = None if types is None else list(types), csv_options(options, file.path)
    with open_csv(file, columns, options) as (schema, batches):
        yield OpenFile(schema, None, _cut(batches))


def _writer(module: str, function: str, **options: Any) -> Callable[[Path, "pa.Schema"], Any]:
    """Return `function` of a module, with options, such that the module is imported when it is called."""
    return lambda path, schema: getattr(importlib.import_module(module), function)(path, schema, **options)


_PARQUET = ColumnFormat(
    "Parquet", _open_parquet, _writer("pyarrow.parquet", "ParquetWriter", compression="snappy", use_dictionary=False)
)
_ARROW = ColumnFormat("Arrow", _open_arrow, _writer("pyarrow.ipc", "new_file"))
_CSV = ColumnFormat("CSV", _open_csv, _writer("pyarrow.csv", "CSVWriter"), is_text=True, is_compressible=True)
_JSON = ColumnFormat("JSON lines", _open_json, is_compressible=True)
NPY, NPZ = ArrayFormat(".npy"), ArrayFormat(".npz")
SVMLIGHT = ArrayFormat("svmlight", is_compressible=True)
FORMATS: dict[str, ColumnFormat | ArrayFormat] = {
    ".parquet": _PARQUET,
    ".pq": _PARQUET,
    ".arrow": _ARROW,
    ".feather": _ARROW,
    ".ipc": _ARROW,
    ".orc": ColumnFormat("ORC", _open_orc),
    ".csv": _CSV,
    ".tsv": _CSV._replace(open_writer=None),
    ".txt": _CSV._replace(open_writer=None),
    ".jsonl": _JSON,
    ".ndjson": _JSON,
    ".json": _JSON,
    ".npy": NPY,
    ".npz": NPZ,
    ".svm": SVMLIGHT,
    ".svmlight": SVMLIGHT,
    ".libsvm": SVMLIGHT,
}
