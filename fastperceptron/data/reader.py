"""What a reader of columns is: it knows the schema and yields record batches of chosen columns, but no features.

file_reader.py reads files, batch_reader.py frames, streams and data sets of Arrow; open_reader.py chooses.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pyarrow as pa

from fastperceptron.data.pieces import Piece

Item = TypeVar("Item")


class Reader(ABC):
    """Columns of files, of a frame or of a stream."""

    schema: pa.Schema
    labels: Sequence[Any]  # the columns' names as the user knows them, which may be integers
    text: frozenset[str] = frozenset()  # the columns that are stored as text, which may mean numbers
    index: frozenset[str] = frozenset()  # the columns that were the index of a pandas frame
    decimal_point = "."  # in text
    n_rows: int | None = None  # None where it is not known before all rows are read
    name: str  # what error messages call the source

    @abstractmethod
    def pieces(
        self, columns: Sequence[str], numbers: Sequence[str] = (), *, n_files: int | None = None
    ) -> Iterator[Piece]:
        """Yield the columns of all rows, in order, or of the first files; those in `numbers` are to become float64."""

    def _note_schema(self, schema: pa.Schema, labels: Sequence[Any] | None = None) -> None:
        """Set what follows from the schema; raise ValueError if two columns have one name."""
        self.schema, self.labels = schema, schema.names if labels is None else labels
        twice = [name for name, count in Counter(schema.names).items() if count > 1]
        if twice:
            raise ValueError(
                f"{self.name} has more than one column called {', '.join(map(repr, twice))}: rename or drop them."
            )
        described = (schema.pandas_metadata or {}).get("index_columns", ())
        self.index = frozenset(name for name in described if isinstance(name, str))


def read_ahead(items: Iterator[Item]) -> Generator[Item]:
    """Yield items, while a thread makes the next one: decoding and NumPy release the GIL.

    No item may be None, nor change after it was yielded.
    """
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item
