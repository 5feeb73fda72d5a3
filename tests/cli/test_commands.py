"""The command line as a user meets it: what it prints where, its exit codes, its files. Most of it in this process."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet
from sklearn import metrics

import fastperceptron as fp
from command_line import COMMAND, Done, run
from fastperceptron.data.formats import FORMATS
from fastperceptron.estimator.solvers import SOLVERS
from fastperceptron.kernels.losses import LOSSES

pytestmark = pytest.mark.compiled  # it prints times


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Path]:
    directory = tmp_path_factory.mktemp("demo")
    return run("demo", "--steps", 5000, "--seed", 3, "--output", "out", cwd=directory), directory / "out"


def test_demo_prints_its_results(demo) -> None:
    done, _ = demo
    assert done.returncode == 0
    assert done.stderr == ""
    assert re.search(r"The unknown flower, sepal 6.6 x 3.0 cm, is versicolor: >?\d+\.\d\d% sure\.", done.stdout)
    assert re.search(r"Accuracy on the 46 flowers: \d+\.\d%", done.stdout)
    assert re.search(r"Final cost: 0\.\d+", done.stdout)
    assert re.search(r"Time per step: [\d.,]+ ns, plain Python [\d,]+ ns", done.stdout)


def test_demo_writes_three_pictures_and_the_model(demo) -> None:
    _, directory = demo
    assert sorted(path.name for path in directory.iterdir()) == [
        "activation.png",
        "cost.png",
        "flowers.png",
        "model.safetensors",
    ]
    for picture in directory.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")
    flowers = fp.load_flowers()
    model = fp.load(directory / "model.safetensors")
    assert model.feature_names == ("sepal length (cm)", "sepal width (cm)")
    assert model.history.n_steps == 5000
    expected = fp.train(flowers.X[:, :2], flowers.y, steps=5000, rng=3)
    assert model.weights.tobytes() == expected.weights.tobytes()


@pytest.mark.parametrize("arguments", [["demo", "--steps", 0], ["demo", "--seed", -1], ["dmeo"], ["demo", "--stps", 1]])
def test_wrong_usage_exits_with_2_and_prints_usage_to_stderr(arguments, tmp_path: Path) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Usage: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_failure_exits_with_1_and_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run("demo", "--steps", 200, "--output", "file", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("fastperceptron: ")
    assert done.stderr.count("\n") == 1


def test_help_lists_the_commands(tmp_path: Path) -> None:
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "demo" in done.stdout
    assert "Seed of everything random" in run("demo", "--help", cwd=tmp_path).stdout
    said = run("predict", "--help", cwd=tmp_path).stdout
    assert all(ending in said for ending in FORMATS)


def test_without_typer_the_command_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['typer'] = None; from fastperceptron.cli import main"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "the command line needs more packages: pip install 'fastperceptron[cli]'\n"


def test_help_of_train_names_every_loss_and_solver(tmp_path: Path) -> None:
    shown = " ".join(run("train", "--help", cwd=tmp_path).stdout.split())
    for option, names in (("loss", LOSSES), ("solver", SOLVERS)):
        described = re.search(rf"--{option} <str> (.*?) --", shown)[1]
        assert all(re.search(rf"\b{name}\b", described) for name in names)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a folder with a synthetic table, and what the command printed."""
    folder = tmp_path_factory.mktemp("table")
    done = run("synthesize", "-n", "30k", "-d", 3, "--seed", 1, "-o", "rows.parquet", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return folder, done.stdout


@pytest.fixture(scope="module")
def trained(table: tuple[Path, str]) -> tuple[Path, str]:
    """Return the folder with a model of the table, and what the command printed."""
    folder, _ = table
    arguments = ("--target", "y", "-o", "m.safetensors", "--holdout", 0.2, "--report", "r.json")
    done = run("train", "rows.parquet", *arguments, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return folder, done.stdout


def test_synthesize_writes_the_rows_of_the_function(table: tuple[Path, str]) -> None:
    folder, said = table
    data = fp.synthetic(30_000, 3, rng=1)
    X, y = fp.dataset(folder / "rows.parquet", target="y").arrays()
    assert (data.arrays()[0] == X).all()
    assert (y == data.arrays()[1]).all()
    assert "30,000 rows of 3 features written to rows.parquet; the target is y." in said
    assert f"true weights: {' '.join(f'{weight:.6g}' for weight in data.true_weights)}, bias 0" in said


@pytest.mark.parametrize("name", ["rows.csv", "rows.arrow"])
def test_synthesize_writes_other_formats(name: str, table: tuple[Path, str], tmp_path: Path) -> None:
    assert run("synthesize", "-n", 1e3, "-d", 3, "--seed", 1, "-o", name, cwd=tmp_path).returncode == 0
    X, _ = fp.dataset(tmp_path / name, target="y").arrays()
    assert (fp.synthetic(1000, 3, rng=1).arrays()[0] == X.astype(np.float32)).all()


def test_train_writes_model_and_report_and_no_checkpoint_is_left(trained: tuple[Path, str]) -> None:
    folder, said = trained
    model, report = fp.load(folder / "m.safetensors"), json.loads((folder / "r.json").read_text())
    assert (model.feature_names, model.target_name) == (("x0", "x1", "x2"), "y")
    assert report["rows"] + report["holdout"]["rows"] == 30_000
    assert 5500 < report["holdout"]["rows"] < 6500
    assert 0.4 < report["holdout"]["log loss"] < 0.5
    assert "reads in" in said
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith("p.")) == [
        "m.safetensors",
        "r.json",
        "rows.parquet",
    ]


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        (["--class-weight", "1=3", "--no-intercept"], {"class_weight": {1: 3.0}, "fit_intercept": False}),
        (["--class-weight", "balanced", "--no-standardize"], {"class_weight": "balanced", "standardize": False}),
        (
            ["--solver", "sgd", "--eta0", 0.05, "--n-jobs", 1, "--tol", 10],
            {"solver": "sgd", "eta0": 0.05, "tol": 10, "random_state": 0},
        ),
    ],
)
def test_options_of_train_are_those_of_the_classifier(
    arguments: list[object], parameters: dict[str, object], table: tuple[Path, str], tmp_path: Path
) -> None:
    data = table[0] / "rows.parquet"
    done = run("train", data, "--target", "y", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    model = fp.load(tmp_path / "model.safetensors")
    expected = fp.PerceptronClassifier(loss="log_loss", **parameters).fit(fp.dataset(data, target="y"))
    assert model.weights.tobytes() == expected.coef_.tobytes()
    assert model.bias == expected.intercept_[0]


def test_class_weights_of_train_name_labels_of_any_kind(tmp_path: Path) -> None:
    X, y = np.random.default_rng(0).normal(size=(300, 1)), np.arange(300)
    for names in (["a=b", "1", "c"], [-1, 2, 7], [False, True]):
        frame = pd.DataFrame({"x": X[:, 0], "y": np.array(names)[y % len(names)]})
        frame.to_parquet(tmp_path / "rows.parquet")
        given = [f"--class-weight={name}={weight}" for name, weight in zip(names, (2, 1, 0.5), strict=False)]
        assert run("train", "rows.parquet", "--target", "y", *given, cwd=tmp_path).returncode == 0
        weights = dict(zip(names, (2.0, 1.0, 0.5), strict=False))
        expected = fp.PerceptronClassifier(loss="log_loss", class_weight=weights)
        expected.fit(fp.dataset(tmp_path / "rows.parquet", target="y"))
        assert fp.load(tmp_path / "model.safetensors").weights.tobytes() == expected.coef_.tobytes()


def test_predict_writes_classes_and_probabilities(trained: tuple[Path, str]) -> None:
    folder, _ = trained
    done = run("predict", "m.safetensors", "rows.parquet", "-o", "p.parquet", cwd=folder)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "30,000 rows written to p.parquet.\n")
    found = parquet.read_table(folder / "p.parquet").to_pandas()
    model = fp.load(folder / "m.safetensors")
    X, _ = fp.synthetic(30_000, 3, rng=1).arrays()
    assert found.columns.tolist() == ["prediction", "p(0)", "p(1)"]
    assert (found["p(1)"] == model.predict_proba(X)[:, 1]).all()
    assert (found["prediction"] == model.predict(X)).all()


