"""Which layer three or more classes have: softmax, or one sigmoid neuron each. Two classes are always one neuron's."""

from typing import Any

from fastperceptron.checks import one_of

RULE = one_of(("auto", "softmax", "one_vs_rest"))


def check_multi_class(estimator: Any) -> None:
    """Raise ValueError if softmax is asked of a loss or solver that does not have it."""
    if estimator.multi_class != "softmax":
        return
    for name, needed in (("loss", "log_loss"), ("solver", "newton")):
        value = getattr(estimator, name)
        if value != needed:
            raise ValueError(
                f"multi_class='softmax' needs {name}={needed!r}, but {name}={value!r}: "
                "take multi_class='one_vs_rest', or 'auto', which chooses what there is."
            )


def asks_for_softmax(estimator: Any) -> bool:
    """Return whether the parameters mean softmax for three or more classes."""
    is_possible = estimator.loss == "log_loss" and estimator.solver == "newton"
    return bool(estimator.multi_class == "softmax" or (estimator.multi_class == "auto" and is_possible))


def has_softmax(estimator: Any) -> bool:
    """Return whether the present coefficients of three or more classes are those of a softmax layer.

    A fit decides it; where coefficients were set without one, the parameters do.
    """
    known: bool | None = vars(estimator).get("_is_softmax")
    return asks_for_softmax(estimator) if known is None else known
