"""Synthetic rows that workers make as they read them: nothing is loaded, and nothing is kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.cluster import parts
from fastperceptron.cluster.dask_engine import current_engine
from fastperceptron.cluster.parted_dataset import Bundles, Known
from fastperceptron.cluster.parts import Aligned
from fastperceptron.data.arrays import Rows
from fastperceptron.data.dataset import Block, Dataset, Table
from fastperceptron.data.generated import GeneratedCodes, GeneratedRows
from fastperceptron.data.synthetic import SyntheticDataset
from fastperceptron.kernels.objective import rows_per_run
from fastperceptron.training.parted_rows import PartedCodes, PartedRows
from fastperceptron.training.tile_sums import Part


class RowsOfRange(Rows):
    """Some generated rows, numbered from 0."""

    is_in_place = False

    def __init__(self, rows: GeneratedRows, places: range) -> None:
        super().__init__(len(places), rows.n_features, rows.dtype)
        self._rows, self._first = rows, places.start

    def _numbers(self, places: range | Array) -> range | Array:
        if isinstance(places, range):
            return range(self._first + places.start, self._first + places.stop)
        return self._first + places

    def make(self, places: range | Array) -> tuple[Array, Array]:
        """Return the rows with these numbers and their class numbers."""
        return self._rows.make(self._numbers(places))

    def rows_at(self, places: range | Array) -> Array:
        """Return the rows with these numbers."""
        return self._rows.rows_at(self._numbers(places))

    def labelled_at(self, codes: Any, places: range | Array) -> tuple[Array, Array]:
        """Return the rows with these numbers and their class numbers."""
        return self._rows.labelled_at(codes, self._numbers(places))


class MadeOnWorkers(Dataset):
    """A synthetic data set whose rows the workers of a client make."""

    def __init__(self, data: SyntheticDataset, client: Any) -> None:
        self._data, self._client = data, client
        self.n_rows, self.n_features, self.dtype = data.n_rows, data.n_features, data.dtype
        self.feature_names, self.classes = data.feature_names, data.classes
        self.true_weights, self.true_bias = data.true_weights, data.true_bias

    def blocks(self) -> Iterator[Block]:
        """Yield all rows once, in order."""
        return self._data.blocks()

    @contextmanager
    def open_table(self, rows_read: Any = int) -> Iterator[Table]:  # noqa: ARG002  # nothing is decoded
        """Give the rows as a `Table`."""
        made = self._data.rows
        classes = self._data.classes
        with current_engine(self._client) as engine:
            assert engine is not None  # noqa: S101  # there is a client
            run = rows_per_run(made.n_features)
            size = -(-made.n_rows // (run * engine.n_bundles)) * run
            tasks = [(made, range(k, min(k + size, made.n_rows)), k) for k in range(0, made.n_rows, size)]
            handles = engine.place("make", make_bundle, tasks)
            known = [Known([places], f"rows {places.start} to {places.stop - 1}") for _, places, _ in tasks]
            fingerprints = {places.start: (0, each.name) for (_, places, _), each in zip(tasks, known, strict=True)}
            asked = Bundles(engine, handles, known, fingerprints, self.n_threads)
            rows = PartedRows(asked, made.n_rows, made.n_features, made.dtype, made.identity)
            codes = PartedCodes(rows, None, np.uint8, classes.size)
            yield Table(rows, classes, codes)


def make_bundle(rows: GeneratedRows, places: range, number: int) -> parts.Bundle:
    """Return generated rows as a bundle; none is made before it is read."""
    own = RowsOfRange(rows, places)
    codes: Any = GeneratedCodes(own)  # type: ignore[arg-type]  # it makes rows, too
    return parts.Bundle([Aligned([Part(own, codes, None, places.start)], [(number, 0)])])
