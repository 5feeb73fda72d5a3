"""A model as a plain JSON object, for programs in any language."""

import json
from typing import Any

import numpy as np

from fastperceptron.export.kinds import kind_of


def to_json(model: Any) -> str:
    """Return the text; see `Exports.to_json`."""
    described = {
        "format": "fastperceptron-json/1",
        "probabilities": kind_of(model),
        "classes": model.classes.tolist(),
        "feature_names": None if model.feature_names is None else list(model.feature_names),
        "target_name": model.target_name,
        "weights": model.weights.tolist(),
        "bias": np.asarray(model.bias).tolist(),
    }
    text = json.dumps(described, indent=1, allow_nan=False)
    if json.loads(text) != described:
        raise ValueError("a label or a name holds two surrogates that are not one character: rename it.")
    return text