def test_evaluate_prints_scores_and_draws(trained: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = trained
    done = run("evaluate", "m.safetensors", "rows.parquet", "--plot", tmp_path / "c.png", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    X, y = fp.synthetic(30_000, 3, rng=1).arrays()
    p = fp.load(folder / "m.safetensors").predict_proba(X)
    for name, value in (
        ("log loss", metrics.log_loss(y, p)),
        ("Brier", metrics.brier_score_loss(y, p[:, 1])),
        ("accuracy", metrics.accuracy_score(y, p[:, 1] > 0.5)),
        ("AUC", metrics.roc_auc_score(y, p[:, 1])),
    ):
        assert float(re.search(rf"{name} +([\d.]+)", done.stdout)[1]) == pytest.approx(value, rel=1e-5)
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def test_show_prints_the_weights_by_name_and_says_how_they_are_sorted(trained: tuple[Path, str]) -> None:
    folder, _ = trained
    said, of_class, _, *lines = run("show", "m.safetensors", cwd=folder).stdout.splitlines()
    weights = fp.load(folder / "m.safetensors").weights
    assert "Sorted by |weight|" in said
    assert of_class == "Weights for class 1:"
    assert [line.split()[0] for line in lines] == ["(bias)", *(f"x{k}" for k in np.argsort(-np.abs(weights)))]


def test_show_with_a_table_sorts_by_weight_per_standard_deviation(tmp_path: Path) -> None:
    deviations = np.array([1.0, 1e6, 1e-3])
    X = 1e7 + np.random.default_rng(0).normal(size=(500, 3)) * deviations
    pd.DataFrame(X, columns=["a", "b", "c"]).to_csv(tmp_path / "rows.csv", index=False, sep=";")
    fp.Perceptron([1.0, 1e-5, 3.0], 0.0, ["no", "yes"], ["a", "b", "c"]).save(tmp_path / "m")
    done = run("show", "m", "rows.csv", "--csv", "delimiter=;", cwd=tmp_path)
    found = [line.split() for line in done.stdout.splitlines()[4:]]
    assert [name for name, *_ in found] == ["b", "a", "c"]
    scaled = np.array([1.0, 1e-5, 3.0]) * X.std(axis=0)
    np.testing.assert_allclose([float(last) for *_, last in found], scaled[[1, 0, 2]], rtol=1e-5)


def test_version_is_printed(tmp_path: Path) -> None:
    assert run("--version", cwd=tmp_path).stdout == f"fastperceptron {fp.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "rows.parquet", "--target", "yy"], "target: there is no column 'yy'; did you mean 'y'?"),
        (["train", "other.parquet", "--target", "y"], "there is no file or folder 'other.parquet'."),
        (["show", "rows.parquet"], "'rows.parquet' is not a whole fastperceptron model"),
        (
            ["predict", "m.safetensors", "rows.parquet", "-o", "p.xls"],
            "rows can be written as .parquet, .pq, .arrow, .feather, .ipc, .csv.",
        ),
        (["train", "rows.parquet", "--target", "x0", "-o", "never"], "a classifier needs classes"),
        (
            ["train", "rows.parquet", "--target", "y", "-o", "never", "--class-weight", "two"],
            "--class-weight two: write 'balanced', or label=weight as in yes=2.5.",
        ),
        (
            ["train", "rows.parquet", "--target", "y", "-o", "never", "--class-weight", "7=2"],
            "7 is not a class; the classes are 0, 1.",
        ),
    ],
)
def test_failures_print_one_line_and_leave_no_file(
    arguments: list[str], message: str, trained: tuple[Path, str]
) -> None:
    folder, _ = trained
    before = sorted(folder.iterdir())
    done = run(*arguments, cwd=folder)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(folder.iterdir()) == before


