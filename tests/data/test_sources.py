"""The law of sources: the same values from wherever they come give the same bytes of weights."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from pyarrow import csv, dataset as arrow_dataset, feather, orc, parquet

import fastperceptron as fp

N_ROWS, N_FEATURES = 3000, 5
NAMES = [f"x{number}" for number in range(N_FEATURES)]


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray]:
    return fp.synthetic(N_ROWS, N_FEATURES, scale_spread=2, rng=0).arrays()


@pytest.fixture(scope="module")
def expected(rows: tuple[np.ndarray, np.ndarray]) -> bytes:
    return fitted(fp.dataset(rows))


def fitted(data: fp.Dataset) -> bytes:
    classifier = fp.PerceptronClassifier(loss="log_loss").fit(data)
    return classifier.coef_.tobytes() + classifier.intercept_.tobytes()


def as_table(X: np.ndarray, y: np.ndarray) -> pa.Table:
    return pa.table([*map(pa.array, np.ascontiguousarray(X.T)), pa.array(y)], [*NAMES, "y"])


def chunked(X: np.ndarray, y: np.ndarray, sizes: list[int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    start = 0
    while start < len(X):
        for size in sizes:
            if start < len(X):
                yield X[start : start + size], y[start : start + size]
            start += size


def in_two_files(table: pa.Table, folder: Path, row_group_size: int) -> Path:
    parquet.write_table(table[:1000], folder / "a.parquet", row_group_size=row_group_size)
    parquet.write_table(table[1000:], folder / "b.parquet", row_group_size=row_group_size, use_dictionary=False)
    return folder


def saved(X: np.ndarray, y: np.ndarray, folder: Path) -> tuple[Path, Path]:
    np.save(folder / "X.npy", X)
    np.save(folder / "y.npy", y)
    return folder / "X.npy", folder / "y.npy"


def one_matrix(X: np.ndarray, y: np.ndarray, folder: Path, place: int) -> Path:
    np.save(folder / "all.npy", np.insert(X, place, y, axis=1))
    return folder / "all.npy"


def in_npz(X: np.ndarray, y: np.ndarray, folder: Path, save: Callable[..., None] = np.savez) -> Path:
    save(folder / "rows.npz", X=X, y=y)
    return folder / "rows.npz"


def written(write: Callable[..., Any], table: pa.Table, path: Path, **options: Any) -> str:
    write(table, path, **options)
    return str(path)


def zipped(table: pa.Table, path: Path) -> Path:
    with pa.output_stream(path, compression="gzip") as stream:
        csv.write_csv(table, stream)
    return path


def csv_in_two_files(table: pa.Table, folder: Path) -> str:
    csv.write_csv(table[:1000], folder / "a.csv")
    csv.write_csv(table[1000:].select([*reversed(table.column_names)]), folder / "b.csv")  # columns go by name
    return f"{folder}/*.csv"


def in_lines(table: pa.Table, path: Path) -> Path:
    path.write_text("\n".join(map(json.dumps, table.to_pylist())))
    return path


def as_stream(table: pa.Table, path: Path) -> Path:
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table)
    return path


SINGLE = {"target": "y", "dtype": np.float32}
SOURCES: dict[str, Callable[[np.ndarray, np.ndarray, Path], tuple[Any, dict[str, Any]]]] = {
    "lists": lambda X, y, f: ((X, y.tolist()), {}),
    "F order": lambda X, y, f: ((np.asfortranarray(X), y), {}),
    "memmap": lambda X, y, f: ((np.load(saved(X, y, f)[0], mmap_mode="r"), y), {}),
    "npy pair": lambda X, y, f: (saved(X, y, f), {}),
    "npy, target last": lambda X, y, f: (one_matrix(X, y, f, N_FEATURES), {"target": -1}),
    "npy, target within": lambda X, y, f: (one_matrix(X, y, f, 2), {"target": 2}),
    "npz": lambda X, y, f: (in_npz(X, y, f), {}),
    "npz, compressed": lambda X, y, f: (in_npz(X, y, f, np.savez_compressed), {}),
    "npz by columns": lambda X, y, f: (in_npz(np.asfortranarray(X), y, f), {}),
    "Parquet": lambda X, y, f: (written(parquet.write_table, as_table(X, y), f / "a.parquet"), {"target": "y"}),
    "Parquet, two files": lambda X, y, f: (in_two_files(as_table(X, y), f, 700), {"target": "y"}),
    "Parquet, a pattern": lambda X, y, f: (f"{in_two_files(as_table(X, y), f, 100)}/*.parquet", {"target": "y"}),
    "Feather": lambda X, y, f: (
        written(feather.write_feather, as_table(X, y), f / "a.feather", chunksize=500),
        {"target": N_FEATURES},
    ),
    # Text is read as float64, which a value written from float32 is not: it is asked for.
    "CSV": lambda X, y, f: (written(csv.write_csv, as_table(X, y), f / "a.csv"), SINGLE),
    "CSV.gz": lambda X, y, f: (zipped(as_table(X, y), f / "a.csv.gz"), SINGLE),
    "CSV, two files": lambda X, y, f: (csv_in_two_files(as_table(X, y), f), SINGLE),
    "JSON lines": lambda X, y, f: (in_lines(as_table(X, y), f / "a.jsonl"), SINGLE),
    "ORC": lambda X, y, f: (written(orc.write_table, as_table(X, y), f / "a.orc"), {"target": "y"}),
    "Arrow stream in a file": lambda X, y, f: (as_stream(as_table(X, y), f / "a.arrow"), {"target": "y"}),
    "dataset of pyarrow": lambda X, y, f: (arrow_dataset.dataset(as_table(X, y)), {"target": "y"}),
    "scanner": lambda X, y, f: (arrow_dataset.dataset(as_table(X, y)).scanner(), {"target": "y"}),
    "lazy frame": lambda X, y, f: (pl.LazyFrame(pl.DataFrame(X, NAMES).with_columns(y=y)), {"target": "y"}),
    "record batch": lambda X, y, f: (as_table(X, y).combine_chunks().to_batches()[0], {"target": "y"}),
    "list of files": lambda X, y, f: (sorted(in_two_files(as_table(X, y), f, 700).iterdir()), {"target": "y"}),
    "URI": lambda X, y, f: (f"file://{in_two_files(as_table(X, y), f, 700)}", {"target": "y"}),
    "Arrow table": lambda X, y, f: (as_table(X, y), {"target": "y"}),
    "Arrow stream": lambda X, y, f: (as_table(X, y).to_reader(max_chunksize=777), {"target": "y"}),
    "pandas": lambda X, y, f: (pd.DataFrame(X, np.arange(N_ROWS) * 2 + 7, NAMES).assign(y=y), {"target": "y"}),
    "polars": lambda X, y, f: (pl.DataFrame(X, NAMES).with_columns(y=y), {"target": "y"}),
    "generator": lambda X, y, f: (chunked(X, y, [1, 999, 50]), {}),
    "function": lambda X, y, f: (lambda: chunked(X, y, [400]), {}),
    "columns chosen": lambda X, y, f: (
        as_table(X, y).append_column("name", pa.array(["a"] * N_ROWS)).select(["name", "y", *reversed(NAMES)]),
        {"target": "y", "features": NAMES},
    ),
}


@pytest.mark.parametrize("name", SOURCES)
def test_the_same_values_give_the_same_bytes_from_any_source(
    name: str, rows: tuple[np.ndarray, np.ndarray], expected: bytes, tmp_path: Path
) -> None:
    source, options = SOURCES[name](*rows, tmp_path)
    data = fp.dataset(source, cache_dir=tmp_path, **options)
    assert data.n_features == N_FEATURES
    assert fitted(data) == expected
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("tmp")]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_chunking_changes_a_byte(
    data: st.DataObject, rows: tuple[np.ndarray, np.ndarray], expected: bytes, tmp_path: Path
) -> None:
    X, y = rows
    kind = data.draw(st.sampled_from(["generator", "stream", "Parquet", "CSV"]))
    sizes = st.integers(40, N_ROWS)
    if kind == "generator":
        made = fp.dataset(chunked(X, y, data.draw(st.lists(sizes, min_size=1, max_size=4))), cache_dir=tmp_path)
    elif kind == "stream":
        made = fp.dataset(as_table(X, y).to_reader(data.draw(sizes)), target="y", cache_dir=tmp_path)
    elif kind == "Parquet":
        parquet.write_table(as_table(X, y), tmp_path / "a.parquet", row_group_size=data.draw(sizes))
        made = fp.dataset(tmp_path / "a.parquet", target="y", cache_dir=tmp_path)
    else:
        csv.write_csv(as_table(X, y), tmp_path / "a.csv", csv.WriteOptions(batch_size=data.draw(sizes)))
        made = fp.dataset(tmp_path / "a.csv", cache_dir=tmp_path, **SINGLE)
    assert fitted(made) == expected


def test_a_bit_less_of_a_value_changes_bytes(rows: tuple[np.ndarray, np.ndarray], expected: bytes) -> None:
    X, y = rows[0].copy(), rows[1]
    X[17, 2] *= 1.01
    assert fitted(fp.dataset((X, y))) != expected


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.int8, np.bool])
def test_dtypes_are_those_of_arrays(dtype: type, rows: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = (rows[0] * 3).astype(dtype), np.where(rows[1] == 1, "yes", "no")
    expected = fp.PerceptronClassifier(loss="log_loss").fit(X, y)
    made = fp.PerceptronClassifier(loss="log_loss").fit(fp.dataset(as_table(X, y), target="y"))
    assert made.coef_.tobytes() == expected.coef_.tobytes()
    assert made.classes_.tolist() == expected.classes_.tolist() == ["no", "yes"]
    assert made.feature_names_in_.tolist() == NAMES


def test_weights_come_from_their_column(rows: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = rows
    weights = np.random.default_rng(0).integers(0, 4, N_ROWS)
    expected = fp.PerceptronClassifier(loss="log_loss").fit(X, y, weights)
    table = as_table(X, y).append_column("w", pa.array(weights))
    sources = {
        "columns": fp.dataset(table, target="y", weight="w"),
        "arrays": fp.dataset((X, y, weights)),
        "chunks": fp.dataset(
            lambda: ((*chunk, weights[k * 500 :][:500]) for k, chunk in enumerate(chunked(X, y, [500])))
        ),
    }
    for data in sources.values():
        assert fp.PerceptronClassifier(loss="log_loss").fit(data).coef_.tobytes() == expected.coef_.tobytes()
        assert fp.PerceptronClassifier(loss="log_loss").fit(data).score(data) == expected.score(X, y, weights)


def test_an_archive_may_hold_weights_without_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=np.eye(2), weights=[1.0, 2.0])
    (block,) = fp.dataset(tmp_path / "a.npz").blocks()
    assert block.y is None
    assert block.weights.tolist() == [1, 2]


def test_every_method_takes_a_data_set(rows: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = rows
    data = fp.dataset(as_table(X, y), target="y")
    classifier = fp.PerceptronClassifier(loss="log_loss").fit(data)
    unlabelled = fp.dataset(as_table(X, y).drop_columns("y"))
    for method in ("predict", "predict_proba", "decision_function", "predict_log_proba"):
        expected = getattr(fp.PerceptronClassifier(loss="log_loss").fit(X, y), method)(X)
        np.testing.assert_array_equal(getattr(classifier, method)(unlabelled), expected)
    assert classifier.score(data) == classifier.score(pd.DataFrame(X, columns=NAMES), y)
    assert (classifier.model_.predict(data) == classifier.predict(data)).all()
    chunks = fp.dataset(lambda: chunked(X, y, [400]))
    online = fp.PerceptronClassifier(loss="log_loss").partial_fit(chunks, classes=[0, 1])
    expected = fp.PerceptronClassifier(loss="log_loss")
    for chunk in chunked(X, y, [400]):
        expected.partial_fit(*chunk, classes=[0, 1])
    assert online.coef_.tobytes() == expected.coef_.tobytes()
    trained = fp.train(data, steps=500, rng=0)
    assert trained.weights.tobytes() == fp.train(X, y, steps=500, rng=0).weights.tobytes()
    assert trained.feature_names == tuple(NAMES)


def test_levels_become_columns_and_go_with_the_names() -> None:
    rng = np.random.default_rng(0)
    color, size = rng.choice(["red", "blue", "green"], 500), rng.normal(size=500)
    y = (size + (color == "red") > 0.3).astype(int)
    frame = pl.DataFrame({"color": color, "size": size, "y": y})
    for categorical in ("auto", ["color"], {"color": ["blue", "green", "red"]}):
        data = fp.dataset(frame, target="y", categorical=categorical)
        assert data.feature_names == ("color=blue", "color=green", "color=red", "size")
        X, _ = data.arrays()
        assert (X[:, 2] == (color == "red")).all()
    classifier = fp.PerceptronClassifier().fit(data)
    other = fp.dataset(pl.DataFrame({"size": [0.1, 0.1], "color": ["red", "never seen"]}), categorical="auto")
    expected = classifier.model_.decision_function([[0, 0, 1, 0.1], [0, 0, 0, 0.1]])
    np.testing.assert_array_equal(classifier.decision_function(other), expected)


def test_the_same_numbers_give_the_same_bytes_as_text_and_as_columns(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    columns = {
        "time": 1_700_000_000 + rng.integers(0, 120, 900),
        "flag": rng.integers(0, 2, 900).astype(bool),
        "small": rng.integers(-9, 9, 900).astype(np.int8),
        "real": rng.normal(size=900),
    }
    frame = pd.DataFrame(columns).assign(y=(columns["real"] + rng.logistic(size=900) > 0).astype(int))
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    pl.from_pandas(frame).write_ndjson(tmp_path / "a.jsonl")
    expected = fitted(fp.dataset((frame.drop(columns="y").to_numpy(np.float64), frame["y"])))
    for source in (tmp_path / "a.csv", tmp_path / "a.parquet", tmp_path / "a.jsonl", frame):
        assert fitted(fp.dataset(source, target="y")) == expected
