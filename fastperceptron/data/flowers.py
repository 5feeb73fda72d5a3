"""The tutorial's data: 46 irises of two species, shipped as a CSV file."""

from importlib.resources import files
from typing import NamedTuple

import numpy as np

from fastperceptron.checks import Array


class Flowers(NamedTuple):
    """Measurements of flowers.

    Attributes
    ----------
    X : ndarray of shape (46, 4), float64
        Lengths and widths in cm.
    y : ndarray of shape (46,), str
        The species.
    feature_names : tuple of str
        The names of the columns of X.
    """

    X: Array
    y: Array
    feature_names: tuple[str, ...]


def load_flowers() -> Flowers:
    """Return sepal and petal lengths and widths of 20 setosa and 26 versicolor irises.

    They are rows 1-20 and 51-76 of the iris data.

    References
    ----------
    Fisher (1936), The use of multiple measurements in taxonomic problems, Annals of Eugenics 7, 179-188.

    Examples
    --------
    >>> flowers = load_flowers()
    >>> flowers.X.shape, str(flowers.y[0]), str(flowers.y[-1])
    ((46, 4), 'setosa', 'versicolor')
    """
    text = files("fastperceptron.data").joinpath("flowers.csv").read_text(encoding="utf-8")
    header, *lines = (line.split(",") for line in text.splitlines())
    X = np.array([[float(value) for value in line[:-1]] for line in lines])
    return Flowers(X, np.array([line[-1] for line in lines]), tuple(header[:-1]))
