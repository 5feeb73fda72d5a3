"""The command line as a user meets it: what it prints where, its exit codes, its files."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastperceptron as fp

pytestmark = pytest.mark.compiled  # it prints times


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from fastperceptron.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    directory = tmp_path_factory.mktemp("demo")
    return run("demo", "--steps", 5000, "--seed", 3, "--output", "out", cwd=directory), directory / "out"


def test_demo_says_what_it_found(demo) -> None:
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
def test_wrong_usage_exits_with_2_and_says_so_on_stderr(arguments, tmp_path: Path) -> None:
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
    done = run("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "demo" in done.stdout
    assert "Seed of the start" in run("demo", "--help", cwd=tmp_path).stdout
