"""The sum of tiles by a fixed tree (kernels/tree.py): of tiles as they come, and of the nodes of parts in any order."""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import read_only
from fastperceptron.kernels.tree import (
    WEIGHTS_PER_TILE,
    empty_stack,
    push_nodes,
    push_tiles,
    push_weights,
    push_weights_of_classes,
    total_of,
)

# Weights that are added at a time: whole tiles, 8 MB.
WEIGHTS_AT_A_TIME = 1 << 20


class Nodes(NamedTuple):
    """The nodes of a run of tiles, in order: what a part of the rows answers. Pickled as one array, it is small."""

    first: int  # the number of the first tile
    stop: int  # the number of the tile after the last
    values: Array  # (n_nodes, ...) float64


class TileTree:
    """The sum of the tiles from number `first` on, each of the same shape; at most up to tile `stop`."""

    def __init__(self, shape: tuple[int, ...], stop: int, first: int = 0) -> None:
        self._shape, self.first, self.stop = shape, first, first
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

    def push_nodes(self, nodes: Nodes) -> None:
        """Add the nodes of the run that begins where this one ends."""
        levels, indices = places_of(nodes.first, nodes.stop)
        push_nodes(self._stack, levels, indices, nodes.values.reshape(len(levels), self._stack.values.shape[1]))
        self.stop = nodes.stop

    def nodes(self) -> Nodes:
        """Return the nodes of the tiles so far."""
        height = int(self._stack.height[0])
        return Nodes(self.first, self.stop, self._stack.values[:height].reshape(height, *self._shape).copy())

    @property
    def kept(self) -> Array:
        """All that has to be kept of the tiles so far, which begin with tile 0: of one shape, however many they are."""
        kept: Array = self._stack.values.reshape(-1, *self._shape)
        return kept

    def restore(self, kept: Array, stop: int) -> None:
        """Take what was kept of the tiles up to number `stop`, unless there is room for none."""
        if self._stack.values.shape[0] > 1:
            self._stack.values[:] = kept.reshape(self._stack.values.shape)
            levels, indices = places_of(0, stop)
            self._stack.levels[: levels.size], self._stack.indices[: levels.size] = levels, indices
            self._stack.height[0], self.stop = levels.size, stop

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
    """Return the nodes of neighbouring runs, which may come in any order, as those of one run; `shape` of a tile."""
    ordered = sorted((nodes for nodes in parts if nodes.first < nodes.stop), key=lambda nodes: nodes.first)
    if not ordered:
        return Nodes(0, 0, np.empty((0, *shape)))
    tree = TileTree(shape, ordered[-1].stop, ordered[0].first)
    for nodes in ordered:
        if nodes.first != tree.stop:
            raise AssertionError(f"the run of tiles from {nodes.first} on does not follow that up to {tree.stop}.")
        tree.push_nodes(nodes)
    return tree.nodes()


def total(parts: Iterable[Nodes], shape: tuple[int, ...]) -> Array:
    """Return the sum of all tiles from the nodes of all parts, in any order."""
    nodes = merged(parts, shape)
    tree = TileTree(shape, nodes.stop)
    tree.push_nodes(nodes)
    return tree.total()


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
    return float(total([nodes_of_weights(weights, power=power)], (1,))[0])
