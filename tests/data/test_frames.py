"""What frames and text files make of their columns: names, numbers, levels, nulls where nobody looks."""

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import fastperceptron as fp


@pytest.fixture
def frame() -> pd.DataFrame:
    X, y = fp.synthetic(2000, 3, rng=0).arrays()
    return pd.DataFrame(X, columns=["a", "b", "c"]).assign(y=y)


def fit(data: fp.Dataset) -> fp.PerceptronClassifier:
    return fp.PerceptronClassifier(loss="log_loss").fit(data)


def test_three_classes_are_predicted_of_a_data_set() -> None:
    data = fp.synthetic(2000, 3, n_classes=3, rng=0)
    classifier = fit(data)
    assert (classifier.predict(data) == classifier.predict(data.arrays()[0])).all()


@pytest.mark.parametrize("options", [{}, {"batch_size": 32, "sampling": "shuffled"}])
def test_the_tutorials_loop_takes_made_rows(options: dict) -> None:
    data = fp.synthetic(1000, 3, rng=0)
    expected = fp.train(*data.arrays(), steps=200, rng=0, **options)
    assert fp.train(data, steps=200, rng=0, **options) == expected  # its history, too


def test_columns_that_a_model_does_not_need_are_not_looked_at(frame: pd.DataFrame) -> None:
    classifier = fit(fp.dataset(frame, target="y"))
    expected = classifier.predict(frame[["a", "b", "c"]])
    others = frame[["c", "b", "a"]].assign(y=np.nan)
    found = classifier.predict(fp.dataset(others.astype(np.float32), target="y"))
    assert (found == expected).all()
    assert (classifier.model_.predict(fp.dataset(others[["c", "b", "a"]].astype(np.float32))) == expected).all()


def test_a_level_has_one_name_in_all_formats(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame = frame.assign(k=np.arange(len(frame)) % 3, y=(np.arange(len(frame)) % 3 == 2).astype(int))
    frame.to_parquet(tmp_path / "d.parquet")
    frame.to_csv(tmp_path / "d.csv", index=False)
    options = {"target": "y", "categorical": ["k"]}
    classifier = fit(fp.dataset(tmp_path / "d.parquet", **options))
    assert "k=0" in classifier.feature_names_in_
    for name in ("d.parquet", "d.csv"):
        assert classifier.score(fp.dataset(tmp_path / name, **options)) > 0.99


def test_text_keeps_labels_and_weights_as_they_are(tmp_path: Path) -> None:
    labels, weights = [16777216, 16777217] * 50, np.linspace(0.1, 1, 100)
    X = np.random.default_rng(0).normal(size=100).astype(np.float32)
    pl.DataFrame({"x": X, "y": labels, "w": weights}).write_csv(tmp_path / "a.csv")
    classifier = fit(fp.dataset(tmp_path / "a.csv", target="y", weight="w"))
    assert classifier.classes_.tolist() == [16777216, 16777217]
    assert classifier.classes_.dtype == np.int64
    expected = pl.read_csv(tmp_path / "a.csv")["x"].to_numpy()[:, None]
    assert classifier.coef_.tobytes() == fit(fp.dataset((expected, labels, weights))).coef_.tobytes()


def test_columns_of_text_that_nobody_asks_for_may_change_their_kind(tmp_path: Path) -> None:
    rows = "".join(f"{k % 7}.5,{k % 2},{'q' if k > 199_990 else k}\n" for k in range(200_000))
    (tmp_path / "a.csv").write_text("a,y,note\n" + rows)
    assert fit(fp.dataset(tmp_path / "a.csv", target="y", features=["a"])).n_features_in_ == 1


def test_text_files_may_begin_with_whole_numbers_here_and_fractions_there(tmp_path: Path) -> None:
    for name, values in (("a.csv", "1,0\n2,1\n"), ("b.csv", "1.5,0\n2.5,1\n")):
        (tmp_path / name).write_text("x,y\n" + values)
    X, y = fp.dataset(f"{tmp_path}/*.csv", target="y").arrays()
    assert (X[:, 0].tolist(), y.tolist(), X.dtype) == ([1, 2, 1.5, 2.5], [0, 1, 0, 1], np.float64)


def test_columns_may_be_named_by_numbers(frame: pd.DataFrame) -> None:
    expected = fit(fp.dataset(frame, target="y")).coef_.tobytes()
    values = frame.to_numpy(np.float32)
    assert fit(fp.dataset(pd.DataFrame(values), target=3)).coef_.tobytes() == expected
    assert fit(fp.dataset(values, target="3")).coef_.tobytes() == expected
    with pytest.raises(ValueError, match="features must be the number of one of the 4 columns of the array, but is 17"):
        fp.dataset(values, target=3, features=[17])
    named = pl.DataFrame(values, ["1", "2", "0", "3"])  # a name comes before a number
    assert fp.dataset(named, target="3").feature_names == ("1", "2", "0")
    assert fp.dataset(named, target="0").feature_names == ("1", "2", "3")


def test_a_categorical_of_numbers_is_numbers(frame: pd.DataFrame) -> None:
    classifier = fit(fp.dataset(frame.assign(y=frame["y"].astype("category")), target="y"))
    assert classifier.classes_.tolist() == [0, 1]


def test_a_name_may_hold_the_sign_of_levels() -> None:
    table = pa.table({"a=b": ["u", "v"] * 50, "x": np.arange(100.0), "y": [0, 1] * 50})
    classifier = fit(fp.dataset(table, target="y", categorical="auto"))
    assert classifier.feature_names_in_.tolist() == ["a=b=u", "a=b=v", "x"]
    assert classifier.score(fp.dataset(table.select(["x", "y", "a=b"]), target="y", categorical="auto")) == 1


def test_empty_chunks_and_columns_of_labels_are_taken() -> None:
    X, y = fp.synthetic(100, 2, rng=0).arrays()
    chunks = [(X[:50], y[:50, None]), (X[:0], y[:0]), (X[50:], y[50:])]
    expected = fit(fp.dataset((X, y)))
    assert fit(fp.dataset(lambda: iter(chunks))).coef_.tobytes() == expected.coef_.tobytes()
    assert expected.score(fp.dataset((X, y[:, None]))) == expected.score(X, y)
    assert fit(fp.dataset((X, y, np.ones((100, 1))))).coef_.tobytes() == expected.coef_.tobytes()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda X, y: fit(fp.dataset(lambda: iter([(X, None)]))), "this data set has no labels"),
        (lambda X, y: fp.dataset((X, y, np.ones((100, 2)))), "weights must have one dimension"),
        (lambda X, y: fp.dataset((X, y), dtype=np.float64), "dtype is for files and frames"),
        (lambda X, y: fp.dataset(itertools.repeat(iter([(X, y)])).__next__), "returns the same generator each time"),
        (lambda X, y: fp.synthetic(10, 2, scale_spread=90), "scale_spread must be at most 60"),
        (lambda X, y: fit(fp.dataset((X, y))).score(fp.dataset((X, y, np.zeros(100)))), "all weights are zero"),
    ],
)
def test_what_cannot_be_is_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(*fp.synthetic(100, 2, rng=0).arrays())


