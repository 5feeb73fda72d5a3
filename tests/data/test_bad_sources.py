"""What is wrong with a source is said in one line: what, where, what to do. Nothing saved is lost, nothing is left."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from numba.core import config
from pyarrow import parquet

import fastperceptron as fp
from fastperceptron.training.newton import sample_size

FRAME = {"a": [1.0, 2.0, 3.0], "b": [0.5, 0.25, 0.125], "y": [0, 1, 0]}


def fit(source: Any, folder: Path, **options: Any) -> fp.PerceptronClassifier:
    data = fp.dataset(source, **({"target": "y", "cache_dir": folder} | options))
    return fp.PerceptronClassifier().fit(data)


def file_of(content: bytes | str, name: str, folder: Path) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def parquet_of(columns: dict[str, Any], path: Path) -> Path:
    parquet.write_table(pa.table(columns), path)
    return path


def truncated(folder: Path) -> Path:
    whole = parquet_of(FRAME, folder / "whole.parquet").read_bytes()
    return file_of(whole[: len(whole) // 2], "a.parquet", folder)


def corrupt(folder: Path) -> Path:
    table = pa.table({"a": np.random.default_rng(0).normal(size=5000), "y": np.arange(5000) % 2})
    parquet.write_table(table, folder / "a.parquet", use_dictionary=False)
    content = bytearray((folder / "a.parquet").read_bytes())
    content[4:200] = bytes(196)
    return file_of(bytes(content), "a.parquet", folder)


def differing(folder: Path, columns: dict[str, Any]) -> Path:
    parquet_of(FRAME, folder / "1.parquet")
    parquet_of(columns, folder / "2.parquet")
    return folder


Bad = dict[str, tuple[Callable[[Path], Any], str]]
# What is wrong: a source in a folder, and what is said of it, as a ValueError.
FILES: Bad = {
    "empty file": (lambda f: file_of(b"", "a.parquet", f), "a.parquet' is empty"),
    "empty CSV": (lambda f: file_of(b"", "a.csv", f), "a.csv' is empty"),
    "CSV without rows": (lambda f: file_of("a,y\n", "a.csv", f), "a.csv' has no rows"),
    "Parquet without rows": (
        lambda f: parquet_of({"a": pa.array([], "float32"), "y": pa.array([], "int8")}, f / "a.parquet"),
        "a.parquet' has no rows",
    ),
    "unknown ending": (lambda f: file_of("x", "a.xls", f), "a.xls': the known endings of files are .parquet"),
    "other columns": (
        lambda f: differing(f, {"a": [1.0], "c": [1.0], "y": [1]}),
        r"1.parquet' and '.*2.parquet' differ in their columns: \['b', 'c'\]",
    ),
    "other types": (
        lambda f: differing(f, {"a": ["x"], "b": [1.0], "y": [1]}),
        "1.parquet' and '.*2.parquet' differ in column 'a': double and string",
    ),
    "null value": (
        lambda f: parquet_of({"a": [1.0, 2.0, None], "y": [0, 1, 0]}, f / "a.parquet"),
        r"column 'a' holds a null in row 2 of '.*a.parquet': drop such rows, or fill them in",
    ),
    "null label": (
        lambda f: parquet_of({"a": [1.0, 2.0], "y": ["p", None]}, f / "a.parquet"),
        "column 'y' holds a null in row 1",
    ),
    "truncated Parquet": (truncated, "a.parquet' is not a whole Parquet file"),
    "corrupt Parquet": (corrupt, "a.parquet' is not a whole Parquet file"),
    "not Parquet": (lambda f: file_of("x" * 99, "a.parquet", f), "is not a whole Parquet file"),
    "not Arrow": (lambda f: file_of("x" * 99, "a.arrow", f), "is not a whole Arrow file"),
    "not npy": (lambda f: file_of("x" * 99, "a.npy", f), "is not a whole .npy file"),
    "not npz": (lambda f: file_of("x" * 99, "a.npz", f), "whole .npz file"),
    "npz without rows": (
        lambda f: np.savez(f / "a.npz", Z=np.eye(2)) or f / "a.npz",
        "a.npz' holds 'Z': the known names are X, y, sample_weight",
    ),
    "npz with a label too few": (
        lambda f: np.savez(f / "a.npz", X=np.eye(3), y=[0, 1]) or f / "a.npz",
        r"a.npz' holds X of 3 rows, but y of shape \(2,\)",
    ),
    "two npy files": (
        lambda f: [np.save(f / f"{k}.npy", np.eye(2 + k)) for k in range(2)] and f"{f}/*.npy",
        r"0.npy' and '.*1.npy' differ in columns",
    ),
    "npy named npz": (
        lambda f: np.save(f / "a.npy", np.eye(2)) or (f / "a.npy").rename(f / "a.npz"),
        "a.npz' is not a whole .npz file",
    ),
    "npz cut short": (
        lambda f: np.savez(f / "a.npz", X=np.eye(2), y=[0, 1]) or file_of((f / "a.npz").read_bytes()[:99], "a.npz", f),
        "a.npz' is not a whole .npz file",
    ),
    "ragged CSV": (
        lambda f: file_of("a,y\n1,0\n2,1\n3\n4,1\n", "a.csv", f),
        "a.csv' is not a whole CSV file: row 2: .*Expected 2 columns, got 1",
    ),
    "ragged row far down": (
        lambda f: file_of("a,y\n" + "1.25,0\n2.5,1\n" * 200_000 + "3\n", "a.csv", f),
        "a.csv' is not a whole CSV file: row 400000: .*Expected 2 columns, got 1",
    ),
    "words in a column of numbers": (
        lambda f: file_of("a,y\n" + "1.25,0\n2.5,1\n" * 200_000 + "x,1\n", "a.csv", f),
        "column 'a' holds 'x' in row 400000 of '.*a.csv', which is not a number",
    ),
}
FRAMES: Bad = {
    "NaN": (lambda _: pl.DataFrame({"a": [1.0, np.nan], "y": [0, 1]}), "X holds NaN in row 1, column 0"),
    "no such target": (lambda _: pa.table(FRAME), r"columns are \['a', 'b', 'y'\]"),
    "nearly the target": (lambda _: pa.table(FRAME), "did you mean 'y'?"),
    "no such number": (lambda _: pa.table(FRAME), "there is no column 3, but 3"),
    "no target": (lambda _: pa.table(FRAME), "this data set has no labels"),
    "continuous target": (
        lambda _: pl.DataFrame({"a": np.arange(300.0), "y": np.arange(300) / 7}),
        "Unknown label type: continuous",
    ),
    "fractions as target": (lambda _: pa.table(FRAME), "Unknown label type: continuous"),
    "one class": (lambda _: pl.DataFrame({"a": [1.0, 2.0], "y": [1, 1]}), r"one class only \(1\)"),
    "negative weight": (
        lambda _: pl.DataFrame({"a": [1.0, 2.0], "y": [0, 1], "w": [1.0, -1.0]}),
        "weights must be finite and not negative: row 1 of 'w' holds -1.0",
    ),
    "an unknown dtype": (lambda _: pa.table(FRAME), "dtype must be float32 or float64"),
    "columns of a tuple": (
        lambda _: (np.eye(2), [0, 1]),
        "target is for files and frames, and cannot be given for a tuple",
    ),
}
GENERATORS: Bad = {
    "empty generator": (lambda _: iter([]), "the generator gave no chunks"),
    "labels missing": (lambda _: iter([(np.ones((3, 2)), [0, 1])]), "chunk 0 has 3 rows, but 2 labels"),
    "another width": (
        lambda _: iter([(np.ones((2, 2)), [0, 1]), (np.ones((2, 3)), [0, 1])]),
        "chunk 1 has 3 features, but the first one has 2",
    ),
    "another dtype": (
        lambda _: iter([(np.ones((2, 2), np.float32), [0, 1]), (np.ones((2, 2)), [0, 1])]),
        "chunk 1 holds float64, but the first one float32",
    ),
}
# What is told by another error than a ValueError.
OTHERS: dict[str, tuple[Callable[[Path], Any], type[Exception], str]] = {
    "missing file": (lambda f: f / "no.csv", FileNotFoundError, "there is no file or folder '.*no.csv'"),
    "pattern without a file": (lambda f: f"{f}/*.csv", FileNotFoundError, "no file that fits the pattern"),
    "folder without data": (lambda f: f, FileNotFoundError, "no files of a known format in the folder"),
    "text as feature": (
        lambda _: pl.DataFrame({"a": [1.0, 2.0], "name": ["p", "q"], "y": [0, 1]}),
        TypeError,
        r"column 'name' of .* is text, but features must be numeric: code its levels .*categorical=\['name'\]",
    ),
    "no chunk": (lambda _: iter([3]), TypeError, r"chunk 0 must be a tuple \(X, y\)"),
    "mixed labels": (
        lambda _: iter([(np.ones((2, 2)), [0, 1]), (np.ones((2, 2)), ["a", "b"])]),
        TypeError,
        "mixes numbers with strings, from row 2 on",
    ),
    "a number": (lambda _: 3, TypeError, "source must be a path, a frame, .* but is a int"),
    "no folder for temporary files": (
        lambda _: pa.table(FRAME),
        NotADirectoryError,
        "cache_dir must be a directory, but '/nowhere' is not one",
    ),
}
BAD = {name: (make, ValueError, message) for name, (make, message) in (FILES | FRAMES | GENERATORS).items()} | OTHERS
OPTIONS: dict[str, dict[str, Any]] = {
    "no such target": {"target": "x"},
    "nearly the target": {"target": "yy"},
    "no such number": {"target": 3},
    "fractions as target": {"target": "b"},
    "not npy": {"target": 0},
    "negative weight": {"weight": "w"},
    "no folder for temporary files": {"cache_dir": "/nowhere"},
    "an unknown dtype": {"dtype": "int8"},
    **{name: {"target": None} for name in (*GENERATORS, "no chunk", "mixed labels")},
    **{name: {"target": None} for name in ("no target", "not npz", "npz without rows")},
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_said_and_nothing_is_left(name: str, tmp_path: Path) -> None:
    make, error, message = BAD[name]
    source = make(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(error) as caught:
        fit(source, tmp_path, **OPTIONS.get(name, {}))
    assert re.search(message, str(caught.value)), str(caught.value)
    assert sorted(tmp_path.iterdir()) == before


def test_a_generator_that_raises_says_so_itself(tmp_path: Path) -> None:
    def chunks() -> Iterator[Any]:
        yield np.ones((2, 2)), [0, 1]
        raise KeyError("no more")

    with pytest.raises(KeyError, match="no more"):
        fit(chunks, tmp_path, target=None)
    assert not [*tmp_path.iterdir()]


def test_what_comes_only_once_is_read_only_once(tmp_path: Path) -> None:
    generator = fp.dataset(iter([(np.eye(2), [0, 1])]), cache_dir=tmp_path)
    stream = fp.dataset(pa.table(FRAME).to_reader(), target="y", cache_dir=tmp_path)
    for data in (generator, stream):
        fp.PerceptronClassifier().fit(data)
        with pytest.raises(ValueError, match="only once"):
            fp.PerceptronClassifier().fit(data)


def test_a_file_that_changes_is_noticed(tmp_path: Path) -> None:
    path = parquet_of(FRAME, tmp_path / "a.parquet")
    data = fp.dataset(path, target="y", cache_dir=tmp_path)
    parquet_of({**FRAME, "a": [9.0, 8.0, 7.0]}, path)
    os.utime(path, ns=(1, 1))
    with pytest.raises(OSError, match=r"a\.parquet' has changed since it was opened"):
        fp.PerceptronClassifier().fit(data)


FULL = """
import resource, sys
import numpy as np, fastperceptron as fp
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
X = np.random.default_rng(0).normal(size=(100_000, 4))
data = fp.dataset(lambda: iter([(X, X[:, 0] > 0)]), cache_dir=sys.argv[1])
fp.PerceptronClassifier().fit(data)
"""


def test_a_full_disk_says_how_much_was_written_and_is_free(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.search(
        r"no room for decoded rows in '.*': [\d.e-]+ GB are written, more are to come \(4 or 8 bytes per value\), and "
        r"[\d.]+ GB are free. Pass a cache_dir with more room.",
        done.stderr,
    )
    assert not [*tmp_path.iterdir()]


def full(*_: Any) -> int:
    raise OSError(28, "No space left on device")


def test_a_full_disk_at_a_checkpoint_or_at_saving_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample_size, "SMALL_WORK", 0)
    data = fp.synthetic(500 if config.DISABLE_JIT else 60_000, 2, rng=0)
    path, model_path = tmp_path / "fit.ckpt", tmp_path / "model.safetensors"
    model = fp.PerceptronClassifier().fit(data, checkpoint=path).model_
    model.save(model_path)
    before = path.read_bytes(), model_path.read_bytes()
    monkeypatch.setattr("fastperceptron.atomic.os.write", full)
    with pytest.raises(OSError, match="No space left"):
        fp.PerceptronClassifier().fit(data, checkpoint=path)
    with pytest.raises(OSError, match="No space left"):
        model.save(model_path)
    assert (path.read_bytes(), model_path.read_bytes()) == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["fit.ckpt", "model.safetensors"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that nobody can write to")
def test_where_nothing_can_be_written_that_is_said(tmp_path: Path) -> None:
    data = fp.dataset(pa.table(FRAME), target="y", cache_dir="/proc")
    model = fp.Perceptron([1.0], 0.0, [0, 1])
    for write in (
        lambda: fp.PerceptronClassifier().fit(data),
        lambda: model.save("/proc/model.safetensors"),
        lambda: fp.PerceptronClassifier().fit(*fp.synthetic(50, 2, rng=0).arrays(), checkpoint="/proc/fit.checkpoint"),
    ):
        with pytest.raises(OSError, match="/proc"):
            write()
