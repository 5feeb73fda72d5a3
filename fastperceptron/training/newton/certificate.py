"""When is a point good enough: its estimated excess loss beside the loss that the optimum itself owes to chance.

The rows are a sample of something. Another sample's optimum would differ, by a standard error in each direction; its
excess loss on the same rows is (d + 1) / 2 for the log loss, in sums over rows (Wilks 1938, The large-sample
distribution of the likelihood ratio), and for other losses that times the mean of slope^2 over curvature. `tol` is in
standard errors, so its square is a share of that.
"""

import math
from dataclasses import dataclass

from fastperceptron.kernels.losses import LOSSES
from fastperceptron.training.minimise.damped_newton import State

# Mean loss that no tolerance asks to improve on.
NEGLIGIBLE_LOSS = 1e-13


@dataclass(frozen=True)
class Certificate:
    """What a neuron's excess loss is compared with.

    Attributes
    ----------
    sampling_error : float
        The excess loss of another sample's optimum, in sums over rows.
    negligible : float
        An excess that is as good as none, likewise.
    is_known : bool
        Whether half the Newton decrement tells anything. It does not where the squared error has saturated: almost no
        row has a slope or a curvature left, whether its class is right or wrong.
    """

    sampling_error: float
    negligible: float
    is_known: bool = True

    def goal(self, tol: float) -> float:
        """Return the excess that is within `tol` standard errors."""
        return max(tol * tol * self.sampling_error, self.negligible)

    def distance(self, gap: float) -> float:
        """Return the standard errors that an excess stands for."""
        if not self.is_known:
            return math.nan
        return math.sqrt(max(gap, 0.0) / self.sampling_error) if self.sampling_error > 0 else 0.0

    def is_reached(self, gap: float, tol: float) -> bool:
        """Return whether an excess is within `tol`."""
        return self.is_known and gap <= self.goal(tol)


def certificate_of(
    state: State, loss: str, n_parameters: int, n_rows: int, expansion: float, *, is_plain: bool, is_penalised: bool
) -> Certificate:
    """Return the certificate at a point.

    Parameters
    ----------
    state : State
        The sums over a sample there.
    loss : str
    n_parameters, n_rows : int
    expansion : float
        How many rows one of the sample stands for.
    is_plain : bool
        Whether no row has a weight: the ratio of the log loss is then known to be 1.
    is_penalised : bool
    """
    facts, ratio = LOSSES[loss], 1.0
    if not (facts.IS_LIKELIHOOD and is_plain) and state.curvature > 0:
        ratio = state.squared_slopes / state.curvature / expansion
    has_saturated = not facts.IS_CONVEX and state.curvature < n_parameters * facts.LARGEST_CURVATURE
    return Certificate(n_parameters / 2 * ratio, NEGLIGIBLE_LOSS * n_rows, is_penalised or not has_saturated)


def rough_goal(loss: str, n_parameters: int, expansion: float) -> float:
    """Return the excess at which a sample's optimum is a good start: a tenth of the sample's own sampling error.

    That of the squared error is taken at its typical size: it vanishes where the sample, but not all rows, can be told
    apart without an error.
    """
    return 0.1 * expansion * n_parameters / 2 * float(LOSSES[loss].TYPICAL_RATIO)
