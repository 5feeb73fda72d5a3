"""Rows that are decoded from columns of files, frames or streams. Only this kind of data set needs pyarrow."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from fastperceptron.checks import Array
from fastperceptron.data.choose_columns import choose_columns, columns_for, label_texts_are_numbers
from fastperceptron.data.columns import Columns
from fastperceptron.data.dataset import Block
from fastperceptron.data.levels import UnknownLevels
from fastperceptron.data.open_reader import open_reader
from fastperceptron.data.pieces import Piece, without_nulls
from fastperceptron.data.reader import Reader, read_ahead
from fastperceptron.data.running_labels import RunningLabels
from fastperceptron.data.spool import DecodedDataset
from fastperceptron.data.text_values import are_numbers, as_labels_of_text


class ColumnsDataset(DecodedDataset):
    """Columns of files, frames or streams; `target_name` is the column of the labels, or None."""

    def __init__(self, reader: Reader, columns: Columns, cache_dir: Any = None, given_dtype: Any = None) -> None:
        self._reader, self._columns, self.cache_dir, self.dtype = reader, columns, cache_dir, columns.dtype
        self.n_rows, self.n_features, self.target_name = reader.n_rows, len(columns.features), columns.target
        self.feature_names = tuple(feature.name for feature in columns.features)
        self._given_dtype = given_dtype

    @classmethod
    def open(cls, source: Any, choice: dict[str, Any], csv: Any, cache_dir: Any) -> "ColumnsDataset":
        """Return the data set of files, a frame or a stream; `choice` has the column arguments of `choose_columns`."""
        types = None
        if csv is not None:
            from fastperceptron.data.csv_files import csv_options

            types = csv_options(csv, "").column_types
        reader = open_reader(source, csv)
        return cls(reader, choose_columns(reader, **choice, column_types=types), cache_dir, choice["dtype"])

    def blocks(self) -> Iterator[Block]:
        """Yield all rows once, in order; raise ValueError if there are none."""
        columns = self._columns
        if columns.target in columns.text and columns.has_numeric_labels is None:
            columns = self._columns = replace(
                columns, has_numeric_labels=label_texts_are_numbers(self._reader, str(columns.target))
            )
        return self._read(columns)

    def _read(self, columns: Columns) -> Iterator[Block]:
        if columns.refusal is not None:
            raise TypeError(columns.refusal)
        n_rows, unknown = 0, UnknownLevels(columns.levels, [column for _, column, _ in columns.features])
        # One thread decodes, one turns columns into rows, and the caller uses them, all at the same time.
        with closing(read_ahead(self._decode(columns, unknown))) as blocks:
            for block in blocks:
                yield block
                n_rows += len(block.X)
        self.n_rows = n_rows
        if n_rows == 0:
            raise ValueError(f"{self._reader.name} has no rows.")
        unknown.warn(self._reader.name)

    def _decode(self, columns: Columns, unknown: UnknownLevels) -> Iterator[Block]:
        check = _LabelTexts(columns)
        for piece in self._reader.pieces(columns.names, columns.numbers):
            if piece.batch.num_rows:
                check.see(piece)
                block = columns.block(piece)
                unknown.see(piece, block.X)
                yield block

    def _blocks_for_labels(self) -> Iterator[Block]:
        """Yield all rows, with labels stored as text left so: whether they are numbers shows at the end."""
        return self._read(self._columns)

    def _new_labels(self) -> RunningLabels:
        columns = self._columns
        if columns.target in columns.text and columns.has_numeric_labels is None:
            return RunningLabels(lambda texts: as_labels_of_text(texts, are_numeric=are_numbers(texts)))
        return RunningLabels()

    def with_features(
        self, names: Sequence[str], *, has_labels: bool, classes: Array | None = None
    ) -> "ColumnsDataset":
        """Return the same rows with the features of these names, which a model of some classes was trained on."""
        target, weight = (self._columns.target, self._columns.weight) if has_labels else (None, None)
        dtype = self._given_dtype
        columns = columns_for(self._reader, names, target, weight, dtype, classes)
        return ColumnsDataset(self._reader, columns, self.cache_dir, dtype)


class _LabelTexts:
    """Labels that are left as text: if those of the first file are numbers, others must be numbers, too."""

    def __init__(self, columns: Columns) -> None:
        is_open = columns.target in columns.text and columns.has_numeric_labels is None
        self._target = columns.target if is_open else None
        self._strict = replace(columns, has_numeric_labels=True)
        self._first: str | None = None
        self._texts: set[str] = set()
        self._are_numeric: bool | None = None

    def see(self, piece: Piece) -> None:
        """Take note of some rows; raise ValueError at a text if the first file has numbers only."""
        if self._target is None or self._are_numeric is False:
            return
        self._first = self._first or piece.source
        column = without_nulls(piece, self._target, "target")
        if piece.source == self._first:
            self._texts.update(column.unique().to_pylist())
            return
        if self._are_numeric is None:
            self._are_numeric = are_numbers(self._texts)
        if self._are_numeric:
            self._strict.labels(piece)
