"""Several .npy or .npz files are the concatenated arrays; what they cannot hold is refused with the file's name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastperceptron as fp
from fastperceptron.data.array_files import open_array_files


def matrix(dtype: Any = np.float64) -> np.ndarray:
    rows = np.random.default_rng(0).normal(size=(60, 4))
    rows[:, 1], rows[:, 3] = np.arange(60) % 3, np.arange(60) % 5
    return rows.astype(dtype)


@pytest.mark.parametrize("dtype", ["f4", ">f8", "f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_files_are_the_concatenated_matrix(dtype: str, order: str, tmp_path: Path) -> None:
    parts = np.split(np.asarray(matrix(dtype), order=order), [7, 20])
    paths = [tmp_path / f"{number}.npy" for number in range(3)]
    for path, part in zip(paths, parts, strict=True):
        np.save(path, part)
    data = open_array_files(paths, target=1, weight=-1, cache_dir=tmp_path)
    assert len(data) == 60
    with data.open_table() as table:
        np.testing.assert_array_equal(table.rows.read(0, 60), matrix(dtype)[:, [0, 2]])
        assert table.rows.dtype == np.dtype(dtype).newbyteorder("=")
        np.testing.assert_array_equal(table.classes[table.codes], matrix()[:, 1])
        np.testing.assert_array_equal(table.row_weights, matrix()[:, 3])


@pytest.mark.parametrize("weight", ["sample_weight", "weights", "weight"])
def test_npz_files_are_their_arrays(weight: str, tmp_path: Path) -> None:
    X, y = matrix()[:, :2], np.array(["b", "longer", "a"])[np.arange(60) % 3]
    names = {"feature_names": np.array(["p", "q"])}
    np.savez(tmp_path / "a.npz", X=X[:9], y=y[:9].astype("U9"), **{weight: np.ones(9)}, **names)
    np.savez_compressed(tmp_path / "b.npz", X=X[9:], y=y[9:], **{weight: np.ones(51)}, **names)
    data = open_array_files([tmp_path / "a.npz", tmp_path / "b.npz"], target="y", weight=weight)
    assert data.feature_names == ("p", "q")
    found = data.arrays()
    np.testing.assert_array_equal(found[0], X)
    np.testing.assert_array_equal(found[1], y)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": np.eye(2), "labels": [0, 1]}, "holds 'labels': the known names are"),
        ({"X": np.eye(2), "weights": [1, 1], "sample_weight": [1, 1]}, "holds both"),
        ({"X": np.ones((2, 2, 2))}, "holds an array of shape"),
        ({"X": np.ones((0, 2))}, "holds an array of shape"),
        ({"X": np.eye(2), "y": np.array(["a", None], object)}, "holds Python objects"),
        ({"X": np.array([(1, 2.0)], "i4,f4")}, "holds records with the fields"),
        ({"X": np.eye(2) * 1j}, "must hold real numbers"),
        ({"X": np.eye(2), "feature_names": np.array(["a"])}, "feature_names of shape"),
    ],
)
def test_whole_files_that_hold_the_wrong_things_are_not_called_broken(
    arrays: Any, message: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        open_array_files([tmp_path / "a.npz"])
    assert "a.npz'" in str(caught.value)
    assert "not a whole" not in str(caught.value)


@pytest.mark.parametrize("other", [np.eye(3), np.eye(2, dtype=int)])
def test_files_that_differ_are_named(other: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "1.npy", np.eye(2))
    np.save(tmp_path / "2.npy", other)
    with pytest.raises(ValueError, match=r"1.npy' and '.*2.npy' differ in"):
        open_array_files([tmp_path / "1.npy", tmp_path / "2.npy"])


def test_columns_of_npz_files_go_by_name(tmp_path: Path) -> None:
    X, y = np.arange(8.0).reshape(4, 2), np.arange(4) % 2
    np.savez(tmp_path / "1.npz", X=X, y=y, feature_names=["a", "b"])
    np.savez(tmp_path / "2.npz", X=X[:, ::-1], y=y, feature_names=["b", "a"])
    assert fp.dataset(f"{tmp_path}/*.npz").arrays()[0].tolist() == [*X.tolist(), *X.tolist()]
    np.savez(tmp_path / "3.npz", X=X, y=y, feature_names=["a", "c"])
    with pytest.raises(ValueError, match=r"3.npz'.*'b' is not among"):
        fp.dataset(f"{tmp_path}/*.npz").arrays()