def test_ctrl_c_leaves_a_checkpoint_from_which_the_same_command_continues(tmp_path: Path) -> None:
    assert run("synthesize", "-n", "3M", "-d", 4, "-o", "rows.parquet", cwd=tmp_path).returncode == 0
    arguments = ["train", "rows.parquet", "--target", "y", "--solver", "sgd", "--tol", "1e-12", "--max-iter", "30"]
    process = subprocess.Popen([*COMMAND, *arguments], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    checkpoint = tmp_path / "model.safetensors.checkpoint"
    while not checkpoint.exists() or checkpoint.stat().st_size < 3000:
        time.sleep(0.05)
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 1
    assert said == ("fastperceptron: stopped; the same command continues from model.safetensors.checkpoint.\n")
    assert checkpoint.exists()
    assert not (tmp_path / "model.safetensors").exists()
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 0
    assert not checkpoint.exists()
    run(*arguments, "-o", "whole.safetensors", cwd=tmp_path)
    assert fp.load(tmp_path / "whole.safetensors") == fp.load(tmp_path / "model.safetensors")


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_train_prints_and_writes_standard_errors(tmp_path: Path, loss: str, n_classes: int) -> None:
    X, y = fp.synthetic(3000, 3, n_classes=n_classes, rng=0).arrays()
    pd.DataFrame(X, columns=["age", "dose", "size"]).assign(died=y).to_csv(tmp_path / "rows.csv", index=False)
    done = run("train", "rows.csv", "-t", "died", "--loss", loss, "--inference", "-o", "m", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "std err" in done.stdout
    assert "Table: m.inference.csv" in done.stdout
    assert ("robust standard errors (HC0)" if loss == "squared_error" else "classical") in done.stdout
    written = pd.read_csv(tmp_path / "m.inference.csv")
    is_layer = fp.load(tmp_path / "m").classes.size > 2 and "1: age" in done.stdout
    assert len(written) == 4 * (1 if n_classes == 2 else 2 if is_layer else 3)
    before = "1: " if is_layer else ""
    assert written["name"].tolist()[:4] == [before + name for name in ("(Intercept)", "age", "dose", "size")]
    assert "standard_error" in written
    classifier = fp.PerceptronClassifier(loss=loss).fit(fp.dataset(tmp_path / "rows.csv", target="died"))
    expected = classifier.coef_[1] - classifier.coef_[0] if is_layer else classifier.coef_[0]
    np.testing.assert_array_equal(written["coef"][1:4], expected)
