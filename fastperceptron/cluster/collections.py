"""Collections of Dask (arrays and frames) as data sets: partitions on workers, or a stream of chunks."""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import column_names, is_collection
from fastperceptron.cluster import parts
from fastperceptron.cluster.parted_dataset import parted_table
from fastperceptron.data.arrays import kernel_dtype
from fastperceptron.data.chunk_dataset import ChunksDataset, as_block
from fastperceptron.data.dataset import Block, Dataset, Table, no_labels
from fastperceptron.data.labels import as_labels
from fastperceptron.lazy import dtype_of_collection, n_features_of_collection, with_whole_rows
from fastperceptron.model import Perceptron


class Partition(NamedTuple):
    """A part of a collection, not computed yet."""

    X: Any
    y: Any
    weights: Any  # one per row, one for all, or None


class CollectionDataset(Dataset):
    """Rows of a collection: X of shape (n_rows, n_features), y and weights of shape (n_rows,), cut alike.

    y and weights may also be arrays in memory. Others raise ValueError or TypeError.

    Parameters
    ----------
    client : distributed.Client, optional
        By default the current one.
    """

    def __init__(self, X: Any, y: Any = None, weights: Any = None, *, client: Any = None) -> None:
        self.n_features, dtype, X = n_features_of_collection(X), dtype_of_collection(X), with_whole_rows(X)
        if dtype.kind not in "fiub":
            raise ValueError(f"X must hold real numbers, but its dtype is {dtype}.")
        self.dtype = np.dtype(kernel_dtype(dtype))
        self.feature_names = column_names(X._meta)
        name = getattr(y, "name", None) if hasattr(y, "_meta") and hasattr(y._meta, "index") else None
        self.target_name = name if isinstance(name, str) and name else None
        lengths = lengths_of(X)
        self.n_rows = None if lengths is None else sum(lengths)
        self._X, self._client = X, client
        self._collections = [each for each in (X, y, weights) if is_collection(each)]
        pieces = pieces_of(X)
        labels, own = (
            _cut_like(X, values, name, len(pieces)) for values, name in ((y, "y"), (weights, "sample_weight"))
        )
        self._partitions = [Partition(*each) for each in zip(pieces, labels, own, strict=True)]

    @property
    def partitions(self) -> list[Partition]:
        """The partitions, in order."""
        return self._partitions

    def chunks(self) -> Iterator[tuple[Any, ...]]:
        """Yield the partitions that have rows, computed one after another, as chunks (X, y, weights)."""
        from dask import compute

        for partition in self._partitions:
            X, y, weights = compute(*partition)
            if n_rows := X.shape[0]:  # sparse rows have no length
                weights = np.full(n_rows, weights) if weights is not None and np.ndim(weights) == 0 else weights
                yield (X, y) if weights is None else (X, y, weights)

    def blocks(self) -> Iterator[Block]:
        """Yield all rows once, in order: a partition at a time is in memory."""
        for number, chunk in enumerate(self.chunks()):
            yield as_block(chunk, number, "partition")[0]

    def accuracy(self, model: Perceptron) -> float:
        """Return the share of the rows' weight whose class a model predicts: partitions are compared where they are."""
        from dask import compute, delayed

        own = model.aligned(self._X) if self.feature_names else self._X
        compare = delayed(_compared, pure=False, traverse=False)
        found = compute(
            *(
                compare(X, y, weights, model, number)
                for number, (X, (_, y, weights)) in enumerate(zip(pieces_of(own), self._partitions, strict=True))
            )
        )
        right, all_rows = (math.fsum(each) for each in zip(*found, strict=True))
        if all_rows == 0:
            raise ValueError("all weights are zero: at least one row must count.")
        return right / all_rows

    @contextmanager
    def open_table(self, rows_read: Any = int) -> Iterator[Table]:
        """Give the rows as a `Table`: on the workers of the current client, or decoded into files without one."""
        from fastperceptron.cluster.dask_engine import current_engine

        if self._partitions and self._partitions[0].y is None:
            raise no_labels()
        with ExitStack() as stack:
            engine = stack.enter_context(current_engine(self._client))
            if engine is None:
                yield stack.enter_context(ChunksDataset(self.chunks, self.cache_dir).open_table(rows_read))
                return
            kept = kept_by_workers(self._X)
            handles = {each.key: each for each in kept_by_workers(*self._collections)}
            tasks = [
                (*(handles.get(getattr(each, "key", None), each) for each in partition), number, bool(kept))
                for number, partition in enumerate(self._partitions)
            ]
            names = [f"partition {number}" for number in range(len(tasks))]
            shelves = engine.together(kept) if len(kept) == len(tasks) else None
            yield parted_table(engine, tasks, names, self.n_threads, rows_read, shelves=shelves)


