"""Separable classes: without a penalty their neuron has no finite optimum, and a fit must say so.

Perfectly separated: a plane has all rows of a class on one side, and none of the others. Then larger weights are always
better. Quasi-completely: only some rows can be told apart so, by a column that only one class has values in, say. Their
costs fall to 0 as some weights grow, while those of the other rows have a minimum (Albert and Anderson 1984, On the
existence of maximum likelihood estimates in logistic regression models).
"""

from fastperceptron.training.minimise.objective import Reach
from fastperceptron.training.problem import Problem

PERFECT, QUASI_COMPLETE = "perfectly", "quasi-completely"
# The cost of a row at z = 0. A sum of costs below that of the lightest row has no row on the wrong side.
COST_AT_ZERO = {"log_loss": 0.6931, "squared_error": 0.25}
# The last step moves z of separated rows by 1, again and again, and their costs have fallen far below that of a row.
LEAST_CHANGE, MOST_ROWS = 0.5, 0.025


def is_separated(problem: Problem, loss: str, value: float) -> bool:
    """Return whether a sum of weighted costs shows that a neuron has all rows on the right side."""
    return value < COST_AT_ZERO.get(loss, 0.0) * problem.least_weight


def is_partly_separated(problem: Problem, reach: Reach, gap: float) -> bool:
    """Return whether rows still move that nothing holds: one row on their other side would cost more than the gap."""
    return reach.change > LEAST_CHANGE and gap < MOST_ROWS * problem.least_weight
