"""Files that commands write, checked before the work; and warnings as lines on stderr."""

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastperceptron.atomic import destination
from fastperceptron.cli.language import translate
from fastperceptron.data.files import find_files
from fastperceptron.data.formats import find_format, has_known_ending


def check_outputs(source: Any, paths: list[Path]) -> None:
    """Raise an error that costs no work yet if a file cannot be written, is one of the data, or is written twice."""
    places = [destination(path) for path in paths]
    inputs = {os.path.realpath(file.path) for file in find_files(source, has_known_ending) if file.is_local}
    for number, (path, place) in enumerate(zip(paths, places, strict=True)):
        if os.fspath(place) in inputs:
            raise ValueError(f"{str(path)!r} holds data that are read: give another file to write.")
        if place in places[:number]:
            raise ValueError(f"{str(path)!r} would be written twice: give each output a file of its own.")


@contextmanager
def table_writer(output: Path, temporary: Path, schema: Any) -> Iterator[Callable[[list[Any]], None]]:
    """Give a function that appends columns to the table in `temporary`, in the format of the name `output`."""
    import pyarrow as pa

    with find_format(output, "open_writer", "rows can be written as").open_writer(temporary, schema) as writer:
        yield lambda columns: writer.write_table(
            pa.Table.from_arrays(
                [each if isinstance(each, pa.ChunkedArray) else pa.array(each) for each in columns], schema=schema
            )
        )


@contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Print warnings to stderr, a line each, in words of the command line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        print(f"fastperceptron: {translate(str(warning.message))}", file=sys.stderr)
