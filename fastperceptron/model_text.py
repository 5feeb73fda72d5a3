"""A `Perceptron` as text, in which many features or classes are shortened."""

from collections.abc import Sequence
from typing import Any


def as_text(model: Any) -> str:
    """Return the weights by feature name, x0, x1 and so on without names; the bias and the classes."""
    names = model.feature_names or [f"x{number}" for number in range(model.n_features)]
    classes = [repr(label) for label in model.classes.tolist()]
    if model.weights.ndim == 1:
        weights, bias = _by_name(names, model.weights.tolist()), f"{model.bias:.4g}"
    else:
        each = [f"{label}: {_by_name(names, row)}" for label, row in zip(classes, model.weights.tolist(), strict=True)]
        weights = f"{{{shortened(each)}}}"
        bias = f"[{shortened([f'{value:.4g}' for value in model.bias])}]"
    activation = "" if model.activation == "sigmoid" else f", activation={model.activation!r}"
    return f"Perceptron(weights={weights}, bias={bias}, classes=[{shortened(classes)}]{activation})"


def _by_name(names: Sequence[str], weights: list[float]) -> str:
    return f"{{{shortened([f'{name}: {weight:.4g}' for name, weight in zip(names, weights, strict=True)])}}}"


def shortened(items: Sequence[str]) -> str:
    """Return items with commas between; only the first and the last of many."""
    if len(items) > 8:
        items = [*items[:6], f"... {len(items) - 7} more ...", items[-1]]
    return ", ".join(items)
