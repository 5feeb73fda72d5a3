"""`fastperceptron export` writes what the methods of the model give, and says in its own words what it cannot."""

import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest

import fastperceptron as fp
from command_line import run
from exported_models import CLASSES, model_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a model of each kind, and one of levels."""
    for kind in CLASSES:
        model_of(kind).save(tmp_path / kind)
    fp.Perceptron([1.0, 2.0], 0.0, ["no", "yes"], ["a=b", "a=c"]).save(tmp_path / "levels")
    fp.Perceptron([1.0, 2.0], 0.0, ["no", "yes"], ["a", "a=c=d"]).save(tmp_path / "unclear")
    return tmp_path


@pytest.mark.parametrize("dialect", ["duckdb", "sqlite", "postgres"])
def test_sql_of_two_classes_is_the_expression(folder: Path, dialect: str) -> None:
    expected = model_of("two").to_sql(dialect) + "\n"
    done = run("export", "two", "--to", "sql", "--dialect", dialect, cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")
    done = run("export", "two", "--to", "sql", "--dialect", dialect, "--output", "p.sql", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "p.sql: 4 features, classes no, it's \u00fc.\n")
    assert (folder / "p.sql").read_bytes().decode() == expected
    assert run("export", "two", "--to", "sql", cwd=folder).stdout == model_of("two").to_sql() + "\n"


def test_sql_of_more_classes_is_a_list_of_columns(folder: Path) -> None:
    done, model = run("export", "three", "--to", "sql", "--dialect", "sqlite", cwd=folder), model_of("three")
    assert (done.returncode, done.stderr) == (0, "")
    connection = sqlite3.connect(":memory:")
    names = ", ".join(f"`{name.replace('`', '``')}`" for name in model.feature_names)
    connection.execute(f"CREATE TABLE t ({names})")
    connection.execute("INSERT INTO t VALUES (1.0, 2.0, 3.0, 4.0)")
    found = connection.execute(f"SELECT {done.stdout} FROM t")  # noqa: S608
    assert [column[0] for column in found.description] == ["p(a)", "p(b)", "p(c)"]
    np.testing.assert_allclose(found.fetchone(), model.predict_proba([1.0, 2.0, 3.0, 4.0]), rtol=0, atol=1e-12)
    connection.close()


@pytest.mark.parametrize("kind", CLASSES)
def test_json_is_the_object(folder: Path, kind: str) -> None:
    done = run("export", kind, "--to", "json", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == json.loads(model_of(kind).to_json())
    run("export", kind, "--to", "json", "-o", "m.json", cwd=folder)
    assert (folder / "m.json").read_text() == done.stdout


def test_onnx_is_the_graph(folder: Path) -> None:
    pytest.importorskip("onnx")
    done = run("export", "five", "--to", "onnx", "--output", "m.onnx", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "m.onnx: 4 features, classes 3, 1, 4, 15, 9.\n")
    assert (folder / "m.onnx").read_bytes() == model_of("five").to_onnx().SerializeToString()


def test_columns_of_levels_are_named(folder: Path) -> None:
    model = fp.load(folder / "levels")
    for given, categorical in (([], "auto"), (["-c", "auto"], "auto"), (["-c", "a"], ["a"]), (["-c", ""], [])):
        done = run("export", "levels", "--to", "sql", *given, cwd=folder)
        assert done.stdout == f"{model.to_sql(categorical=categorical)}\n"
    done = run("export", "unclear", "--to", "sql", "-c", "a=c", cwd=folder)
    assert done.stdout == fp.load(folder / "unclear").to_sql(categorical=["a=c"]) + "\n"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["two", "--to", "pickle"], "--to must be one of 'onnx', 'sql', 'json', but is 'pickle'."),
        (["two", "--to", "onnx"], "an ONNX file is binary: give --output FILE."),
        (["two", "--to", "sql", "--dialect", "oracle"], "--dialect must be one of 'duckdb', 'sqlite', 'postgres'"),
        (["two", "--to", "json", "--dialect", "sqlite"], "--dialect is for --to sql: leave it out."),
        (["two", "--to", "onnx", "-c", "a", "-o", "m"], "--categorical is for --to sql: leave it out."),
        (["two", "--to", "json", "-o", "two"], "'two' holds the model that is read"),
        (["two", "--to", "json", "-o", "none/m.json"], "there is no folder"),
        (["none", "--to", "json"], "there is no model file 'none'"),
        (["unclear", "--to", "sql"], "as in --categorical a, or none (--categorical '')"),
        (["levels", "--to", "sql", "-c", "z"], "--categorical: no feature is a level of column 'z'"),
    ],
)
def test_errors_are_one_line_in_the_words_of_the_command(folder: Path, given: list[str], message: str) -> None:
    done = run("export", *given, cwd=folder)
    assert done.returncode == 1
    assert done.stdout == ""
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
