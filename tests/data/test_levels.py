"""The level of a value is the same wherever the value is stored, and text that only looks like a number stays text."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st
from pyarrow import parquet

import fastperceptron as fp
from fastperceptron.data.levels import LevelFinder, level_name, names_of_levels

NUMBERS = st.one_of(
    st.integers(-(2**24), 2**24),
    st.floats(width=32, allow_nan=False, allow_infinity=False).map(lambda value: float(str(np.float32(value)))),
)


@given(st.lists(NUMBERS, min_size=1, max_size=9))
def test_a_number_has_one_name_in_every_type_and_text(numbers: list[float]) -> None:
    names = {level_name(number) for number in numbers}
    assert {level_name(np.float64(number)) for number in numbers} == names
    assert {level_name(np.float32(number)) for number in numbers} == names
    for write in (repr, lambda number: f"{number!r} ", lambda number: f"{float(number):.20e}"):
        assert names_of_levels({write(number) for number in numbers}) == names


def sources(values: list[Any], folder: Path) -> dict[str, Any]:
    """Return the same column k in files and frames of many types."""
    rows = [{"k": value, "y": number % 2} for number, value in enumerate(values)]
    frame = pd.DataFrame(rows)
    frame.to_csv(folder / "t.csv", index=False)
    frame.to_parquet(folder / "t.parquet")
    (folder / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for value, part in frame.groupby("k"):
        path = folder / "hive" / f"k={value}" / "part.csv"
        path.parent.mkdir(parents=True)
        part[["y"]].assign(x=1).to_csv(path, index=False)
    typed = {
        kind: frame.assign(k=frame.k.astype(kind)) for kind in ("int8", "float32", "float64", "category", "bool", "str")
    }
    is_whole = all(float(value).is_integer() for value in values)
    kept = {kind: each for kind, each in typed.items() if kind != "int8" or is_whole}
    if set(values) != {True, False}:
        del kept["bool"]
    files = {name: folder / name for name in ("t.csv", "t.parquet", "t.jsonl")}
    return {**kept, **files, "hive": folder / "hive"}


@pytest.mark.parametrize(
    "values", [[0.1, 0.2, 0.1, 2.5], [1, 2, 3, 1], [1.0, 2.0, 1.0], [True, False], [0, 1]], ids=str
)
def test_a_model_of_any_source_reads_any_other(values: list[Any], tmp_path: Path) -> None:
    found = sources(values, tmp_path)
    n_levels = len(set(values))
    for name, source in found.items():
        data = fp.dataset(source, target="y", categorical=["k"])
        names = tuple(feature for feature in data.feature_names or () if feature.startswith("k="))
        assert len(names) == n_levels
        for other, rows in found.items():
            X = fp.dataset(rows, target="y").with_features(names, has_labels=True).arrays()[0]
            assert X.sum(axis=1).tolist() == [1] * len(values), (name, other)
            if other != "hive":
                same = [[one == two for two in values] for one in values]
                assert (same == X @ X.T).all()


@pytest.mark.parametrize(
    ("levels", "value", "found"),
    [
        (["1.0", "2.0"], "1", "1.0"),
        (["1", "2"], "1.00", "1"),
        (["1", "1.0"], "1.0", "1.0"),
        (["007", "010"], "7", None),
        (["7"], "007", None),
        (["1.1", "1.10.2"], "1.10", None),
        (["1", "unknown"], "1.0", "1"),
        (["True", "False"], "1", "True"),
        (["True", "False"], "TRUE", "True"),
        (["0", "1"], "False", "0"),
        (["1", "True"], "true", "True"),
        (["1000", "31"], "1e3", "1000"),
        (["31"], "0x1F", None),
        (["nan"], "NaN", None),
    ],
)
def test_values_find_levels_by_name_and_else_by_number(levels: list[str], value: str, found: str | None) -> None:
    assert LevelFinder(levels).find(value) == found


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        (["2.50", "2.5", "3"], {"2.5", "3"}),
        (["2.50", "2.5", "red"], {"2.50", "2.5", "red"}),
        (["007", "010"], {"007", "010"}),
        (["1.1", "1.10", "1.10.2"], {"1.1", "1.10", "1.10.2"}),
        (["TRUE", "false"], {"True", "False"}),
        (["0", "0.0", "-0"], {"0"}),
    ],
)
def test_text_is_numbers_if_all_of_it_is(texts: list[str], names: set[str], tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("k,y\n" + "".join(f"{text},{n % 2}\n" for n, text in enumerate(texts)))
    path = tmp_path / "t.csv"
    assert set(fp.dataset(path, target="y", categorical=["k"]).feature_names or ()) == {f"k={name}" for name in names}
    # Text that is typed as text, or said to be text, stays as it is.
    frame = pd.DataFrame({"k": texts, "y": range(len(texts))})
    stated = fp.dataset(path, target="y", categorical=["k"], csv={"column_types": {"k": "string"}})
    for data in (fp.dataset(frame, target="y", categorical=["k"]), stated):
        assert set(data.feature_names or ()) == {f"k={text}" for text in texts}


def test_levels_with_a_decimal_comma_are_numbers(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("k;y\n2,50;0\n3;1\n")
    data = fp.dataset(tmp_path / "t.csv", target="y", categorical=["k"], csv={"delimiter": ";", "decimal_point": ","})
    assert data.feature_names == ("k=2.5", "k=3")
    assert data.arrays()[0].tolist() == [[1, 0], [0, 1]]


def test_given_levels_are_found_by_value() -> None:
    frame = pd.DataFrame({"k": [1.0, 2.0, 2.5], "y": [0, 1, 0]})
    for levels in (["1.0", "2"], [1, 2], [True, 2.0], [np.float32(1), np.int8(2)]):
        data = fp.dataset(frame, target="y", categorical={"k": levels})
        assert data.arrays()[0].tolist() == [[1, 0], [0, 1], [0, 0]]


def test_a_column_without_a_known_level_is_said() -> None:
    frame = pd.DataFrame({"k": ["red", "blue", "red"], "y": [0, 1, 0]})
    said = "no row of the DataFrame has a known level of column 'k': it holds values such as '.*', but the levels are"
    with pytest.warns(UserWarning, match=said + " 'Red', 'Blue'. All its features are 0"):
        fp.dataset(frame, target="y", categorical={"k": ["Red", "Blue"]}).arrays()
    model = fp.PerceptronClassifier().fit(fp.dataset(frame, target="y", categorical=["k"])).model_
    with pytest.warns(UserWarning, match=said + " 'blue', 'red'"):
        model.predict(fp.dataset(frame.assign(k="green")))
    one_known = pd.DataFrame({"k": ["green", "red"], "y": [0, 1]})
    assert model.predict(fp.dataset(one_known)).shape == (2,)  # no warning


@pytest.mark.parametrize("level", [None, np.nan, pd.NA, pd.NaT, b"red", (1, 2), np.inf])
def test_a_level_that_is_missing_is_refused(level: Any) -> None:
    with pytest.raises(TypeError, match=r"a level of column 'k' is .* levels are text or numbers"):
        fp.dataset(pa.table({"k": ["a"], "y": [0]}), target="y", categorical={"k": ["a", level]})


@pytest.mark.parametrize("values", [["a", None, "b"], [1.5, float("nan"), 2.5], [True, None, False]])
def test_a_value_that_is_missing_is_not_a_level(values: list[Any], tmp_path: Path) -> None:
    table = pa.table({"k": values, "y": [0, 1, 0]})
    parquet.write_table(table, tmp_path / "t.parquet")
    for source in (table, table.to_pandas(), tmp_path / "t.parquet"):
        with pytest.raises(ValueError, match=r"column 'k' holds (a null|NaN) in row 1"):
            fp.dataset(source, target="y", categorical=["k"])
