"""The command line on tables of any format: columns as they are typed, ids, outputs; an error is one line."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import fastperceptron as fp
from command_line import run

pytestmark = pytest.mark.compiled  # it prints times


@pytest.fixture(scope="module")
def customers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one table in many formats."""
    folder, rng = tmp_path_factory.mktemp("customers"), np.random.default_rng(0)
    frame = pd.DataFrame({"id": [f"{k:05d}" for k in range(400)], "age": rng.normal(40, 10, 400).round(3)})
    frame = frame.assign(plan=rng.choice(["ä", "b"], 400), **{"re,gion": rng.choice(["n", "s"], 400)})
    frame["churn"] = np.where(frame.age + rng.normal(0, 5, 400) > 41, "yes", "no")
    frame.to_parquet(folder / "rows.parquet")
    frame.to_csv(folder / "rows.csv", index=False)
    frame.to_csv(folder / "semicolon.csv", index=False, sep=";", encoding="latin-1")
    frame.to_csv(folder / "tab.csv.gz", index=False, sep="\t")
    frame.to_json(folder / "rows.jsonl", orient="records", lines=True)
    frame[:150].to_csv(folder / "part-1.csv", index=False)
    frame[150:].to_csv(folder / "part-2.csv", index=False)
    np.savez(folder / "rows.npz", X=frame[["age"]], y=frame.churn.to_numpy().astype(str))
    np.save(folder / "rows.npy", np.c_[frame.age, frame.churn == "yes"])
    return folder


SEMICOLON = ["semicolon.csv", "--csv", "delimiter=;", "--csv", "encoding=latin-1"]


@pytest.mark.parametrize(
    "given",
    [["rows.csv"], ["rows.parquet"], ["rows.jsonl"], ["part-1.csv", "part-2.csv"], ["part-*.csv"], SEMICOLON]
    + [["tab.csv.gz", "--csv", f"delimiter={tab}"] for tab in ("tab", r"\t", "\t")],
)
@pytest.mark.parametrize("columns", [["-x", "id", "-c", "plan,re,gion"], ["-f", "age,plan,re,gion", "-c", "auto"]])
def test_one_table_in_any_format_is_one_model(given: list[str], columns: list[str], customers, tmp_path) -> None:
    for name, arguments in (("a", given), ("b", ["rows.parquet"])):
        done = run("train", *arguments, "-t", "churn", *columns, "-o", tmp_path / name, cwd=customers)
        assert (done.returncode, done.stderr) == (0, "")
        scored = run("evaluate", tmp_path / name, *arguments, cwd=customers)
        assert (scored.returncode, scored.stderr) == (0, "")
        assert "share of class yes" in scored.stdout
    assert fp.load(tmp_path / "a").weights.tobytes() == fp.load(tmp_path / "b").weights.tobytes()
    assert fp.load(tmp_path / "a").n_features == 5


@pytest.mark.parametrize("given", [["rows.npz"], ["rows.npz", "-t", "y"], ["rows.npy", "-t", "1"]])
def test_arrays_are_trained_on_predicted_and_evaluated(given: list[str], customers: Path, tmp_path: Path) -> None:
    for arguments in (
        ["train", *given, "-o", tmp_path / "m"],
        ["evaluate", tmp_path / "m", given[0]],
        ["predict", tmp_path / "m", given[0], "-o", tmp_path / "p.csv"],
    ):
        done = run(*arguments, cwd=customers)
        assert (done.returncode, done.stderr) == (0, "")
    assert len(pd.read_csv(tmp_path / "p.csv")) == 400


@pytest.mark.parametrize("given", [["rows.parquet"], ["part-1.csv", "part-2.csv"], SEMICOLON, ["rows.jsonl"]])
def test_predictions_carry_ids_as_they_are_stored(given: list[str], customers: Path, tmp_path: Path) -> None:
    model = fp.Perceptron([1.0], -40.0, ["no", "yes"], ["age"])
    model.save(tmp_path / "m")
    done = run("predict", tmp_path / "m", *given, "-o", tmp_path / "p.parquet", "--id", "id,plan", cwd=customers)
    assert (done.returncode, done.stderr) == (0, "")
    found, frame = pd.read_parquet(tmp_path / "p.parquet"), pd.read_parquet(customers / "rows.parquet")
    assert found.columns.tolist() == ["id", "plan", "prediction", "p(no)", "p(yes)"]
    assert found[["id", "plan"]].to_numpy().tolist() == frame[["id", "plan"]].to_numpy().tolist()
    assert found["prediction"].tolist() == model.predict(frame[["age"]]).tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rows.csv"], "give --target <column>"),
        (["rows.csv", "-t", "churn"], "--categorical plan"),
        (["semicolon.csv", "-t", "churn", "--csv", "delimiter=;", "-c", "plan"], "--csv encoding='latin-1'"),
        (["rows.csv", "-t", "churn", "-c", "plan,plan"], "--categorical names 'plan' twice"),
        (["rows.csv", "-t", "churn", "-x", "id", "-x", "id"], "--exclude names 'id' twice"),
        (["rows.csv", "-t", "churn", "-x", "idd"], "--exclude: there is no column 'idd'; did you mean 'id'?"),
        (["rows.csv", "-t", "churn", "-x", "churn"], "--exclude names 'churn', which is the target"),
        (["rows.csv", "-t", "churn", "-f", "agee"], "--feature: there is no column 'agee'"),
        (["rows.csv", "-t", "churn", "-c", "id", "--max-levels", "9"], "--max-levels, now 9"),
        (["rows.csv", "-t", "churn", "--csv", "delimiter"], "write name=value"),
        (["rows.csv", "-t", "churn", "--csv", "delimeter=;"], "did you mean 'delimiter'?"),
        (["rows.csv", "-t", "churn", "-f", "age", "--class-weight", "yes=2", "--class-weight", "yes=3"], "twice"),
        (["rows.csv", "-t", "churn", "-f", "age", *["--class-weight", "balanced"] * 2], "twice"),
        (["rows.csv", "-t", "churn", "-f", "age", "--class-weight", "maybe=3"], "the classes are no, yes"),
        (["rows.csv", "-t", "churn", "-f", "age", "-o", "no/m"], "there is no folder"),
        (["rows.csv", "-t", "churn", "-f", "age", "-o", "."], "is a folder"),
        (["rows.csv", "-t", "churn", "-f", "age", "-o", "/dev/null", "--checkpoint", "c"], "is a device"),
        (["rows.csv", "-t", "churn", "-f", "age", "--report", "no/r.json"], "there is no folder"),
    ],
)
def test_what_train_refuses_is_one_line_in_the_language_of_the_command_line(
    arguments: list[str], message: str, customers: Path
) -> None:
    before = sorted(customers.iterdir())
    done = run("train", *arguments, cwd=customers)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not re.search(r"`|pyarrow\.|\w+=\[|csv=\{|dataset\(", done.stderr)
    assert sorted(customers.iterdir()) == before


