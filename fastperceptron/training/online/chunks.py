"""The rows of partial_fit as they came: cut into blocks of a size that pays, or few that wait for more."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import read_only
from fastperceptron.kernels.rows import padded_size
from fastperceptron.training.online.weight_units import Units
from fastperceptron.training.problem import Problem

# Elements of a standardised block: 2 MB, in the second-level cache; and its rows at most.
ELEMENTS_OF_BLOCK, MOST_ROWS_OF_BLOCK = 1 << 18, 1 << 14
# With fewer rows per parameter, a block would cost less than the linear solve that follows it.
FEWEST_ROWS_PER_PARAMETER = 2


class Chunk(NamedTuple):
    """Rows as they came, without those of weight 0."""

    X: Array  # (n_rows, n_features)
    codes: Array  # (n_rows,): class numbers
    own: Array  # (n_rows,) float64: weights in units
    in_loss: Array  # (n_rows,) float64: these times the class weights in units

    def copied(self) -> "Chunk":
        """Return the rows in memory that nobody else changes."""
        return self._replace(X=read_only(self.X.astype(np.float64)))


def enough_rows(n_features: int) -> int:
    """Return how many rows a step should have: fewer wait for more."""
    return FEWEST_ROWS_PER_PARAMETER * int(padded_size(n_features))


def chunks_of(problem: Problem, units: Units) -> Iterator[Chunk]:
    """Yield rows, class numbers and weights, block by block; rows of weight 0 are left out."""
    rows, own = problem.rows, problem.row_weights
    if own is not None:
        with np.errstate(over="ignore"):
            own = own / units.row
        if not np.isfinite(own).all():
            raise ValueError("sample_weight overflows beside that of the first rows, which is far smaller.")
    is_whole = own is None or bool(own.all())
    if not is_whole:
        rows.check_finite()
    places = np.arange(rows.n_rows) if own is None or is_whole else np.flatnonzero(own)
    largest = max(ELEMENTS_OF_BLOCK // padded_size(rows.n_features), enough_rows(rows.n_features))
    n_blocks = -(-places.size // min(largest, MOST_ROWS_OF_BLOCK))
    for block in range(n_blocks):
        start, stop = places.size * block // n_blocks, places.size * (block + 1) // n_blocks
        here = places[start:stop]
        X, codes = rows.read(start, stop) if is_whole else read_only(rows.rows_at(here)), read_only(problem.codes[here])
        weights = np.ones(here.size) if own is None else own[here]
        yield Chunk(X, codes, weights, _in_loss(problem, codes, weights, units))


def joined(chunks: tuple[Chunk, ...]) -> list[Chunk]:
    """Return the rows of chunks as one; of none, none."""
    if not chunks:
        return []
    X, codes, own, in_loss = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
    return [Chunk(read_only(X), read_only(codes), own, in_loss)]


def _in_loss(problem: Problem, codes: Array, own: Array, units: Units) -> Array:
    return own if problem.class_weights is None else own * (problem.class_weights / units.loss)[codes]
