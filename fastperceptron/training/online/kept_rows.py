"""The rows that partial_fit keeps of all it has seen, chosen and weighted so that sums over them are unbiased.

Priority sampling: a row's priority is its importance over a number drawn for it, uniform between 0 and 1. The rows of
highest priority stay. A row that stays with probability c has weight 1 / c, where c is its importance over the highest
priority that was dropped, or 1. Weighted sums are unbiased for any importance; here it is the row's weight over its
class's share so far, so that rare classes are kept.

References
----------
Duffield, Lund and Thorup (2007), Priority sampling for estimation of arbitrary subset sums.
"""

import math
from typing import NamedTuple, Self

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.online import add_class_totals, draw_priorities
from fastperceptron.training.coordinates import Move

SEED = np.uint64(0x3E30)
FEWEST_ROWS, ROWS_PER_PARAMETER = 4096, 40
# Rows that come sorted by class teach nothing before another class comes, and later only as kept rows: so more of them
# are kept. With 16 times as many, 28 streams of 4 tables ended within 0.06% of the least loss, else within 0.2 to 2.7%.
MORE_OF_SORTED = 16
# They are sorted if the class changes less often than by chance, by this factor.
RARELY = 10
# Elements that are kept at most: 16 MB.
MAXIMUM_KEPT = 1 << 21
TINY = 1e-300


def kept_size(n_parameters: int) -> int:
    """Return how many rows to keep: the excess loss of their optimum is then a few percent of the parameters' number.

    Examples
    --------
    >>> kept_size(5), kept_size(151), kept_size(1001)
    (4096, 6040, 2095)
    """
    wanted = max(FEWEST_ROWS, ROWS_PER_PARAMETER * n_parameters)
    return max(min(wanted, MAXIMUM_KEPT // n_parameters), 1)


class KeptRows(NamedTuple):
    """The kept rows."""

    panel: Array  # (m, padded size) float64, standardised, with the bias
    codes: Array  # (m,): class numbers
    own_weights: Array  # (m,) float64, as they came
    importances: Array  # (m,) float64
    priorities: Array  # (m,) float64
    dropped: float  # the highest priority that was dropped; 0 while all rows are kept
    n_seen: int  # the number of rows so far
    class_totals: Array  # (n_classes,) float64: the exact sums of the weights of all rows so far
    size: int  # the most rows to keep, unless they come sorted by class
    is_sorted: bool = False  # decided once these are too many

    @classmethod
    def empty(cls, padded_size: int, n_classes: int, size: int) -> Self:
        """Return no rows."""
        panel, codes, none = np.zeros((0, padded_size)), np.zeros(0, np.int64), np.zeros(0)
        return cls(panel, codes, none, none, none, 0.0, 0, np.zeros(n_classes), size)

    @property
    def is_all(self) -> bool:
        """Whether all rows are kept."""
        return self.dropped == 0.0

    @property
    def _most(self) -> int:
        """The most rows to keep."""
        allowed = MAXIMUM_KEPT // self.panel.shape[1]
        return max(self.size, min(MORE_OF_SORTED * self.size, allowed)) if self.is_sorted else self.size

    @property
    def expansion(self) -> float:
        """The mean weight of a kept row, each counted by its weight."""
        weights = self.weights
        return float(sum_in_order(weights * weights)) / float(sum_in_order(weights))

    @property
    def weights(self) -> Array:
        """The weights of the kept rows; those of a class sum exactly to those of all its rows."""
        if self.is_all:
            return self.own_weights
        weights = self.own_weights * np.maximum(self.dropped / self.importances, 1.0)
        for code in range(self.class_totals.size):
            members = self.codes == code
            kept = float(sum_in_order(weights[members]))
            if kept > 0:
                weights[members] *= self.class_totals[code] / kept
        return weights

    def after(self, panel: Array, codes: Array, weights: Array) -> Self:
        """Return the kept rows after more rows, of positive weight."""
        priorities, class_totals = np.empty(weights.size), self.class_totals.copy()
        add_class_totals(codes, weights, class_totals)
        importances = weights * (sum_in_order(class_totals) / np.maximum(class_totals, TINY))[codes]
        draw_priorities(SEED, self.n_seen, importances, priorities)
        known = self._replace(n_seen=self.n_seen + weights.size, class_totals=class_totals)
        # Most rows of a long stream are below the dropped priority.
        chosen = np.flatnonzero(priorities > self.dropped)
        if chosen.size == 0:
            return known
        old = self.panel, self.codes, self.own_weights, self.importances, self.priorities
        new = panel, codes, weights, importances, priorities
        joined = [np.concatenate([kept, more[chosen]]) for kept, more in zip(old, new, strict=True)]
        codes = joined[1]
        if self.is_all and self.codes.size <= self.size < codes.size:
            known = known._replace(is_sorted=_are_sorted(codes))
        most = known._most
        return known._of_highest(joined, most) if joined[0].shape[0] > most else known._with(joined)

    def _with(self, parts: list[Array]) -> Self:
        panel, codes, own_weights, importances, priorities = parts
        return self._replace(
            panel=panel, codes=codes, own_weights=own_weights, importances=importances, priorities=priorities
        )

    def _of_highest(self, parts: list[Array], most: int) -> Self:
        order = np.argsort(-parts[-1], kind="stable")
        kept, next_one = np.sort(order[:most]), order[most]
        return self._with([part[kept] for part in parts])._replace(dropped=float(parts[-1][next_one]))

    def moved(self, move: Move) -> Self:
        """Return the rows in other coordinates."""
        return self._replace(panel=move.of_rows(self.panel))


def _are_sorted(codes: Array) -> bool:
    """Return whether rows of these classes, in the order in which they came, are sorted by class."""
    shares = np.unique(codes, return_counts=True)[1] / codes.size
    expected = codes.size * (1.0 - math.fsum(shares * shares))
    n_changes = int(np.count_nonzero(codes[1:] != codes[:-1]))
    return shares.size == 1 or RARELY * n_changes < expected
