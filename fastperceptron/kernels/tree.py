"""Sums of numbered arrays (of the tiles of rows) by one fixed binary tree over their numbers.

A node of level l and index k is the sum of the arrays from k * 2^l to (k + 1) * 2^l - 1: that of its two halves. So a
sum has the same bits however runs of tiles are cut, and its error grows with the depth of the tree, the logarithm of
the number of tiles (Higham 2002, Accuracy and stability of numerical algorithms, 4.2). A run of tiles is kept as the
nodes that are whole in it and are not part of a larger one that is: at most two per level.
"""

from typing import NamedTuple

import numpy as np

from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.jit import inlined, jit

# Rows of a tile of weights: every tile of rows has a multiple of it.
WEIGHTS_PER_TILE = 256


class Stack(NamedTuple):
    """The nodes of a run of tiles, in order. Two arrays: each takes Numba 0.4 us per call."""

    places: np.ndarray  # (capacity + 1, 2) int64: level and index of each node; at the end how many there are
    values: np.ndarray  # (capacity, size) float64


def empty_stack(capacity, size):
    """Return a stack without nodes."""
    return Stack(np.zeros((capacity + 1, 2), np.int64), np.zeros((capacity, size)))


def height_of(stack):
    """Return how many nodes there are."""
    return int(stack.places[-1, 0])


@inlined
def complete_nodes(stack, level, index):
    """Add a node that stands above the others already; wherever both halves of a node are there, add them."""
    places, last = stack.places, stack.places.shape[0] - 1
    top = places[last, 0]
    while top > 0 and index % 2 == 1 and places[top - 1, 0] == level and places[top - 1, 1] == index - 1:
        below, above = stack.values[top - 1], stack.values[top]
        for j in range(below.size):
            below[j] += above[j]
        top, level, index = top - 1, level + 1, index // 2
    places[top, 0] = level
    places[top, 1] = index
    places[last, 0] = top + 1


@jit
def push_tiles(stack, first, tiles):
    """Add tiles, (n, size), of which the first has this number: the next one after those in the stack.

    The right half of a node is added to the left one at once: a copy of a tile of a million columns takes 2 ms.
    """
    places, last = stack.places, stack.places.shape[0] - 1
    for k in range(tiles.shape[0]):
        number, top = first + k, places[last, 0]
        if number % 2 == 1 and top > 0 and places[top - 1, 0] == 0 and places[top - 1, 1] == number - 1:
            node = stack.values[top - 1]
            for j in range(node.size):
                node[j] += tiles[k, j]
            places[last, 0] = top - 1
            complete_nodes(stack, 1, number // 2)
        else:
            node = stack.values[top]
            for j in range(node.size):
                node[j] = tiles[k, j]
            complete_nodes(stack, 0, number)


@jit
def push_nodes(stack, levels, indices, values):
    """Add the nodes of the next run of tiles."""
    for k in range(levels.size):
        above = stack.values[stack.places[stack.places.shape[0] - 1, 0]]
        for j in range(above.size):
            above[j] = values[k, j]
        complete_nodes(stack, levels[k], indices[k])


@jit
def push_weights(stack, first, weights):
    """Add the sums of tiles of WEIGHTS_PER_TILE weights, of which the first has this number."""
    for start in range(0, weights.size, WEIGHTS_PER_TILE):
        stack.values[stack.places[stack.places.shape[0] - 1, 0], 0] = sum_in_order(
            weights[start : start + WEIGHTS_PER_TILE]
        )
        complete_nodes(stack, 0, first + start // WEIGHTS_PER_TILE)


@jit
def push_weights_of_classes(stack, first, weights, codes):
    """Add the sums of tiles of WEIGHTS_PER_TILE weights, one per class."""
    for start in range(0, weights.size, WEIGHTS_PER_TILE):
        above = stack.values[stack.places[stack.places.shape[0] - 1, 0]]
        for j in range(above.size):
            above[j] = 0.0
        for k in range(start, min(start + WEIGHTS_PER_TILE, weights.size)):
            above[codes[k]] += weights[k]
        complete_nodes(stack, 0, first + start // WEIGHTS_PER_TILE)


def total_of(stack):
    """Return the sum of all nodes of a run that begins with tile 0: where a right half is missing, the left one is it.

    Zeros where there are none. It may be the stack's own memory.
    """
    height = height_of(stack)
    total = stack.values[height - 1] if height else np.zeros(stack.values.shape[1])
    for k in range(height - 2, -1, -1):
        total = stack.values[k] + total
    return total
