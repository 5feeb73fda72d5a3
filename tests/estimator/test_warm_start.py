"""A warm start goes by the names of features; a checkpoint belongs to them, too."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

import fastperceptron as fp
from fastperceptron.estimator import solvers
from tables import bits, classes_around_centres

pytestmark = pytest.mark.compiled  # many fits: interpreted they take minutes

NAMES = list("abcd")
TABLES: dict[str, Callable[[pd.DataFrame, Any], tuple[Any, ...]]] = {
    "pandas": lambda frame, y: (frame, y),
    "polars": lambda frame, y: (pl.from_pandas(frame), y),
    "pyarrow": lambda frame, y: (pa.Table.from_pandas(frame), y),
    "dataset": lambda frame, y: (fp.dataset((frame, y)),),
}


def frame_of(n_classes: int) -> tuple[pd.DataFrame, np.ndarray]:
    X, y = classes_around_centres(n_classes, 20)
    return pd.DataFrame(X, columns=NAMES), y


def start_of_fit(classifier: Any, *data: Any) -> Any:
    """Return the weights that a fit starts from; the fit itself is not made."""
    found = []

    def solve(_: Any, __: Any, start: Any, ___: Any) -> Any:
        found.append(start)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(solvers.SOLVERS, classifier.solver, solve)
        with pytest.raises(KeyboardInterrupt):
            classifier.fit(*data)
    return found[0]


@pytest.mark.parametrize("n_classes", [2, 3])
@given(data=st.data())
def test_a_warm_start_matches_features_by_name(n_classes: int, data: st.DataObject) -> None:
    frame, y = frame_of(n_classes)
    order = data.draw(st.permutations(NAMES))
    table, solver = data.draw(st.sampled_from(sorted(TABLES))), data.draw(st.sampled_from(["newton", "sgd"]))
    classifier = fp.PerceptronClassifier(warm_start=True, solver=solver)
    n_neurons = 1 if n_classes == 2 else n_classes
    classifier.coef_ = np.arange(4.0 * n_neurons).reshape(n_neurons, 4)
    classifier.intercept_, classifier.classes_ = np.arange(n_neurons) + 0.5, np.arange(n_classes)
    classifier.feature_names_in_ = np.array(NAMES, object)
    start = start_of_fit(classifier, *TABLES[table](frame[order], y))
    for place, name in enumerate(order):
        np.testing.assert_array_equal(start[:, place], classifier.coef_[:, NAMES.index(name)])
    np.testing.assert_array_equal(start[:, -1], classifier.intercept_)
    assert classifier.feature_names_in_.tolist() == NAMES  # the fit was interrupted


@pytest.mark.parametrize("table", TABLES)
def test_a_refit_with_columns_in_another_order_goes_on_where_the_last_one_ended(table: str) -> None:
    frame, y = frame_of(2)
    classifier = fp.PerceptronClassifier(warm_start=True).fit(*TABLES[table](frame, y))
    before, n_cold = classifier.decision_function(TABLES[table](frame, y)[0]), classifier.n_iter_
    turned = TABLES[table](frame[NAMES[::-1]], y)
    assert classifier.fit(*turned).n_iter_ < n_cold
    assert classifier.feature_names_in_.tolist() == NAMES[::-1]
    np.testing.assert_allclose(classifier.decision_function(turned[0]), before, rtol=0.05)


@pytest.mark.filterwarnings("error")
def test_without_names_on_either_side_positions_decide() -> None:
    frame, y = frame_of(2)
    X = frame.to_numpy()
    for first, second in [(X, X), (X, frame), (frame, X)]:
        classifier = fp.PerceptronClassifier(warm_start=True).fit(first, y)
        start = start_of_fit(classifier, second, y)
        np.testing.assert_array_equal(start, [[*classifier.coef_[0], *classifier.intercept_]])


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("names", [["p", *"bcd"], list("pqrs"), list("abcD")], ids=str)
def test_a_warm_start_of_features_with_other_names_has_no_effect_and_says_so(table: str, names: list[str]) -> None:
    frame, y = frame_of(2)
    classifier = fp.PerceptronClassifier(warm_start=True).fit(frame, y)
    others = TABLES[table](frame.set_axis(names, axis=1), y)
    with pytest.warns(UserWarning, match="warm_start has no effect, .* features with other names") as caught:
        classifier.fit(*others)
    assert caught[0].filename == __file__
    assert bits(classifier) == bits(fp.PerceptronClassifier().fit(*others))


@pytest.mark.parametrize("table", TABLES)
def test_with_other_classes_or_another_number_of_features_a_fit_starts_afresh(table: str) -> None:
    frame, y = frame_of(2)
    for others in [(frame[["a", "b"]], y), (frame, y + 1), (frame, np.where(y, "yes", "no"))]:
        classifier = fp.PerceptronClassifier(warm_start=True).fit(frame, y)
        assert bits(classifier.fit(*TABLES[table](*others))) == bits(
            fp.PerceptronClassifier().fit(*TABLES[table](*others))
        )


@pytest.mark.parametrize("solver", ["newton", "sgd"])
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.filterwarnings("ignore:solver='sgd' stopped")
def test_a_checkpoint_belongs_to_the_names_of_its_features(table: str, solver: str, tmp_path: Path) -> None:
    (frame, y), path = frame_of(2), tmp_path / "fit.ckpt"
    options: dict[str, Any] = {"solver": solver, "random_state": 0, "max_iter": 5 if solver == "sgd" else 100}
    whole = fp.PerceptronClassifier(**options).fit(*TABLES[table](frame, y), checkpoint=path)
    renamed = frame.set_axis(list("pbcd"), axis=1)
    message = r"fit\.ckpt' belongs to another fit: the names of the features differ \(were 'a', .*, now 'p', .*delete"
    for others in (renamed, frame.set_axis(NAMES[::-1], axis=1)):
        with pytest.raises(ValueError, match=message if others is renamed else "now 'd'"):
            fp.PerceptronClassifier(**options).fit(*TABLES[table](others, y), checkpoint=path)
    with pytest.raises(ValueError, match="now none"):
        fp.PerceptronClassifier(**options).fit(frame.to_numpy(), y, checkpoint=path)
    # The same names and values go on, from any kind of table.
    for other in TABLES.values():
        again = fp.PerceptronClassifier(**options).fit(*other(frame, y), checkpoint=path)
        assert bits(again) == bits(whole)


def test_a_difference_far_behind_is_shown(tmp_path: Path) -> None:
    path, y = tmp_path / "fit.ckpt", np.arange(30) % 2
    names = [f"column {number}" for number in range(100)]
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 100)), columns=names)
    fp.PerceptronClassifier().fit(frame, y, checkpoint=path)
    with pytest.raises(ValueError, match=r"were \.\.\..*'column 98', .* now \.\.\..*'another', ") as caught:
        fp.PerceptronClassifier().fit(frame.rename(columns={"column 98": "another"}), y, checkpoint=path)
    assert len(str(caught.value)) < 700
