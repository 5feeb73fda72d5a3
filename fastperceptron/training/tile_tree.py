"""The sum of tiles by a fixed tree (kernels/tree.py): of tiles as they come, and of the nodes of parts in any order."""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import read_only
from fastperceptron.kernels.tree import (
    WEIGHTS_PER_TILE,
    Stack,
    empty_stack,
    height_of,
    push_nodes,
    push_tiles,
    push_weights,
    push_weights_of_classes,
    total_of,
)

# Weights that are added at a time: whole tiles, 8 MB.
WEIGHTS_AT_A_TIME = 1 << 20


class Nodes(NamedTuple):
    """Nodes of the tree, in order: those of one run of tiles or of several. Three arrays, however many there are."""

    levels: Array  # (n_nodes,) int64
    indices: Array  # (n_nodes,) int64
    values: Array  # (n_nodes, ...) float64


class TileTree:
    """The sum of the tiles from number `first` on, each of the same shape; at most up to tile `stop`."""

    def __init__(self, shape: tuple[int, ...], stop: int, first: int = 0) -> None:
        self._shape, self._n_tiles, self.stop = shape, stop - first, first
        # Two nodes per level at most, and one that is about to be added; from tile 0 on, one per level.
        n_levels = stop.bit_length()
        self._stack = empty_stack((n_levels if first == 0 else 2 * n_levels) + 1, math.prod(shape))

    def push(self, tiles: Array) -> None:
        """Add the next tiles, (n, ...)."""
        push_tiles(self._stack, self.stop, tiles.reshape(len(tiles), self._stack.values.shape[1]))
        self.stop += len(tiles)

    def push_weights(self, weights: Array, codes: Array | None) -> None:
        """Add the next tiles of weights, by class where there are codes."""
        if codes is None:
            push_weights(self._stack, self.stop, read_only(weights))
        else:
            push_weights_of_classes(self._stack, self.stop, read_only(weights), read_only(codes))
        self.stop += -(-weights.size // WEIGHTS_PER_TILE)

    def take(self, parts: Iterable[Nodes]) -> None:
        """Take the nodes of all tiles, in any order; raise AssertionError if one is missing or there twice."""
        stack, n_tiles = _stack_of(parts, self._shape), self._n_tiles
        if not np.array_equal(stack.places[: height_of(stack)], np.column_stack(places_of(0, n_tiles))):
            raise AssertionError(f"the parts are not tiles 0 to {n_tiles - 1}, each once.")
        self.restore(stack.values[: self._stack.values.shape[0]], n_tiles)

    def nodes(self) -> Nodes:
        """Return the nodes of the tiles so far."""
        return _nodes_of(self._stack, self._shape)

    @property
    def kept(self) -> Array:
        """All that has to be kept of the tiles so far, which begin with tile 0: of one shape, however many they are."""
        kept: Array = self._stack.values.reshape(-1, *self._shape)
        return kept

    def restore(self, kept: Array, stop: int) -> None:
        """Take what was kept of the tiles up to number `stop`, unless there is room for none."""
        levels, indices = places_of(0, min(stop, self._n_tiles))
        if levels.size:
            self._stack.values[: levels.size] = kept.reshape(len(kept), -1)[: levels.size]
            self._stack.places[: levels.size] = np.column_stack([levels, indices])
            self._stack.places[-1, 0], self.stop = levels.size, stop

    def total(self) -> Array:
        """Return the sum of all tiles, which must begin with tile 0."""
        total: Array = total_of(self._stack).reshape(self._shape)
        return total


def places_of(first: int, stop: int) -> tuple[Array, Array]:
    """Return the levels and the indices of the nodes of a run of tiles, in order: (n_nodes,) int64 each.

    Examples
    --------
    >>> [each.tolist() for each in places_of(3, 8)]
    [[0, 2], [3, 1]]
    """
    levels, indices = [], []
    while first < stop:
        # The largest node that begins here and is in the run.
        level = (stop - first).bit_length() - 1
        level = min(level, (first & -first).bit_length() - 1) if first else level
        levels.append(level)
        indices.append(first >> level)
        first += 1 << level
    return np.array(levels, np.int64), np.array(indices, np.int64)


def merged(parts: Iterable[Nodes], shape: tuple[int, ...]) -> Nodes:
    """Return the nodes of parts, in any order, with those added whose halves are both there; `shape` of a tile."""
    return _nodes_of(_stack_of(parts, shape), shape)


def total(parts: Iterable[Nodes], shape: tuple[int, ...], n_tiles: int) -> Array:
    """Return the sum of all tiles from the nodes of all parts, in any order.

    It raises AssertionError if a tile is missing or there twice: parts are made by this package.
    """
    tree = TileTree(shape, n_tiles)
    tree.take(parts)
    return tree.total()


def _stack_of(parts: Iterable[Nodes], shape: tuple[int, ...]) -> Stack:
    each = [*parts]
    empty = Nodes(np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, *shape)))
    levels, indices, values = (np.concatenate(arrays) for arrays in zip(empty, *each, strict=True))
    order = np.argsort(indices << levels, kind="stable")
    stack: Stack = empty_stack(order.size + 1, math.prod(shape))
    push_nodes(stack, levels[order], indices[order], values[order].reshape(order.size, math.prod(shape)))
    return stack


def _nodes_of(stack: Stack, shape: tuple[int, ...]) -> Nodes:
    height = height_of(stack)
    (levels, indices), values = stack.places[:height].T.copy(), stack.values[:height].copy()
    return Nodes(levels, indices, values.reshape(height, *shape))


def nodes_of_weights(weights: Any, first_row: int = 0, codes: Any = None, n_classes: int = 1, power: int = 0) -> Nodes:
    """Return the nodes of the sums of weights times 2^power, (1,), or given codes, of each class: (n_classes,).

    Both are read as slices. `first_row`, the number of the first weight, is a multiple of WEIGHTS_PER_TILE.
    """
    first = first_row // WEIGHTS_PER_TILE
    tree = TileTree((n_classes,), first + -(-weights.size // WEIGHTS_PER_TILE), first)
    for start in range(0, weights.size, WEIGHTS_AT_A_TIME):
        part = slice(start, start + WEIGHTS_AT_A_TIME)
        tree.push_weights(np.ldexp(weights[part], power), None if codes is None else codes[part])
    return tree.nodes()


def sum_of_weights(weights: Any, power: int = 0) -> float:
    """Return the sum of all weights, which are read as slices, times 2^power."""
    return float(weights_by_class(weights, power=power)[0])


def weights_by_class(weights: Any, codes: Any = None, n_classes: int = 1, power: int = 0) -> Array:
    """Return the sums of all weights times 2^power, of each class where there are codes: (n_classes,) float64."""
    if hasattr(weights, "by_class"):  # they lie elsewhere, and are added there
        found: Array = weights.by_class(codes, n_classes, power)
        return found
    nodes = nodes_of_weights(weights, 0, codes, n_classes, power)
    return total([nodes], (n_classes,), -(-weights.size // WEIGHTS_PER_TILE))
