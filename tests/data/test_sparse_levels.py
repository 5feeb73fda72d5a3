"""Columns of many levels in files and frames become sparse rows; of few levels dense ones."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

import fastperceptron as fp
from data.test_sparse_sources import assert_is_sparse_twin, fit
from fastperceptron.data.sparse_arrays import CsrArray


def table_of_levels(n_levels: int, n_rows: int = 600, dtype: Any = np.float64) -> pd.DataFrame:
    rng = np.random.default_rng(n_levels)
    codes = rng.integers(n_levels, size=n_rows)
    codes[:n_levels] = np.arange(n_levels)
    size, age = np.where(rng.random(n_rows) < 0.5, 0.0, rng.normal(size=n_rows)), rng.normal(40, 9, n_rows)
    y = rng.random(n_rows) < 1 / (1 + np.exp(-size - np.sin(codes)))
    frame = pd.DataFrame(
        {"size": size.astype(dtype), "city": [f"c{code:03}" for code in codes], "age": age.astype(dtype)}
    )
    return frame.assign(kind=rng.choice(["a", "b"], n_rows), y=np.where(y, "yes", "no"))


def dense_twin(frame: pd.DataFrame) -> np.ndarray:
    parts = [
        pd.get_dummies(frame[name]).to_numpy(float) if frame[name].dtype.kind not in "f" else frame[[name]].to_numpy()
        for name in ("size", "city", "age", "kind")
    ]
    return np.concatenate(parts, axis=1)


def sources(frame: pd.DataFrame, folder: Path) -> dict[str, Any]:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(table, folder / "rows.parquet")
    pacsv.write_csv(table, folder / "rows.csv")
    return {"parquet": folder / "rows.parquet", "csv": folder / "rows.csv", "frame": frame, "table": table}


@pytest.mark.parametrize("kind", ["parquet", "csv", "frame", "table"])
def test_columns_of_many_levels_are_held_sparse(tmp_path: Path, kind: str) -> None:
    frame = table_of_levels(40)
    source = sources(frame, tmp_path)[kind]
    data = fp.dataset(source, target="y", categorical=["city", "kind"])
    assert data.feature_names[:3] == ("size", "city=c000", "city=c001")
    assert data.feature_names[-3:] == ("age", "kind=a", "kind=b")
    assert_is_sparse_twin(data, dense_twin(frame), frame.y)


@pytest.mark.parametrize(("n_levels", "is_sparse"), [(2, False), (29, False), (30, True), (300, True)])
def test_rows_are_dense_where_levels_are_few(n_levels: int, is_sparse: bool) -> None:
    data = fp.dataset(table_of_levels(n_levels), target="y", categorical=["city", "kind"])
    assert isinstance(data.head(1).X, CsrArray) == is_sparse
    assert data.arrays()[0].shape == (600, n_levels + 4)


def test_rows_are_dense_where_sparse_ones_would_not_be_clearly_smaller() -> None:
    rng = np.random.default_rng(0)
    numbers = pd.DataFrame(rng.normal(size=(600, 60)), columns=[f"x{k}" for k in range(60)])
    frame = pd.concat([numbers, table_of_levels(30)[["city", "y"]]], axis=1)
    assert isinstance(fp.dataset(frame, target="y", categorical=["city"]).head(1).X, np.ndarray)


def test_the_kind_of_rows_does_not_depend_on_a_chunk() -> None:
    frame = table_of_levels(40)
    head = fp.dataset(frame[:3], target="y", categorical={"city": sorted(frame.city.unique()), "kind": ["a", "b"]})
    assert isinstance(head.head(1).X, CsrArray)


def test_a_model_of_sparse_levels_predicts_tables_with_other_levels_and_columns_in_any_order(tmp_path: Path) -> None:
    frame = table_of_levels(40)
    fitted = fit(fp.dataset(frame, target="y", categorical=["city", "kind"]))
    fitted.save(tmp_path / "model")
    model = fp.load(tmp_path / "model")
    other = (
        frame[["y", "kind", "age", "city", "size"]]
        .iloc[::-1]
        .assign(city=lambda own: own.city.where(own.age < 40, "Oz"))
    )
    X = dense_twin(frame)[::-1].copy()
    X[np.ix_(other.age >= 40, np.arange(1, 41))] = 0
    assert model.predict_proba(fp.dataset(other)).tolist() == model.predict_proba(X).tolist()
    assert fp.evaluate(model, other).scores == fp.evaluate(model, (X, frame.y.to_numpy()[::-1])).scores
    unordered = fp.Perceptron(model.weights[::-1], model.bias, model.classes, model.feature_names[::-1])
    np.testing.assert_allclose(unordered.predict_proba(fp.dataset(other)), model.predict_proba(X), rtol=1e-12)
    one, two = (fp.PerceptronClassifier() for _ in range(2))
    one.partial_fit(fp.dataset(frame, target="y", categorical=["city", "kind"]), classes=["no", "yes"])
    assert one.coef_.tobytes() == two.partial_fit(dense_twin(frame), frame.y, ["no", "yes"]).coef_.tobytes()


def test_levels_that_no_row_has_are_warned_of_in_sparse_rows_too() -> None:
    frame = table_of_levels(40)
    data = fp.dataset(
        frame.assign(city="Oz"),
        target="y",
        categorical={"city": sorted(frame.city.unique())},
        features=["size", "city"],
    )
    with pytest.warns(UserWarning, match="has a known level of column 'city': it holds values such as 'Oz'"):
        list(data.blocks())


def test_bad_values_in_sparse_rows_of_tables_are_named() -> None:
    frame = table_of_levels(40)
    choice = {"target": "y", "categorical": {"city": sorted(frame.city.unique())}, "features": ["size", "city"]}
    frame.loc[17, "size"] = np.inf
    with pytest.raises(ValueError, match="Input X contains infinity: X holds inf in row 17, column 0"):
        fit(fp.dataset(frame, **choice))
    frame.loc[17, "city"] = None
    with pytest.raises(ValueError, match="column 'city' holds a null in row 17"):
        fit(fp.dataset(frame, **choice))
