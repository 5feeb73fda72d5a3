"""Pictures of a neuron (matplotlib): its activation, its boundary between two classes, cost curve and calibration.

Each function draws on the Axes `ax`, or on a new figure if it is None, and returns the Axes.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastperceptron.boundary import rows_to_show, section_of
from fastperceptron.checks import Array
from fastperceptron.comparison import as_perceptron
from fastperceptron.data.holdout import row_hashes
from fastperceptron.data.labels import codes_of
from fastperceptron.data.sparse_arrays import CsrArray, rows_of
from fastperceptron.data.sparse_input import as_matrix_or_csr
from fastperceptron.drawing import (
    CLASS_COLOURS,
    as_text,
    draw_curves,
    draw_points,
    mark_unknown,
    notes_of,
    percent,
    shade,
    write_title,
)
from fastperceptron.evaluation import Evaluation
from fastperceptron.functional import sigmoid, sigmoid_derivative
from fastperceptron.reliability import Calibration

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_activation(*, limit: float = 6.0, ax: "Axes | None" = None) -> "Axes":
    """Draw the sigmoid and its derivative over -limit <= z <= limit."""
    ax = _axes(ax)
    z = np.linspace(-limit, limit, 401)
    ax.plot(z, sigmoid(z), color=CLASS_COLOURS[0], label="sigmoid(z) = 1 / (1 + exp(-z))")
    ax.plot(z, sigmoid_derivative(z), color=CLASS_COLOURS[1], linestyle="--", label="its derivative p (1 - p)")
    ax.set(xlabel="z = w · x + b", ylabel="p", title="The activation", xlim=(-limit, limit), ylim=(-0.02, 1.02))
    ax.grid(alpha=0.3)
    ax.legend(loc="upper left", frameon=False)
    return ax


def plot_boundary(
    model: Any, X: Any, y: Any, *, features: Sequence[Any] | None = None, unknown: Any = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw rows by class over two features, the model's probability as shading, and its boundary.

    For two classes the shading is the probability of the second, and the boundary is at p = 0.5. For more, a place has
    the colour of the class that is predicted there. With more than two features the shading is that of rows whose other
    features have their means, which the picture states. A single feature is drawn with curves of the probability.

    More than 300 rows are small translucent points; of more than 2,000 a sample is shown, in which each class has its
    share, but 30 rows at least. The same rows are shown each time, and the picture states how many.

    Parameters
    ----------
    model : Perceptron or PerceptronClassifier
    X : array-like, frame or sparse matrix of shape (n_rows, n_features)
    y : array-like of shape (n_rows,)
    features : sequence of two str or int, optional
        The features of the axes, by name or number: by default the two whose weight times standard deviation is
        largest.
    unknown : array-like of shape (n_features,), optional
        One more row, marked, and labelled with the class and the probability that the model gives it.
    ax : matplotlib.axes.Axes, optional

    Raises
    ------
    ValueError
        If `features` are not two of the model's, or X and y do not fit it.
    """
    model = as_perceptron(model)
    rows = as_matrix_or_csr(model.aligned(X), model.n_features)
    rows_of(rows).check_finite()
    codes = codes_of(y, len(rows), model.classes)
    shown = rows_to_show(codes, len(model.classes))
    section, ax = section_of(model, rows, features), _axes(ax)
    # float64 before columns are chosen: the places of a few rows.
    points, own = rows[shown][:, section.places], codes[shown]
    points = (points.toarray() if isinstance(points, CsrArray) else points).astype(np.float64)
    mark = None if unknown is None else np.asarray(unknown, dtype=float)
    at_mark = points[:0] if mark is None else mark.reshape(1, -1)[:, section.places]
    everything = np.vstack([points, at_mark])
    low, high = everything.min(axis=0), everything.max(axis=0)
    margin = 0.08 * np.where(high > low, high - low, 1.0)
    labels = list(section.names)
    if len(labels) == 1:
        draw_curves(section.model, low - margin, high + margin, ax)
        spread = 0.03 * (row_hashes(0, len(rows))[shown] / 2.0**64 - 0.5)
        points = np.column_stack([points, -0.06 * (own + 1) + spread])
        at_mark = np.column_stack([at_mark, np.zeros(len(at_mark))])
        labels.append("p = probability of " + (str(model.classes[1]) if len(model.classes) == 2 else "each class"))
    else:
        shade(section.model, low - margin, high + margin, ax)
    draw_points(model, points, own, ax)
    if mark is not None:
        mark_unknown(model, mark, at_mark[0], ax)
    ax.set(xlabel=as_text(labels[0], 60), ylabel=as_text(labels[1], 45))
    write_title(ax, "What the neuron learnt", notes_of(section.held, len(shown), len(rows)))
    # Below the axes, where it does not hide a row.
    longest = max(len(text) for text in ax.get_legend_handles_labels()[1])
    columns = 1 if longest > 45 else 2 if longest > 12 or len(model.classes) < 4 else 4
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=columns, frameon=False)
    return ax


