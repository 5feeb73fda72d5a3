"""Pictures of a neuron (matplotlib): its activation, boundary, cost curve, calibration and coefficients.

Each function draws on the Axes `ax`, or on a new figure if it is None, and returns the Axes. curves.py, boundary.py,
calibration.py and coefficients.py have the functions, section.py what of a model and its rows a boundary's picture
shows, drawing.py the parts of pictures.
"""

from fastperceptron.plot.boundary import plot_boundary
from fastperceptron.plot.calibration import plot_calibration
from fastperceptron.plot.coefficients import plot_coefficients
from fastperceptron.plot.curves import plot_activation, plot_cost

__all__ = ["plot_activation", "plot_boundary", "plot_calibration", "plot_coefficients", "plot_cost"]