class DelayedDataset(ChunksDataset):
    """Delayed chunks (X, y) or (X, y, weights) of Dask, in order."""

    def __init__(self, chunks: list[Any], client: Any = None) -> None:
        self._chunks, self._client = chunks, client
        super().__init__(self._computed)

    def _computed(self) -> Iterator[Any]:
        for chunk in self._chunks:
            yield chunk.compute()

    @contextmanager
    def open_table(self, rows_read: Any = int) -> Iterator[Table]:
        """Give the rows as a `Table`: on the workers of the client, or decoded into files here without one."""
        from fastperceptron.cluster.dask_engine import current_engine

        with ExitStack() as stack:
            engine = stack.enter_context(current_engine(self._client))
            if engine is None:
                yield stack.enter_context(super().open_table(rows_read))
                return
            tasks = [(chunk, number) for number, chunk in enumerate(self._chunks)]
            names = [f"chunk {number}" for number in range(len(tasks))]
            yield parted_table(engine, tasks, names, self.n_threads, rows_read, load_chunk)


def load_chunk(chunk: Any, number: int) -> parts.Loaded:
    """Return the rows of a delayed chunk."""
    block, names = as_block(chunk, number)
    if block.y is None:
        raise no_labels()
    return parts.loaded_of(block, names, number, "chunk") if len(block.X) else parts.no_rows()


def _compared(X: Any, y: Any, weights: Any, model: Perceptron, number: int) -> tuple[float, float]:
    """Return what the rows of a partition weigh whose class a model predicts, and what all of them do."""
    if X.shape[0] == 0:
        return 0.0, 0.0
    own = np.full(X.shape[0], 1.0 if weights is None else weights) if np.ndim(weights) == 0 else weights
    block, _ = as_block((X, y, own), number, "partition")
    is_right = np.asarray(model.predict(X)) == as_labels(block.y, f"y of partition {number}")
    return float(block.weights[is_right].sum()), float(block.weights.sum())  # type: ignore[index,union-attr]  # given


def kept_by_workers(*collections: Any) -> list[Any]:
    """Return the futures of what workers keep of collections: of one whose partitions they keep, these in order."""
    from distributed import futures_of

    found: list[Any] = futures_of(collections)
    return found


def lengths_of(X: Any) -> list[int] | None:
    """Return how many rows each partition has; None where Dask does not know it."""
    lengths = list(X.chunks[0]) if hasattr(X, "chunks") else [math.nan]
    return None if any(map(math.isnan, lengths)) else [int(each) for each in lengths]


def pieces_of(X: Any) -> list[Any]:
    """Return the partitions of a collection, each computed by itself when it is asked for.

    Dask's optimiser may join files of which few columns are read, another number of them for X than for y of the same
    frame: where it would, the partitions are those that the collection has.
    """
    delayed = X.to_delayed()
    if isinstance(delayed, np.ndarray):
        return list(delayed.ravel())
    return list(delayed if len(delayed) == X.npartitions else X.to_delayed(optimize_graph=False))


def _cut_like(X: Any, values: Any, name: str, n_pieces: int) -> Sequence[Any]:
    """Return values, one per row of a collection, or one for all, or None, in the partitions of X."""
    if values is None or np.ndim(values) == 0:
        return [values] * n_pieces
    lengths = lengths_of(X)
    if not is_collection(values):
        if lengths is None:
            raise ValueError(
                f"X does not know how many rows its partitions have, so that {name}, which is in memory, cannot be cut "
                "like it: pass it as a collection of Dask cut like X, or call X.compute_chunk_sizes() first."
            )
        if len(values) != sum(lengths):
            raise ValueError(f"X has {sum(lengths)} rows, but {name} has {len(values)}: each row needs one.")
        stops = np.cumsum(lengths).tolist()
        take = getattr(values, "iloc", values)
        return [take[stop - length : stop] for stop, length in zip(stops, lengths, strict=True)]
    own = lengths_of(values)
    if lengths is not None and own is not None:
        if sum(own) != sum(lengths):
            raise ValueError(f"X has {sum(lengths)} rows, but {name} has {sum(own)}: each row needs one.")
        if own != lengths:
            values = values.rechunk({0: tuple(lengths)})
    pieces = pieces_of(values)
    divisions = [getattr(each, "divisions", None) for each in (X, values)]
    are_cut_differently = len(pieces) != n_pieces or (
        None not in divisions and None not in (divisions[0][0], divisions[1][0]) and divisions[0] != divisions[1]  # type: ignore[index]
    )
    if are_cut_differently:
        raise ValueError(
            f"X and {name} are cut differently: X has {n_pieces} partitions and {name} has {len(pieces)}"
            + ("" if len(pieces) != n_pieces else ", of other divisions")
            + ", and how many rows these have is not known. Cut both alike (repartition), or take both from one frame."
        )
    return pieces
