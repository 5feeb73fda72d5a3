"""The columns of JSON lines and their types are those of all rows, and what is wrong with a row has its number."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

import fastperceptron as fp
from fastperceptron.data import json_files

N = 40_000  # rows: more than one block of pyarrow
ROWS = [{"a": number, "y": number % 2} for number in range(N)]


def written(rows: list[Any], path: Path) -> Path:
    content = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_files, "BYTES_AT_A_TIME", 1 << 18)


@pytest.mark.parametrize("name", ["t.jsonl", "t.ndjson.gz"])
def test_a_key_that_first_appears_late_is_a_column(name: str, tmp_path: Path) -> None:
    data = fp.dataset(written([*ROWS, {"a": 1, "y": 0, "z": 5}], tmp_path / name), target="y")
    assert data.feature_names == ("a", "z")
    assert len(data) == N + 1
    with pytest.raises(ValueError, match="column 'z' holds a null in row 0"):
        data.arrays()
    assert fp.dataset(tmp_path / name, target="y", features=["a"]).arrays()[0].shape == (N + 1, 1)


@pytest.mark.parametrize(
    ("first", "later", "found"),
    [(1, 2.5, [1, 2.5]), (None, 2.5, None), (2.5, 1, [2.5, 1]), (16777217, 0.5, [16777217, 0.5])],
)
def test_the_type_of_a_column_is_that_of_all_rows(first: Any, later: Any, found: Any, tmp_path: Path) -> None:
    rows = [{"a": first, "y": "p"}] * N + [{"a": later, "y": "q"}, {"a": later, "y": "2024-01-01"}]
    data = fp.dataset(written(rows, tmp_path / "t.jsonl"), target="y")
    if found is None:
        with pytest.raises(ValueError, match="column 'a' holds a null in row 0"):
            data.arrays()
        return
    X, y = data.arrays()
    assert [X[0, 0], X[-1, 0]] == found
    assert [y[0], y[-2], y[-1]] == ["p", "q", "2024-01-01"]


BAD = {
    "text among numbers": (
        {"a": "x", "y": 0},
        rf"t.jsonl' is not .*: column 'a' holds 'x' in row {N + 1}, text, but a number in rows before",
    ),
    "a boolean among numbers": ({"a": True, "y": 0}, f"column 'a' holds True in row {N + 1}, a boolean"),
    "an object among numbers": ({"a": {"b": 1}, "y": 0}, f"row {N + 1}, an object, but a number"),
    "no colon": ('{"a" 1, "y": 0}', rf"""row {N + 1} is '{{"a" 1, "y": 0}}', which is not JSON"""),
    "cut short": ('{"a": 1, "y"', f"row {N + 1} is .*, which is not JSON"),
    "a list": ("[1, 2]", rf"row {N + 1} is '\[1, 2\]', but each line must hold one object"),
    "a key twice": ('{"a": 1, "y": 0, "a": 2}', f"row {N + 1} holds 'a' more than once"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_has_the_row_of_the_file(name: str, tmp_path: Path) -> None:
    wrong, message = BAD[name]
    path = written([*ROWS, "", ROWS[0], wrong, *ROWS[:9]], tmp_path / "t.jsonl")  # an empty line is not a row
    with pytest.raises(ValueError, match="is not a whole JSON lines file") as caught:
        fp.dataset(path, target="y")
    assert re.search(message, str(caught.value)), str(caught.value)


def test_a_file_of_one_list_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps([{"a": 1, "y": 0}, {"a": 2, "y": 1}], indent=1))
    with pytest.raises(ValueError, match=r"row 0 is '.*each line must hold one object"):
        fp.dataset(path, target="y")
