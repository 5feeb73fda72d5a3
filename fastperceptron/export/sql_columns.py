"""The features of a model as columns of a table: numbers, and the levels "column=level" of a categorical column."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from fastperceptron.export.sql_dialects import NUMBER, Dialect, identifier, number, text_constant

EXACT = 2.0**53  # up to which whole numbers differ as float64
_BOOLEANS = {"true": 1.0, "false": 0.0}


class Column(NamedTuple):
    """A column and the numbers of the features that are made of it."""

    name: str
    features: tuple[int, ...]
    levels: tuple[str, ...] | None  # one per feature; None for a column of numbers


def columns_of(names: Sequence[str], categorical: Any) -> list[Column]:
    """Return the columns that features of these names come from, in order.

    `categorical` names the columns with levels; "auto" means what stands before "=". It raises ValueError if a name
    could be read in two ways.
    """
    if isinstance(categorical, str) and categorical != "auto":
        raise ValueError(f"categorical must be 'auto' or a list of columns, but is {categorical!r}.")
    parts = [_parts(name, None if categorical == "auto" else list(categorical or ())) for name in names]
    found: dict[str, list[int]] = {}
    for feature, (column, _) in enumerate(parts):
        found.setdefault(column, []).append(feature)
    columns = []
    for name, features in found.items():
        levels = [parts[feature][1] for feature in features]
        if None in levels and len(levels) > 1:
            raise _ambiguous(names[features[-1]])
        columns.append(Column(name, tuple(features), None if None in levels else tuple(map(str, levels))))
    for name in [] if categorical == "auto" else categorical or ():
        if not any(column.name == name and column.levels for column in columns):
            raise ValueError(f"categorical: no feature is a level of column {name!r}, such as '{name}=...'.")
    return columns


def _parts(name: str, categorical: list[str] | None) -> tuple[str, str | None]:
    if categorical is None:
        column, equals, level = name.partition("=")
        if "=" in level:
            raise _ambiguous(name)
        return (column, level) if column and equals else (name, None)
    for at in range(len(name) - 1, -1, -1):
        if name[at] == "=" and name[:at] in categorical:
            return name[:at], name[at + 1 :]
    return name, None


def _ambiguous(name: str) -> ValueError:
    return ValueError(
        f"categorical: feature {name!r} may be a column of numbers, or the level of a column: name the columns that "
        f"have levels, as in `categorical=[{name.partition('=')[0]!r}]`, or none (`categorical=[]`)."
    )


def check_differ(columns: Iterable[Column], dialect: Dialect) -> None:
    """Raise ValueError if the database would take two columns for one."""
    known: dict[str, str] = {}
    for name, *_ in columns if dialect.ignores_case else ():
        folded = re.sub("[A-Z]", lambda letter: letter[0].lower(), name)
        other = known.setdefault(folded, name)
        if other != name:
            raise ValueError(f"{dialect.name} takes {other!r} and {name!r} for the same column: rename one.")


def is_present(column: Column, dialect: Dialect) -> str:
    """Return the condition that a row has a value in this column that predictions may use."""
    quoted = identifier(dialect, column.name)
    if column.levels is None:
        return dialect.is_finite.format(quoted)
    text = dialect.text.format(quoted)
    return f"lower({text}) <> 'nan'" if _are_numbers(column.levels) else f"{quoted} IS NOT NULL"


def term(column: Column, weights: Sequence[float], dialect: Dialect) -> str:
    """Return what a column adds to z; `weights` are those of its features."""
    quoted = identifier(dialect, column.name)
    if column.levels is None:
        return f"{number(dialect, weights[0])} * {dialect.double.format(quoted)}"
    text, each = dialect.text.format(quoted), [*zip(column.levels, weights, strict=True)]
    if _are_numbers(column.levels):
        operand = dialect.number_of.format(text=text, value=quoted)
        return _cases(operand, [(_number_of_level(level, dialect), weight) for level, weight in each], dialect)
    # Other spellings of a level, where they are not levels, too: 2.00 means 2, and TRUE means True.
    spelt = [(spelling, weight) for level, weight in each if (spelling := _spelling(level))]
    is_boolean = f"lower({text}) IN ('true', 'false')"
    plain = f"CASE WHEN {text} LIKE '%.0%' THEN rtrim({text}, '0') WHEN {is_boolean} THEN lower({text}) END"
    otherwise = _cases(plain, spelt, dialect)
    exact = [(text_constant(level, f"column {column.name!r}: the level"), weight) for level, weight in each]
    return _cases(text, exact, dialect, otherwise if spelt else None)


def _cases(operand: str, cases: Iterable[tuple[str, float]], dialect: Dialect, otherwise: str | None = None) -> str:
    arms = "".join(f" WHEN {case} THEN {number(dialect, weight)}" for case, weight in cases)
    return f"CASE {operand}{arms} ELSE {otherwise or number(dialect, 0.0)} END"


def _spelling(level: str) -> str | None:
    """Return what other spellings of a level become without zeros at the end, or in lower case; None without any."""
    if re.fullmatch("[+-]?[0-9]+", level):
        return f"'{level}.'"
    return f"'{level.lower()}'" if level in ("True", "False") else None


def _are_numbers(levels: Sequence[str]) -> bool:
    """Return whether levels are different numbers, which values of any type and spelling may mean."""
    numbers = {_BOOLEANS.get(level.lower(), _as_number(level)) for level in levels}
    return None not in numbers and len(numbers) == len(levels)


def _as_number(level: str) -> float | None:
    """Return the number that text means, or None; whole numbers that float64 would confuse with others are text."""
    is_number = re.fullmatch(NUMBER, level, re.ASCII) and abs(float(level)) < EXACT
    return float(level) if is_number else None


def _number_of_level(level: str, dialect: Dialect) -> str:
    known = _BOOLEANS.get(level.lower())
    return dialect.level.format(number(dialect, float(level) if known is None else known))
