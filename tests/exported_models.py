"""Models of every kind, with names of features and classes that other programs must quote."""

import numpy as np

import fastperceptron as fp

NAMES = ["select", 'a "quoted" one', "it's `ticked` {0}", "Größe \U0001f33c; --"]
CLASSES = {
    "two": ["no", "it's \u00fc"],
    "three": ["a", "b", "c"],
    "five": [3, 1, 4, 15, 9],
    "softmax": ["x", "it's \u00fc", "z"],
    "softmax of five": [9, 2, 6, 5, -3],
}
# How far z is from 0: ordinary; both tails; where exp overflows; where all sigmoids of a row underflow.
PLACES = [(1.0, 0.0), (20.0, 0.0), (1000.0, 0.0), (50.0, -5000.0), (1.0, 5000.0)]


def model_of(kind: str, scale: float = 1.0, offset: float = 0.0, names: list[str] | None = None) -> fp.Perceptron:
    """Return a model of random weights."""
    classes, names = CLASSES[kind], names or NAMES
    shape = (len(classes),) if len(classes) > 2 else ()
    rng = np.random.default_rng(len(classes))
    weights = scale * rng.normal(size=(*shape, len(names)))
    activation = "softmax" if kind.startswith("softmax") else "sigmoid"
    return fp.Perceptron(weights, scale * rng.normal(size=shape) + offset, classes, names, activation=activation)


def rows_of(model: fp.Perceptron, n_rows: int = 60) -> np.ndarray:
    """Return rows for a model, (n_rows, n_features)."""
    return np.random.default_rng(0).normal(size=(n_rows, model.n_features))
