"""Pictures of a neuron (matplotlib): its activation, its boundary between two classes, cost curve and calibration.

Each function draws on the Axes `ax`, or on a new figure if it is None, and returns the Axes.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastperceptron.checks import Array, as_matrix
from fastperceptron.data.labels import codes_of
from fastperceptron.evaluation import as_perceptron
from fastperceptron.functional import sigmoid, sigmoid_derivative
from fastperceptron.model import Perceptron

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colours of Okabe and Ito (2008), which colour-blind readers can distinguish; more classes repeat them.
CLASS_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
CLASS_TINTS = ("#8DBFDE", "#F2B98F")
CLASS_MARKERS = ("o", "^", "s", "D", "v", "P", "X", "<", ">")


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


def plot_boundary(model: Any, X: Any, y: Any, *, unknown: Any = None, ax: "Axes | None" = None) -> "Axes":
    """Draw rows of two features by class, the model's probability as shading, and its boundary.

    For two classes the shading is the probability of the second, and the boundary is at p = 0.5. For more, a place has
    the colour of the class that is predicted there.

    Parameters
    ----------
    model : Perceptron or PerceptronClassifier
        Of two features.
    X : array-like or frame of shape (n_rows, 2)
    y : array-like of shape (n_rows,)
    unknown : array-like of shape (2,), optional
        One more row, marked, and labelled with the class and the probability that the model gives it.
    ax : matplotlib.axes.Axes, optional

    Raises
    ------
    ValueError
        If the model does not have two features, or X and y do not fit it.
    """
    model = as_perceptron(model)
    if model.n_features != 2:
        raise ValueError(f"only a model of two features can be drawn, but this one has {model.n_features}.")
    rows = as_matrix(model.aligned(X), 2)
    codes = codes_of(y, len(rows), model.classes)
    ax = _axes(ax)
    everything = rows if unknown is None else np.vstack([rows, unknown])
    low, high = everything.min(axis=0), everything.max(axis=0)
    margin = 0.08 * np.where(high > low, high - low, 1.0)
    _shade(model, low - margin, high + margin, ax)
    for code, label in enumerate(model.classes.tolist()):
        x, y_axis = rows[codes == code].T
        ax.scatter(x, y_axis, c=_colour(code), marker=_marker(code), edgecolors="white", label=str(label))
    if unknown is not None:
        _mark_unknown(model, np.asarray(unknown, dtype=float), ax)
    names = model.feature_names or ("first feature", "second feature")
    ax.set(xlabel=names[0], ylabel=names[1], title="What the neuron learnt")
    # Below the axes, where it does not hide a row.
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2 if len(model.classes) < 4 else 4, frameon=False)
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
    ax = _axes(ax)
    ax.plot(steps, costs, color=CLASS_COLOURS[0], linewidth=1.0, marker="." if len(costs) < 50 else None)
    ax.set(xlabel=labels[0], ylabel=labels[1], title="The cost curve", yscale="log")
    ax.set_xlim(0, steps[-1])
    # Plain numbers: typesetting powers of ten as formulas takes 0.3 s.
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter("{x:g}" if max(costs) < 10 * min(costs) else "")
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.grid(alpha=0.3)
    return ax


def plot_calibration(table: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the observed share over the predicted probability, as dots whose area grows with the number of rows.

    An `Evaluation` also names the class on the axes.

    Parameters
    ----------
    table : Evaluation, or sequence of (predicted probability, observed share, number of rows)
        What `fastperceptron.evaluate` returns, or its `calibration`.
    ax : matplotlib.axes.Axes, optional
    """
    ax = _axes(ax)
    bins = getattr(table, "calibration", table)
    of_class = ""
    if bins is not table:
        is_of_each = table.calibrated_class is None
        of_class = " of the predicted class" if is_of_each else f" of class {table.calibrated_class}"
    predicted, observed, counts = (np.array(column, float) for column in zip(*bins, strict=True))
    ax.plot([0, 1], [0, 1], color="0.7", linewidth=1, label="as predicted", zorder=1)
    ax.plot(predicted, observed, color="tab:blue", linewidth=1, zorder=2)
    ax.scatter(
        predicted, observed, 20 + 180 * counts / counts.max(), color="tab:blue", label="observed; area: rows", zorder=3
    )
    ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), title="Calibration")
    ax.set(xlabel=f"predicted probability{of_class}", ylabel=f"observed share{of_class}")
    ax.set_aspect("equal")
    ax.legend(loc="upper left", frameon=False)
    return ax


def percent(p: float) -> str:
    """Return a probability as text; above 0.9999 it is ">99.99%", never certainty."""
    return ">99.99%" if p > 0.9999 else f"{p:.2%}"


def _axes(ax: "Axes | None") -> "Axes":
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ModuleNotFoundError as error:
        message = "pictures need the package matplotlib: pip install matplotlib"
        raise ModuleNotFoundError(message, name="matplotlib") from error
    return pyplot.subplots(layout="constrained")[1]


def _colour(code: int) -> str:
    return CLASS_COLOURS[code % len(CLASS_COLOURS)]


def _marker(code: int) -> str:
    return CLASS_MARKERS[code % len(CLASS_MARKERS)]


def _shade(model: Perceptron, low: Array, high: Array, ax: "Axes") -> None:
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    axes = [np.linspace(low[axis], high[axis], 200) for axis in range(2)]
    grid = np.stack(np.meshgrid(*axes), axis=-1)
    extent = (low[0], high[0], low[1], high[1])
    each = model.predict_proba(grid.reshape(-1, 2))
    if len(model.classes) > 2:
        pale = np.array([to_rgb(_colour(code)) for code in range(len(model.classes))]) * 0.35 + 0.65
        codes = each.argmax(axis=1).reshape(grid.shape[:2])
        ax.imshow(pale[codes], extent=extent, origin="lower", aspect="auto")
        return
    p = each[:, 1].reshape(grid.shape[:2])
    colours = LinearSegmentedColormap.from_list("classes", [CLASS_TINTS[0], "white", CLASS_TINTS[1]])
    # An image: smooth shading by triangles took a second, and showed its edges.
    shading = ax.imshow(
        p, cmap=colours, vmin=0.0, vmax=1.0, extent=extent, origin="lower", aspect="auto", interpolation="bilinear"
    )
    ax.figure.colorbar(shading, ax=ax, label=f"p = probability of {model.classes[1]}")
    if p.min() < 0.5 < p.max():
        ax.contour(*axes, p, levels=[0.5], colors="black", linewidths=1.2)
        ax.plot([], [], color="black", linewidth=1.2, label="p = 0.5")


def _mark_unknown(model: Perceptron, row: Array, ax: "Axes") -> None:
    probabilities = model.predict_proba(row)
    code = int(probabilities.argmax())
    name = f"unknown: {model.classes[code]}, {percent(probabilities[code])}"
    ax.scatter(row[0], row[1], s=160, marker="*", c="gold", edgecolors="black", zorder=3, label=name)


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
