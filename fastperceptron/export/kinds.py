"""How the decision values of a model become probabilities: each form of a model writes the same kind."""

from typing import Any, Literal

Kind = Literal["sigmoid", "one_vs_rest", "softmax"]

# Sigmoids of several classes are computed of z - min(largest z + 40, 0): from z = -40 on down the sigmoid is exp(z) to
# the last bit, so that the ratios stay the same where all sigmoids would underflow.
TAIL = 40.0


def kind_of(model: Any) -> Kind:
    """Return "sigmoid" for two classes; for more "softmax", or "one_vs_rest": sigmoids divided by their sum."""
    if model.weights.ndim == 1:
        return "sigmoid"
    return "softmax" if model.activation == "softmax" else "one_vs_rest"
