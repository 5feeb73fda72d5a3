"""What a read asks of rows, and the answer of those that lie on one machine: a pure function of both.

Rows are cut into tiles at absolute row numbers, so that the answers of parts, wherever they lie and however they are
cut, add up to the same bits (tile_tree.py).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import aligned_zeros, read_only
from fastperceptron.kernels.objective import (
    NARROW,
    moments_shape,
    objective_kernel,
    scratch_shape,
    sums_shape,
)
from fastperceptron.kernels.softmax_objective import softmax_objective_kernel, softmax_scratch_shape
from fastperceptron.training.checkpoint import TILES_AT_A_TIME, digest, hash_tiles

NONE = read_only(np.empty(0))


class Part(NamedTuple):
    """Rows that lie on one machine: all rows of a problem, or some in a row, from the beginning of a tile on."""

    rows: Any  # Rows
    codes: Any  # (n_rows,) unsigned integers, or what is read like them
    row_weights: Any = None  # (n_rows,) float64, or what is read like it
    first: int = 0  # the number of the first row


class Request(NamedTuple):
    """What a read asks for: the sums of the loss and its gradient at one point of each neuron."""

    loss: str
    exactness: float  # of the curvature in the Hessian diagonals, see kernels/losses.py
    weights: Array  # (n_neurons, padded size), for rows less the centre; their dtype is that of the arithmetic
    positives: Array  # (n_neurons,): the class of each neuron
    centre: Array  # (padded size,) float64, exact in the rows' precision
    has_moments: bool  # whether the columns' moments and the Hessian diagonals are asked for, too
    class_weights: Array | None  # (n_classes,) float64
    is_softmax: bool = False  # whether the neurons are one layer, whose probabilities add up to 1

    def key(self) -> str:
        """Return what identifies the request in a checkpoint; class weights follow from options and data there."""
        return digest(self.loss, self.exactness, self.weights, self.positives, self.centre, self.has_moments)


class TileSums(NamedTuple):
    """The sums of some tiles; kernels/objective.py says what stands where."""

    sums: Array  # (n_tiles, n_neurons, ...) float64
    moments: Array  # (n_tiles, 2 + n_neurons, ...) float64; no tiles where they were not asked for
    hashes: Array  # (n_tiles,) uint64 of the rows; none where they were not asked for


def shapes(n_neurons: int, n_features: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shapes of the sums and of the moments of a tile."""
    return sums_shape(1, n_neurons, n_features)[1:], moments_shape(1, n_neurons, n_features)[1:]


def tile_sums(part: Part, request: Request, is_hashing: bool = False) -> Callable[[range], TileSums]:
    """Return the function that adds up the tiles of a range of rows, which are numbered from the part's first on."""
    rows, precision, tile_size = part.rows, request.weights.dtype, part.rows.tile_rows
    shape = len(request.positives), rows.n_features
    neurons = read_only(request.weights), read_only(request.positives)
    centre = read_only(np.ascontiguousarray(request.centre, precision))
    row_weights = NONE if part.row_weights is None else part.row_weights
    class_weights = NONE if request.class_weights is None else read_only(request.class_weights)
    kernel, shape_of_scratch = _kernel_of(request, rows.n_features)

    def add_up(places: range) -> TileSums:
        n_tiles = -(-len(places) // tile_size)
        hashes = np.zeros(n_tiles if is_hashing else 0, np.uint64)
        sums = np.zeros(sums_shape(n_tiles, *shape))
        moments = np.zeros(moments_shape(n_tiles if request.has_moments else 0, *shape))
        scratch = aligned_zeros(shape_of_scratch(*shape), precision)
        # Rows of another dtype or layout are converted tile by tile, in cache; tiles are hashed there, too.
        whole = TILES_AT_A_TIME * tile_size if is_hashing else max(len(places), 1)
        step = whole if rows.is_in_place else tile_size
        for start in range(places.start, places.stop, step):
            block = slice(start, min(start + step, places.stop))
            X, codes = rows.labelled(part.codes, block.start, block.stop)
            labels = codes, read_only(row_weights[block]), class_weights
            tiles = slice((start - places.start) // tile_size, None)
            if is_hashing:
                hash_tiles(X, hashes[tiles])
            kernel(X, labels, neurons, centre, sums[tiles], moments[tiles], scratch, request.exactness)
        return TileSums(sums, moments, hashes)

    return add_up


def _kernel_of(request: Request, n_features: int) -> tuple[Any, Any]:
    """Return the kernel that adds up tiles, and the function for the shape of its scratch."""
    if request.is_softmax:
        return softmax_objective_kernel(), softmax_scratch_shape
    return objective_kernel(request.loss, n_features < NARROW), scratch_shape
