"""The picture of coefficients with their intervals, a forest plot."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastperceptron.plot.drawing import CLASS_COLOURS, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_coefficients(
    inference: Any, *, columns: Any = None, odds_ratios: bool = False, ax: "Axes | None" = None
) -> "Axes":
    """Draw the coefficients with their intervals, one line each (a forest plot); those that exclude 0 are filled.

    A coefficient is per unit of its column, so two can be compared only where their units can. The intercept is left
    out. A coefficient without a finite interval is drawn as a cross.

    Parameters
    ----------
    inference : Inference
        What `fastperceptron.inference` returns; of three or more classes the `Inference` of one.
    columns : sequence of str, optional
        The names of those to draw, in this order; by default all.
    odds_ratios : bool
        Whether to draw odds ratios, exp(coef), on a logarithmic axis.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If a name is not among the coefficients, or there is none to draw.
    TypeError
        If `inference` is of another kind.

    Examples
    --------
    >>> import fastperceptron as fp
    >>> from matplotlib.figure import Figure
    >>> X, y = fp.synthetic(1000, 2, rng=0).arrays()
    >>> found = fp.inference(fp.PerceptronClassifier(loss="log_loss", C=float("inf")).fit(X, y), X, y)
    >>> plot_coefficients(found, ax=Figure().subplots()).get_title()
    'Coefficients, n = 1,000'
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
    ax = axes_or_new(ax)
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
