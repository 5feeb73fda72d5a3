"""Which columns of a table are features, target and weight: as the user says, or as a model's names say."""

import difflib
import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from fastperceptron.checks import Array
from fastperceptron.data.columns import Columns, Feature, advice_for
from fastperceptron.data.levels import given_level, read_levels
from fastperceptron.data.pieces import is_number, is_text, value_type
from fastperceptron.data.reader import Reader
from fastperceptron.data.text_values import are_numbers, first_that_is_no_number


def choose_columns(
    reader: Reader,
    target: Any,
    features: Sequence[Any] | None,
    weight: Any,
    categorical: Any,
    dtype: Any = None,
    max_levels: int | None = None,
    column_types: dict[str, bool] | None = None,
) -> Columns:
    """Return the role of each column, given by name or number; raise ValueError if one does not exist or none is left.

    `column_types` says whether a column that is stored as text is text.
    """
    target, weight = _find_roles(reader, target, weight)
    chosen = _default_features(reader, target, weight) if features is None else _given_features(reader, features)
    for role, name in (("target", target), ("weight", weight)):
        if name in chosen:
            raise ValueError(
                f"column {name!r} is the {role}, and cannot be a feature, too: leave it out of `features`."
            )
    if target is not None and target == weight:
        raise ValueError(f"column {target!r} cannot be both the target and the weight.")
    if not chosen:
        raise ValueError(f"{reader.name} has no columns for features besides target and weight.")
    stated = {_find(reader, name, "column_types") for name, is_text in (column_types or {}).items() if is_text}
    levels = _given_levels(reader, categorical, chosen, stated)
    unfit = [name for name in chosen if name not in levels and (name in stated or not _may_be_number(reader, name))]
    levels |= read_levels(
        reader, [name for name in chosen if name in levels and levels[name] is None], max_levels, stated
    )
    made = [
        Feature(name, name) if level is None else Feature(f"{name}={level}", name, level)
        for name in chosen
        for level in levels.get(name, (None,)) or ()
    ]
    refusal = describe_refusal(reader, unfit[0]) if unfit else None
    return _columns(reader, made, target, weight, dtype, _are_numeric(column_types, target), refusal)


def columns_for(
    reader: Reader, names: Iterable[str], target: Any, weight: Any, dtype: Any, classes: Array | None = None
) -> Columns:
    """Return the columns that make the features of these names: those of a model, of which `classes` are the labels.

    It raises ValueError if a column does not exist, TypeError if one does not hold numbers as it did in training.
    """
    target, weight = _find_roles(reader, target, weight)
    features = [_feature_of(reader.schema, name) for name in names]
    for feature in features:
        if feature.level is None and not _may_be_number(reader, feature.column):
            kind = reader.schema.field(feature.column).type
            raise TypeError(f"column {feature.column!r} must hold numbers, as in training, but its type is {kind}.")
    are_numeric = None if classes is None else classes.dtype.kind in "biuf"
    return _columns(reader, features, target, weight, dtype, are_numeric, None)


def _columns(
    reader: Reader,
    features: list[Feature],
    target: str | None,
    weight: str | None,
    dtype: Any,
    are_numeric: bool | None,
    refusal: str | None,
) -> Columns:
    twice = [name for name, count in Counter(feature.name for feature in features).items() if count > 1]
    if twice:
        raise ValueError(f"{reader.name} gives more than one feature called {twice[0]!r}: rename a column.")
    if target is not None and target not in reader.text:
        kind = reader.schema.field(target).type
        if not (is_number(kind) or is_text(kind) or pa.types.is_null(kind)):
            raise TypeError(
                f"column {target!r} of {reader.name} cannot be the target, since its type is {kind}: "
                f"{_advice_to_cast(kind)}."
            )
    kept = _dtype(reader, features, dtype)
    return Columns(tuple(features), target, weight, kept, reader.text, reader.decimal_point, are_numeric, refusal)


def _are_numeric(column_types: dict[str, bool] | None, target: str | None) -> bool | None:
    is_given_as_text = (column_types or {}).get(str(target))
    return None if is_given_as_text is None else not is_given_as_text