@pytest.fixture
def numbered() -> pd.DataFrame:
    """Columns called 0, 1, 2 and 3, of which 2 is the target."""
    X = np.random.default_rng(0).normal(size=(400, 3))
    return pd.DataFrame({0: X[:, 0], 1: X[:, 1], 2: (X[:, 0] > X[:, 2]).astype(int), 3: X[:, 2]})


def uses_of(classifier: fp.PerceptronClassifier) -> dict:
    """Return all that predicts rows of a frame."""
    return {
        "estimator": classifier.predict,
        "model": classifier.model_.predict,
        "data set": lambda rows: classifier.predict(fp.dataset(rows)),
        "tuple": lambda rows: classifier.predict(fp.dataset((rows,))),
        "chunks": lambda rows: classifier.predict(fp.dataset(lambda: iter([(rows, None)]))),
    }


def test_columns_called_by_numbers_go_by_name(numbered: pd.DataFrame) -> None:
    data = fp.dataset(numbered, target=2)
    assert data.feature_names == ("0", "1", "3")
    classifier = fit(data)
    expected = classifier.model_.predict(numbered[[0, 1, 3]].to_numpy())
    for use in uses_of(classifier).values():
        for order in itertools.permutations([0, 1, 3]):
            assert (use(numbered[list(order)]) == expected).all()


def test_columns_called_by_numbers_that_are_not_all_known_are_refused(numbered: pd.DataFrame) -> None:
    classifier = fit(fp.dataset(numbered, target=2))
    for name, use in uses_of(classifier).items():
        if name not in ("tuple", "chunks"):  # there 0, 1, ... are the numbers of columns without names
            with pytest.raises(ValueError, match=r"feature names should match|lacks '\d'|no column '\d'"):
                use(numbered[[0, 1, 3]].set_axis([0, 1, 2], axis=1))
        with pytest.raises(ValueError, match=r"feature names should match|lacks '\d'|no column '\d'"):
            use(numbered[[0, 1, 3]].set_axis([1, 2, 4], axis=1))


def test_a_name_that_two_columns_would_have_is_refused(numbered: pd.DataFrame) -> None:
    model = fit(fp.dataset(numbered, target=2)).model_
    with pytest.raises(ValueError, match="two columns called '1'"):
        model.predict(numbered[[0, 1, 3]].set_axis(["1", 1, "3"], axis=1))


def test_a_column_that_nearly_has_the_name_is_named(numbered: pd.DataFrame) -> None:
    years = numbered.set_axis([2019, 2020, 2021, 2022], axis=1)
    for frame, hint in ((years, "did you mean 2021?"), (years.rename(columns=str), "Did you mean '2021'?")):
        with pytest.raises(ValueError, match=re.escape(hint)):
            fp.dataset(frame, target=2018)


@pytest.mark.parametrize("kind", [pd.Series, pl.Series, pa.array])
def test_one_column_or_row_is_not_rows(kind: Callable[[list[float]], Any]) -> None:
    classifier = fp.PerceptronClassifier().fit(np.eye(2), [0, 1])
    with pytest.raises(ValueError, match=r"Reshape your data|Expected a 2-dimensional container"):
        classifier.predict(kind([1.0, 2.0]))
    with pytest.raises(TypeError, match="is one column or one row: make a frame of it"):
        fp.dataset(kind([1.0, 2.0]))
