"""What inference takes, refuses and returns."""

import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numba.core import config
from sklearn.exceptions import NotFittedError

import fastperceptron as fp
from inferences import ONE_VS_REST, table, unpenalised

X, Y, GROUPS = table()
CLASSIFIER = unpenalised(X, Y)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"level": 0}, ValueError, r"level must be between 0 and 1, as in level=0.95, but is 0"),
        ({"level": 1.0}, ValueError, "level must be between 0 and 1"),
        ({"level": 95}, ValueError, "level must be between 0 and 1"),
        ({"level": float("nan")}, ValueError, "level must be between 0 and 1"),
        ({"level": "95%"}, TypeError, "level must be a number, but is '95%'"),
        ({"covariance": "HC3"}, ValueError, "covariance must be one of 'classical', 'HC0'"),
        ({"covariance": None}, ValueError, "covariance must be one of"),
        ({"weights": "analytic"}, ValueError, "weights must be one of 'frequency', 'probability'"),
        ({"covariance": "cluster"}, ValueError, "covariance needs groups, one per row"),
        ({"groups": GROUPS}, ValueError, "covariance is 'classical', but groups are given"),
        ({"covariance": "cluster", "groups": GROUPS[1:]}, ValueError, "groups has .*: each row needs one"),
        ({"covariance": "cluster", "groups": np.ones(len(Y))}, ValueError, "groups holds one group only"),
        ({"covariance": "cluster", "groups": np.r_[np.nan, GROUPS[1:]]}, ValueError, "groups"),
        ({"covariance": "cluster", "groups": np.column_stack([GROUPS, GROUPS])}, ValueError, "one dimension"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fp.inference(CLASSIFIER, X, Y, **options)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ((X,), ValueError, "requires y to be passed"),
        ((X, Y[1:]), ValueError, "inconsistent numbers of samples"),
        ((X, Y + 1), ValueError, r"y holds 2 in row \d+, but the model knows \[0, 1\]"),
        ((X, np.where(Y, "yes", "no")), ValueError, "the model knows"),
        ((X[:, :2], Y), ValueError, "expecting 3 features"),
        ((X[:4], np.array([0, 1, 0, 1])), ValueError, "more rows than coefficients, but there are 4 rows for 4"),
        ((np.where(X > 1, np.nan, X), Y), ValueError, "contains NaN"),
        ((X, Y, -np.ones(len(Y))), ValueError, "sample_weight"),
        ((X, Y, np.full(len(Y), 1e-3)), ValueError, r"more rows than coefficients, but there are 0\.\d+ rows"),
        ((fp.dataset((X, Y)), Y), ValueError, "y must be None beside a Dataset"),
    ],
)
def test_wrong_data_are_refused(data: tuple[Any, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fp.inference(CLASSIFIER, *data)


def test_only_a_fitted_classifier_is_taken() -> None:
    with pytest.raises(NotFittedError):
        fp.inference(fp.PerceptronClassifier(loss="log_loss"), X, Y)
    with pytest.raises(TypeError, match="must be a PerceptronClassifier, but is a Perceptron"):
        fp.inference(CLASSIFIER.model_, X, Y)


@pytest.mark.parametrize("labels", [["no", "yes"], [False, True], [3.0, 8.0]])
@pytest.mark.parametrize("kind", ["arrays", "frame", "data set"])
def test_labels_and_sources_of_any_kind(labels: list[Any], kind: str) -> None:
    y = np.array(labels)[Y]
    frame = pd.DataFrame(X, columns=["age", "dose", "size"])
    data: tuple[Any, ...] = {
        "arrays": (X, y),
        "frame": (frame, pd.Series(y, name="died")),
        "data set": (fp.dataset(frame.assign(died=y), target="died"),),
    }[kind]
    found = fp.inference(unpenalised(*data), *data)
    assert found.names == ("(Intercept)", *(["x0", "x1", "x2"] if kind == "arrays" else frame.columns))
    assert found.positive == labels[1]
    assert f"Log odds of class {labels[1]}: {len(y)} rows" in str(found)
    expected = fp.inference(CLASSIFIER, X, Y)
    np.testing.assert_allclose(found.standard_error, expected.standard_error, rtol=1e-12)
    np.testing.assert_allclose(found.influence(*data).leverage, expected.leverage(X, Y))


def test_a_data_set_may_lack_a_class_of_three() -> None:
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    classifier = unpenalised(X, y, C=1.0, **ONE_VS_REST)
    part = y < 2
    data = fp.dataset((X[part], y[part]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # these are not the rows of the fit
        found = fp.inference(classifier, data)
    assert list(found) == [0, 1, 2]


def test_each_class_of_several_has_its_own() -> None:
    y = np.array(["a", "b", "c"])[np.digitize(X[:, 0] + np.random.default_rng(0).normal(size=len(X)), [-0.5, 0.5])]
    found = fp.inference(unpenalised(X, y, **ONE_VS_REST), X, y)
    assert list(found) == ["a", "b", "c"]
    for label, each in found.items():
        alone = fp.inference(unpenalised(X, y == label), X, y == label)
        np.testing.assert_allclose(each.standard_error, alone.standard_error, rtol=1e-5)
        assert f"Log odds of class {label}" in str(found)
    frame = found.to_frame("pandas")
    assert frame["class"].tolist() == ["a"] * 4 + ["b"] * 4 + ["c"] * 4
    assert found._repr_html_().count("<table>") == 3


def test_the_classifier_stays_as_it_is() -> None:
    before = {name: np.copy(value) for name, value in vars(CLASSIFIER).items() if name.endswith("_")}
    fp.inference(CLASSIFIER, pd.DataFrame(X), Y)
    assert before.keys() == {name for name in vars(CLASSIFIER) if name.endswith("_")}
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(CLASSIFIER, name), value)


def test_nested_models_are_compared_and_others_are_refused() -> None:
    large, small = fp.inference(CLASSIFIER, X, Y), fp.inference(unpenalised(X[:, :1], Y), X[:, :1], Y)
    test = large.compare(small)
    assert test == small.compare(large)
    assert test.df == 2
    assert test.statistic == pytest.approx(small.deviance - large.deviance)
    with pytest.raises(TypeError, match="other must be an Inference"):
        large.compare(CLASSIFIER)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="same number of coefficients"):
        large.compare(large)
    others = pd.DataFrame(X[:, 1:], columns=["x1", "weight"])
    with pytest.raises(ValueError, match="not nested: 'weight' is in the smaller one only"):
        large.compare(fp.inference(unpenalised(others, Y), others, Y))
    with pytest.raises(ValueError, match="only on the same rows"):
        large.compare(fp.inference(unpenalised(X[1:, :1], Y[1:]), X[1:, :1], Y[1:]))


def test_wald_tests_name_columns() -> None:
    found = fp.inference(CLASSIFIER, X, Y)
    one = found.wald_test("x1")
    assert one.statistic == pytest.approx(found.z[2] ** 2)
    assert one.p_value == pytest.approx(found.p_value[2])
    assert found.wald_test(1) == found.wald_test(["x1"]) == one
    both = found.covariance_matrix[2:, 2:]
    assert found.wald_test([1, "x2"]).statistic == pytest.approx(found.coef[2:] @ np.linalg.solve(both, found.coef[2:]))
    for wrong in ("x9", 3, -1, [], ["x1", 1], [None]):
        with pytest.raises(ValueError, match=r"not among the coefficients|one or more different"):
            found.wald_test(wrong)


def test_frames_have_a_row_per_coefficient() -> None:
    found = fp.inference(CLASSIFIER, X, Y)
    for backend in ("pandas", "polars", None):
        frame = found.to_frame(backend)
        assert type(frame).__module__.startswith(backend or "pandas")
        assert list(frame["name"]) == list(found.names)
        np.testing.assert_array_equal(frame["odds_ratio_upper"].to_numpy(), found.odds_ratio_interval[:, 1])
    with pytest.raises(ValueError, match="backend must be one of 'pandas', 'polars' or None, but is 'dask'"):
        found.to_frame("dask")


def test_the_table_is_printed_as_others_print_it() -> None:
    found = fp.inference(CLASSIFIER, X, Y)
    said = str(found).splitlines()
    assert said[2].split() == ["coef", "std", "err", "z", "P>|z|", "[0.025", "0.975]", "odds", "ratio"]
    assert [line.split()[0] for line in said[4:8]] == list(found.names)
    assert len({len(line) for line in said[1:9]}) == 1
    assert f"coefficients, n={len(Y)}" in repr(found)
    named = pd.DataFrame(X, columns=["<b>", "b", "c"])
    html = fp.inference(unpenalised(named, Y), named, Y)._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<b>" not in html


def test_it_can_be_pickled_and_asked_for_influence_later() -> None:
    found = fp.inference(CLASSIFIER, X, Y)
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.interval, found.interval)
    np.testing.assert_array_equal(again.cooks_distance(X, Y), found.cooks_distance(X, Y))


def test_leverages_sum_to_the_number_of_coefficients() -> None:
    assert fp.inference(CLASSIFIER, X, Y).leverage(X, Y).sum() == pytest.approx(4)
    weights = np.random.default_rng(0).uniform(size=len(Y))
    weighted = fp.inference(unpenalised(X, Y, weights), X, Y, weights)
    assert weighted.leverage(X, Y, weights).sum() == pytest.approx(4)


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="it is of time only")
def test_groups_may_be_as_many_as_rows() -> None:
    one = fp.inference(CLASSIFIER, X, Y, covariance="cluster", groups=np.arange(len(Y)))
    n = len(Y)
    robust = fp.inference(CLASSIFIER, X, Y, covariance="HC0")
    # statsmodels' factor for as many groups as rows: n / (n - k).
    np.testing.assert_allclose(one.covariance_matrix, robust.covariance_matrix * n / (n - 4), rtol=1e-9)
