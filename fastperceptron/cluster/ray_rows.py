"""Datasets of Ray: their blocks are columns, from which Ray's workers make rows as Dask's do of files and frames."""

from collections.abc import Iterator, Sequence
from typing import Any

from fastperceptron.cluster import ray_engine
from fastperceptron.cluster.columns_on_workers import ColumnsOnWorkers, pieces_of_partition
from fastperceptron.data.choose_columns import choose_columns
from fastperceptron.data.pieces import Piece
from fastperceptron.data.reader import Reader


class BlocksReader(Reader):
    """A dataset of Ray, whose blocks come one after another where they are not read by workers."""

    open_engine = staticmethod(ray_engine.current_engine)

    def __init__(self, dataset: Any) -> None:
        import ray

        self._dataset, self.name = dataset, "the Dataset of Ray"
        blocks = dataset.limit(1).to_arrow_refs()
        if not blocks:
            raise ValueError(f"{self.name} has no rows: at least two are needed.")
        self._note_schema(ray.get(blocks[0]).schema)

    def partitions(self, columns: Sequence[str]) -> list[Any]:
        """Return references to the blocks, tables of Arrow with these columns, in the rows' order.

        By default, Ray hands blocks over as they become ready, in another order each time.
        """
        chosen = self._dataset.select_columns(list(columns))
        options = chosen.context.execution_options
        before, options.preserve_order = options.preserve_order, True
        try:
            found: list[Any] = chosen.materialize().to_arrow_refs()
        finally:
            options.preserve_order = before
        return found

    def pieces(
        self, columns: Sequence[str], numbers: Sequence[str] = (), *, n_files: int | None = None
    ) -> Iterator[Piece]:
        """Yield the columns of all rows, in order, or of the first blocks."""
        import ray

        for number, block in enumerate(self.partitions(columns)[:n_files]):
            yield from pieces_of_partition(ray.get(block), columns, numbers, number)


def columns_of_ray(source: Any, choice: dict[str, Any], cache_dir: Any) -> ColumnsOnWorkers:
    """Return the data set of a dataset of Ray; `choice` has the arguments of `choose_columns`."""
    reader = BlocksReader(source)
    return ColumnsOnWorkers(reader, choose_columns(reader, **choice), choice["dtype"], client=None, cache_dir=cache_dir)
