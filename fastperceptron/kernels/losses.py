"""The losses by name. A loss is a module of scalar kernels: cost(z, y), slope(z, y, scale) and unscaled_slope(z, y)."""

from types import ModuleType

from fastperceptron.kernels import log_loss, squared_error

LOSSES: dict[str, ModuleType] = {"squared_error": squared_error, "log_loss": log_loss}
