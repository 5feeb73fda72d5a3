"""Which files a path means: every file of data and no other, of any format, in folders, patterns, lists and URIs."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fastperceptron as fp

CSV = "a,y\n1,0\n2,1\n"


def rows_of(source: Any, **options: Any) -> list[float]:
    X, _ = fp.dataset(source, **({"target": "y"} | options)).arrays()
    return X[:, 0].tolist()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.csv", "a.CSV", "sub/c.csv", ".ipynb_checkpoints/x.csv", "_temporary/x.csv", ".x.csv", "_SUCCESS"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"a,y\n{ord(path.stem[0])},0\n{ord(path.stem[0])},1\n")
    (tmp_path / "README.md").write_text("no data")
    return tmp_path


A, B, C = ([float(ord(letter))] * 2 for letter in "abc")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{}", A + B + C),
        ("{}/*.csv", B),
        ("{}/*.[cC][sS][vV]", A + B),
        ("{}/**/*.csv", B + C),
        ("{}/s*", C),
        ("file://{}", A + B + C),
        ("file://{}/*.csv", B),
        ("{}/.x.csv", [46.0] * 2),  # named, so meant
    ],
)
def test_all_files_of_data_are_read_and_no_other(source: str, expected: list[float], folder: Path) -> None:
    assert rows_of(source.format(folder)) == expected


def test_lists_keep_their_order_and_may_hold_folders(folder: Path) -> None:
    assert rows_of([folder / "b.csv", str(folder / "a.CSV")]) == B + A
    assert rows_of([folder / "b.csv", folder / "sub"]) == B + C


def test_a_file_is_not_read_twice(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"b.csv' is in the list 2 times"):
        rows_of([folder / "b.csv", f"{folder}/./b.csv"])


def test_a_name_may_look_like_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "rows[1].csv").write_text(CSV)
    assert rows_of(tmp_path / "rows[1].csv") == [1, 2]


def test_home_is_expanded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    assert rows_of("~/b.csv") == rows_of("~/b*") == B


@pytest.mark.parametrize("name", ["rows-{}.npy", "rows-{}.npz", "rows-{}.parquet", "rows-{}.feather", "rows-{}.csv.gz"])
def test_a_pattern_means_all_files_whatever_the_format(name: str, tmp_path: Path) -> None:
    M = np.column_stack([np.arange(90.0), np.arange(90) % 2])
    for k, part in enumerate(np.split(M, 3)):
        path, frame = tmp_path / name.format(k), pd.DataFrame(part, columns=["a", "y"])
        if name.endswith(".npy"):
            np.save(path, part)
        elif name.endswith(".npz"):
            np.savez(path, X=part[:, :1], y=part[:, 1])
        else:
            getattr(frame, {"parquet": "to_parquet", "feather": "to_feather"}.get(path.suffix[1:], "to_csv"))(
                path, **({"index": False} if name.endswith("gz") else {})
            )
    target = 1 if name.endswith(".npy") else None if name.endswith(".npz") else "y"
    for source in (tmp_path / name.replace("{}", "*"), tmp_path, sorted(tmp_path.iterdir())):
        assert rows_of(source, target=target) == M[:, 0].tolist()


def test_folders_called_column_and_value_are_columns(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=300), "year": rng.integers(2023, 2025, 300)})
    frame = frame.assign(k=rng.choice(["u", "v"], 300), y=(frame["a"] > 0).astype(int))
    frame.to_parquet(tmp_path / "h", partition_cols=["year", "k"])
    data = fp.dataset(tmp_path / "h", target="y", categorical=["k"])
    assert data.feature_names == ("a", "year", "k=u", "k=v")
    sort = ["year", "k", "a"]
    expected = frame.assign(**{"k=u": frame["k"] == "u", "k=v": frame["k"] == "v"}).sort_values(sort)
    X = pd.DataFrame(data.arrays()[0], columns=data.feature_names).sort_values(["year", "k=v", "a"])
    np.testing.assert_array_equal(X.to_numpy(), expected[["a", "year", "k=u", "k=v"]].to_numpy(np.float64))


def test_a_folder_without_a_value_holds_nulls(tmp_path: Path) -> None:
    for name in ("k=u", "k=__HIVE_DEFAULT_PARTITION__"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.csv").write_text(CSV)
    with pytest.raises(ValueError, match=r"column 'k' holds a null|column 'k' .* has no values"):
        rows_of(tmp_path, categorical=["k"])


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("https://example.org/a.csv", ValueError, "not read over https. Download the file"),
        ("foo://a/b.csv", ValueError, "foo:// is not supported"),
        ("{}/no.csv", FileNotFoundError, "there is no file or folder"),
        ("{}/*.no", FileNotFoundError, "no file that fits the pattern"),
        ("{}/_temporary/*.json", FileNotFoundError, "no file that fits the pattern"),
        ("{}/README.md", ValueError, "known endings of files are .parquet"),
    ],
)
def test_what_is_not_there_or_cannot_be_read_is_said(
    source: str, error: type[Exception], message: str, folder: Path
) -> None:
    with pytest.raises(error, match=message):
        fp.dataset(source.format(folder), target="y")


def test_files_of_several_formats_are_refused(folder: Path) -> None:
    pd.DataFrame({"a": [1.0], "y": [0]}).to_parquet(folder / "z.parquet")
    for source in (folder, [folder / "b.csv", folder / "z.parquet"]):
        with pytest.raises(ValueError, match=r"' and '.*z.parquet' have different formats"):
            fp.dataset(source, target="y")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("plain.csv.gz", CSV.encode(), "its name says gzip, but it is not compressed"),
        # Without a time: the bytes are part of the test's name, which must be the same in each process that collects.
        ("packed.csv", gzip.compress(CSV.encode(), mtime=0), "it is compressed by gzip, which its name does not say"),
        (
            "cut.csv.gz",
            gzip.compress(np.random.default_rng(0).bytes(999).hex().encode())[:500],
            "not a whole CSV file",
        ),
        ("table.csv", b"PAR1" + bytes(99), "it is a Parquet file, which its name does not say"),
        ("noise.csv", bytes(range(256)) * 9, "it is a binary file, not text"),
        ("zip.parquet", b"PK\x03\x04" + bytes(99), "it is a zip archive"),
        ("wide.csv", CSV.encode("utf-16"), "it is UTF-16 text: give `csv={'encoding': 'utf-16'}`"),
    ],
)
def test_a_file_that_is_something_else_is_named_with_what_it_is(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name}'.*{message}"):
        rows_of(tmp_path / name)


@pytest.mark.parametrize("name", ["a.csv.gz", "A.CSV.GZ", "a.txt.gz"])
def test_endings_may_have_any_case(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(gzip.compress(CSV.encode()))
    assert rows_of(tmp_path / name) == [1, 2]
