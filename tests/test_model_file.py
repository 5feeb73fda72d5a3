"""A loaded model equals the saved one to the bit; anything else in a file is refused by name."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

import fastperceptron as fp
from fastperceptron.history import History
from models import LABELS, make


@pytest.mark.parametrize("labels", LABELS, ids=str)
@given(weights=hnp.arrays(np.float64, st.integers(1, 9), elements=st.floats(allow_nan=False, allow_infinity=False)))
def test_what_was_saved_is_what_is_loaded_to_the_bit(tmp_path_factory, labels, weights) -> None:
    path = tmp_path_factory.mktemp("models") / "model.safetensors"
    names = [f"feature {j} \u03b1" for j in range(len(weights))]
    history = History([0.1, 0.05], [100, 200], 250, 500, 2**63 - 1)
    history._keep(np.ones((2, len(weights) + 1)))
    model = fp.Perceptron(weights, -0.0, labels, names, history)
    model.save(path)
    loaded = fp.load(path)
    assert loaded == model
    assert loaded.classes.dtype == model.classes.dtype
    assert loaded.weights.tobytes() == model.weights.tobytes()


@pytest.mark.parametrize("labels", [["a", "b", "c"], [1, 2, 3], np.array([0.5, 1, 2], np.float32)], ids=str)
def test_a_model_of_three_classes_is_loaded_to_the_bit(tmp_path: Path, labels) -> None:
    weights = np.random.default_rng(0).normal(size=(3, 2)) * [1e-310, 1e300]
    model = fp.Perceptron(weights, [-0.0, 1e-320, 3.0], labels, ["length", "width"])
    model.save(tmp_path / "m.safetensors")
    loaded = fp.load(tmp_path / "m.safetensors")
    assert loaded == model
    assert loaded.weights.tobytes() == model.weights.tobytes()
    assert loaded.bias.tobytes() == model.bias.tobytes()
    assert loaded.classes.dtype == model.classes.dtype
    assert pickle.loads(pickle.dumps(model)) == model


def test_a_trained_model_survives_saving_and_pickling(tmp_path: Path, model: fp.Perceptron, flowers) -> None:
    model.save(tmp_path / "m.safetensors")
    assert fp.load(str(tmp_path / "m.safetensors")) == model
    assert pickle.loads(pickle.dumps(model)) == model
    assert sorted(os.listdir(tmp_path)) == ["m.safetensors"]
    assert b"pickle" not in (tmp_path / "m.safetensors").read_bytes()


def test_a_truncated_file_is_refused_at_every_length(tmp_path: Path, model: fp.Perceptron) -> None:
    path = tmp_path / "m.safetensors"
    model.save(path)
    content = path.read_bytes()
    for length in [*range(0, 200, 7), *range(200, len(content), 97), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="is not a whole fastperceptron model"):
            fp.load(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\0" * 100, b"\x80\x04K\x01."])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="other' is not a whole fastperceptron model"):
        fp.load(path)


def test_safetensors_of_something_else_are_refused(tmp_path: Path) -> None:
    import safetensors.numpy

    safetensors.numpy.save_file({"weights": np.ones(3)}, tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match="its format is None, not 'fastperceptron/2'"):
        fp.load(tmp_path / "net.safetensors")
    metadata = {"format": "fastperceptron/1", "description": "{}"}
    safetensors.numpy.save_file({"weights": np.ones(3)}, tmp_path / "part.safetensors", metadata)
    with pytest.raises(ValueError, match="not a whole fastperceptron model"):
        fp.load(tmp_path / "part.safetensors")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no file size limit to stand in for a full disk")
def test_a_save_that_finds_the_disk_full_leaves_the_old_file_whole(tmp_path: Path, model: fp.Perceptron) -> None:
    path = tmp_path / "m.safetensors"
    model.save(path)
    old = path.read_bytes()
    program = (
        "import resource, signal, sys, fastperceptron as fp\n"
        "model = fp.Perceptron([1.0] * 5000, 0.0, [0, 1])\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    model.save(sys.argv[1])\nexcept OSError as error:\n    print(type(error).__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert done.stdout == "OSError\n"
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("name", ["safetensors", "safetensors.numpy"])
def test_without_safetensors_the_error_says_what_to_install(monkeypatch, tmp_path, model, name) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match="pip install safetensors"):
        model.save(tmp_path / "m.safetensors")


@pytest.mark.parametrize("labels", [*LABELS, np.array(["no", "yes"], "<U9"), np.array([1, 2], ">i4")], ids=str)
def test_one_model_is_one_file_in_any_process(tmp_path: Path, labels) -> None:
    names = ["line\nbreak = \ud800", "x" * 10_000]
    model = make(classes=labels, feature_names=names, target_name="", history=History([0.1], [1], 1))
    program = "import sys, pickle, fastperceptron; pickle.load(open(sys.argv[1], 'rb')).save(sys.argv[2])"
    (tmp_path / "pickled").write_bytes(pickle.dumps(model))
    for name in ("a", "b"):
        subprocess.run([sys.executable, "-c", program, tmp_path / "pickled", tmp_path / name], check=True)
    model.save(tmp_path / "c")
    fp.load(tmp_path / "c").save(tmp_path / "d")
    assert len({(tmp_path / name).read_bytes() for name in "abcd"}) == 1
    assert fp.load(tmp_path / "a") == model
    assert fp.load(tmp_path / "a").classes.dtype == model.classes.dtype


def test_a_bit_flipped_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    make(feature_names=["\u00e4", "b"]).save(path)
    content = path.read_bytes()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"m\.safetensors' is not a whole fastperceptron model"):
            fp.load(path)


OLD = {"n_steps": 0, "n_drawn": 0, "epoch_seed": None, "feature_names": None, "classes": ["no", "yes"]}


DEEP = "[" * 100_000


def write_old(path: Path, text: str, **tensors: np.ndarray) -> None:
    """Write a file as the first format has it."""
    import safetensors.numpy

    arrays = {"weights": np.array([1.0, 2.0]), "bias": np.array([0.5]), "history.costs": np.empty(0)}
    arrays |= {"history.steps": np.empty(0, np.int64), **tensors}
    safetensors.numpy.save_file(arrays, path, {"format": "fastperceptron/1", "description": text})


def test_a_file_of_the_first_format_is_loaded(tmp_path: Path) -> None:
    write_old(tmp_path / "old", json.dumps(OLD))
    assert fp.load(tmp_path / "old") == make()
    write_old(tmp_path / "old", json.dumps(OLD), **{"history.pending": np.ones((2, 3))})
    assert fp.load(tmp_path / "old").history._unfinished_step is not None


@pytest.mark.parametrize(
    ("text", "tensors"),
    [
        *((text, {}) for text in ("", "3", "[]", "null", DEEP, '{"n_steps": ' + DEEP)),
        *((json.dumps({**OLD, "classes": value}), {}) for value in (None, 3, ["a"], ["a", "a"], [["a"]], {}, ["a", 1])),
        *((json.dumps({**OLD, "feature_names": value}), {}) for value in (3, ["a"], ["a", "a"], [1, 2], [[], []])),
        *((json.dumps({**OLD, "n_steps": value}), {}) for value in (None, -1, "1", 1e400, 10**30, [])),
        *((json.dumps({**OLD, "target_name": value}), {}) for value in (3, [])),
        *((json.dumps(OLD), {"weights": value}) for value in (np.empty(0), np.ones((3, 2)), np.array([np.nan, 1]))),
        *((json.dumps(OLD), {"bias": value}) for value in (np.empty(0), np.ones(2), np.array([np.inf]))),
        *((json.dumps(OLD), {"history.costs": value}) for value in (np.ones(2), np.ones((1, 1)))),
        *((json.dumps(OLD), {"history.pending": value}) for value in (np.ones(2), np.full((2, 3), np.inf))),
    ],
)
def test_a_file_that_holds_something_else_is_refused_by_name(tmp_path: Path, text: str, tensors) -> None:
    write_old(tmp_path / "m", text, **tensors)
    with pytest.raises(ValueError, match="m' is not a whole fastperceptron model"):
        fp.load(tmp_path / "m")


@pytest.mark.slow
def test_a_mutated_file_is_refused_by_name_or_is_a_model_like_any_other(tmp_path: Path, model: fp.Perceptron) -> None:
    rng, path, copy = np.random.default_rng(0), tmp_path / "m", tmp_path / "copy"
    write_old(path, json.dumps(OLD), **{"history.pending": np.ones((2, 3))})
    content, values = path.read_bytes(), [None, -1, 2**63, 1e400, "F16", [], [[1]], {}, [2**62, 2**62], ["a", "b"]]
    size = int.from_bytes(content[:8], "little")
    for _ in range(1_000):
        damaged = bytearray(content)
        if rng.random() < 0.5:
            damaged[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
        else:
            header = json.loads(content[8 : 8 + size])
            part = header[str(rng.choice(list(header)))]
            part[str(rng.choice(list(part)))] = values[rng.integers(len(values))]
            text = json.dumps(header).encode()
            damaged = bytearray(len(text).to_bytes(8, "little") + text + content[8 + size :])
        path.write_bytes(damaged)
        try:
            loaded = fp.load(path)
        except ValueError as error:
            assert repr(str(path)) in str(error)  # noqa: PT017  # most are refused, and all by name
            continue
        loaded.save(copy)
        assert fp.load(copy) == loaded
        assert len(loaded.predict(np.ones((2, loaded.n_features)))) == 2


def test_what_is_not_a_file_is_named(tmp_path: Path, model: fp.Perceptron, monkeypatch) -> None:
    for act in (fp.load, model.save):
        with pytest.raises(IsADirectoryError, match="is a folder"):
            act(tmp_path)
        with pytest.raises(IsADirectoryError, match="names a folder"):
            act(f"{tmp_path}/m/")
        os.mkfifo(tmp_path / "fifo") if act is fp.load else None
        for other in ("/dev/null", tmp_path / "fifo"):
            with pytest.raises(FileExistsError, match="is a device, a pipe or a socket"):
                act(other)
    with pytest.raises(FileNotFoundError, match=r"there is no folder '.*nowhere': create it first"):
        model.save(tmp_path / "nowhere" / "m")
    monkeypatch.setattr(Path, "read_bytes", lambda _: (_ for _ in ()).throw(PermissionError("denied")))
    model.save(tmp_path / "m")
    with pytest.raises(PermissionError):
        fp.load(tmp_path / "m")


def test_saving_goes_through_links_and_keeps_the_mode(tmp_path: Path, model: fp.Perceptron, monkeypatch) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target.name)
    model.save(link)
    assert link.is_symlink()
    assert fp.load(target) == model
    assert target.stat().st_mode & 0o777 == 0o640
    (tmp_path / "dangling").symlink_to("new")
    model.save(tmp_path / "dangling")
    assert fp.load(tmp_path / "new") == model
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("~/home", "relative", "n" * 255, "\u00e4" * 127):
        model.save(name)
        assert fp.load(name) == model
    assert (tmp_path / "home").exists()
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no umask")
def test_a_saved_model_has_the_usual_permissions(tmp_path: Path, model: fp.Perceptron) -> None:
    (tmp_path / "other").write_text("")
    model.save(tmp_path / "m.safetensors")
    assert (tmp_path / "m.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode
