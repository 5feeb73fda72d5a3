"""A fit that is killed, at any moment and at any call of the system, goes on and ends with the same bytes."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core import config

import fastperceptron as fp
from fastperceptron.training.checkpoint import Checkpoint, digest
from fastperceptron.training.newton import sample_size

# A process that forks others, each of which fits with a checkpoint and is killed: at its n-th call of the system, one
# later each time, or after a random while. The last one is left alone. It prints how often it killed.
PROCESS = """
import os, random, signal, sys, time, warnings
import fastperceptron as fp
from fastperceptron.training import checkpoint as checkpoint_module

solver, when, folder = sys.argv[1:]
warnings.simplefilter("ignore")
checkpoint_module.Checkpoint.__init__.__defaults__ = (0.0,)  # incomplete answers are written at once
data = fp.synthetic(300_000, 6, scale_spread=2, rng=0)
options = {"tol": 1e-5} if solver == "newton" else {"solver": "sgd", "max_iter": 3, "tol": 1e-9, "random_state": 0}
path = os.path.join(folder, "fit.ckpt")

def fit(checkpoint):
    started = time.monotonic()
    fitted = fp.PerceptronClassifier(loss="log_loss", **options).fit(data, checkpoint=checkpoint)
    content = fitted.coef_.tobytes() + fitted.intercept_.tobytes() + fitted.loss_curve_.tobytes()
    return content, time.monotonic() - started

def kill_at(fatal):
    calls = 0
    def counted(function):
        def call(*arguments, **named):
            nonlocal calls
            calls += 1
            if calls == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **named)
        return call
    os.fsync, os.replace, os.write, os.open = map(counted, (os.fsync, os.replace, os.write, os.open))

fit(None)
expected, seconds = fit(None)
chance, kills = random.Random(0), 0
while True:
    child = os.fork()
    if child == 0:
        if when == "call":
            kill_at(kills + 1)
        os._exit(0 if fit(path)[0] == expected else 3)
    if when == "moment" and kills < 30:
        time.sleep(chance.uniform(0, seconds))
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0 and when == "moment" and kills < 30:
        os.remove(path)  # it was done before it could be killed: once more
    elif os.WIFEXITED(status):
        print(os.WEXITSTATUS(status), kills, sorted(os.listdir(folder)))
        break
    else:
        kills += 1
