"""Text becomes what its owner meant: no type depends on which rows or files are read, and what is wrong has a place."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import fastperceptron as fp
from fastperceptron.data.text_values import as_number

ROWS = "a,b,y\n1.5,2,0\n2.5,3,1\n"


def read(content: str | bytes, folder: Path, name: str = "t.csv", **options: Any) -> fp.Dataset:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return fp.dataset(folder / name, **({"target": "y"} | options))


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (ROWS, {}),
        (ROWS.replace(",", ";"), {"csv": {"delimiter": ";"}}),
        (ROWS.replace(",", ";").replace(".", ","), {"csv": {"delimiter": ";", "decimal_point": ","}}),
        (ROWS.split("\n", 1)[1], {"csv": {"has_header": False}, "target": "f2"}),
        (ROWS.split("\n", 1)[1], {"csv": {"column_names": ["a", "b", "y"]}}),
        ("# made by hand\n" + ROWS.replace("2.5", "# none\n2.5"), {"csv": {"comment": "#"}}),
        ("\ufeff" + ROWS, {}),
        (ROWS.encode("utf-16"), {"csv": {"encoding": "utf-16"}}),
        (ROWS.replace("1.5", '"1.5"').replace("3", "0x3"), {}),
        (ROWS.replace("\n", "\r\n"), {}),
        ("k," + ROWS.replace("1.5", '"l1\nl2",1.5').replace("2.5", ",2.5"), {"features": ["a", "b"]}),
    ],
)
def test_text_is_read_as_it_is_written(content: str | bytes, options: dict[str, Any], tmp_path: Path) -> None:
    X, y = read(content, tmp_path, **options).arrays()
    assert (X.tolist(), y.tolist(), X.dtype, y.dtype) == ([[1.5, 2], [2.5, 3]], [0, 1], np.float64, np.int64)


def test_tabs_are_known_by_the_ending(tmp_path: Path) -> None:
    assert read(ROWS.replace(",", "\t"), tmp_path, "t.tsv").arrays()[0].shape == (2, 2)


def test_names_that_are_numbers_are_used_if_there_is_a_header(tmp_path: Path) -> None:
    data = read("1,a,y\n3,4,0\n5,6,1\n", tmp_path, csv={"has_header": True})
    assert (data.feature_names, data.arrays()[0].tolist()) == (("1", "a"), [[3, 4], [5, 6]])


def test_one_column_may_have_a_name_of_several_words(tmp_path: Path) -> None:
    assert read("height in cm\n1\n2\n", tmp_path, target=None).feature_names == ("height in cm",)


TEXTS = st.sampled_from(["0", "1", "1.0", "True", "false", "0x1F", " 7", "-2.5e3"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=30), cut=st.integers(0, 30))
def test_a_value_means_the_same_in_any_row_and_file(texts: list[str], cut: int, tmp_path: Path) -> None:
    lines = [f"{text},{number % 2}\n" for number, text in enumerate(texts)]
    (tmp_path / "2.csv").unlink(missing_ok=True)
    for name, part in (("1.csv", lines[:cut]), ("2.csv", lines[cut:])):
        if part or name == "1.csv":
            (tmp_path / name).write_text("a,y\n" + "".join(part))
    X, _ = fp.dataset(f"{tmp_path}/?.csv", target="y").arrays()
    assert X[:, 0].tolist() == [float(as_number(text) or 0) for text in texts]


def test_levels_and_labels_that_are_named_stay_text(tmp_path: Path) -> None:
    first = read("zip,y\n007,a\n010,b\n", tmp_path, "1.csv", categorical=["zip"])
    assert first.feature_names == ("zip=007", "zip=010")
    classifier = fp.PerceptronClassifier().fit(first)
    digits = read("zip,y\n007,a\n010,b\n010,b\n", tmp_path, "2.csv")  # no categorical: the model knows its levels
    assert classifier.score(digits) == 1
    labels = read("x,y\n1,007\n2,010\n", tmp_path, "3.csv", csv={"column_types": {"y": "string"}})
    classifier = fp.PerceptronClassifier().fit(labels)
    assert classifier.classes_.tolist() == ["007", "010"]
    assert classifier.score(read("x,y\n0,007\n", tmp_path, "4.csv")) == 1  # a model with labels of text reads text


def test_a_level_has_the_name_of_the_same_number_in_a_typed_column(tmp_path: Path) -> None:
    assert read("k,y\n7.0,0\ntrue,1\n", tmp_path, categorical=["k"]).feature_names == ("k=7", "k=True")


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["0", "1", "1.0"], [0, 1]),
        (["True", "false", "TRUE"], [False, True]),
        (["0", "1", "yes"], ["0", "1", "yes"]),
        (["007", "7", "8"], [7, 8]),
    ],
)
def test_labels_are_numbers_if_all_are(labels: list[str], classes: list[Any], tmp_path: Path) -> None:
    data = read("a,y\n" + "".join(f"{k},{label}\n" for k, label in enumerate(labels)), tmp_path)
    found = fp.PerceptronClassifier().fit(data).classes_
    assert found.tolist() == classes
    assert found.dtype == np.unique(data.arrays()[1]).dtype


def test_the_kind_of_labels_is_that_of_the_first_file(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a,y\n1,0\n2,1\n")
    (tmp_path / "2.csv").write_text("a,y\n1,0\n2,yes\n")
    data = fp.dataset(f"{tmp_path}/*.csv", target="y")
    for use in (fp.PerceptronClassifier().fit, lambda each: each.arrays()):
        with pytest.raises(ValueError, match=r"column 'y' holds 'yes' in row 1 of '.*2.csv', but the other labels"):
            use(data)


BAD = {
    "semicolons": (ROWS.replace(",", ";"), {}, ValueError, r"one column only, 'a;b;y': .* `csv={'delimiter': ';'}`"),
    "tabs": (ROWS.replace(",", "\t"), {}, ValueError, r"`csv={'delimiter': '\\t'}`"),
    "question mark": ("a,y\n1,0\n?,1\n", {}, ValueError, r"column 'a' holds '\?' in row 1 of '.*t.csv'.*null_values"),
    "thousands": ('a,y\n"1,234",0\n2,1\n', {}, ValueError, "'1,234' in row 0 of .* without separators of thousands"),
    "decimal comma": ("a;y\n1,5;0\n2,5;1\n", {"csv": {"delimiter": ";"}}, ValueError, "'1,5' in row 0.*decimal_point"),
    "text": ("a,y\nred,0\nblue,1\n", {}, TypeError, "'red' in row 0 .* is text, but features must be numeric"),
    "latin-1": ("a,y\n1,no\n2,café\n".encode("latin-1"), {}, ValueError, r"'y' holds b'caf\\xe9' in row 1.*encoding"),
    "latin-1 header": ("café,y\n1,0\n".encode("latin-1"), {}, ValueError, "first line is not UTF-8.*latin-1"),
    "no header": ("1,2,0\n2,3,1\n", {"target": 2}, ValueError, "first line holds only numbers.*'has_header': False"),
    "missing label": ("a,y\n1,no\n2,NA\n3,yes\n", {}, ValueError, "column 'y' holds a null in row 1"),
    "empty label": ("a,y\n1,no\n2,\n3,yes\n", {}, ValueError, "column 'y' holds a null in row 1"),
    "missing level": ("a,y\nu,0\n,1\n", {"categorical": ["a"]}, ValueError, "column 'a' holds a null in row 1"),
    "empty column": ("a,e,y\n1,,0\n2,,1\n", {}, ValueError, "column 'e' .* has no values: leave it out"),
    "trailing comma": ("a,y,\n1,0,\n", {}, ValueError, "column 2 .* has no name: lines that end with a delimiter"),
    "index": (",a,y\n0,1,0\n", {}, ValueError, "column 0 .* has no name: it looks like the index of a pandas frame"),
    "one name twice": ("a,a,y\n1,2,0\n", {}, ValueError, "more than one column called 'a'"),
    "ragged": ("a,y\n1,0\n2\n", {}, ValueError, "not a whole CSV file: row 1"),
    "target as feature": (ROWS, {"features": ["a", "y"]}, ValueError, "'y' is the target, and cannot be a feature"),
    "unknown option": (ROWS, {"csv": {"delimitr": ";"}}, ValueError, "did you mean 'delimiter'"),
    "wrong option": (ROWS, {"csv": {"delimiter": ";;"}}, ValueError, "csv=.* is not valid"),
    "date type": (ROWS, {"csv": {"column_types": {"a": "date32"}}}, ValueError, "only text .* or numbers"),
    "comment of no text": (ROWS, {"csv": {"comment": 1}}, ValueError, "comment must be one character"),
    "header of another kind": (ROWS, {"csv": {"has_header": "no"}}, ValueError, "has_header must be True or False"),
    "options as text": (ROWS, {"csv": ";"}, TypeError, "csv must be a dict of options"),
    "text as stated": (ROWS, {"csv": {"column_types": {"a": "string"}}}, TypeError, "column 'a' of .* is text"),
    "a type of no column": (ROWS, {"csv": {"column_types": {"n": "string"}}}, ValueError, "there is no column 'n'"),
    "levels as one text": (ROWS, {"categorical": {"a": "xy"}}, TypeError, "levels of column 'a' must be a list"),
    "whole numbers beyond float64": (
        "a,y\n1,18446744073709551615\n2,-5\n3,18446744073709551614\n",
        {},
        ValueError,
        "cannot hold exactly",
    ),
    "no header, and text": (
        "5.1,setosa\n4.9,setosa\n",
        {},
        ValueError,
        "first line holds numbers, 5.1: if there is no h",
    ),
    "an unknown encoding": (ROWS, {"csv": {"encoding": "klingon"}}, ValueError, "unknown encoding: klingon"),
    "another encoding": (ROWS, {"csv": {"encoding": "utf-16"}}, ValueError, "not text in the encoding .* 'utf-16'"),
    "skip_rows below 0": (ROWS, {"csv": {"skip_rows": -1}}, ValueError, "csv: skip_rows must be at least 0, but is -1"),
    "half a row": (ROWS, {"csv": {"skip_rows": 1.5}}, TypeError, "csv: skip_rows must be a whole number"),
    "a block of nothing": (ROWS, {"csv": {"block_size": 0}}, ValueError, "csv: block_size must be at least 1"),
    "nulls as one text": (ROWS, {"csv": {"null_values": "NA"}}, ValueError, "csv: null_values must be a list of texts"),
    "names as one text": (ROWS, {"csv": {"column_names": "aby"}}, ValueError, "column_names must be a list of texts"),
    "a truth as text": (ROWS, {"csv": {"double_quote": "no"}}, ValueError, "csv: double_quote must be True or False"),
    "spaces": (
        ROWS.replace(",", " "),
        {},
        ValueError,
        r"'a b y': the delimiter seems to be ' '; give `csv={'delimiter",
    ),
    "spaces in columns": ("a   b   y\n1   2   0\n", {}, ValueError, "write one space only between two values"),
    "a text as weight": (
        "a,w,y\n1,u,0\n2,v,1\n",
        {"weight": "w"},
        TypeError,
        "'u' in row 0 .* weights must be numeric",
    ),
    "one text as weight": (
        "a,w,y\n1,1,0\n2,v,1\n",
        {"weight": "w"},
        ValueError,
        "'v' in row 1 .* weight of a row must",
    ),
    "no weights": ("a,w,y\n1,,0\n2,,1\n", {"weight": "w"}, ValueError, "'w' .* no values: it cannot be the weight"),
    "no labels": ("a,y\n1,\n2,\n", {}, ValueError, "'y' .* no values: it cannot be the target"),
    "long row": ("a,k,y\n1," + "x" * 3_000_000 + ",0\n", {"features": ["a"]}, ValueError, "block_size"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_has_file_row_column_and_value(name: str, tmp_path: Path) -> None:
    content, options, error, message = BAD[name]
    with pytest.raises(error) as caught:
        fp.PerceptronClassifier().fit(read(content, tmp_path, **options))
    assert re.search(message, str(caught.value)), str(caught.value)


def test_a_column_of_identifiers_is_not_coded(tmp_path: Path) -> None:
    content = "k,a,y\n" + "".join(f"id{n},{n},{n % 2}\n" for n in range(1500))
    for categorical in ("auto", ["k"]):
        with pytest.raises(ValueError, match=r"column 'k' has 1,500 levels .* leave it out .* `max_levels`"):
            read(content, tmp_path, categorical=categorical)
    assert read(content, tmp_path, categorical="auto", max_levels=1500).n_features == 1501
