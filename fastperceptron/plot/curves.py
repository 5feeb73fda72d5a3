"""Pictures of curves: the activation over z, and the cost over the steps of training."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fastperceptron.evaluation.comparison import as_perceptron
from fastperceptron.functional import sigmoid, sigmoid_derivative
from fastperceptron.plot.drawing import CLASS_COLOURS, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_activation(*, limit: float = 6.0, ax: "Axes | None" = None) -> "Axes":
    """Draw the sigmoid and its derivative over -limit <= z <= limit.

    Parameters
    ----------
    limit : float
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> plot_activation(ax=Figure().subplots()).get_xlabel()
    'z = w · x + b'
    """
    ax = axes_or_new(ax)
    z = np.linspace(-limit, limit, 401)
    ax.plot(z, sigmoid(z), color=CLASS_COLOURS[0], label="sigmoid(z) = 1 / (1 + exp(-z))")
    ax.plot(z, sigmoid_derivative(z), color=CLASS_COLOURS[1], linestyle="--", label="its derivative p (1 - p)")
    ax.set(xlabel="z = w · x + b", ylabel="p", title="The activation", xlim=(-limit, limit), ylim=(-0.02, 1.02))
    ax.grid(alpha=0.3)
    ax.legend(loc="upper left", frameon=False)
    return ax


def plot_cost(model: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the mean costs that training recorded against its steps, on a logarithmic cost axis.

    Parameters
    ----------
    model : Perceptron or PerceptronClassifier
        For a classifier, its objective is drawn against the reads of the data.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If no costs were recorded.

    Examples
    --------
    >>> import fastperceptron as fp
    >>> from matplotlib.figure import Figure
    >>> model = fp.train([[0.0], [1.0]], [0, 1], steps=1000, rng=0)
    >>> plot_cost(model, ax=Figure().subplots()).get_ylabel()
    'mean cost over all rows'
    """
    curve = getattr(model, "loss_curve_", None)
    if curve is None:
        history = as_perceptron(model).history
        steps, costs, labels = history.steps, history.costs, ("steps", "mean cost over all rows")
    else:
        steps, costs, labels = np.arange(1, len(curve) + 1), np.asarray(curve), ("reads of the data", "objective")
    if len(costs) == 0:
        raise ValueError("the model's history holds no costs: train with record_every at most the number of steps.")
    from matplotlib.ticker import MaxNLocator

    ax = axes_or_new(ax)
    ax.plot(steps, costs, color=CLASS_COLOURS[0], linewidth=1.0, marker="." if len(costs) < 50 else None)
    # A cost of 0 has no place on a logarithmic axis.
    ax.set(xlabel=labels[0], ylabel=labels[1], title="The cost curve", yscale="log" if min(costs) > 0 else "linear")
    ax.margins(y=0.02)
    ax.set_xlim(steps[0] if curve is not None and len(steps) > 1 else 0, steps[-1])
    # Plain numbers: typesetting powers of ten as formulas takes 0.3 s.
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter("{x:g}" if max(costs) < 10 * min(costs) else "")
    ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.grid(alpha=0.3)
    return ax
