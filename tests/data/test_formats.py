"""A file format is one entry of one table: whatever lists, finds, reads or writes files learns of it from there."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import json as arrow_json

import fastperceptron as fp
from fastperceptron.cli.synthesize import write_synthetic
from fastperceptron.data import formats
from fastperceptron.data.files import SourceFile
from fastperceptron.data.formats import ColumnFormat, OpenFile


class LinesWriter:
    """Writes a table as lines of JSON."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.file = path.open("wb")

    def __enter__(self) -> "LinesWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write_table(self, table: pa.Table) -> None:
        table.to_pandas().to_json(self.file, orient="records", lines=True, double_precision=15)


@contextmanager
def open_lines(file: SourceFile, types: dict[str, pa.DataType] | None, _: Any) -> Iterator[OpenFile]:
    table = arrow_json.read_json(file.path)
    yield OpenFile(table.schema, None, iter(table.select(list(types or ())).to_batches()))


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(formats.FORMATS, ".lines", ColumnFormat("line", open_lines, LinesWriter))


def weights(data: fp.Dataset) -> bytes:
    return fp.PerceptronClassifier(loss="log_loss").fit(data).coef_.tobytes()


def test_a_new_format_of_columns_is_written_read_and_found_in_folders(tmp_path: Path) -> None:
    for name in ("rows.lines", "rows.arrow"):
        assert "300 rows of 3 features" in next(write_synthetic(tmp_path / name, 300, 3, rng=0))
    expected = weights(fp.dataset(tmp_path / "rows.arrow", target="y"))
    options: dict[str, Any] = {"target": "y", "dtype": np.float32}
    (tmp_path / "rows.arrow").unlink()
    for source in (tmp_path / "rows.lines", f"{tmp_path}/*.lines", tmp_path):
        data = fp.dataset(source, **options)
        assert data.feature_names == ("x0", "x1", "x2")
        assert weights(data) == expected


def test_messages_list_a_new_format(tmp_path: Path) -> None:
    (tmp_path / "a.xls").touch()
    with pytest.raises(ValueError, match=r"the known endings of files are \.parquet, .*\.npz, .*\.lines\."):
        fp.dataset(tmp_path / "a.xls")
    with pytest.raises(ValueError, match=r"rows can be written as \.parquet, .*\.csv, \.lines\."):
        next(write_synthetic(tmp_path / "a.xls", 300, 3))


WITHOUT_PYARROW = """
import sys
sys.modules["pyarrow"] = None
import numpy as np, fastperceptron as fp
X, y = fp.synthetic(100, 2, rng=0).arrays()
np.savez("a.npz", X=X, y=y)
for source in ((X, y), lambda: iter([(X, y)]), "a.npz"):
    assert fp.dataset(source).arrays()[0].tobytes() == X.tobytes()
fp.dataset("a.csv")
"""


def test_only_columns_need_pyarrow(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,0\n")
    command = [sys.executable, "-c", WITHOUT_PYARROW]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "needs the packages pyarrow and narwhals: pip install 'fastperceptron[files]'" in done.stderr


def test_a_broken_file_of_a_new_format_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.lines").write_text("{")
    with pytest.raises(ValueError, match=r"a\.lines' is not a whole line file: "):
        fp.dataset(tmp_path / "a.lines", target="y")
