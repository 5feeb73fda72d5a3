"""How to go on where steps gain little: by further steps, a corrected sample or a Hessian of all rows.

Each way is priced in reads of all rows: from the sizes, from how often the gap has to be halved, and from how often
reads halved it. The cheapest is taken. Typical values were measured on 143 tables: 10^4 to 10^6 rows, 3 to 150 columns.
"""

import math
from enum import Enum
from typing import Any

from fastperceptron.training.newton.sample_size import HESSIAN_PRICE, MOST_PARAMETERS
from fastperceptron.training.problem import SMALLEST

# Sampled rows per parameter of a corrected sample: with 40, it needed up to twice the reads.
ROWS_PER_PARAMETER = 60
# Share of these that the first sample has to have, to be corrected itself.
LEAST_SHARE = 0.8
# Largest error of a column's curvature in the first sample with which its corrected loss is worth a try: without the
# read that draws another one, 81 of 144 tables took at most 4 reads instead of 70, in 0.8 of the time.
FAMILIAR = 1.0
# How often a read typically halves the gap: by a corrected sample, and by a new Hessian of all rows.
SAMPLE_HALVINGS, HESSIAN_HALVINGS = 8.0, 4.0
# What is expected at least of a way that failed before: elsewhere it may do.
FEWEST_HALVINGS = 0.1
# Evaluations of a corrected sample per read: the search for its minimum, the secant, and raking. (With 7 to 14, the 144
# tables took the same time; with 7, 92 of them took at most 4 reads, with 14 84.)
SAMPLE_EVALUATIONS = 7
# Rows per parameter below which a Hessian says little, at the next point, that L-BFGS does not learn sooner.
FEWEST_ROWS = 4
# A Hessian of all rows is taken once slow reads have cost this share of its price (rent or buy).
PATIENCE = 0.125


class Way(Enum):
    """How a neuron goes on."""

    STEPS = "steps of L-BFGS"
    SAMPLE = "the corrected loss of the first sample"
    DRAW = "the corrected loss of a second sample, drawn by leverage"
    HESSIAN = "steps of L-BFGS from a Hessian of all rows"


def halvings(ratio: float) -> float:
    """Return the binary logarithm of a positive number, linear between powers of two: the same bits everywhere."""
    mantissa, exponent = math.frexp(ratio)
    return exponent + 2 * mantissa - 2


def expected_halvings(n_sampled: int, n_features: int, mismatch: float) -> float:
    """Return how often a step from a sample's Hessian halves the gap.

    `mismatch` is the largest relative error of a column's curvature in the sample: the gap falls by its square. Without
    a sample, nothing is known: infinity.
    """
    return max(halvings(1.0 / (mismatch**2 + n_features / n_sampled)), 0.0) if n_sampled else math.inf


class Pace:
    """How often reads halve a neuron's gap.

    Attributes
    ----------
    way : Way
        The present one.
    gained : float
        By a read in this way, as far as is known: by the last one, or by all on average, whichever is more.
    n_reads : int
        Reads in this way.
    known : dict
        Of the ways that it could take: what a read gained there on average, or what it typically gains.
    """

    def __init__(self) -> None:
        self.known = {Way.SAMPLE: SAMPLE_HALVINGS, Way.DRAW: SAMPLE_HALVINGS, Way.HESSIAN: HESSIAN_HALVINGS}
        self.begin(Way.STEPS, math.inf)

    def begin(self, way: Way, gap: float, expected: float = math.inf) -> None:
        """Begin a way, of which reads are expected to halve the gap as often as that."""
        self.way, self.n_reads, self.gained = way, 0, expected
        self._first_gap = self._gap = gap

    def note(self, gap: float, is_accepted: bool) -> None:
        """Note the gap after a read; where its step was rejected, that is not better known than before."""
        self.n_reads += 1
        before, self._gap = self._gap, gap if is_accepted else self._gap
        average = halvings(_ratio(self._first_gap, self._gap)) / self.n_reads
        self.gained = max(halvings(_ratio(before, self._gap)), average)
        if self.way is not Way.STEPS:
            self.known[self.way] = max(average, FEWEST_HALVINGS)


class Prices:
    """What each way costs, in reads of all rows.

    `read_width` is as `hessian_rows` has it. Without a sample (columns are then too many for dense rows, and for a
    matrix of pairs of columns), steps are the only way.

    Attributes
    ----------
    n_corrected : int
        How many rows a corrected sample has.
    has_drawn : bool
        Whether the sample is one drawn by leverage: there is no other one then, and drawing costs no read.
    is_hessian_useful : bool
        Whether there are enough rows for a Hessian of all of them.
    """

    def __init__(self, rows: Any, n_sampled: int, n_vectors: int = 1) -> None:
        n_rows, n_features = rows.n_rows, rows.n_features
        per_read = n_features / rows.read_width
        enough = ROWS_PER_PARAMETER * (n_features + 1)
        self.n_corrected = min(max(n_sampled, enough), n_rows)
        self.has_drawn = False
        self._hessian = n_features * (n_vectors + 1) / 2 / HESSIAN_PRICE * per_read
        sample_step = 1 + self.n_corrected / n_rows * (self._hessian + SAMPLE_EVALUATIONS * per_read)
        self._read = {Way.STEPS: 1.0, Way.SAMPLE: sample_step, Way.DRAW: sample_step, Way.HESSIAN: 1.0}
        is_small = n_sampled > 0 and (n_vectors == 1 or n_vectors * (n_features + 1) <= MOST_PARAMETERS)
        self._is_sample_useful = enough <= n_rows and is_small
        self._is_first_enough = n_sampled >= LEAST_SHARE * enough
        self.is_hessian_useful = n_rows >= FEWEST_ROWS * (n_features + 1) and is_small

    def cheapest(self, pace: Pace, needed: float, is_hessian_new: bool, mismatch: float) -> Way:
        """Return how to go on where the gap must be halved `needed` times; STEPS is what is done already.

        `is_hessian_new` says whether a Hessian of all rows would be another one than the present; `mismatch` is that of
        the first sample.
        """
        costs = {Way.STEPS: needed * self._read[pace.way] / pace.gained if pace.gained > 0 else math.inf}
        if self._is_sample_useful and pace.way is not Way.DRAW:
            costs[Way.DRAW] = 1 - self.has_drawn + needed * self._read[Way.DRAW] / pace.known[Way.DRAW]
            if pace.way is not Way.SAMPLE and mismatch < FAMILIAR and self._is_first_enough and not self.has_drawn:
                costs[Way.SAMPLE] = needed * self._read[Way.SAMPLE] / pace.known[Way.SAMPLE]
        if self.is_hessian_useful and is_hessian_new and pace.n_reads >= PATIENCE * self._hessian:
            costs[Way.HESSIAN] = (1 + self._hessian) * (1 + needed / pace.known[Way.HESSIAN])
        return min(costs, key=costs.__getitem__)


def _ratio(one: float, other: float) -> float:
    return max(one, SMALLEST) / max(other, SMALLEST)
