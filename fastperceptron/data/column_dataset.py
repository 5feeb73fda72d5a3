"""Rows that are decoded from columns of files, frames or streams. Only this kind of data set needs pyarrow."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from fastperceptron.data.columns import Columns, choose_columns, columns_for
from fastperceptron.data.dataset import Block
from fastperceptron.data.readers import Reader, open_reader, read_ahead
from fastperceptron.data.spool import DecodedDataset


class ColumnsDataset(DecodedDataset):
    """Columns of files, frames or streams; `target_name` is the column of the labels, or None."""

    def __init__(self, reader: Reader, columns: Columns, cache_dir: Any = None) -> None:
        self._reader, self._columns, self.cache_dir, self.dtype = reader, columns, cache_dir, columns.dtype
        self.n_rows, self.n_features, self.target_name = reader.n_rows, len(columns.features), columns.target
        self.feature_names = tuple(feature.name for feature in columns.features)

    @classmethod
    def open(cls, source: Any, choice: dict[str, Any], dtype: Any, cache_dir: Any) -> "ColumnsDataset":
        """Return the data set of paths, a frame or a stream; `choice` has the column arguments of `choose_columns`."""
        reader = open_reader(source, dtype)
        return cls(reader, choose_columns(reader, **choice, dtype=dtype), cache_dir)

    @classmethod
    def open_features(cls, paths: list[Path], names: Sequence[str], target: Any, weight: Any) -> "ColumnsDataset":
        """Return the data set of files with the features of these names; other columns are not read."""
        reader = open_reader(paths, None)
        return cls(reader, columns_for(reader, names, target, weight, None))

    def blocks(self) -> Iterator[Block]:
        """Yield all rows once, in order; raise ValueError if there are none."""
        n_rows = 0
        # One thread decodes, one turns columns into rows, and the caller uses them, all at the same time.
        with closing(read_ahead(self._decode())) as blocks:
            for block in blocks:
                yield block
                n_rows += len(block.X)
        self.n_rows = n_rows
        if n_rows == 0:
            raise ValueError(f"{self._reader.name} has no rows.")

    def _decode(self) -> Iterator[Block]:
        first_row = 0
        for batch in self._reader.batches(self._columns.names, self._columns.numbers):
            if batch.num_rows:
                yield self._columns.block(batch, first_row)
            first_row += batch.num_rows

    def with_features(self, names: tuple[str, ...], *, has_labels: bool) -> "ColumnsDataset":
        """Return the same rows with the features of these names, which a model was trained on."""
        target, weight = (self._columns.target, self._columns.weight) if has_labels else (None, None)
        dtype = None if self._reader.is_text else self.dtype
        return ColumnsDataset(self._reader, columns_for(self._reader, names, target, weight, dtype), self.cache_dir)
