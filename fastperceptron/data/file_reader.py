"""The reader of files of one format, one after the other, of which a thread decodes the next piece."""

import copy
import itertools
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np
import pyarrow as pa

from fastperceptron.data.files import SourceFile
from fastperceptron.data.formats import ColumnFormat, format_of_files, name_unreadable_file
from fastperceptron.data.pieces import Piece, is_number, is_text
from fastperceptron.data.reader import Reader, read_ahead


class FileReader(Reader):
    """Files of one format, one after the other."""

    def __init__(self, files: Sequence[SourceFile], csv: Any) -> None:
        form = format_of_files(list(files))
        assert isinstance(form, ColumnFormat)  # noqa: S101  # sources.py reads the others
        self._files, self._format, self._csv = files, form, csv
        self.name = f"{files[0]}" + (f" and {len(files) - 1} more" if len(files) > 1 else "")
        if csv is not None and not form.is_text:
            raise ValueError(f"csv is for CSV files, and cannot be given for {form.name}: leave it out.")
        self._stamps = [file.stamp() for file in files]
        opened = [self._read_schema(file) for file in files]
        keys = list(dict.fromkeys(key for file in files for key in file.partitions))
        for file in files:
            if missing := [key for key in keys if key not in file.partitions]:
                raise ValueError(f"{file} lies in no folder called '{missing[0]}=...', unlike other files.")
        schema = _joined([schema for schema, _ in opened], files)
        if doubled := [key for key in keys if key in schema.names]:
            raise ValueError(
                f"{files[0]} has a column {doubled[0]!r}, and lies in a folder of that name, too: rename one."
            )
        self._own = frozenset(schema.names)
        self.text = frozenset([*keys, *(schema.names if form.is_text else ())])
        for key in keys:
            schema = schema.append(pa.field(key, pa.string()))
        self._note_schema(schema)
        self._lengths = [length for _, length in opened]
        self.n_rows = _sum_of_known(self._lengths)
        self.decimal_point = str((csv or {}).get("decimal_point", "."))

    def pieces(
        self, columns: Sequence[str], numbers: Sequence[str] = (), *, n_files: int | None = None
    ) -> Iterator[Piece]:
        """Yield the columns of all rows, in order; raise OSError if a file has changed since it was opened."""
        self._check_unchanged()
        own = [name for name in columns if name in self._own]
        types = {name: self.schema.field(name).type for name in own}
        types |= {name: pa.float64() for name in own if name in numbers and pa.types.is_integer(types[name])}
        with closing(read_ahead(self._read_files(types, columns, n_files))) as pieces:
            yield from pieces
        self._check_unchanged()

    def groups(self, n: int) -> list["FileReader"]:
        """Return readers of the same columns, of at most n runs of files of about the same size each."""
        sizes = np.cumsum([size for size, _ in self._stamps])
        of_file = ((sizes - 1) * n // max(int(sizes[-1]), 1)).tolist()
        readers = []
        for _, places in itertools.groupby(range(len(self._files)), of_file.__getitem__):
            chosen, reader = [*places], copy.copy(self)
            part = slice(chosen[0], chosen[-1] + 1)
            reader._files, reader._stamps, reader.n_rows = (
                self._files[part],
                self._stamps[part],
                _sum_of_known(self._lengths[part]),
            )
            reader.name = f"{reader._files[0]}" + (f" and {len(chosen) - 1} more" if len(chosen) > 1 else "")
            readers.append(reader)
        return readers

    def _read_files(
        self, types: dict[str, pa.DataType], columns: Sequence[str], n_files: int | None
    ) -> Iterator[Piece]:
        for file in self._files[:n_files]:
            first_row = 0
            with name_unreadable_file(file, self._format), self._format.open(file, types, self._csv) as opened:
                for batch in opened.batches:
                    values = {
                        key: pa.repeat(pa.scalar(file.partitions[key], pa.string()), batch.num_rows)
                        for key in columns
                        if key not in self._own
                    }
                    arrays = [values[name] if name in values else batch.column(name) for name in columns]
                    whole = pa.RecordBatch.from_arrays(arrays, list(columns)) if arrays else batch
                    yield Piece(whole, str(file), first_row)
                    first_row += batch.num_rows

    def _read_schema(self, file: SourceFile) -> tuple[pa.Schema, int | None]:
        if file.stamp()[0] == 0:
            raise ValueError(f"{file} is empty.")
        with name_unreadable_file(file, self._format), self._format.open(file, None, self._csv) as opened:
            if not self._format.is_text:
                return opened.schema, opened.n_rows
            return pa.schema([(name, pa.string()) for name in opened.schema.names]), None

    def _check_unchanged(self) -> None:
        for before, file in zip(self._stamps, self._files, strict=True):
            if before != file.stamp():
                raise OSError(f"{file} has changed since it was opened: call dataset again once it is written.")


def _sum_of_known(lengths: Sequence[int | None]) -> int | None:
    """Return how many rows files have together; None if that of one is not known."""
    known = [length for length in lengths if length is not None]
    return sum(known) if len(known) == len(lengths) else None


def _joined(schemas: list[pa.Schema], files: Sequence[SourceFile]) -> pa.Schema:
    """Return the schema of several files: columns go by name, and numbers of different types become float64."""
    first = schemas[0]
    types = dict(zip(first.names, first.types, strict=True))
    for schema, file in zip(schemas, files, strict=True):
        names = f"{files[0]} and {file} differ"
        if set(schema.names) != set(first.names):
            odd = sorted(set(first.names) ^ set(schema.names))
            raise ValueError(f"{names} in their columns: {odd}. Give files of one schema.")
        for field in schema if len(schema.names) == len(types) else ():
            known = types[field.name]
            if field.type != known and is_number(field.type) and is_number(known):
                types[field.name] = pa.float64()
            elif field.type != known and not (is_text(field.type) and is_text(known)):
                raise ValueError(
                    f"{names} in column {field.name!r}: {known} and {field.type}. Give files of one schema."
                )
    if len(types) < len(first.names):
        return first  # two columns have one name
    return pa.schema(list(types.items()), first.metadata)