"""


@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.parametrize("solver", ["newton", "sgd"])
@pytest.mark.parametrize(("when", "fewest_kills"), [("moment", 30), ("call", 10)])
def test_a_fit_that_is_killed_again_and_again_ends_with_the_same_bytes(
    solver: str, when: str, fewest_kills: int, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", PROCESS, solver, when, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    status, kills, files = result.stdout.split(maxsplit=2)
    assert status == "0"
    assert int(kills) >= fewest_kills
    assert files.strip() == "['fit.ckpt']"


OPTIONS: dict[str, Any] = {"loss": "log_loss", "tol": 1e-5}


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> fp.Dataset:
    """Return rows; so few that they can be interpreted are read, too, not all taken as the sample."""
    monkeypatch.setattr(sample_size, "SMALL_WORK", 0)
    return fp.synthetic(500 if config.DISABLE_JIT else 100_000, 3, rng=0)


class Stopped(Exception):  # noqa: N818  # it is no error
    """A stand-in for Ctrl-C."""


def stop_after(n_notes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    note, seen = Checkpoint.note, [0]

    def counting(self: Checkpoint, *arguments: Any, **named: Any) -> None:
        note(self, *arguments, **named)
        seen[0] += 1
        if seen[0] == n_notes:
            raise Stopped

    monkeypatch.setattr(Checkpoint, "note", counting)


@pytest.mark.filterwarnings("ignore:solver='sgd' stopped")
@pytest.mark.parametrize("options", [{"tol": 1e-5}, {"solver": "sgd", "max_iter": 3, "tol": 1e-9, "random_state": 0}])
@pytest.mark.parametrize(
    "n_notes", [1, 2, pytest.param(3, marks=pytest.mark.compiled), pytest.param(5, marks=pytest.mark.compiled)]
)
def test_a_fit_that_is_interrupted_goes_on_without_reading_again(
    options: dict[str, Any], n_notes: int, data: fp.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options, path = {"loss": "log_loss", **options}, tmp_path / "fit.ckpt"
    whole = fp.PerceptronClassifier(**options).fit(data)
    with monkeypatch.context() as patch:
        stop_after(n_notes, patch)
        with pytest.raises(Stopped):
            fp.PerceptronClassifier(**options).fit(data, checkpoint=path)
    resumed = fp.PerceptronClassifier(**options).fit(data, checkpoint=path)
    assert resumed.coef_.tobytes() == whole.coef_.tobytes()
    assert resumed.loss_curve_.tobytes() == whole.loss_curve_.tobytes()
    rows_read: list[int] = []
    monkeypatch.setattr(Checkpoint, "note", lambda *_, **__: rows_read.append(1))
    again = fp.PerceptronClassifier(**options).fit(data, checkpoint=path)
    assert not rows_read  # a fit that is done reads nothing
    assert again.coef_.tobytes() == whole.coef_.tobytes()


def test_another_fits_checkpoint_is_refused(data: fp.Dataset, tmp_path: Path) -> None:
    path, own, model_path = (tmp_path / name for name in ("fit.ckpt", "own.ckpt", "model.safetensors"))
    fp.PerceptronClassifier(**OPTIONS).fit(data, checkpoint=path)
    before = path.read_bytes()
    X, y = data.arrays()
    fp.PerceptronClassifier(**OPTIONS).fit(X, y, checkpoint=own).model_.save(model_path)
    (tmp_path / "broken.ckpt").write_bytes(before[:-3])
    other_X, other_y = X.copy(), y.copy()
    other_X[0, 1] += 1.0
    other_y[7] = 1 - y[7]
    for options, rows, checkpoint, message in [
        ({"C": 2.0}, (data,), path, "belongs to another fit: C differ"),
        ({"random_state": 1}, (data,), path, "belongs to another fit"),
        ({"warm_start": True}, (data,), path, "belongs to another fit"),
        ({}, (fp.synthetic(100_000, 3, rng=1),), path, "belongs to another fit: the data differ"),
        ({}, (other_X, y), own, "belongs to another fit: the data differ"),
        ({}, (X, other_y), own, "belongs to another fit: the data differ"),
        ({}, (data,), model_path, "is a model, not a checkpoint"),
        ({}, (data,), tmp_path / "broken.ckpt", "is not a whole fastperceptron checkpoint"),
    ]:
        with pytest.raises(ValueError, match=message):
            fp.PerceptronClassifier(**OPTIONS, **options).fit(*rows, checkpoint=checkpoint)
    with pytest.raises(FileNotFoundError):
        fp.PerceptronClassifier(**OPTIONS).fit(data, checkpoint=tmp_path / "nowhere" / "fit.ckpt")
    assert path.read_bytes() == before


def test_incomplete_answers_are_written_after_a_while_and_complete_ones_at_once(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Checkpoint(path, {}, seconds=1000.0)
    journal.note("a", {"x": np.arange(3)}, is_complete=False)
    assert Checkpoint(path, {}).recall("a") is None
    journal.note("a", {"x": np.arange(4)}, is_complete=True)
    assert Checkpoint(path, {}).recall("a")["x"].tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="another fit"):
        Checkpoint(path, {}).recall("b")
    hasty = Checkpoint(path, {}, seconds=0.0)
    hasty.recall("a")
    hasty.note("b", {"x": np.arange(2)}, is_complete=False)
    again = Checkpoint(path, {})
    again.recall("a")
    assert again.recall("b")["x"].tolist() == [0, 1]


def test_a_digest_tells_values_shapes_and_dtypes_apart() -> None:
    parts = [np.zeros(4), np.zeros((2, 2)), np.zeros(4, np.float32), np.zeros(8, np.float32), np.ones(4), "0", 0]
    assert len({digest(part) for part in parts}) == len(parts)
    assert digest("a", "b") != digest("ab", "") != digest("a'b")


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    living = tmp_path / f".fit.ckpt.{process.pid}.0123.part"
    living.write_bytes(b"")
    Checkpoint(tmp_path / "fit.ckpt", {})
    assert living.exists()
    process.kill()
    process.wait()
    time.sleep(0.01)
    Checkpoint(tmp_path / "fit.ckpt", {})
    assert [path.name for path in tmp_path.iterdir()] == ["fit.ckpt"]
