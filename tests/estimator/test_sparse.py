"""Sparse rows of the classifier: it does with them what it does with the same rows when they are dense."""

import itertools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectFromModel
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder, StandardScaler

import fastperceptron as fp
from sparse_tables import FORMATS, coordinates, everything_in, sparse_table

PREDICTIONS = "decision_function", "predict", "predict_proba", "predict_log_proba"
X, Y = sparse_table()
X3, Y3 = sparse_table(n_classes=3)


def classifier(**parameters: Any) -> fp.PerceptronClassifier:
    return fp.PerceptronClassifier(**{"loss": "log_loss", "tol": 1e-6, "random_state": 0, **parameters})


def assert_alike(one: Any, other: Any, tolerance: float = 1e-6) -> None:
    np.testing.assert_allclose(one.coef_, other.coef_, atol=tolerance)
    np.testing.assert_allclose(one.intercept_, other.intercept_, atol=tolerance)


@pytest.mark.filterwarnings("ignore:Constructing a DIA matrix")
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_fitted_like_dense_rows_and_left_as_it_is(name: str) -> None:
    rows = FORMATS[name](X)
    before = everything_in(rows)
    fitted = classifier().fit(rows, Y)
    assert_alike(fitted, classifier().fit(X, Y))
    for method in PREDICTIONS:
        getattr(fitted, method)(rows)
    assert fitted.score(rows, Y) == fitted.score(X, Y)
    assert everything_in(rows) == before
    assert fitted.n_features_in_ == 19


@pytest.mark.compiled  # interpreted, dense rows are summed in another order
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.int8, bool])
@pytest.mark.parametrize("table", [(X, Y), (X3, Y3)], ids=["two classes", "three"])
def test_predictions_have_the_bits_of_dense_rows(table: Any, dtype: Any) -> None:
    rows, y = np.rint(3 * table[0]).astype(dtype), table[1]
    fitted = classifier().fit(*table)
    for method in PREDICTIONS:
        ask = getattr(fitted, method)
        found, expected = ask(sparse.csr_array(rows)), ask(rows)
        assert found.dtype == expected.dtype
        assert found.tobytes() == expected.tobytes()
    assert fitted.model_.cost(sparse.csc_array(rows), y) == pytest.approx(fitted.model_.cost(rows, y), rel=1e-14)
    assert fp.evaluate(fitted, (sparse.coo_array(rows), y)).scores == fp.evaluate(fitted, (rows, y)).scores


@pytest.mark.compiled  # interpreted, dense rows are summed in another order
@given(coordinates())
def test_predictions_of_any_rows_have_the_bits_of_dense_ones(rows: Any) -> None:
    rng = np.random.default_rng(rows.shape[1])
    for n_classes in (2, 3):
        shape = (rows.shape[1],) if n_classes == 2 else (3, rows.shape[1])
        model = fp.Perceptron(rng.normal(size=shape), rng.normal(size=shape[:-1]), range(n_classes))
        dense = rows.toarray().astype(np.float32 if rows.dtype == np.float32 else np.float64)
        for method in PREDICTIONS:
            found, expected = getattr(model, method)(rows), getattr(model, method)(dense)
            assert found.dtype == expected.dtype
            assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
@pytest.mark.parametrize(
    "parameters", [{}, {"fit_intercept": False}, {"standardize": False}, {"class_weight": {0: 3.0}}], ids=str
)
@pytest.mark.parametrize("table", [(X, Y), (X3, Y3)], ids=["two classes", "three"])
def test_the_coefficients_are_those_of_dense_rows(table: Any, parameters: Any, loss: str) -> None:
    rows, y = table
    weights = np.random.default_rng(1).integers(0, 4, len(y))
    for sample_weight in (None, weights):
        found = classifier(loss=loss, **parameters).fit(sparse.csr_array(rows), y, sample_weight)
        assert_alike(found, classifier(loss=loss, **parameters).fit(rows, y, sample_weight))


def test_a_warm_start_from_sparse_to_dense_and_back() -> None:
    fitted = classifier(warm_start=True).fit(sparse.csr_array(X), Y)
    first = fitted.coef_.copy()
    assert_alike(fitted.fit(X, Y), classifier().fit(X, Y))
    np.testing.assert_allclose(fitted.fit(sparse.csc_matrix(X), Y).coef_, first, atol=1e-6)


def test_sgd_of_sparse_rows_agrees_with_that_of_dense_ones() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        one, other = (classifier(solver="sgd", max_iter=5).fit(rows, Y) for rows in (sparse.csr_array(X), X))
    # Means and deviations are sums over stored values, in another order.
    np.testing.assert_allclose(one.coef_, other.coef_, rtol=1e-9)


def test_partial_fit_of_sparse_chunks_has_the_bits_of_dense_ones() -> None:
    one, other = classifier(), classifier()
    for start in range(0, 200, 50):
        part = slice(start, start + 50)
        one.partial_fit(sparse.csr_array(X[part]), Y[part], [0, 1])
        other.partial_fit(X[part], Y[part], [0, 1])
        assert one.coef_.tobytes() == other.coef_.tobytes()
    one.fit(sparse.csr_array(X[:150]), Y[:150]).partial_fit(sparse.coo_array(X[150:]), Y[150:])
    assert_alike(one, other.fit(X[:150], Y[:150]).partial_fit(X[150:], Y[150:]))


def test_a_checkpoint_of_sparse_rows(tmp_path: Path) -> None:
    rows = sparse.csr_array(X)
    whole = classifier().fit(rows, Y)
    first = classifier().fit(rows, Y, checkpoint=tmp_path / "fit")
    again = classifier().fit(rows, Y, checkpoint=tmp_path / "fit")
    assert whole.coef_.tobytes() == first.coef_.tobytes() == again.coef_.tobytes()
    rows.data[7] += 1
    with pytest.raises(ValueError, match="belongs to another fit"):
        classifier().fit(rows, Y, checkpoint=tmp_path / "fit")


METHODS: dict[str, Callable[[Any, Any], Any]] = {
    "fit": lambda known, rows: known.fit(rows, Y[: rows.shape[0]]),
    "partial_fit": lambda known, rows: known.partial_fit(rows, Y[: rows.shape[0]], [0, 1]),
    "predict": lambda known, rows: known.predict(rows),
    "predict_proba": lambda known, rows: known.predict_proba(rows),
    "decision_function": lambda known, rows: known.decision_function(rows),
    "score": lambda known, rows: known.score(rows, Y[: rows.shape[0]]),
    "Perceptron.predict": lambda known, rows: known.model_.predict(rows),
    "Perceptron.cost": lambda known, rows: known.model_.cost(rows, Y[: rows.shape[0]]),
    "train": lambda _, rows: fp.train(rows, Y[: rows.shape[0]], steps=10),
    "evaluate": lambda known, rows: fp.evaluate(known, (rows, Y[: rows.shape[0]])),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("value", "words"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")])
@pytest.mark.parametrize("table", ["two", "three"])
def test_values_that_are_not_finite_are_named_by_row_and_column(
    method: str, value: float, words: str, table: str
) -> None:
    if table == "three" and method in ("fit", "train", "partial_fit"):
        pytest.skip("fitted on the labels of two classes")
    spoilt = sparse.lil_array(X)
    spoilt[17, 2] = value
    known = classifier().fit(*((X, Y) if table == "two" else (X3, Y3)))
    with pytest.raises(ValueError, match=f"Input X contains {words}: X holds .* in row 17, column 2"):
        METHODS[method](known, spoilt.tocsr())


@pytest.mark.parametrize("method", METHODS)
def test_broken_arrays_never_reach_a_kernel(method: str) -> None:
    rows, known = sparse.csr_matrix(X), classifier().fit(X, Y)
    rows.indices[3] = 1_000_000_000
    with pytest.raises(ValueError, match="not a valid CSR matrix: row 0 has the column index 1000000000"):
        METHODS[method](known, rows)


@pytest.mark.parametrize("method", ["fit", "predict", "partial_fit"])
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            sparse.csr_array((0, 19)),
            r"Found array with 0 sample\(s\) \(shape=\(0, 19\)\) while a minimum of 1 is required",
        ),
        (sparse.csr_array((30, 0)), r"Found array with 0 feature\(s\) \(shape=\(30, 0\)\) while a minimum of 1"),
        (sparse.csr_array(X + 1j), "Complex data not supported"),
        (sparse.coo_array(X[0]), r"Expected 2D input, got a sparse array of shape \(19,\) instead"),
    ],
)
def test_unfit_rows_in_the_words_of_scikit_learn(method: str, rows: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        METHODS[method](classifier().fit(X, Y), rows)


def test_rows_that_differ_from_those_of_the_fit() -> None:
    fitted = classifier().fit(sparse.csr_array(X), Y)
    with pytest.raises(ValueError, match="X has 18 features, but PerceptronClassifier is expecting 19 features"):
        fitted.predict(sparse.csr_array(X[:, :18]))
    with pytest.raises(ValueError, match="X has 18 features, but the model was trained on 19"):
        fitted.model_.predict(sparse.csr_array(X[:, :18]))
    with pytest.raises(NotFittedError):
        classifier().predict(sparse.csr_array(X))
    with pytest.raises(ValueError, match="one class only"):
        classifier().fit(sparse.csr_array(X[:1]), Y[:1])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        classifier().fit(sparse.csr_array(X), Y[:-1])
    named = classifier().fit(pd.DataFrame(X).rename(columns=str), Y)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        named.predict(sparse.csr_array(X))


@pytest.mark.parametrize("what", ["y", "sample_weight"])
def test_sparse_labels_and_weights_are_refused(what: str) -> None:
    given = {"y": Y, what: sparse.csr_array(Y[:, None])}
    with pytest.raises((TypeError, ValueError)):
        classifier().fit(X, **given)


def sparse_frame(fill_value: Any = 0.0) -> Any:
    return pd.DataFrame(X, columns=[f"x{k}" for k in range(19)]).astype(pd.SparseDtype("float64", fill_value))


def test_a_frame_of_sparse_columns_is_sparse_and_has_names() -> None:
    frame = sparse_frame()
    fitted = classifier().fit(frame, Y)
    assert fitted.feature_names_in_.tolist() == [*frame.columns]
    assert_alike(fitted, classifier().fit(X, Y))
    assert (fitted.predict_proba(frame) == fitted.model_.predict_proba(X)).all()
    assert (fitted.model_.predict_proba(frame[frame.columns[::-1]]) == fitted.model_.predict_proba(X)).all()
    assert fp.evaluate(fitted, (frame, Y)).scores["accuracy"] == fitted.score(frame, Y)
    with pytest.raises(ValueError, match="must be in the same order"):
        fitted.predict(frame[frame.columns[::-1]])
    mixed = frame.assign(x3=X[:, 3])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "pandas.DataFrame with sparse columns found")
        assert_alike(classifier().fit(mixed, Y), fitted)


