"""Perceptron as a value: what it may be made of, that it is immutable, equality and repr."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fastperceptron as fp
from fastperceptron.history import History
from models import make, random_model


def test_it_cannot_be_changed(model: fp.Perceptron) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.bias = 0.0  # type: ignore[misc]
    for array in (model.weights, model.classes, model.history.costs, model.history.steps):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]
    three = random_model(3, 2)
    for array in (three.weights, three.bias):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]
    weights = np.ones(2)
    copied = fp.Perceptron(weights, 0.0, [0, 1])
    weights[0] = 5.0
    assert copied.weights.tolist() == [1.0, 1.0]
    assert weights.flags.writeable


def test_equality_is_by_value() -> None:
    make = lambda **changes: fp.Perceptron(**{"weights": [1.0, 2.0], "bias": 0.5, "classes": [0, 1], **changes})  # noqa: E731
    assert make() == make()
    assert hash(make()) == hash(make())
    for change in (
        {"weights": [1.0, 2.5]},
        {"bias": 0.0},
        {"classes": [0, 2]},
        {"classes": [False, True]},
        {"feature_names": ["a", "b"]},
        {"history": History([0.1], [100], 100)},
    ):
        assert make() != make(**change)
    three = {"weights": np.ones((3, 2)), "bias": [0.0, 1.0, 2.0], "classes": [0, 1, 2]}
    assert make(**three) == make(**three)
    assert hash(make(**three)) == hash(make(**three))
    for change in ({"weights": np.zeros((3, 2))}, {"bias": [0.0, 1.0, 3.0]}, {"classes": [0, 1, 3]}):
        assert make(**three) != make(**{**three, **change})
    assert make(**three) != make()
    assert make() != "a model"
    assert History([0.1], [1]) != "a history"


def test_repr_shows_the_numbers_by_name() -> None:
    model = fp.Perceptron([1.25, -3.0], 0.5, ["no", "yes"], ["length", "width"])
    assert repr(model) == "Perceptron(weights={length: 1.25, width: -3}, bias=0.5, classes=['no', 'yes'])"
    three = fp.Perceptron([[1.25], [-3], [0]], [0.5, 1, 2], ["a", "b", "c"], ["length"])
    shown = "weights={'a': {length: 1.25}, 'b': {length: -3}, 'c': {length: 0}}"
    assert repr(three) == f"Perceptron({shown}, bias=[0.5, 1, 2], classes=['a', 'b', 'c'])"
    assert len(repr(random_model(1000, 1000))) < 2000
    many = repr(fp.Perceptron(np.ones(100), 0.0, [0, 1]))
    assert "... 93 more ..." in many
    assert "x99" in many
    assert repr(History([0.25], [100], 150)) == "History(150 steps, 1 records, last cost 0.25)"


def test_numpy_takes_a_history_as_its_costs(model: fp.Perceptron) -> None:
    np.testing.assert_array_equal(np.asarray(model.history), model.history.costs)
    assert len(model.history) == 20


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m, X: m.predict(X[:, :3]), ValueError, "X has 3 features, but the model was trained on 4"),
        (lambda m, _: m.predict([1.0, 2.0]), ValueError, "X has 2 features"),
        (lambda m, _: m.predict(np.full((3, 4), np.nan)), ValueError, "NaN in row 0, column 0"),
        (lambda m, _: m.predict([["a"] * 4]), TypeError, "X must hold real numbers"),
        (lambda m, _: m.predict(np.empty((0, 4))), ValueError, "X is empty"),
        (lambda m, X: m.predict(pd.DataFrame(X).astype(str)), TypeError, "X must hold real numbers"),
        (lambda m, X: m.cost(X, ["setosa"] * 45 + ["rose"]), ValueError, "'rose' in row 45, but the model knows"),
        (lambda m, X: m.cost(X, ["setosa"] * 45), ValueError, "46 rows, but y has 45 labels"),
        (lambda m, X: m.cost(X, ["setosa"] * 46, "hinge"), ValueError, "loss must be one of"),
        (lambda _, __: fp.Perceptron([], 0.0, [0, 1]), ValueError, "weights must have shape"),
        (lambda _, __: fp.Perceptron([1.0], 0.0, [0, 1, 2]), ValueError, "classes must be two labels"),
        (lambda _, __: fp.Perceptron(np.ones((2, 3)), [0, 0], [0, 1]), ValueError, "for three or more classes"),
        (lambda _, __: fp.Perceptron(np.ones((3, 2)), [0, 0, 0], [0, 1]), ValueError, "classes must be 3 labels"),
        (lambda _, __: fp.Perceptron(np.ones((3, 2)), 0.0, [0, 1, 2]), ValueError, r"bias must be of shape \(3,\)"),
        (lambda _, __: fp.Perceptron([1.0], [0.0], [0, 1]), ValueError, "bias must be a single number"),
        (lambda _, __: fp.Perceptron(np.ones((3, 1)), [0, 0, np.inf], [0, 1, 2]), ValueError, "must be finite"),
        (lambda _, __: fp.Perceptron([np.nan], 0.0, [0, 1]), ValueError, "weights and bias must be finite"),
        (lambda _, __: fp.Perceptron([1.0], 0.0, [0, 1], ["a", "b"]), ValueError, "2 names for 1 weights"),
        (lambda _, __: History([1.0], []), ValueError, "each cost needs its step"),
        (lambda _, __: fp.load(Path("/missing/nowhere")), FileNotFoundError, r"no model file '.*nowhere'"),
        (lambda m, _: m.save(Path("/missing/m.safetensors")), FileNotFoundError, "missing"),
    ],
)
def test_bad_input_is_named(call, error, message, model: fp.Perceptron, flowers) -> None:
    with pytest.raises(error, match=message):
        call(model, flowers[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": [1j, 2.0]}, "weights must be real numbers"),
        ({"weights": np.array([1j, 2.0])}, "weights must be real numbers"),
        ({"weights": ["1", "2"]}, "weights must be real numbers"),
        ({"weights": [1.0, None]}, "must be finite"),
        ({"weights": [10**400, 1]}, "weights must be real numbers"),
        ({"weights": [[1.0], [1.0, 2.0], [3.0]]}, "weights must be real numbers"),
        ({"weights": np.array([np.longdouble("1e4000"), 1])}, "must be finite"),
        ({"bias": 10**400}, "bias must be real numbers"),
        ({"bias": 1j}, "bias must be real numbers"),
        ({"classes": ["no", None]}, "classes holds None"),
        ({"classes": [0.0, np.nan]}, "classes holds nan"),
        ({"classes": [1.0, np.inf]}, "classes holds inf"),
        ({"classes": ["no", "no"]}, "'no' is there twice"),
        ({"classes": [0.0, -0.0]}, "0.0 is there twice"),
        ({"feature_names": ["a", 1]}, "1 is a int"),
        ({"feature_names": ["a", "a"]}, "'a' is there twice"),
        ({"feature_names": "ab"}, "is the text 'ab'"),
        ({"target_name": 3}, "target_name must be text"),
        ({"history": None}, "history must be a History"),
    ],
)
def test_a_model_that_could_not_be_saved_compared_or_trained_on_is_not_made(changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        make(**changes)


@pytest.mark.parametrize(
    "arguments",
    [
        {"costs": [1j], "steps": [1]},
        {"costs": ["a"], "steps": [1]},
        {"costs": [0.5], "steps": [1.5]},
        {"costs": [0.5], "steps": [-1]},
        {"costs": [[0.5]], "steps": [[1]]},
        *({"n_steps": value} for value in (-1, 1.5, True, None, 2**62, "1")),
        *({"n_drawn": value} for value in (-1, 1.5, 2**63)),
        *({"epoch_seed": value} for value in (-1, 1.5, 2**64, "1")),
    ],
)
def test_a_history_that_cannot_be_continued_is_not_made(arguments) -> None:
    with pytest.raises(ValueError, match=r"must|each cost"):
        History(**arguments)


@pytest.mark.parametrize("step", [np.ones((2, 2)), np.full((2, 3), np.nan), np.ones(6)], ids=["short", "NaN", "flat"])
def test_an_unfinished_step_of_another_model_is_refused(step) -> None:
    history = History()
    history._keep(step)
    with pytest.raises(ValueError, match="unfinished step must be finite"):
        make(history=history)
