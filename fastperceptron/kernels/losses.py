"""The losses by name. A loss is a module of scalar kernels.

They are cost(z, y), slope(z, y, scale), unscaled_slope(z, y), cost_and_slope(z, y) and curvature(z, y, exactness).
"""

from types import ModuleType

from fastperceptron.kernels import log_loss, squared_error

LOSSES: dict[str, ModuleType] = {"squared_error": squared_error, "log_loss": log_loss}
