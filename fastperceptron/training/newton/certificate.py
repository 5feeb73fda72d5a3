"""When a point is good enough: its estimated excess loss, compared with the excess that the optimum owes to chance.

The rows are a sample of something, and another sample's optimum would differ by a standard error in each direction. Its
excess loss on the same rows, in sums over rows, is (d + 1) / 2 for the log loss (Wilks 1938, The large-sample
distribution of the likelihood ratio), and for other losses that times the mean of slope^2 over that of curvature, both
with respect to z. `tol` is in standard errors, so its square is a share of that.

Nothing depends on the unit of the rows' weights: with weights, slopes are weighted, the mean of slope^2 over that of
curvature has the unit of a weight, and a row stands for sum(weight^2) / sum(weight) (Kish 1965, Survey sampling).
"""

import math
from typing import NamedTuple

from fastperceptron.kernels.losses import LOSSES
from fastperceptron.training.minimise.objective import ROUNDING as ROUNDING_OF_VALUE, State
from fastperceptron.training.problem import LARGEST

# Share of a sample's own sampling error within which its minimum is a good start.
ROUGH = 0.1
# Mean loss, over the rows' weight, that no tolerance asks to improve on.
NEGLIGIBLE_LOSS_PER_ROW = 1e-13
# Of very many rows that would be more than the tolerance: it is at most this share of the typical sampling error
# (tol=0.003), or else the rounding of the sum of the losses (measured: 1.7e-5 of 10^12 rows).
NEGLIGIBLE_SHARE, ROUNDING = 1e-5, 1.7e-17
# Steps whose gains are compared with those of as many before them; and with a Kronecker product, from which gains
# shrink more slowly later: with the first ones alone, searches ended up to 8 goals above the minimum.
COMPARED_STEPS, MORE_COMPARED_STEPS = (3, 5), (3, 5, 10, 20)
# What a gap that nothing confirms may be, as a share of the goal.
RESERVE = 0.01


class Certificate(NamedTuple):
    """What a neuron's excess loss is compared with. Losses are sums over rows.

    Half the Newton decrement does not measure the excess where the squared error has saturated: almost no row has a
    slope or a curvature left, whether it is on the right or the wrong side.
    """

    sampling_error: float  # the excess loss of another sample's optimum
    negligible: float  # an excess that counts as none
    is_known: bool = True  # whether half the Newton decrement measures the excess

    def goal(self, tol: float) -> float:
        """Return the excess that is within `tol` standard errors."""
        return max(min(tol * tol, LARGEST) * self.sampling_error, self.negligible)

    def distance(self, gap: float) -> float:
        """Return the standard errors that an excess amounts to."""
        if not self.is_known:
            return math.nan
        return math.sqrt(max(gap, 0.0) / self.sampling_error) if self.sampling_error > 0 else 0.0

    def is_reached(self, gap: float, tol: float) -> bool:
        """Return whether an excess is within `tol`."""
        return self.is_known and gap <= self.goal(tol)


class RowTotals(NamedTuple):
    """What the rows of a problem weigh, in the loss."""

    weight: float  # the sum of their weights
    unit: float  # the weight of a typical row, sum(weight^2) / sum(weight): 1 without weights
    is_plain: bool  # whether no row has a weight: the ratio of a likelihood is then known to be 1


def certificate_of(
    state: State, loss: str, n_parameters: int, totals: RowTotals, expansion: float, *, is_penalised: bool
) -> Certificate:
    """Return the certificate at a point, given the sums over a sample there.

    `expansion` is how many rows each sampled row stands for.
    """
    facts, ratio = LOSSES[loss], totals.unit
    if not (facts.IS_LIKELIHOOD and totals.is_plain) and state.curvature > 0:
        ratio = state.squared_slopes / state.curvature / expansion
    least = n_parameters * facts.LARGEST_CURVATURE * totals.unit
    has_saturated = not facts.IS_CONVEX and state.curvature < least
    most = NEGLIGIBLE_SHARE * n_parameters / 2 * float(facts.TYPICAL_RATIO) * totals.unit
    negligible = min(NEGLIGIBLE_LOSS_PER_ROW * totals.weight, max(most, ROUNDING * totals.weight))
    return Certificate(n_parameters / 2 * ratio, negligible, is_penalised or not has_saturated)


def rough_goal(loss: str, n_parameters: int, expansion: float, unit: float = 1.0) -> float:
    """Return the excess at which a sample's minimum is a good start: a tenth of the sample's own sampling error.

    `unit` is the weight of a typical row. The sample's error is taken at its typical size: the actual one vanishes
    where the sample, but not all rows, is separable.
    """
    return ROUGH * expansion * n_parameters / 2 * float(LOSSES[loss].TYPICAL_RATIO) * unit


def is_little_left(
    values: list[float], gap: float, goal: float, compared_steps: tuple[int, ...] = COMPARED_STEPS
) -> bool:
    """Return whether a search without a Hessian of its own may end, given its objectives and its estimate of the gap.

    What further steps gain must be at most the goal. Where rounding hides the gains, the gap must leave a reserve.
    """
    gain = further_gain(values, compared_steps)
    return gain <= goal if gain > 0 else gap <= RESERVE * goal


def further_gain(values: list[float], compared_steps: tuple[int, ...] = COMPARED_STEPS) -> float:
    """Return what all further steps gain if gains go on to shrink as they do, given objectives in their order.

    The gains of the last `compared_steps`, or fewer, are compared with those of as many before. Rounding counts as 0.
    """
    most = (len(values) - 1) // 2
    return max(_further_gain(values, min(most, n_steps)) for n_steps in compared_steps) if most else math.inf


def _further_gain(values: list[float], n_steps: int) -> float:
    before, middle, last = values[-1 - 2 * n_steps], values[-1 - n_steps], values[-1]
    gain = middle - last
    if gain <= 2 * ROUNDING_OF_VALUE * abs(last):
        return 0.0
    return gain * gain / (before - middle - gain) if before - middle > gain else math.inf
