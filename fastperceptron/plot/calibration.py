"""The picture of a calibration: observed shares over predicted probabilities."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.evaluation.result import Calibration
from fastperceptron.evaluation.scores import Evaluation
from fastperceptron.plot.drawing import CLASS_COLOURS, as_text, axes_or_new, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_calibration(table: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the observed share over the predicted probability, with intervals and a histogram of the predictions.

    The area of the dots grows with the number of rows.

    Parameters
    ----------
    table : Calibration, Evaluation, or sequence of (predicted probability, observed share, number of rows)
        What `fastperceptron.calibration` or `fastperceptron.evaluate` returns. A sequence has neither intervals nor a
        histogram.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there are no bins.

    Examples
    --------
    >>> import fastperceptron as fp
    >>> from matplotlib.figure import Figure
    >>> model = fp.Perceptron([1.0], 0.0, ["no", "yes"])
    >>> found = fp.calibration(model, ([[-1.0], [0.0], [2.0]], ["no", "yes", "yes"]), n_bins=2)
    >>> plot_calibration(found, ax=Figure().subplots()).get_xlabel()
    'predicted probability of class yes'
    """
    found = table.details if isinstance(table, Evaluation) else table
    ax, of_class = axes_or_new(ax), ""
    ax.plot([0, 1], [0, 1], color="0.7", linewidth=1, label="as predicted", zorder=1)
    if isinstance(found, Calibration):
        predicted, observed, counts = found.predicted, found.observed, found.rows
        of_class = " of the predicted class" if found.label is None else f" of class {as_text(found.label, 30)}"
        _draw_histogram(found.histogram, ax)
        reach = np.stack([observed - found.low, found.high - observed])
        ax.errorbar(
            predicted,
            observed,
            reach,
            fmt="none",
            ecolor=CLASS_COLOURS[0],
            elinewidth=1.2,
            capsize=3,
            zorder=2,
            label=f"{100 * found.level:g}% interval",
        )
    elif len(found) == 0:
        raise ValueError("the table has no bins: there is nothing to draw.")
    else:
        predicted, observed, counts = (np.array(column, float) for column in zip(*found, strict=True))
    ax.plot(predicted, observed, color=CLASS_COLOURS[0], linewidth=1, zorder=2)
    sizes = 8 + 30 * counts / counts.max()
    ax.scatter(predicted, observed, sizes, color=CLASS_COLOURS[0], label="observed; area: rows", zorder=3)
    ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), title="Calibration")
    ax.set(xlabel=f"predicted probability{of_class}", ylabel=f"observed share{of_class}")
    ax.set_aspect("equal")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, frameon=False, fontsize=9)
    return ax


def _draw_histogram(shares: Array, ax: "Axes") -> None:
    """Draw the shares along the bottom, up to a fifth of the height."""
    label = f"predictions; highest bar: {percent(shares.max())}"
    edges = np.arange(len(shares)) / len(shares)
    bars: dict[str, Any] = {"align": "edge", "color": "0.87", "edgecolor": "white", "zorder": 0}
    ax.bar(edges, 0.2 * shares / shares.max(), 1 / len(shares), label=label, **bars)
