"""A fit that is killed, at any moment and at any call of the system, goes on and ends with the same bytes."""

import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from numba.core import config

import fastperceptron as fp
from fastperceptron.storage import load_tensors
from fastperceptron.training.checkpoint import Checkpoint, chained, digest, hash_tiles
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


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> tuple[np.ndarray, np.ndarray]:
    """Return rows that are read, not all taken as the sample, in several tiles; their number of values is odd."""
    monkeypatch.setattr(sample_size, "SMALL_WORK", 0)
    X = np.random.default_rng(0).normal(size=(351 if config.DISABLE_JIT else 70_001, 3)).astype(np.float32)
    return X, (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(np.uint8)


SGD: dict[str, Any] = {"solver": "sgd", "max_iter": 3, "tol": 1e-9, "random_state": 0}


@pytest.mark.filterwarnings("ignore:solver='sgd' stopped")
@pytest.mark.parametrize("options", [OPTIONS, SGD, {**SGD, "standardize": False}], ids=["newton", "sgd", "raw sgd"])
@pytest.mark.parametrize("n_notes", [1, 2, 3, None])
@pytest.mark.parametrize("place", [(0, 0), (-1, -1), (-40, 1)])
def test_rows_that_changed_anywhere_are_refused(
    options: dict[str, Any], n_notes: int | None, place: tuple[int, int], rows: Any, tmp_path: Path
) -> None:
    (X, y), path = rows, tmp_path / "fit.ckpt"
    with pytest.MonkeyPatch.context() as patch:
        stop_after(n_notes or -1, patch)
        with pytest.raises(Stopped) if n_notes else nullcontext():
            fp.PerceptronClassifier(**options).fit(X, y, checkpoint=path)
    before, changed = path.read_bytes(), X.copy()
    n_read = load_tensors(path)[1]["rows"][0]
    changed[place] = np.nextafter(changed[place], np.float32(9))
    if place[0] % len(X) < n_read:
        for data in ((changed, y), (np.asfortranarray(changed), y), (fp.dataset(lambda: iter([(changed, y)])),)):
            with pytest.raises(ValueError, match=r"fit\.ckpt' belongs .*the data differ.*delete the checkpoint"):
                fp.PerceptronClassifier(**options).fit(*data, checkpoint=path)
            assert path.read_bytes() == before
    resumed = fp.PerceptronClassifier(**options).fit(fp.dataset(lambda: iter([(X, y)])), checkpoint=path)
    assert resumed.coef_.tobytes() == fp.PerceptronClassifier(**options).fit(X, y).coef_.tobytes()


def test_rows_that_no_read_has_seen_are_part_of_a_fit_that_ended(tmp_path: Path) -> None:
    X, path = np.random.default_rng(0).normal(size=(101, 2)), tmp_path / "fit.ckpt"
    y = X[:, 0] > 0
    first = fp.PerceptronClassifier(**OPTIONS).fit(X, y, checkpoint=path)
    assert fp.PerceptronClassifier(**OPTIONS).fit(X, y, checkpoint=path).coef_.tobytes() == first.coef_.tobytes()
    X[57, 1] += 1e-12
    with pytest.raises(ValueError, match="the data differ"):
        fp.PerceptronClassifier(**OPTIONS).fit(X, y, checkpoint=path)


@given(
    X=hnp.arrays(np.float32, (9, 3), elements=st.floats(-2, 2, width=32)), row=st.integers(0, 8), bit=st.integers(0, 31)
)
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_a_hash_tells_a_flipped_bit_and_exchanged_values(X: np.ndarray, row: int, bit: int) -> None:
    def hash_of(X: np.ndarray) -> int:
        hashes = np.zeros(1, np.uint64)
        hash_tiles(X, hashes)
        return int(hashes[0])

    other, exchanged = X.copy(), X.copy()
    other.view(np.uint32)[row, 1] ^= np.uint32(1) << np.uint32(bit)
    exchanged[[row, 0]] = exchanged[[0, row]]
    assert hash_of(X) != hash_of(other)
    assert (hash_of(X) != hash_of(exchanged)) == (X.tobytes() != exchanged.tobytes())
    assert chained(0, np.array([1, 2], np.uint64)) != chained(0, np.array([2, 1], np.uint64))
    assert chained(chained(0, np.array([1], np.uint64)), np.array([2], np.uint64)) == chained(0, np.array([1, 2]))


def test_a_bit_flipped_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fit.ckpt"
    Checkpoint(path, {"C": "1.0", "label": "\u00e4"}).note("a", {"x": np.arange(3)}, is_complete=True)
    content = path.read_bytes()
    for place in range(0, len(content), 1):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"fit\.ckpt' is not a whole fastperceptron checkpoint"):
            Checkpoint(path, {"C": "1.0", "label": "\u00e4"})
        assert path.read_bytes() == damaged


def test_what_is_no_checkpoint_of_this_version_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fit.ckpt"
    with pytest.raises(IsADirectoryError, match="is a folder"):
        Checkpoint(tmp_path, {})
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"fit\.ckpt' is not a whole fastperceptron checkpoint: it is empty"):
        Checkpoint(path, {})
    path.unlink()
    Checkpoint(path, {})
    monkeypatch.setattr("fastperceptron.training.checkpoint.__version__", "9.0")
    with pytest.raises(ValueError, match=r"fit\.ckpt' was written by fastperceptron .*, and this is 9\.0: .*delete"):
        Checkpoint(path, {})


def test_an_answer_of_another_shape_is_not_used(tmp_path: Path) -> None:
    Checkpoint(tmp_path / "c", {}).note("a", {"x": np.zeros(3)}, is_complete=True)
    assert Checkpoint(tmp_path / "c", {}).recall("a", {"x": np.zeros(3)}) is not None
    for like in ({"x": np.zeros(1)}, {"x": np.zeros(3, np.float32)}, {"y": np.zeros(3)}):
        with pytest.raises(ValueError, match="not a whole fastperceptron checkpoint: it holds"):
            Checkpoint(tmp_path / "c", {}).recall("a", like)


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
