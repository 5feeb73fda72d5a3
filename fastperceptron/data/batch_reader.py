"""The reader of frames, streams and data sets of Arrow: of whatever gives record batches."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from fastperceptron.data.formats import cut_batch
from fastperceptron.data.pieces import Piece
from fastperceptron.data.reader import Reader


class BatchReader(Reader):
    """Any source of record batches: `open` takes the columns, and returns an iterator of batches of them, in order."""

    def __init__(
        self,
        source: Any,
        schema: pa.Schema,
        open: Callable[[list[str]], Iterable[pa.RecordBatch]],  # as in formats.py
        *,
        labels: Sequence[Any] | None = None,
        n_rows: int | None = None,
        is_once: bool = False,
    ) -> None:
        self.name, self._open, self.n_rows, self._is_once = f"the {type(source).__name__}", open, n_rows, is_once
        self._was_read = False
        self._note_schema(schema, labels)

    def pieces(
        self,
        columns: Sequence[str],
        numbers: Sequence[str] = (),  # noqa: ARG002  # types are known
        *,
        n_files: int | None = None,  # noqa: ARG002
    ) -> Iterator[Piece]:
        """Yield the columns of all rows, in order; raise ValueError where a stream has been read before."""
        if self._is_once and self._was_read:
            raise ValueError(
                f"{self.name} has been read, and gives its rows only once: make a new one; or, if that was for the "
                "levels of columns, name these, categorical={column: levels}."
            )
        self._was_read, first_row = True, 0
        for batch in self._open(list(columns)):
            for part in cut_batch(batch.select(list(columns))):
                yield Piece(part, self.name, first_row)
                first_row += part.num_rows


def of_arrow_dataset(source: Any) -> Reader | None:
    """Return the reader of a data set or scanner of pyarrow; None for other sources."""
    from pyarrow import dataset

    if isinstance(source, dataset.Dataset):
        return BatchReader(source, source.schema, lambda columns: source.to_batches(columns=columns))
    if isinstance(source, dataset.Scanner):
        return BatchReader(source, source.projected_schema, lambda _: source.to_reader())
    return None


def of_lazy_frame(source: Any) -> Reader | None:
    """Return the reader of a lazy frame of polars; None for other sources."""
    if not (hasattr(source, "collect_batches") and hasattr(source, "collect_schema")):
        return None  # polars has them

    def read(columns: list[str]) -> Iterator[pa.RecordBatch]:
        for frame in source.select(columns).collect_batches(maintain_order=True):
            yield from frame.to_arrow().to_batches()

    return BatchReader(source, source.head(0).collect().to_arrow().schema, read)


def of_frame(source: Any) -> Reader | None:
    """Return the reader of a frame in memory, without its index; None for other sources."""
    import narwhals as nw

    names: Any = getattr(source, "columns", None)
    if isinstance(source, pa.Table | pa.RecordBatch):
        return BatchReader(source, source.schema, _batches_of(source), n_rows=source.num_rows)
    twice = [name for name, count in Counter(map(str, names)).items() if count > 1] if _is_listing(names) else []
    if twice:
        raise ValueError(
            f"the {type(source).__name__} has more than one column called {', '.join(map(repr, twice))}: rename or "
            "drop them."
        )
    dtypes: Any = getattr(source, "dtypes", None)
    kinds = dtypes.items() if hasattr(dtypes, "items") else ()
    if sparse := [
        name for name, dtype in kinds if hasattr(dtype, "fill_value")
    ]:  # pandas' SparseDtype, which Arrow does not have
        raise TypeError(
            f"column {sparse[0]!r} of the {type(source).__name__} is sparse: pass (frame[features], frame[target]), "
            "which keeps such columns sparse, or make it dense, frame[column].sparse.to_dense()."
        )
    try:
        frame = nw.from_native(source, eager_only=True)
    except TypeError:
        return None
    try:
        table = frame.to_arrow()
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise TypeError(f"the {type(source).__name__} cannot be read: {'; '.join(map(str, error.args))}") from error
    labels = list(frame.columns)
    table = table.select(list(map(str, labels)))  # without the index
    schema = table.schema.remove_metadata()
    return BatchReader(source, schema, _batches_of(table), labels=labels, n_rows=table.num_rows)


def _is_listing(names: Any) -> bool:
    return names is not None and not callable(names) and hasattr(names, "__iter__")


def _batches_of(table: Any) -> Callable[[list[str]], Iterable[pa.RecordBatch]]:
    if isinstance(table, pa.RecordBatch):
        return lambda columns: [table.select(columns)]
    return lambda columns: table.select(columns).to_batches()


def of_stream(source: Any) -> Reader | None:
    """Return the reader of an object that exports an Arrow stream; None for other sources."""
    if not hasattr(source, "__arrow_c_stream__"):
        return None
    if isinstance(source, pa.RecordBatchReader):
        return BatchReader(source, source.schema, lambda _: source, is_once=True)
    # One stream is open at a time: a DuckDB connection, for one, has no second.
    with pa.RecordBatchReader.from_stream(source) as stream:
        schema = stream.schema
    return BatchReader(source, schema, lambda _: pa.RecordBatchReader.from_stream(source))