def test_a_frame_that_leaves_out_another_value_than_0_is_refused() -> None:
    for call in (lambda frame: classifier().fit(frame, Y), classifier().fit(sparse_frame(), Y).model_.predict):
        with pytest.raises(ValueError, match="fill value must be 0, but the sparse column 'x0' of X leaves out nan"):
            call(sparse_frame(np.nan))


WORDS = {0: "ball goal team match referee score", 1: "court judge law trial jury verdict"}


def texts(n: int = 300) -> tuple[list[str], np.ndarray]:
    rng, common = (
        np.random.default_rng(0),
        ["the", "of", "and", "they", "were", "day", "year", "city", "people"],
    )
    y = rng.integers(2, size=n)
    every = [*common, *WORDS[0].split(), *WORDS[1].split()]
    made = [
        " ".join(rng.choice([*WORDS[label].split(), *common] if rng.random() < 0.9 else every, size=12)) for label in y
    ]
    return made, np.array(["sport", "court"])[y]


@pytest.mark.compiled
def test_texts_by_tfidf() -> None:
    made, y = texts()
    pipe = make_pipeline(TfidfVectorizer(), classifier()).fit(made, y)
    dense = classifier().fit(pipe[0].transform(made).toarray(), y)
    assert_alike(pipe[-1], dense)
    assert cross_val_score(pipe, made, y, cv=3).mean() > 0.9
    search = GridSearchCV(pipe, {"perceptronclassifier__C": [0.1, 1.0]}, cv=3, error_score="raise").fit(made, y)
    assert search.best_score_ > 0.9
    assert cross_val_predict(pipe, made, y, cv=3, method="predict_proba").shape == (300, 2)
    assert CalibratedClassifierCV(pipe, cv=3).fit(made, y).predict_proba(made).shape == (300, 2)
    assert (
        SelectFromModel(clone(pipe[-1])).fit(pipe[0].transform(made), y).transform(pipe[0].transform(made)).shape[1] > 0
    )
    assert OneVsRestClassifier(classifier()).fit(sparse.csr_array(X3), Y3).score(sparse.csr_array(X3), Y3) > 0.5


@pytest.mark.compiled
def test_categories_and_numbers_by_a_column_transformer() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"city": rng.choice([*"abcdefghij"], 400), "age": rng.integers(18, 90, 400).astype(float)})
    y = (frame.city.isin([*"abc"]) ^ (rng.random(400) < 0.1)).to_numpy()
    coder = make_column_transformer((OneHotEncoder(), ["city"]), (StandardScaler(), ["age"]), sparse_threshold=1.0)
    pipe = make_pipeline(coder, MaxAbsScaler(), classifier()).fit(frame, y)
    assert sparse.issparse(pipe[:-1].transform(frame))
    assert pipe.score(frame, y) > 0.85
    np.testing.assert_allclose(
        pipe.predict_proba(frame),
        classifier().fit(pipe[:-1].transform(frame).toarray(), y).predict_proba(pipe[:-1].transform(frame)),
        atol=1e-6,
    )


def test_the_tag_says_that_sparse_rows_are_taken() -> None:
    assert fp.PerceptronClassifier().__sklearn_tags__().input_tags.sparse


def test_rows_with_nothing_stored() -> None:
    empty = sparse.csr_array((4, 3))
    fitted = classifier().fit(empty, [0, 1, 1, 1])
    assert not fitted.coef_.any()
    np.testing.assert_allclose(fitted.predict_proba(empty)[:, 1], 0.75, atol=1e-6)


def test_slices_of_all_kinds() -> None:
    rows, fitted = sparse.csr_array(X), classifier().fit(X, Y)
    for key in itertools.chain((slice(0, 1), slice(3, 50), np.arange(9, 2, -1)), [Y == 1]):
        assert (fitted.predict(rows[key]) == fitted.predict(X[key])).all()
