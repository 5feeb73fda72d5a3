"""A model as SQL expressions over the columns that its features are named after.

Two classes are one plain expression: 1 / (1 + exp(-z)), which keeps its relative accuracy in both tails. More classes
are a scalar subquery, in which each z is computed once. Sums and conditions are nested in groups, since databases limit
the depth of an expression (SQLite and DuckDB to 1000) and chains count as deep as they are long.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastperceptron.checks import choice
from fastperceptron.export.kinds import TAIL, Kind, kind_of
from fastperceptron.export.sql_columns import Column, check_differ, columns_of, is_present, term
from fastperceptron.export.sql_dialects import DIALECTS, Dialect, number, text_constant

GROUP = 50  # operands in a row


def to_sql(model: Any, dialect: str, output: str, categorical: Any) -> str | dict[Any, str]:
    """Return one expression, or one for each class; see `Exports.to_sql`."""
    choice(dialect, DIALECTS, "dialect")
    choice(output, ("probability", "label"), "output")
    known = DIALECTS[dialect]
    names = model.feature_names or [f"x{feature}" for feature in range(model.n_features)]
    columns = columns_of(names, categorical)
    check_differ(columns, known)
    condition = _nested(" AND ".join, [is_present(column, known) for column in columns])
    z = [
        _decision_value(columns, weights, bias, known)
        for weights, bias in zip(np.atleast_2d(model.weights).tolist(), np.atleast_1d(model.bias).tolist(), strict=True)
    ]
    labels = [_constant(label, known) for label in model.classes.tolist()] if output == "label" else []
    if len(z) == 1:
        value = _label_of_two(z[0], labels, known) if output == "label" else _checked_sigmoid(z[0], known)
        return f"CASE WHEN {condition} THEN {value} END"
    classes = _Classes(z, kind_of(model), known, names)
    if output == "label":
        return f"CASE WHEN {condition} THEN {classes.label(labels)} END"
    return {
        label: f"CASE WHEN {condition} THEN {classes.probability(place)} END"
        for place, label in enumerate(model.classes.tolist())
    }


def _nested(join: Callable[[Sequence[str]], str], items: Sequence[str]) -> str:
    """Return items joined, in parentheses in groups of groups where they are many."""
    while len(items) > GROUP:
        groups = [items[start : start + GROUP] for start in range(0, len(items), GROUP)]
        items = [group[0] if len(group) == 1 else f"({join(group)})" for group in groups]
    return items[0] if len(items) == 1 else join(items)


def _decision_value(columns: list[Column], weights: Sequence[float], bias: float, dialect: Dialect) -> str:
    terms = [term(column, [weights[feature] for feature in column.features], dialect) for column in columns]
    return _nested(" + ".join, [number(dialect, bias), *terms])


def _sigmoid(z: str, dialect: Dialect) -> str:
    one = number(dialect, 1.0)
    return f"{one} / ({one} + {dialect.exp.format(f'-({z})')})"


def _checked_sigmoid(z: str, dialect: Dialect) -> str:
    return dialect.checked.format(_sigmoid(z, dialect))


def _label_of_two(z: str, labels: Sequence[str], dialect: Dialect) -> str:
    z = dialect.checked.format(f"({z})")
    return f"CASE {z} > {number(dialect, 0.0)} WHEN TRUE THEN {labels[1]} WHEN FALSE THEN {labels[0]} END"


def _constant(label: Any, dialect: Dialect) -> str:
    """Return a label as a constant of its own type."""
    if isinstance(label, str):
        return text_constant(label, "the label")
    return number(dialect, label) if isinstance(label, float) else repr(label).upper()


class _Classes:
    """Subqueries over the z of several classes."""

    def __init__(self, z: list[str], kind: Kind, dialect: Dialect, names: Sequence[str]) -> None:
        self._kind, self._dialect, self._name = kind, dialect, "z"
        # DuckDB would find one of these in place of a column of the same name.
        while any(name.lower().startswith(self._name) for name in names):
            self._name = f"_{self._name}"
        self._z = [f"{self._name}{place}" for place in range(len(z))]
        each = ", ".join(f"{value} AS {name}" for value, name in zip(z, self._z, strict=True))
        largest = _nested(lambda items: dialect.largest.format(", ".join(items)), self._z)
        self._source = f"(SELECT {', '.join(self._z)}, {largest} AS top FROM (SELECT {each}) AS every_z) AS with_top"

    def label(self, labels: Sequence[str]) -> str:
        """Return the label of the largest z, of equal ones the first."""
        arms = " ".join(f"WHEN {z} THEN {label}" for z, label in zip(self._z, labels, strict=True))
        return f"(SELECT CASE {self._dialect.checked.format('top')} {arms} END FROM {self._source})"

    def probability(self, place: int) -> str:
        """Return the probability of a class: its share in the sum of all."""
        shares = [f"share{number}" for number in range(len(self._z))]
        each = ", ".join(f"{self._share(z)} AS {name}" for z, name in zip(self._z, shares, strict=True))
        value = self._dialect.checked.format(f"{shares[place]} / ({_nested(' + '.join, shares)})")
        return f"(SELECT {value} FROM (SELECT {each} FROM {self._source}) AS every_share)"

    def _share(self, z: str) -> str:
        if self._kind == "softmax":
            return self._dialect.exp.format(f"{z} - top")
        tail, zero = number(self._dialect, TAIL), number(self._dialect, 0.0)
        shift = f"CASE WHEN top < -{tail} THEN top + {tail} ELSE {zero} END"
        return _sigmoid(f"{z} - {shift}", self._dialect)
