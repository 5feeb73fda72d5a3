"""The losses by name. To add one, write a module as below and add its name here.

Scalar kernels: cost(z, y), slope(z, y, scale), unscaled_slope(z, y), cost_and_slope(z, y), curvature(z, y, exactness);
slope and curvature are derivatives with respect to z. `exactness` is 1 for the second derivative, 0 for a part of it
that is never negative (of the squared error the Gauss-Newton part); a convex loss ignores it.

Facts:
    IS_CONVEX          whether the curvature is never negative; then any minimum is the minimum
    IS_LIKELIHOOD      whether the cost is -log of a likelihood: then the mean of slope^2 over that of curvature is 1
    LARGEST_CURVATURE  the largest second derivative, of the part that is never negative
    TYPICAL_RATIO      the mean of slope^2 over that of curvature, where the classes overlap
    UNKNOWN_RATIO      a bound of that ratio, for where the rows do not tell it
"""

from types import ModuleType

from fastperceptron.kernels import log_loss, squared_error

LOSSES: dict[str, ModuleType] = {"squared_error": squared_error, "log_loss": log_loss}
# The convex loss from whose minimum the search for that of a loss that is not convex starts.
CONVEX_LOSS = "log_loss"
