"""The picture of what a model learnt: rows by class over two features, its probability and its boundary."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastperceptron.data.holdout import row_hashes
from fastperceptron.data.labels import codes_of
from fastperceptron.data.sparse_arrays import CsrArray, rows_of
from fastperceptron.data.sparse_input import as_matrix_or_csr
from fastperceptron.evaluation.comparison import as_perceptron
from fastperceptron.plot.drawing import (
    as_text,
    axes_or_new,
    draw_curves,
    draw_points,
    mark_unknown,
    notes_of,
    shade,
    write_title,
)
from fastperceptron.plot.section import rows_to_show, section_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If `features` are not two of the model's, or X and y do not fit it.

    Examples
    --------
    >>> import fastperceptron as fp
    >>> from matplotlib.figure import Figure
    >>> flowers = fp.load_flowers()
    >>> classifier = fp.PerceptronClassifier().fit(flowers.X, flowers.y)
    >>> ax = plot_boundary(classifier, flowers.X, flowers.y, features=[0, 1], ax=Figure().subplots())
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('x0', 'x1')
    """
    model = as_perceptron(model)
    rows = as_matrix_or_csr(model.aligned(X), model.n_features)
    rows_of(rows).check_finite()
    codes = codes_of(y, len(rows), model.classes)
    shown = rows_to_show(codes, len(model.classes))
    section, ax = section_of(model, rows, features), axes_or_new(ax)
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