def _may_be_number(reader: Reader, name: str) -> bool:
    kind = reader.schema.field(name).type
    return name in reader.text or is_number(kind) or bool(pa.types.is_null(kind))


def _default_features(reader: Reader, target: str | None, weight: str | None) -> list[str]:
    names = [name for name in reader.schema.names if name not in (target, weight) and name not in reader.index]
    for name in names:
        if not name.strip() or name.startswith("Unnamed: "):
            place = reader.schema.names.index(name)
            cause = "it looks like the index of a pandas frame, which to_csv(index=False) leaves out"
            if place:
                cause = "lines that end with a delimiter have such a column"
            raise ValueError(
                f"column {place} of {reader.name} has no name: {cause}. Name the columns to learn from (`features`)."
            )
    return names


def _given_features(reader: Reader, features: Sequence[Any]) -> list[str]:
    if isinstance(features, str):
        raise TypeError(f"features must be a list of columns, but is {features!r}.")
    chosen = [_find(reader, name, "features") for name in features]
    twice = [name for name, count in Counter(chosen).items() if count > 1]
    if twice:
        raise ValueError(f"features has {twice[0]!r} more than once.")
    return chosen


def _feature_of(schema: pa.Schema, name: str) -> Feature:
    if name in schema.names:
        return Feature(name, name)
    for at in range(len(name) - 1, -1, -1):  # a column's own name may contain "=", too
        if name[at] == "=" and name[:at] in schema.names:
            return Feature(name, name[:at], name[at + 1 :])
    raise _unknown_column(schema.names, name, "feature")


def _find_roles(reader: Reader, target: Any, weight: Any) -> list[str | None]:
    roles = (target, "target"), (weight, "weight")
    return [None if name is None else _find(reader, name, role) for name, role in roles]


