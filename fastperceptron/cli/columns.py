"""What columns and class weights mean as they are typed, now that their table can be looked at."""

from typing import Any

import numpy as np

from fastperceptron.cli.language import class_weight_values, find_columns, split_columns
from fastperceptron.data.dataset import Dataset
from fastperceptron.data.files import find_files
from fastperceptron.data.formats import NPZ, SVMLIGHT, ArrayFormat, format_of_files, has_known_ending
from fastperceptron.data.sources import dataset
from fastperceptron.model import Perceptron


def has_own_labels(source: Any) -> bool:
    """Return whether a source is .npz files, whose arrays have the names of roles, or svmlight files."""
    return format_of_files(find_files(source, has_known_ending)) in (NPZ, SVMLIGHT)


def _column_names(source: Any, csv: Any) -> list[str]:
    """Return the names of a table's columns; of arrays their numbers, as text."""
    files = find_files(source, has_known_ending)
    if isinstance(format_of_files(files), ArrayFormat):
        return [str(number) for number in range(dataset(source).n_features)]
    from fastperceptron.data.open_reader import open_reader

    names: list[str] = open_reader(files, csv).schema.names
    return names


def columns_as_typed(source: Any, columns: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of `dataset` that columns mean as they are typed: `exclude` becomes `features`."""
    chosen = dict(columns)
    exclude, features, categorical = (chosen.pop(name) for name in ("exclude", "features", "categorical"))
    if exclude or features or (categorical and categorical != ["auto"]):
        names = _column_names(source, chosen["csv"])
        roles = [find_columns([chosen[role]], names, f"--{role}")[0] for role in ("target", "weight") if chosen[role]]
        if exclude:
            left_out = find_columns(exclude, names, "--exclude")
            if both := [name for name in left_out if name in roles]:
                raise ValueError(f"--exclude names {both[0]!r}, which is the target or the weight: leave it out there.")
            features = find_columns(features or [], names, "--feature") if features else names
            features = [name for name in features if name not in (*left_out, *roles)]
            if not features:
                raise ValueError("--exclude leaves no column to learn from.")
        elif features:
            features = split_columns(features, names, "--feature")
        if categorical and categorical != ["auto"]:
            categorical = split_columns(categorical, names, "--categorical")
    return chosen | {"features": features or None, "categorical": "auto" if categorical == ["auto"] else categorical}


def class_weight_as_typed(texts: list[str] | None, data: Dataset) -> Any:
    """Return the class_weight that texts like "balanced" or "yes=2.5" mean; labels are numbers where the data's are."""
    if not texts or texts == ["balanced"]:
        return class_weight_values(texts, are_texts=True)
    classes = data.classes
    if classes is None:
        found = [np.unique(np.asarray(block.y)) for block in data.blocks() if block.y is not None]
        classes = np.unique(np.concatenate(found)) if found else np.array([""])
    weights = class_weight_values(texts, are_texts=classes.dtype.kind not in "biuf")
    for label in weights if isinstance(weights, dict) else ():
        if label not in classes.tolist():
            known = ", ".join(map(str, classes[:20].tolist()))
            shown = f"{label:g}" if isinstance(label, float) else label
            raise ValueError(f"--class-weight: {shown} is not a class; the classes are {known}.")
    return weights


def rows_for(model: Perceptron, source: Any, csv: Any) -> Dataset:
    """Return rows to predict, without the target's column if an array without column names has one."""
    data = dataset(source, csv=csv)
    if data.n_features == model.n_features + 1 and model.target_name is not None and not model.feature_names:
        data = dataset(source, target=model.target_name, csv=csv)
    return data
