"""Sparse rows in data sets: tuples, chunks, .npz files of scipy.sparse, svmlight files."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.datasets import dump_svmlight_file, load_svmlight_file, load_svmlight_files

import fastperceptron as fp
from fastperceptron.data.sparse_arrays import CsrArray
from fastperceptron.data.sparse_rows import SparseRows
from sparse_tables import FORMATS, sparse_table

X, Y = sparse_table()
WEIGHTS = np.random.default_rng(1).integers(1, 4, len(Y)).astype(float)


def fit(*arguments: Any) -> fp.PerceptronClassifier:
    return fp.PerceptronClassifier(loss="log_loss", tol=1e-6).fit(*arguments)


def assert_is_sparse_twin(data: Any, *dense: Any) -> None:
    """Assert that a data set holds sparse rows, fits like dense ones, and is predicted with the same bits."""
    blocks = list(data.blocks())
    assert all(isinstance(block.X, CsrArray) for block in blocks)
    assert np.concatenate([block.X.toarray() for block in blocks]).tolist() == dense[0].tolist()
    with data.open_table() as table:
        assert isinstance(table.rows, SparseRows)
    fitted = fit(data)
    np.testing.assert_allclose(fitted.coef_, fit(*dense).coef_, atol=1e-6)
    for method in ("predict", "predict_proba", "decision_function"):
        assert getattr(fitted.model_, method)(data).tolist() == getattr(fitted, method)(data).tolist()
        assert getattr(fitted, method)(data).tolist() == getattr(fitted.model_, method)(dense[0]).tolist()
    assert fp.evaluate(fitted, data).scores == fp.evaluate(fitted, dense).scores
    assert fitted.score(data) == fp.evaluate(fitted, data).scores["accuracy"]


def chunks(kind: Any = sparse.csr_array, size: int = 70) -> Any:
    for start in range(0, len(Y), size):
        part = slice(start, start + size)
        yield kind(X[part]), Y[part], WEIGHTS[part]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.filterwarnings("ignore:Constructing a DIA matrix")
def test_tuples(name: str) -> None:
    assert_is_sparse_twin(fp.dataset((FORMATS[name](X), Y)), X, Y)
    assert_is_sparse_twin(fp.dataset((FORMATS[name](X), Y, WEIGHTS)), X, Y, WEIGHTS)


def test_chunks_of_all_formats() -> None:
    assert_is_sparse_twin(fp.dataset(chunks), X, Y, WEIGHTS)
    assert_is_sparse_twin(fp.dataset(list(chunks(sparse.csc_matrix))), X, Y, WEIGHTS)
    assert_is_sparse_twin(fp.dataset(lambda: chunks(sparse.lil_array, 33)), X, Y, WEIGHTS)
    data = fp.dataset(chunks())
    assert data.head(3).X.toarray().tolist() == X[:3].tolist()
    np.testing.assert_allclose(fit(data).coef_, fit(X, Y, WEIGHTS).coef_, atol=1e-6)
    one, other = (fp.PerceptronClassifier() for _ in range(2))
    one.partial_fit(fp.dataset(chunks), classes=[0, 1])
    for rows, labels, weights in chunks(np.asarray):
        other.partial_fit(rows, labels, [0, 1], weights)
    assert one.coef_.tobytes() == other.coef_.tobytes()


def test_frames_of_sparse_columns() -> None:
    frame = pd.DataFrame(X, columns=[f"x{k}" for k in range(19)]).astype(pd.SparseDtype("float64", 0.0))
    data = fp.dataset((frame, Y))
    assert data.feature_names == tuple(frame.columns)
    assert_is_sparse_twin(data, X, Y)
    assert_is_sparse_twin(fp.dataset([(frame[:120], Y[:120]), (frame[frame.columns[::-1]][120:], Y[120:])]), X, Y)
    fitted = fit(data)
    backwards = fp.dataset((frame[frame.columns[::-1]],))
    assert fitted.predict_proba(backwards).tolist() == fitted.predict_proba(data).tolist()
    with pytest.raises(TypeError, match=r"column 'x0' of the DataFrame is sparse: pass \(frame\[features\], frame"):
        fp.dataset(frame.assign(y=Y), target="y")


def test_chunks_that_differ_from_the_first() -> None:
    def mixed(second: Any) -> Any:
        return fp.dataset([(sparse.csr_array(X), Y), (second, Y)])

    with pytest.raises(ValueError, match="chunk 1 and the first one differ in whether their rows are sparse"):
        fit(mixed(X))
    with pytest.raises(ValueError, match="chunk 1 has 18 features, but the first one has 19"):
        fit(mixed(sparse.csr_array(X[:, 1:])))
    with pytest.raises(ValueError, match="chunk 1 has 199 rows, but 200 labels"):
        fit(mixed(sparse.csr_array(X[1:])))
    broken = sparse.csr_array(X)
    broken.indices[0] = 77
    with pytest.raises(ValueError, match="X of chunk 1 is not a valid CSR matrix: row 0 has the column index 77"):
        fit(mixed(broken))
    assert len(fit(fp.dataset([(sparse.csr_array((0, 19)), []), (sparse.csr_array(X), Y)])).classes_) == 2


def test_all_rows_as_arrays_of_scipy() -> None:
    rows, labels = fp.dataset((sparse.coo_array(X), Y)).arrays()
    assert sparse.issparse(rows.to_scipy())
    assert rows.to_scipy().toarray().tolist() == X.tolist()
    assert labels.tolist() == Y.tolist()
    assert repr(rows) == f"CsrArray(shape=(200, 19), dtype=float64, nnz={rows.nnz})"


@pytest.mark.parametrize(
    "name", ["csr_array", "csr_matrix", "csc_array", "coo_matrix", "coo_array", "bsr_array", "dia_array"]
)
@pytest.mark.filterwarnings("ignore:Constructing a DIA matrix")
def test_files_of_save_npz(tmp_path: Path, name: str) -> None:
    sparse.save_npz(tmp_path / "X.npz", FORMATS[name](X))
    np.save(tmp_path / "y.npy", Y)
    assert_is_sparse_twin(fp.dataset((tmp_path / "X.npz", tmp_path / "y.npy")), X, Y)
    assert_is_sparse_twin(fp.dataset((str(tmp_path / "X.npz"), Y)), X, Y)
    alone = fp.dataset(tmp_path / "X.npz")
    assert fit(X, Y).predict(alone).tolist() == fit(X, Y).predict(X).tolist()
    with pytest.raises(ValueError, match="this data set has no labels: name their column"):
        fit(alone)
    sparse.save_npz(tmp_path / "Xy.npz", FORMATS[name](np.column_stack([X, Y + 1])))
    assert_is_sparse_twin(fp.dataset(tmp_path / "Xy.npz", target=19), X, Y + 1)
    assert_is_sparse_twin(fp.dataset(sparse.csr_array(np.column_stack([X, Y + 1])), target=-1), X, Y + 1)


def test_several_files_of_save_npz(tmp_path: Path) -> None:
    whole = np.column_stack([X, Y])
    for number, part in enumerate((whole[:90], whole[90:])):
        sparse.save_npz(tmp_path / f"{number}.npz", sparse.csr_array(part))
    data = fp.dataset(tmp_path, target=19)
    assert data.n_rows == 200
    assert_is_sparse_twin(data, X, Y)
    sparse.save_npz(tmp_path / "2.npz", sparse.csr_array(X))
    with pytest.raises(ValueError, match=r"differ in columns: \(20,\) and \(19,\)"):
        fp.dataset(tmp_path, target=19)


def test_damaged_files_of_save_npz(tmp_path: Path) -> None:
    path = tmp_path / "X.npz"
    sparse.save_npz(path, sparse.csr_array(X))
    parts = dict(np.load(path))
    for changed, message in (
        ({"indices": parts["indices"] + 5}, "X.npz.*out of range"),
        ({"indptr": parts["indptr"][::-1]}, "X.npz"),
        ({"shape": np.array([200, 3])}, "X.npz"),
        ({"format": np.array(b"abc")}, "X.npz"),
        ({"data": parts["data"].astype(object)}, "X.npz.*holds Python objects"),
    ):
        np.savez(path, **{**parts, **changed})
        with pytest.raises(ValueError, match=message):
            fp.dataset((path, Y))
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(ValueError, match=r"X\.npz"):
        fp.dataset((path, Y))
    np.savez(path, X=X, y=Y)
    with pytest.raises(ValueError, match="holds arrays by name, not a sparse matrix: pass it by itself"):
        fp.dataset((path, Y))


@pytest.mark.parametrize("first_column", [0, 1])
@pytest.mark.parametrize("compression", ["", ".gz", ".bz2"])
def test_svmlight_files_are_read_as_scikit_learn_reads_them(
    tmp_path: Path, first_column: int, compression: str
) -> None:
    import bz2
    import gzip

    path = tmp_path / "rows.svm"
    dump_svmlight_file(X, Y, str(path), zero_based=first_column == 0)
    if compression:
        packed = (gzip if compression == ".gz" else bz2).compress(path.read_bytes())
        path = tmp_path / f"rows.libsvm{compression}"
        path.write_bytes(packed)
    expected, labels = load_svmlight_file(str(path))
    data = fp.dataset(path)
    assert data.first_column == first_column
    assert f"columns counted from {first_column}" in repr(data)
    assert_is_sparse_twin(data, expected.toarray(), labels)


def test_several_svmlight_files_count_columns_alike(tmp_path: Path) -> None:
    (tmp_path / "a.svm").write_text("1 1:2 3:4\n-1 2:1\n")
    (tmp_path / "b.svm").write_text("1 0:5 5:6 # with column 0\n-1 qid:3 1:1\n")
    paths = [str(tmp_path / name) for name in ("a.svm", "b.svm")]
    data = fp.dataset(paths)
    first, _, second, _ = load_svmlight_files(paths)
    rows, labels = data.arrays()
    assert rows.toarray().tolist() == np.vstack([first.toarray(), second.toarray()]).tolist()
    assert labels.tolist() == [1, -1, 1, -1]
    assert data.first_column == 0
    assert fp.dataset(paths[0]).first_column == 1


def test_columns_behind_the_last_one_of_an_svmlight_file_are_zeros(tmp_path: Path) -> None:
    dump_svmlight_file(X, Y, str(tmp_path / "train.svm"), zero_based=False)
    few = np.where(np.arange(19) < 12, np.rint(4 * X), 0.0)
    dump_svmlight_file(few[:, :12], Y, str(tmp_path / "test.svm"), zero_based=False)
    fitted, test = fit(fp.dataset(tmp_path / "train.svm")), fp.dataset(tmp_path / "test.svm")
    assert test.n_features == 12
    assert fitted.predict_proba(test).tolist() == fitted.predict_proba(few).tolist()
    assert fitted.score(test) == fitted.score(few, Y)
    assert fp.evaluate(fitted, test).scores["accuracy"] == fitted.score(few, Y)
    with pytest.raises(ValueError, match="X has 19 features, but PerceptronClassifier is expecting 12"):
        fit(test).predict(fp.dataset(tmp_path / "train.svm"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("1\n2\n1\n", r"has no rows with values: its shape is \(3, 0\)"),
        ("# nothing but a comment\n", "has no rows with values"),
        ("1 1:a\n", "rows.svm"),
        ("1 3:1 2:1\n", "rows.svm"),
        ("1,2 1:1\n", "rows.svm"),
        ("a,b,c\n1,2,3\n", "rows.svm"),
        ("1 -1:1\n", "rows.svm"),
    ],
)
def test_broken_svmlight_files(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "rows.svm").write_text(content)
    with pytest.raises(ValueError, match=message):
        fp.dataset(tmp_path / "rows.svm")


def test_columns_cannot_be_chosen_in_svmlight_files(tmp_path: Path) -> None:
    dump_svmlight_file(X, Y, str(tmp_path / "rows.svm"))
    with pytest.raises(ValueError, match="target cannot be chosen in svmlight files, which have their labels"):
        fp.dataset(tmp_path / "rows.svm", target=0)
    with pytest.raises(ValueError, match="dtype is for files and frames"):
        fp.dataset(tmp_path / "rows.svm", dtype=np.float32)


def written(folder: Path, name: str, rows: np.ndarray, first_column: int) -> Path:
    dump_svmlight_file(rows, Y, str(folder / name), zero_based=first_column == 0)
    return folder / name


@pytest.mark.parametrize("is_partly", [False, True])
def test_a_file_without_column_0_is_counted_as_the_one_that_the_model_learnt_from(
    tmp_path: Path, is_partly: bool
) -> None:
    train = fp.dataset(written(tmp_path, "train.svm", X, 0))
    without = np.rint(4 * X)
    without[:, 0] = 0.0
    test = fp.dataset(written(tmp_path, "test.svm", without, 0))
    assert (train.first_column, test.first_column) == (0, 1)
    fitted = fp.PerceptronClassifier()
    fitted = fitted.partial_fit(train) if is_partly else fitted.fit(train)
    fitted.model_.save(tmp_path / "model")
    expected = fitted.predict_proba(without).tolist()
    for model in (fitted, fitted.model_, fp.load(tmp_path / "model"), pickle.loads(pickle.dumps(fitted))):
        assert model.predict_proba(test).tolist() == expected
    assert fitted.score(test) == fitted.score(without, Y)
    assert fp.evaluate(fitted, test).scores["accuracy"] == fitted.score(without, Y)


def test_a_file_with_column_0_is_refused_by_a_model_that_learnt_from_columns_counted_from_1(tmp_path: Path) -> None:
    fitted = fit(fp.dataset(written(tmp_path, "train.svm", X, 1)))
    path = written(tmp_path, "test.svm", X, 0)
    for model in (fitted, fitted.model_):
        with pytest.raises(ValueError, match="this svmlight file has a column 0, but the model was trained on one"):
            model.predict(fp.dataset(path))
    assert (
        fitted.predict(fp.dataset(path, first_column=0)).tolist()
        == fitted.predict(fp.dataset(path).arrays()[0]).tolist()
    )


def test_the_owner_says_how_columns_are_counted(tmp_path: Path) -> None:
    without = np.rint(4 * X)
    without[:, 0] = 0.0
    path = written(tmp_path, "rows.svm", without, 0)
    data = fp.dataset(path, first_column=0)
    assert data.first_column == 0
    assert data.arrays()[0].toarray().tolist() == without.tolist()
    with pytest.raises(ValueError, match="has a column 0, so that its columns cannot be counted from first_column=1"):
        fp.dataset(written(tmp_path, "zero.svm", X, 0), first_column=1)
    for wrong in (2, -1, True, "0"):
        with pytest.raises(ValueError, match="first_column must be 0 or 1"):
            fp.dataset(path, first_column=wrong)
    np.save(tmp_path / "rows.npy", X)
    for source in (X, (X, Y), tmp_path / "rows.npy", [(X, Y)]):
        with pytest.raises(ValueError, match="first_column is for svmlight files"):
            fp.dataset(source, first_column=0)


def test_a_later_fit_on_arrays_forgets_how_the_columns_of_files_were_counted(tmp_path: Path) -> None:
    fitted = fit(fp.dataset(written(tmp_path, "train.svm", X, 0)))
    assert fitted.model_.first_column == 0
    assert fitted.fit(X, Y).model_.first_column is None