@pytest.mark.parametrize("option", [["--eta0", 0.1], ["--batch-size", 8]])
def test_options_of_another_solver_are_refused(option: list[object], customers: Path) -> None:
    done = run("train", "rows.csv", "-t", "churn", "-f", "age", *option, cwd=customers)
    assert done.returncode == 2
    assert f"{option[0]} is for --solver sgd" in done.stderr


def test_a_table_without_the_models_target_says_what_to_do(customers: Path, tmp_path: Path) -> None:
    fp.Perceptron([1.0], -40.0, ["no", "yes"], ["age"], target_name="left").save(tmp_path / "m")
    done = run("evaluate", tmp_path / "m", "rows.csv", cwd=customers)
    assert done.returncode == 1
    assert "The model learnt 'left': if the labels are in another column, give --target." in done.stderr
    assert run("evaluate", tmp_path / "m", "rows.csv", "-t", "churn", cwd=customers).returncode == 0


@pytest.mark.parametrize(
    "arguments", [["-o", "rows.csv"], ["-o", "m", "--report", "rows.csv"], ["-o", "m", "--report", "m"]]
)
def test_no_output_replaces_the_data_or_another_output(arguments: list[str], tmp_path: Path) -> None:
    content = "a,y\n1,0\n2,1\n3,0\n"
    (tmp_path / "rows.csv").write_text(content)
    done = run("train", "rows.csv", "-t", "y", *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert "holds data that are read" in done.stderr or "would be written twice" in done.stderr
    assert (tmp_path / "rows.csv").read_text() == content


@pytest.mark.parametrize(
    "error",
    [
        KeyError("x"),
        OverflowError("big"),
        UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"),
        RecursionError("deep"),
        MemoryError(),
        pa.ArrowInvalid("two\nlines"),
        AttributeError("none"),
        ValueError("two\nlines"),
    ],
)
def test_no_error_is_a_traceback(error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("fastperceptron.cli.show.weights_of", fail)
    done = run("show", "m", cwd=tmp_path)
    assert done.returncode == 1
    assert re.fullmatch(r"fastperceptron: .+\n", done.stderr)


def test_an_early_ctrl_c_says_that_nothing_was_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fastperceptron.cli.train.train_model", stop)
    done = run("train", "rows.csv", "-t", "y", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "fastperceptron: stopped; there is no checkpoint yet, so the same command starts at the beginning.\n"
    )


OUTPUTS: dict[str, list[str]] = {
    "train -o": ["train", "rows.csv", "-t", "churn", "-f", "age", "-o"],
    "train --checkpoint": ["train", "rows.csv", "-t", "churn", "-f", "age", "--checkpoint"],
    "train --report": ["train", "rows.csv", "-t", "churn", "-f", "age", "--report"],
    "predict -o": ["predict", "m", "rows.csv", "-o"],
    "evaluate --plot": ["evaluate", "m", "rows.csv", "--plot"],
    "synthesize -o": ["synthesize", "-n", "10", "-d", "2", "-o"],
}


@pytest.mark.parametrize("command", OUTPUTS)
@pytest.mark.parametrize("output", [".", "..", "/", "folder", "folder/", "folder.csv", "new/", "new.csv/", ""])
def test_an_output_that_is_a_folder_is_refused_before_the_work(command: str, output: str, customers, tmp_path) -> None:
    for name in ("folder", "folder.csv"):
        (tmp_path / name).mkdir()
    (tmp_path / "rows.csv").write_bytes((customers / "rows.csv").read_bytes())
    fp.Perceptron([1.0], -40.0, ["no", "yes"], ["age"], target_name="churn").save(tmp_path / "m")
    before = sorted(tmp_path.rglob("*"))
    done = run(*OUTPUTS[command], output, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"fastperceptron: '.*' (is a|names a) folder, not a file: add the file's name\.\n", done.stderr)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("output", ["file", "file/folder"])
def test_a_file_in_place_of_the_folder_of_the_demo_is_refused_before_the_work(output: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run("demo", "--steps", 200, "--output", output, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"fastperceptron: a file is in the place of the folder {output!r}: give another path.\n"
