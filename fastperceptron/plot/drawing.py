"""Parts of the pictures: axes, colours, names as text, points, curves and shading of a model of one or two features."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.model import Perceptron

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colours of Okabe and Ito (2008), which colour-blind readers can distinguish; more classes repeat them.
CLASS_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
CLASS_TINTS = ("#8DBFDE", "#F2B98F")
MOST_MARKERS = 300  # rows that are drawn as markers by class
CLASS_MARKERS = ("o", "^", "s", "D", "v", "P", "X", "<", ">")


def axes_or_new(ax: "Axes | None") -> "Axes":
    """Return the Axes, or those of a new figure."""
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ModuleNotFoundError as error:
        message = "pictures need the package matplotlib: pip install matplotlib"
        raise ModuleNotFoundError(message, name="matplotlib") from error
    return pyplot.subplots(layout="constrained")[1]


def as_text(name: Any, width: int) -> str:
    """Return a name as Matplotlib shows it literally: no formula between dollars, no name that a legend leaves out."""
    text = " ".join(str(name).split())
    text = text if len(text) <= width else f"{text[: width - 3]}..."
    return f"{' ' * text.startswith('_')}{text}".replace("$", r"\$")


def percent(p: float) -> str:
    """Return a probability as text; above 0.9999 it is ">99.99%", never certainty."""
    return ">99.99%" if p > 0.9999 else f"{p:.2%}"


def _colour(code: int) -> str:
    return CLASS_COLOURS[code % len(CLASS_COLOURS)]


def _marker(code: int) -> str:
    return CLASS_MARKERS[code % len(CLASS_MARKERS)]


def draw_points(model: Perceptron, points: Array, codes: Array, ax: "Axes") -> None:
    """Draw rows of each class; many as small translucent points, of all classes in turn, so that none is on top."""
    are_many = len(points) > MOST_MARKERS
    if are_many:
        colours = np.array([_colour(code) for code in range(len(model.classes))])[codes]
        ax.scatter(points[:, 0], points[:, 1], c=colours, s=10, alpha=0.45, linewidths=0)
    for code, label in enumerate(model.classes.tolist()):
        own = points[:0] if are_many else points[codes == code]
        style: dict[str, Any] = {"s": 25} if are_many else {"marker": _marker(code), "edgecolors": "white"}
        ax.scatter(own[:, 0], own[:, 1], color=_colour(code), **style, label=as_text(label, 60))


def draw_curves(model: Perceptron, low: Array, high: Array, ax: "Axes") -> None:
    """Draw the probabilities over a single feature: of the second of two classes, or of each of more."""
    x = np.linspace(low[0], high[0], 401)
    p = model.predict_proba(x[:, None])
    for code in range(1 if len(model.classes) == 2 else 0, len(model.classes)):
        ax.plot(x, p[:, code], color=_colour(code), linewidth=1.5)
    if len(model.classes) == 2 and p[:, 1].min() < 0.5 < p[:, 1].max():
        ax.axvline(-float(model.bias) / float(model.weights[0]), color="black", linewidth=1.2, label="p = 0.5")
    ax.set(xlim=(low[0], high[0]), ylim=(-0.06 * (len(model.classes) + 1), 1.03), yticks=np.linspace(0, 1, 6))
    ax.axhline(0, color="0.7", linewidth=0.8)


def notes_of(held: dict[str, float], n_shown: int, n_rows: int) -> list[str]:
    """Return what a picture leaves out, a line each."""
    notes = [f"{n_shown:,} of {n_rows:,} rows shown"] if n_shown < n_rows else []
    if held:
        values = [f"{as_text(name, 20)} = {value:.3g}" for name, value in list(held.items())[:3]]
        others = f" and {len(held) - 3:,} more" if len(held) > 3 else ""
        notes.append(f"shading: other features at their means, {', '.join(values)}{others}")
    return notes


def write_title(ax: "Axes", title: str, notes: list[str]) -> None:
    """Write the title, and notes in small letters between it and the axes."""
    ax.set_title(title, pad=6 + 11 * len(notes))
    if notes:
        ax.annotate(
            "\n".join(notes),
            (0.5, 1),
            (0, 4),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=8,
            color="0.3",
        )


def shade(model: Perceptron, low: Array, high: Array, ax: "Axes") -> None:
    """Shade places by the probability of the second of two classes, with the line p = 0.5; of more, by the largest."""
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
    ax.figure.colorbar(shading, ax=ax, label=f"p = probability of {as_text(model.classes[1], 30)}")
    if p.min() < 0.5 < p.max():
        ax.contour(*axes, p, levels=[0.5], colors="black", linewidths=1.2)
        ax.plot([], [], color="black", linewidth=1.2, label="p = 0.5")


def mark_unknown(model: Perceptron, row: Array, place: Array, ax: "Axes") -> None:
    """Mark a row at a place, and label it with its class and the probability of that."""
    probabilities = model.predict_proba(row.reshape(1, -1))[0]
    code = int(probabilities.argmax())
    name = f"unknown: {as_text(model.classes[code], 40)}, {percent(probabilities[code])}"
    ax.scatter(place[0], place[1], s=160, marker="*", c="gold", edgecolors="black", zorder=3, label=name)
