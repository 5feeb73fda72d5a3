"""The pictures have labels, units and legends, and return the Axes that they draw on."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import fastperceptron as fp
from fastperceptron.plot import percent, plot_activation, plot_boundary, plot_calibration, plot_coefficients, plot_cost

mpl.use("Agg")

pytestmark = pytest.mark.compiled  # its models take a hundred thousand steps


@pytest.fixture
def narrow(flowers) -> fp.Perceptron:
    X, y = flowers
    model = fp.train(X[:, :2], y, steps=100_000, rng=0)
    return fp.Perceptron(
        model.weights, model.bias, model.classes, ["sepal length (cm)", "sepal width (cm)"], model.history
    )


def legend_of(ax) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_each_picture_draws_on_the_axes_it_is_given(narrow: fp.Perceptron, flowers) -> None:
    X, y = flowers
    for draw in (
        lambda ax: plot_activation(ax=ax),
        lambda ax: plot_boundary(narrow, X[:, :2], y, ax=ax),
        lambda ax: plot_cost(narrow, ax=ax),
    ):
        ax = Figure().subplots()
        assert draw(ax) is ax
        assert ax.get_title()
        assert ax.get_xlabel()
        assert ax.get_ylabel()


def test_without_axes_a_new_figure_is_made() -> None:
    from matplotlib import pyplot

    first, second = plot_activation(), plot_activation()
    assert first.figure is not second.figure
    pyplot.close("all")


def test_activation_shows_the_sigmoid_and_its_derivative() -> None:
    ax = plot_activation(limit=4.0, ax=Figure().subplots())
    curve, derivative = ax.get_lines()
    np.testing.assert_allclose(curve.get_ydata(), fp.sigmoid(curve.get_xdata()))
    np.testing.assert_allclose(derivative.get_ydata(), fp.sigmoid_derivative(derivative.get_xdata()))
    assert ax.get_xlim() == (-4.0, 4.0)


def test_boundary_names_axes_classes_and_the_unknown_flower(narrow: fp.Perceptron, flowers) -> None:
    X, y = flowers
    ax = plot_boundary(narrow, X[:, :2], y, unknown=(6.6, 3.0), ax=Figure().subplots())
    assert ax.get_xlabel() == "sepal length (cm)"
    assert legend_of(ax) == ["p = 0.5", "setosa", "versicolor", "unknown: versicolor, >99.99%"]
    low, high = ax.get_xlim()
    assert low < 4.3
    assert high > 7.0


def test_boundary_is_where_p_is_one_half(narrow: fp.Perceptron, flowers) -> None:
    X, y = flowers
    ax = plot_boundary(narrow, X[:, :2], y, ax=Figure().subplots())
    contour = next(artist for artist in ax.collections if hasattr(artist, "levels"))
    points = contour.get_paths()[0].vertices
    np.testing.assert_allclose(narrow.decision_function(points), 0, atol=0.05)


def test_cost_curve_is_the_history(narrow: fp.Perceptron) -> None:
    (curve,) = plot_cost(narrow, ax=Figure().subplots()).get_lines()
    np.testing.assert_array_equal(curve.get_xdata(), narrow.history.steps)
    np.testing.assert_array_equal(curve.get_ydata(), narrow.history.costs)


@pytest.mark.parametrize(("p", "text"), [(0.5, "50.00%"), (0.99984, "99.98%"), (0.99995, ">99.99%"), (1.0, ">99.99%")])
def test_percent_never_claims_certainty(p: float, text: str) -> None:
    assert percent(p) == text


def test_bad_input_is_named(model: fp.Perceptron, narrow: fp.Perceptron, flowers) -> None:
    with pytest.raises(ValueError, match="two features can be drawn, but this one has 4"):
        plot_boundary(model, *flowers)
    with pytest.raises(ValueError, match="'rose' in row 0"):
        plot_boundary(narrow, flowers[0][:1, :2], ["rose"])
    with pytest.raises(ValueError, match="holds no costs"):
        plot_cost(fp.Perceptron([1.0], 0.0, [0, 1]))


@pytest.mark.parametrize("n_classes", [2, 3, 12])
def test_pictures_of_a_classifier_name_features_and_classes(n_classes: int) -> None:
    y = np.arange(240) % n_classes
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(240, 2)) + y[:, None], columns=["length", "width"])
    classifier = fp.PerceptronClassifier(loss="log_loss").fit(frame, y)
    ax = plot_boundary(classifier, frame, y, unknown=(1.0, 1.0), ax=Figure().subplots())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("length", "width")
    assert set(map(str, range(n_classes))) <= set(legend_of(ax))
    (curve,) = plot_cost(classifier, ax=Figure().subplots()).get_lines()
    np.testing.assert_array_equal(curve.get_ydata(), classifier.loss_curve_)


@pytest.mark.parametrize(("n_classes", "named"), [(2, "class 1"), (3, "the predicted class")])
def test_calibration_says_of_which_class_and_what_the_area_is(n_classes: int, named: str) -> None:
    y = np.arange(240) % n_classes
    X = np.random.default_rng(0).normal(size=(240, 2)) + y[:, None]
    evaluation = fp.evaluate(fp.PerceptronClassifier().fit(X, y), (X, y))
    ax = plot_calibration(evaluation, ax=Figure().subplots())
    assert named in ax.get_xlabel()
    assert named in ax.get_ylabel()
    assert "observed; area: rows" in legend_of(ax)
    assert plot_calibration(evaluation.calibration, ax=Figure().subplots()).get_xlabel() == "predicted probability"


def test_the_forest_plot_has_a_line_per_coefficient() -> None:
    X, y = fp.synthetic(2000, 3, rng=0).arrays()
    rows = pd.DataFrame(X, columns=["a", "b", "c"]).assign(d=X[:, 0] + X[:, 1])
    classifier = fp.PerceptronClassifier(loss="log_loss", C=float("inf")).fit(rows, y)
    with pytest.warns(UserWarning, match="'d' is a combination of"):
        found = fp.inference(classifier, rows, y)
    for odds_ratios in (False, True):
        ax = plot_coefficients(found, odds_ratios=odds_ratios, ax=Figure().subplots())
        assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c", "d"]
        assert ("odds ratio" if odds_ratios else "log odds") in ax.get_xlabel()
        assert legend_of(ax)[-1] == "no finite interval"
        assert ax.get_title() == "Coefficients, n = 2,000"
    ax = plot_coefficients(found, columns=["c", "(Intercept)"])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["c", "(Intercept)"]
    with pytest.raises(ValueError, match="'e' is not among the coefficients"):
        plot_coefficients(found, columns=["e"])
    with pytest.raises(ValueError, match="no coefficients to draw"):
        plot_coefficients(found, columns=[])
    with pytest.raises(TypeError, match="inference must be an Inference, but is a PerceptronClassifier"):
        plot_coefficients(classifier)