def plot_cost(model: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the mean costs that training recorded against its steps, on a logarithmic cost axis.

    Parameters
    ----------
    model : Perceptron or PerceptronClassifier
        Of a classifier the objective is drawn against the reads of the data.
    ax : matplotlib.axes.Axes, optional

    Raises
    ------
    ValueError
        If no costs were recorded.
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

    ax = _axes(ax)
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


def plot_calibration(table: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the observed share over the predicted probability, with intervals and a histogram of the predictions.

    The area of the dots grows with the number of rows.

    Parameters
    ----------
    table : Calibration, Evaluation, or sequence of (predicted probability, observed share, number of rows)
        What `fastperceptron.calibration` or `fastperceptron.evaluate` returns. A sequence has neither intervals nor a
        histogram.
    ax : matplotlib.axes.Axes, optional

    Raises
    ------
    ValueError
        If there are no bins.
    """
    found = table.details if isinstance(table, Evaluation) else table
    ax, of_class = _axes(ax), ""
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


def _axes(ax: "Axes | None") -> "Axes":
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ModuleNotFoundError as error:
        message = "pictures need the package matplotlib: pip install matplotlib"
        raise ModuleNotFoundError(message, name="matplotlib") from error
    return pyplot.subplots(layout="constrained")[1]


def _draw_histogram(shares: Array, ax: "Axes") -> None:
    """Draw the shares along the bottom, up to a fifth of the height."""
    label = f"predictions; highest bar: {percent(shares.max())}"
    edges = np.arange(len(shares)) / len(shares)
    bars: dict[str, Any] = {"align": "edge", "color": "0.87", "edgecolor": "white", "zorder": 0}
    ax.bar(edges, 0.2 * shares / shares.max(), 1 / len(shares), label=label, **bars)


def plot_coefficients(
    inference: Any, *, columns: Any = None, odds_ratios: bool = False, ax: "Axes | None" = None
) -> "Axes":
    """Draw the coefficients with their intervals, one line each (a forest plot); those that exclude 0 are filled.

    Coefficients are per unit of their columns, so that lengths of different columns can be compared only where units
    can. The intercept is left out. A coefficient without a finite interval is a cross.

    Parameters
    ----------
    inference : Inference
        What `fastperceptron.inference` returns; of three or more classes the `Inference` of one.
    columns : sequence of str, optional
        The names of those to draw, in this order; by default all.
    odds_ratios : bool
        Whether to draw odds ratios, exp(coef), on a logarithmic axis.
    ax : matplotlib.axes.Axes, optional

    Raises
    ------
    ValueError
        If a name is not among the coefficients, or there is none to draw.
    TypeError
        If `inference` is of another kind.
    """
    if not hasattr(inference, "odds_ratio_interval"):
        told = "the Inference of one class, inference[label]" if isinstance(inference, Mapping) else "an Inference"
        raise TypeError(f"inference must be {told}, but is a {type(inference).__name__}.")
    names = [name for name in inference.names if name != "(Intercept)"] if columns is None else list(columns)
    if unknown := [name for name in names if name not in inference.names]:
        raise ValueError(f"{unknown[0]!r} is not among the coefficients: {', '.join(inference.names[:12])}.")
    if not names:
        raise ValueError("there are no coefficients to draw.")
    places = [inference.names.index(name) for name in names]
    values, bounds = inference.coef[places], inference.interval[places]
    is_finite, is_sure = np.isfinite(bounds).all(axis=1), (bounds[:, 0] > 0) | (bounds[:, 1] < 0)
    is_own = ax is None
    ax = _axes(ax)
    if is_own and len(names) > 12:
        ax.get_figure(root=True).set_figheight(1.5 + 0.3 * len(names))  # type: ignore[union-attr]  # it has one
    show = np.exp if odds_ratios else np.asarray
    heights = np.arange(len(names), dtype=float)
    ax.axvline(1.0 if odds_ratios else 0.0, color="0.7", linewidth=1, zorder=1)
    for chosen, fill, label in (
        (is_finite & is_sure, CLASS_COLOURS[0], "excludes"),
        (is_finite & ~is_sure, "white", "includes"),
    ):
        if chosen.any():
            ax.hlines(heights[chosen], *show(bounds[chosen]).T, color=CLASS_COLOURS[0], linewidth=1.6, zorder=2)
            neutral = f"{100 * inference.level:.4g}% interval {label} {'1' if odds_ratios else '0'}"
            ax.scatter(
                show(values[chosen]),
                heights[chosen],
                s=36,
                color=fill,
                edgecolors=CLASS_COLOURS[0],
                label=neutral,
                zorder=3,
            )
    if not is_finite.all():
        shown = np.full((~is_finite).sum(), 1.0 if odds_ratios else 0.0)
        ax.scatter(shown, heights[~is_finite], marker="x", color=CLASS_COLOURS[1], label="no finite interval", zorder=3)
    ax.set_yticks(heights, names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    what = "odds ratio" if odds_ratios else "change of the log odds"
    ax.set(xlabel=f"{what} of class {inference.positive} per unit", title=f"Coefficients, n = {inference.n:,.6g}")
    if odds_ratios:
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_formatter("")
    ax.grid(axis="x", alpha=0.3)
    below = -0.14 * min(1.0, 12 / len(names))  # in heights of the axes, which grow with the names
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, below), ncols=2, frameon=False)
    return ax