def _find(reader: Reader, name: Any, role: str) -> str:
    """Return the name of a column that is given by name or number; or raise ValueError."""
    names, labels = reader.schema.names, list(reader.labels)
    is_whole = isinstance(name, int | np.integer) and not isinstance(name, bool)
    if is_whole and any(isinstance(label, int | np.integer) for label in labels):
        if name in labels:  # the names of the columns are integers
            return str(names[labels.index(name)])
        raise _unknown_column(labels, name, role)
    if not is_whole and str(name) in names:
        return str(name)
    if isinstance(name, str) and name.lstrip("-").isdigit():
        return _find(reader, int(name), role)
    if not is_whole:
        raise _unknown_column(names, name, role)
    if not -len(names) <= name < len(names):
        near = difflib.get_close_matches(str(name), names, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{role}: there is no column {name}, but {len(names)}, counted from 0.{hint}")
    found = str(names[name])
    if str(name) in names and str(name) != found:
        raise ValueError(
            f"{role}: {name} could mean the column called '{name}' or column number {name}, {found!r}: give a name, "
            "as text."
        )
    return found


def _unknown_column(names: Sequence[Any], name: Any, role: str) -> ValueError:
    labels = {str(label): label for label in names}
    near = difflib.get_close_matches(str(name), labels, 1)
    hint = f"did you mean {labels[near[0]]!r}?" if near else f"the columns are {_format_names(names)}."
    return ValueError(f"{role}: there is no column {name!r}; {hint}")


def _given_levels(
    reader: Reader, categorical: Any, chosen: list[str], stated: set[str]
) -> dict[str, tuple[str, ...] | None]:
    """Return the categorical columns with their levels, None where these must be read; those `stated` are text."""
    if categorical is None:
        return {}
    if isinstance(categorical, str):
        if categorical == "auto":
            return dict.fromkeys([name for name in chosen if name in {*_text_columns(reader, chosen), *stated}])
        raise TypeError(
            f"categorical must be 'auto', a list of columns, or a dict of their levels, but is {categorical!r}."
        )
    if not isinstance(categorical, Iterable):
        raise TypeError(f"categorical must be 'auto', a list of columns, or a dict of levels, not {categorical!r}.")
    given = categorical if isinstance(categorical, dict) else dict.fromkeys(categorical)
    for name, levels in given.items():
        if isinstance(levels, str):
            raise TypeError(f"categorical: the levels of column {name!r} must be a list, but are {levels!r}.")
    found = {
        _find(reader, name, "categorical"): None
        if levels is None
        else tuple(given_level(level, str(name)) for level in levels)
        for name, levels in given.items()
    }
    for name, levels in found.items():
        if name not in chosen:
            raise ValueError(f"categorical: column {name!r} is not a feature.")
        kind = reader.schema.field(name).type
        if not (is_text(kind) or is_number(kind) or pa.types.is_null(kind)):
            # Other types have no one name of a value: that of a date depends on its unit.
            raise TypeError(f"categorical: column {name!r} has the type {kind}: cast it to text first.")
        if levels is not None and not levels:
            raise ValueError(f"categorical: column {name!r} has no levels.")
    return found


def _text_columns(reader: Reader, chosen: list[str]) -> list[str]:
    """Return the columns of text; of those stored as text, the ones with another value in the first file."""
    stored = [name for name in chosen if name in reader.text]
    found: set[str] = set()
    for piece in reader.pieces(stored, n_files=1) if stored else ():
        unsure = [name for name in stored if name not in found]
        found |= {name for name in unsure if first_that_is_no_number(piece.batch.column(name).drop_null())}
        if len(found) == len(stored):
            break
    return [
        name for name in chosen if name in found or (name not in stored and is_text(reader.schema.field(name).type))
    ]


def label_texts_are_numbers(reader: Reader, target: str) -> bool:
    """Return whether all labels of the first file, which are stored as text, are numbers."""
    pieces = (piece.batch.column(target) for piece in reader.pieces([target], n_files=1))
    texts = itertools.chain.from_iterable(column.drop_null().unique().to_pylist() for column in pieces)
    return are_numbers(texts)


def _dtype(reader: Reader, features: Iterable[Feature], dtype: Any) -> np.dtype:
    """Return float32 if all numbers are float32 or fit into it and at least one is float32; else float64."""
    if dtype is not None:
        return np.dtype(dtype)  # type: ignore[no-any-return]  # dtype is of any kind
    names = {feature.column for feature in features if feature.level is None}
    types = [value_type(reader.schema.field(name).type) for name in names - reader.text]
    kinds = [np.dtype(kind.to_pandas_dtype()) for kind in types if is_number(kind)]
    are_short = [kind.kind == "f" and kind.itemsize <= 4 for kind in kinds]
    are_exact = [kind.kind == "b" or (kind.kind in "iu" and kind.itemsize <= 2) for kind in kinds]
    is_single = not names & reader.text and any(are_short) and all(map(max, are_short, are_exact))
    kept: np.dtype = np.dtype("float32" if is_single else "float64")
    return kept


def describe_refusal(reader: Reader, name: str) -> str:
    """Return why a column cannot be a feature, and what to do."""
    kind = reader.schema.field(name).type
    if is_text(kind):
        return f"column {name!r} of {reader.name} is text, but features must be numeric: {advice_for(name)}"
    return (
        f"column {name!r} of {reader.name} cannot be a feature, since its type is {kind}: {_advice_to_cast(kind)}, or "
        "leave it out (`features`)."
    )


def _advice_to_cast(kind: pa.DataType) -> str:
    """Return how to make numbers or labels of a type that is neither number nor text."""
    types, kind = pa.types, value_type(kind)
    if types.is_decimal(kind):
        return "cast it to float64, in pandas frame[column].astype(float)"
    if types.is_temporal(kind) and not types.is_interval(kind):
        return "make numbers of it, such as days since a date or the hour of the day"
    if types.is_interval(kind):
        return "make a number of it, such as its length in days"
    return "cast it to numbers or text"


def _format_names(names: Sequence[Any]) -> str:
    return f"[{', '.join(map(repr, names[:12]))}{', ...' if len(names) > 12 else ''}]"
