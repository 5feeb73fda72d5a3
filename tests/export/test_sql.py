"""SQL gives the probabilities and labels of the model in every database, or NULL where the model refuses a row."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings, strategies as st

import fastperceptron as fp
from databases import selected
from exported_models import CLASSES, PLACES, model_of, rows_of

DIALECTS = ["duckdb", "sqlite", "postgres"]
pytestmark = pytest.mark.usefixtures("postgres")
each_dialect = pytest.mark.parametrize("dialect", DIALECTS)


def table_of(model: fp.Perceptron, X: np.ndarray) -> dict[str, list]:
    names = model.feature_names or [f"x{feature}" for feature in range(model.n_features)]
    return dict(zip(names, X.T.tolist(), strict=True))


def probabilities(dialect: str, model: fp.Perceptron, table: dict, **options) -> np.ndarray:
    """Return what SQL gives in place of `predict_proba`; NaN for NULL."""
    made = model.to_sql(dialect, **options)
    expressions = [made] if isinstance(made, str) else [made[label] for label in model.classes.tolist()]
    found = np.array(selected(dialect, table, *expressions), float)
    return np.c_[1 - found, found] if isinstance(made, str) else found


@each_dialect
@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("place", PLACES, ids=str)
def test_probabilities_and_labels_are_those_of_the_model(dialect: str, kind: str, place) -> None:
    model = model_of(kind, *place)
    X = rows_of(model)
    found = probabilities(dialect, model, table_of(model, X))
    np.testing.assert_allclose(found, model.predict_proba(X), rtol=0, atol=1e-12)
    labels = selected(dialect, table_of(model, X), model.to_sql(dialect, output="label"))
    assert [label for (label,) in labels] == model.predict(X).tolist()


@each_dialect
def test_small_probabilities_have_their_digits(dialect: str) -> None:
    model, X = fp.Perceptron([1.0], 0.0, [0, 1], ["z"]), np.linspace(-690, 690, 200)
    found = [p for (p,) in selected(dialect, {"z": X.tolist()}, model.to_sql(dialect))]
    np.testing.assert_allclose(found, model.predict_proba(X)[:, 1], rtol=1e-13)


@each_dialect
@settings(max_examples=20)
@given(
    values=st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3),
    weights=st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3),
    bias=st.floats(-1e9, 1e9),
)
@example([1.0, 0.0, -1.0], [5e-324, 1.7976931348623157e308, 0.1], -0.0)
def test_any_numbers_are_exact(dialect: str, values, weights, bias) -> None:
    model = fp.Perceptron(weights, bias, ["no", "yes"])
    with np.errstate(all="ignore"):
        terms = np.abs(np.multiply(weights, values)).sum() + abs(bias)
        if terms > 1e3 and abs(model.decision_function([values])[0]) < 1e-12 * terms + 40:
            return  # so much cancels that the order of the additions decides
    table = table_of(model, np.array([values]))
    # PostgreSQL raises an error where a product underflows.
    if dialect == "postgres" and any(w and x and abs(w * x) < 1e-307 for w, x in zip(weights, values, strict=True)):
        return
    np.testing.assert_allclose(probabilities(dialect, model, table), model.predict_proba([values]), rtol=0, atol=1e-12)


NAME = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0="), min_size=1, max_size=12)


@each_dialect
@settings(max_examples=20)
@given(name=NAME, label=st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=9))
@example("{}", "{0}")
@example('"', "'")
@example("`", "\\")
@example("a\nb", "\n")
@example("--", "/* ? :x $1")
def test_any_name_and_any_label_can_be_written(dialect: str, name: str, label: str) -> None:
    model = fp.Perceptron([1.0], 0.0, ["no" + label, label], [name])
    labels = selected(dialect, {name: [-1.0, 2.0]}, f"({model.to_sql(dialect, output='label')}) = '{_doubled(label)}'")
    assert [value in (True, 1, "t") for (value,) in labels] == [False, True]
    assert selected(dialect, {name: [0.0]}, model.to_sql(dialect)) == [(0.5,)]


def _doubled(text: str) -> str:
    return text.replace("'", "''")


@each_dialect
@pytest.mark.parametrize("kind", ["two", "three"])
@pytest.mark.parametrize("value", [None, np.nan, np.inf, -np.inf], ids=str)
def test_rows_that_the_model_refuses_are_null(dialect: str, kind: str, value) -> None:
    for column in range(2):
        model = model_of(kind, names=["a", "b"])
        table = {"a": [1.0, 1.0], "b": [2.0, 2.0]}
        table["ab"[column]] = [1.0, value]
        rows = selected(dialect, table, *_all_of(model, dialect))
        assert None not in rows[0]
        assert set(rows[1]) == {None}


def _all_of(model: fp.Perceptron, dialect: str) -> list[str]:
    made = model.to_sql(dialect)
    return [*([made] if isinstance(made, str) else made.values()), str(model.to_sql(dialect, output="label"))]


@pytest.mark.parametrize("kind", ["two", "three"])
def test_sqlite_does_not_take_text_for_zero(kind: str) -> None:
    model = model_of(kind, names=["a", "b"])
    for text in ("much", "7", ""):
        assert set(selected("sqlite", {"a": [text], "b": [1.0]}, *_all_of(model, "sqlite"))[0]) == {None}


@pytest.mark.parametrize("dialect", ["duckdb", "sqlite"])
def test_z_that_overflows_both_ways_is_null(dialect: str) -> None:
    model = fp.Perceptron([1e300, -1e300], 0.0, ["no", "yes"], ["a", "b"])
    assert selected(dialect, {"a": [1e300], "b": [1e300]}, *_all_of(model, dialect)) == [(None, None)]
    assert selected(dialect, {"a": [1e300], "b": [1.0]}, *_all_of(model, dialect)) == [(1.0, "yes")]


@each_dialect
def test_ties_are_the_first_class(dialect: str) -> None:
    two, three = fp.Perceptron([1.0], 0.0, list("ab")), fp.Perceptron(np.ones((3, 1)), [0.0, 1.0, 1.0], list("abc"))
    expressions = [str(model.to_sql(dialect, output="label")) for model in (two, three)]
    assert selected(dialect, {"x0": [0.0]}, *expressions) == [("a", "b")]


@each_dialect
def test_integers_and_decimals_are_numbers(dialect: str) -> None:
    model = fp.Perceptron([1.5, -1e-3], 0.25, [0, 1], ["a", "b"])
    table = {"a": [1, 2, 2**60], "b": [3, -4, 10**18]}
    np.testing.assert_allclose(
        probabilities(dialect, model, table), model.predict_proba(np.column_stack([*table.values()]).astype(float))
    )


@pytest.mark.parametrize("dialect", ["sqlite", "duckdb"])
@pytest.mark.parametrize("n_features", [49, 51, 1100])
def test_many_columns_do_not_nest_too_deep(dialect: str, n_features: int) -> None:
    model = model_of("three", 0.05, names=[f"c{k}" for k in range(n_features)])
    X = rows_of(model, 2)
    found = probabilities(dialect, model, table_of(model, X))
    np.testing.assert_allclose(found, model.predict_proba(X), rtol=0, atol=1e-12)


@pytest.mark.parametrize("dialect", ["sqlite", "duckdb"])
def test_many_classes_do_not_nest_too_deep(dialect: str) -> None:
    rng = np.random.default_rng(0)
    model = fp.Perceptron(rng.normal(size=(300, 2)), rng.normal(size=300), np.arange(300), ["z0", "_z1"])
    X, made = rows_of(model, 3), model.to_sql(dialect)
    found = np.array(selected(dialect, table_of(model, X), made[0], made[299]))
    np.testing.assert_allclose(found, model.predict_proba(X)[:, [0, 299]], rtol=0, atol=1e-12)
    labels = selected(dialect, table_of(model, X), model.to_sql(dialect, output="label"))
    assert [label for (label,) in labels] == model.predict(X).tolist()


@each_dialect
@pytest.mark.parametrize("classes", [[True, False], [-3, 2**62], [0.1, 2.5], ["1", "1.0"], [0.1, 0.2, 1e-300]], ids=str)
def test_labels_are_of_their_own_type(dialect: str, classes) -> None:
    weights = [[1.0], [-1.0], [0.0]][: len(classes)] if len(classes) > 2 else [1.0]
    model = fp.Perceptron(weights, np.zeros(len(weights)) if len(classes) > 2 else 0.0, classes, ["a"])
    rows = selected(dialect, {"a": [1.0, -1.0]}, model.to_sql(dialect, output="label"))
    names = {"t": True, "f": False} if classes[0] is True else {}
    expected = model.predict(np.array([1.0, -1.0])).tolist()
    if dialect == "postgres":  # psql writes all as text
        expected = [float(label) if isinstance(label, str) else label for label in expected]
    assert [names.get(label, label) for (label,) in rows] == expected


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[fp.Perceptron, pd.DataFrame]:
    """Return a model of categorical columns, and its table."""
    rng, n = np.random.default_rng(0), 300
    table = pd.DataFrame({"age": rng.normal(size=n), "plan": rng.choice(["it's", "b=c", "", "NaN", "2"], n)})
    table["size"], table["zip"] = rng.choice([1, 20, 300], n), rng.choice(["007", "7", "08"], n)
    table["rate"], table["is"] = rng.choice([0.1, 2.0, 1e-5], n), rng.choice([True, False], n)
    table["y"] = rng.integers(0, 2, n)
    categorical = ["plan", "size", "zip", "rate", "is"]
    data = fp.dataset(table, target="y", categorical=categorical)
    return fp.PerceptronClassifier(C=100).fit(data).model_, table


@each_dialect
def test_levels_are_tests_of_their_column(dialect: str, trained) -> None:
    model, table = trained
    made = {name: column.tolist() for name, column in table.items()}
    found = probabilities(dialect, model, made, categorical=["plan", "size", "zip", "rate", "is"])
    np.testing.assert_allclose(found, model.predict_proba(fp.dataset(table)), rtol=0, atol=1e-12)


VALUES = {
    "size": [1, 20, 300, 20.0, "20", "20.0", " 20 ", "2e1", "020", "0x14", "20abc", "many", 7, True, "true"],
    "rate": [0.1, 2, "2", "2.00", 1e-5, "1e-5", "0.00001", ".1", "+.1", "2.", "-2"],
    "is": [True, "true", "TRUE", "True", 1, 0, "0", "1.0", "yes"],
    "plan": ["it's", "b=c", "B=C", "", "NaN", "2", "2.0", "2.00", "2.", "2.05", "20", "+2", "other", "nan"],
    "zip": ["007", "7", "7.0", "07", "08", 7],
}


@each_dialect
@pytest.mark.parametrize(("column", "value"), [(name, value) for name, values in VALUES.items() for value in values])
def test_a_value_finds_the_level_that_it_finds_in_a_data_set(dialect: str, column: str, value, trained) -> None:
    model, table = trained
    row = table[:1].astype({column: object}).assign(**{column: [value]})
    if isinstance(value, str):
        row[column] = row[column].astype(str)
    elif not isinstance(value, bool):
        row[column] = row[column].astype(type(value))
    else:
        row[column] = row[column].astype(bool)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = model.predict_proba(fp.dataset(row))
    given = {name: values.tolist() for name, values in row.items()}
    found = probabilities(dialect, model, given, categorical=["plan", "size", "zip", "rate", "is"])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@each_dialect
@pytest.mark.parametrize("column", ["age", "plan", "size"])
def test_a_missing_level_is_null(dialect: str, column: str, trained) -> None:
    model, table = trained
    given = {name: values[:2].tolist() for name, values in table.items()}
    given[column] = [given[column][0], None]
    found = probabilities(dialect, model, given, categorical=["plan", "size", "zip", "rate", "is"])
    assert np.isnan(found).any(axis=1).tolist() == [False, True]


def test_sqlite_compares_levels_by_case_in_any_collation() -> None:
    model = fp.Perceptron([3.0, -3.0], 0.0, [0, 1], ["c=a", "c=b"])
    expression = model.to_sql("sqlite").replace("`c`", "`c` COLLATE NOCASE")
    assert selected("sqlite", {"c": ["A"]}, expression) == [(0.5,)]


def names_only(*names: str) -> fp.Perceptron:
    return fp.Perceptron(np.ones(len(names)), 0.0, [0, 1], names)


def test_a_name_with_an_equals_sign_is_a_level_unless_it_is_said_not_to_be() -> None:
    model = names_only("a=1", "a=2")
    assert selected("sqlite", {"a": [1]}, model.to_sql("sqlite"))[0] == pytest.approx((fp.sigmoid(1.0),))
    given = {"a=1": [1.0], "a=2": [2.0]}
    for categorical in ([], None, ()):
        found = selected("sqlite", given, model.to_sql("sqlite", categorical=categorical))
        assert found[0] == pytest.approx((fp.sigmoid(3.0),))
    assert "`=a`" in names_only("=a").to_sql("sqlite")


@pytest.mark.parametrize("names", [["a=b=c"], ["a", "a=b"], ["x==1"]])
def test_a_name_that_could_be_read_in_two_ways_is_refused(names: list[str]) -> None:
    with pytest.raises(ValueError, match=r"may be a column of numbers, or the level of a column: .*`categorical=\["):
        names_only(*names).to_sql()
    assert names_only(*names).to_sql(categorical=[])


@pytest.mark.parametrize(
    ("dialect", "names", "message"),
    [
        *((dialect, ["a\0"], "holds NUL or a lone surrogate") for dialect in DIALECTS),
        *((dialect, ["a\ud800"], "holds NUL or a lone surrogate") for dialect in DIALECTS),
        *((dialect, ["a=\0"], "holds NUL or a lone surrogate") for dialect in DIALECTS),
        *((dialect, [""], "is empty") for dialect in DIALECTS),
        *((dialect, ["Age", "age"], "takes 'Age' and 'age' for the same column") for dialect in ("duckdb", "sqlite")),
        ("postgres", ["n" * 64], "is longer than 63 bytes"),
        ("postgres", ["ü" * 32], "is longer than 63 bytes"),
    ],
)
def test_names_that_sql_cannot_have_are_refused(dialect: str, names: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        names_only(*names).to_sql(dialect)


def test_labels_that_sql_cannot_have_are_refused() -> None:
    for label in ("\0a", "\ud800"):
        with pytest.raises(ValueError, match=r"the label .* holds NUL or a lone surrogate"):
            fp.Perceptron([1.0], 0.0, ["no", label]).to_sql(output="label")


@pytest.mark.parametrize(
    "options",
    [{"dialect": "oracle"}, {"dialect": None}, {"output": "z"}, {"categorical": "a"}, {"categorical": ["b"]}],
)
def test_unknown_arguments_are_refused(options) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(options))}"):
        names_only("a=1").to_sql(**options)
