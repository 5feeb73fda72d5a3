"""Rows in order of their decision value z, in memory that does not grow with them: the cells of calibration and AUC.

Few rows, up to EXACT_VALUES probabilities, are kept, and each distinct z is a cell. More are added to a fixed grid over
z, whose cells grow with 1 + |z|: from 1/2048 at z = 0 to 1/512 at 3 <= |z| < 7. The sums in a cell are added row by
row, in the order of the rows, so that they have the same bits for any chunks.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from fastperceptron import prediction
from fastperceptron.checks import Array
from fastperceptron.evaluation.comparison import Compared
from fastperceptron.functional import log_loss
from fastperceptron.kernels.groups import add_to_groups

EXACT_VALUES = 1 << 19  # rows times classes that are kept: about 10 MB
OCTAVES = 16  # of 1 + |z|: beyond 65535 all rows of a sign are in one cell
MOST_BITS = 11  # the logarithm of the number of cells per octave: 2^16 cells in all
FIRST_EXPONENT = np.int64(1023)  # the exponent bits of 1.0

TOP = -1  # the target that is the predicted class of each row


class Cells(NamedTuple):
    """Sums over the rows of each cell, in ascending order of z; each of shape (n_cells,), float64.

    Positive rows are those whose label is the target; weights are in units of a power of two.
    """

    rows: Array  # the number of rows
    negative: Array  # the weight of the negative rows
    positive: Array  # of the positive ones
    negative_squared: Array  # the sum of the squared weights of the negative rows
    positive_squared: Array  # of the positive ones
    p: Array  # weight * the target's probability
    squared_error: Array  # weight * (p - y)^2; of TOP summed over all classes
    log_loss: Array  # weight * log loss; of TOP that of all classes
    right: Array  # the weight of the rows whose class is predicted

    @property
    def weight(self) -> Array:
        """The weight of all rows."""
        return self.negative + self.positive

    def grouped(self, groups: Array, n_groups: int) -> "Cells":
        """Return the sums over the cells of each group, whose numbers are `groups`, of shape (n_cells,)."""
        sums = np.zeros((n_groups, len(self)))
        add_to_groups(groups, np.stack(self, axis=1), sums)
        return Cells(*sums.T)


class _Scored(NamedTuple):
    """Rows of positive weight with what is summed of them."""

    odds: Array  # (n, n_classes): log(p / (1 - p)), computed from z
    p: Array  # (n, n_classes)
    log_loss: Array  # (n,): of all classes
    codes: Array  # (n,)
    is_right: Array  # (n,) bool
    weights: Array  # (n,), divided by a power of two


def cells_of(blocks: Iterable[Compared], targets: Sequence[int]) -> tuple[list[Cells], bool]:
    """Return the cells of each target, a class number or TOP, and whether each distinct z is a cell.

    Rows of weight 0 are left out, and there are no cells if all have weight 0. Weights are divided by a power of two
    near the first one, so that their squares do not overflow.
    """
    scored = _scored(blocks)
    kept: list[_Scored] = []
    n_kept = 0
    for block in scored:
        kept.append(block)
        n_kept += block.p.size
        if n_kept > EXACT_VALUES:
            return _cells_of_grid(itertools.chain(kept, scored), targets), False
    if not kept:
        return [], True
    rows = _Scored(*map(np.concatenate, zip(*kept, strict=True)))
    return [_cells_of_distinct(rows, target) for target in targets], True


def _scored(blocks: Iterable[Compared]) -> Iterator[_Scored]:
    exponent = None
    for block in blocks:
        counts = block.weights > 0
        if not counts.any():
            continue
        z, p, logs, codes, is_right, weights = block if counts.all() else (part[counts] for part in block)
        exponent = np.frexp(weights[0])[1] - 1 if exponent is None else exponent
        odds = np.stack([-z, z], axis=1) if z.ndim == 1 else prediction.log_odds(logs)
        yield _Scored(odds, p, -logs[np.arange(len(codes)), codes], codes, is_right, np.ldexp(weights, -exponent))


def _cells_of_distinct(rows: _Scored, target: int) -> Cells:
    z, values = _values(rows, target)
    distinct, numbers = np.unique(z, return_inverse=True)
    sums = np.zeros((distinct.size, values.shape[1]))
    add_to_groups(numbers, values, sums)
    return Cells(*sums.T)


def _cells_of_grid(blocks: Iterable[_Scored], targets: Sequence[int]) -> list[Cells]:
    # Many classes have wider cells, about 2^19 in all.
    bits = max(4, MOST_BITS - max(0, (len(targets) - 1).bit_length() - 3))
    grids = [np.zeros((2 * OCTAVES << bits, len(Cells._fields))) for _ in targets]
    for block in blocks:
        for target, sums in zip(targets, grids, strict=True):
            z, values = _values(block, target)
            add_to_groups(_grid_numbers(z, bits), values, sums)
    return [Cells(*sums[sums[:, 0] > 0].T) for sums in grids]


def _grid_numbers(z: Array, bits: int) -> Array:
    """Return the cell of each z: the exponent and the first bits of 1 + |z|, mirrored at 0."""
    half = OCTAVES << bits
    places = ((1.0 + np.abs(z)).view(np.int64) >> (52 - bits)) - (FIRST_EXPONENT << bits)
    places = np.minimum(places, half - 1)
    numbers: Array = np.where(z >= 0, half + places, half - 1 - places)
    return numbers


def _values(rows: _Scored, target: int) -> tuple[Array, Array]:
    """Return log(p / (1 - p)) of the target in each row, and what is summed, (n, columns of Cells)."""
    w = rows.weights
    if target == TOP:
        # argmax is the predicted class: probabilities are rounded so that it is.
        best, every = rows.p.argmax(axis=1), np.arange(len(w))
        z, p, y, cost = rows.odds[every, best], rows.p[every, best], rows.is_right, rows.log_loss
        error = ((rows.p - (rows.codes[:, None] == np.arange(rows.p.shape[1]))) ** 2).sum(axis=1)
    else:
        z, p, y = np.ascontiguousarray(rows.odds[:, target]), rows.p[:, target], rows.codes == target
        cost, error = log_loss(z, y.astype(np.float64)), (p - y) ** 2
    with np.errstate(over="ignore"):
        own = (np.ones_like(w), w * ~y, w * y, w * w * ~y, w * w * y, w * p, w * error, w * cost, w * rows.is_right)
    return z, np.stack(own, axis=1)
