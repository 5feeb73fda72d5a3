"""The Hessian over all rows, by any number of threads: sum of curvature * x x' in one read.

A task is a run of tiles and a part of the matrix, both at fixed places: wide rows make many tasks of few rows, and no
thread needs a matrix of its own. The tasks' sums are added by the tree of tile_tree.py.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import Rows, read_only
from fastperceptron.kernels.objective import rows_per_run
from fastperceptron.kernels.outer_products import TILE, add_products, packed_shape
from fastperceptron.kernels.rows import padded_size
from fastperceptron.kernels.strips import whole_strips
from fastperceptron.training.threads import MapInOrder, ranges_of
from fastperceptron.training.tile_tree import TileTree

# Narrower rows are multiplied in float64, as fast: their strips of float32 are half empty. ms for 1M x 20: 26 and 37.
NARROW = 24
# What float32 products hold: the largest curvature over the smallest, and how far factors are from 1, both ways.
WIDEST_CURVATURES, FARTHEST_FACTOR = 2.0**100, 2.0**60

Part = tuple[int, int, Array]


def hessian_of_rows(
    rows: Rows,
    curvatures: Array,
    centre: Array,
    factors: Array,
    map_in_order: MapInOrder[Any, Any],
    is_float32: bool = True,
) -> Array:
    """Return the sum of curvature * x x' over all rows, where x = ((row - centre) * factors, 1, 0, ...).

    Parameters
    ----------
    curvatures : (n_rows,) float64, of any sign
    centre, factors : (padded size,) float64; for float32 rows, the centre is exact in float32
    is_float32 : bool
        Products are float32, of float32 and float64 rows; each element's error is below 1e-6 of the root of the product
        of its two diagonal elements. Products below 2^-126 of the largest curvature may count as 0. Where the range of
        float32 does not hold all curvatures, or sums overflow it, and for narrow rows, products are float64.

    Returns
    -------
    hessian : (padded size, padded size) float64, symmetric, zero beyond the bias
    """
    if is_float32 and rows.n_features >= NARROW and _fits_float32(curvatures):
        _, exponent = np.frexp(np.abs(curvatures).max(initial=0.0))
        hessian = _sum_over_rows(rows, np.ldexp(curvatures, -exponent), centre, factors, np.float32, map_in_order)
        if np.isfinite(hessian).all():
            return np.ldexp(hessian, exponent)
    return _sum_over_rows(rows, curvatures, centre, factors, np.float64, map_in_order)


def _fits_float32(curvatures: Array) -> bool:
    smallest, largest = sizes_of(curvatures)
    return bool(largest <= WIDEST_CURVATURES * smallest)


def sizes_of(curvatures: Array) -> tuple[float, float]:
    """Return the smallest size of a curvature that is not 0, and the largest."""
    sizes = np.abs(curvatures[curvatures != 0])
    return float(sizes.min(initial=np.inf)), float(sizes.max(initial=0.0))


def _sum_over_rows(
    rows: Rows, curvatures: Array, centre: Array, factors: Array, dtype: Any, map_in_order: MapInOrder[Any, Any]
) -> Array:
    trees = trees_of_runs(rows, curvatures, (centre, factors), dtype, map_in_order)
    return assembled({place: tree.total() for place, tree in trees.items()}, rows.n_features)


def trees_of_runs(
    rows: Rows,
    curvatures: Array,
    coordinates: tuple[Array, Array],
    dtype: Any,
    map_in_order: MapInOrder[Any, Any],
    first: int = 0,
) -> dict[tuple[int, int], TileTree]:
    """Return the sums of runs of tiles, for each part of the matrix; `first` is the number of the first row."""
    size, itemsize = padded_size(rows.n_features), np.dtype(dtype).itemsize
    whole, of_features = whole_strips(size, itemsize), coordinates[1][: rows.n_features]
    is_near = ((of_features <= FARTHEST_FACTOR) & (of_features * FARTHEST_FACTOR >= 1)).all()
    precision = np.result_type(rows.dtype, dtype) if is_near else np.float64
    padded = tuple(read_only(_padded(each, whole, precision)) for each in coordinates)

    def add_up(task: tuple[_RowsOfTask, int, int]) -> Part:
        its_rows, i, j = task
        part = np.zeros((min(TILE, whole - i), min(TILE, whole - j)))
        packed = np.empty(packed_shape(max(part.shape), itemsize), dtype)
        add_products(its_rows.block, its_rows.curvatures, padded, (i, j), packed, part)
        return i, j, part

    def tasks() -> Iterator[tuple[_RowsOfTask, int, int]]:
        for places in ranges_of(rows.n_rows, run):
            its_rows = _RowsOfTask(rows, curvatures, places.start, places.stop)
            yield from ((its_rows, i, j) for i in range(0, whole, TILE) for j in range(i, whole, TILE))

    run = rows_per_run(rows.n_features)
    stop = first // run - (-rows.n_rows // run)
    trees: dict[tuple[int, int], TileTree] = {}
    add_up((_RowsOfTask(rows, curvatures, 0, 0), 0, 0))  # compile before threads do
    for i, j, part in map_in_order(add_up, tasks()):
        if (i, j) not in trees:
            trees[i, j] = TileTree(part.shape, stop, first // run)
        trees[i, j].push(part[None])
    return trees


def assembled(parts: dict[tuple[int, int], Array], n_features: int) -> Array:
    """Return the matrix of which parts on and above the diagonal are known, by their first row and column."""
    size = padded_size(n_features)
    total = np.zeros((max(i + each.shape[0] for (i, _), each in parts.items()),) * 2)
    for (i, j), part in parts.items():
        total[i : i + part.shape[0], j : j + part.shape[1]] = part
    upper = np.triu(total[:size, :size])
    return upper + np.triu(upper, 1).T


class _RowsOfTask:
    """Rows of a problem, read by the first task that needs them, since they may have to be converted."""

    def __init__(self, rows: Rows, curvatures: Array, start: int, stop: int) -> None:
        self._rows, self._start, self._stop = rows, start, stop
        self.curvatures = read_only(curvatures[start:stop])

    @cached_property
    def block(self) -> Array:
        """The rows, C-ordered."""
        return self._rows.read(self._start, self._stop)


def _padded(values: Array, size: int, dtype: Any) -> Array:
    padded = np.zeros(size, dtype)
    padded[: values.size] = values
    return padded
