"""What tests of models share: labels of every kind, and models that are made quickly."""

import numpy as np

import fastperceptron as fp


def random_model(n_classes: int, n_features: int) -> fp.Perceptron:
    rng = np.random.default_rng(n_classes)
    if n_classes == 2:
        return fp.Perceptron(rng.normal(size=n_features), 0.1, [0, 1])
    return fp.Perceptron(rng.normal(size=(n_classes, n_features)), rng.normal(size=n_classes), np.arange(n_classes))


LABELS = [
    ["no", "yes"],
    ["\u00e4 \U0001f33c", "b\n\0c"],
    [False, True],
    [-3, 2**62],
    [0.1, 0.30000000000000004],
    np.array([1, 255], np.uint8),
    np.array([0.1, 0.2], np.float32),
    np.array([0.5, 1.5], np.float16),
]


def make(**changes) -> fp.Perceptron:
    return fp.Perceptron(**{"weights": [1.0, 2.0], "bias": 0.5, "classes": ["no", "yes"], **changes})
