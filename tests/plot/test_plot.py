"""The pictures have labels, units and legends, and return the Axes that they draw on."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from scipy import sparse

import fastperceptron as fp
from fastperceptron.history import History
from fastperceptron.plot import plot_activation, plot_boundary, plot_calibration, plot_coefficients, plot_cost
from fastperceptron.plot.drawing import percent

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
    for features, message in (
        (("x0", "y"), "features: 'y' is not a feature of the model, whose features are 'x0', 'x1', 'x2', 'x3'"),
        ((0, 4), "features: 4 is not a feature"),
        ("x0", "features must be 2 names or numbers of columns"),
        (("x0", "x1", "x2"), "features must be 2 names"),
        (("x1", 1), "features must be different ones"),
    ):
        with pytest.raises(ValueError, match=message):
            plot_boundary(model, *flowers, features=features)
    with pytest.raises(ValueError, match="NaN"):
        plot_boundary(narrow, [[1.0, np.nan]], ["setosa"])
    with pytest.raises(ValueError, match="no bins"):
        plot_calibration([])
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
def test_calibration_says_of_which_class_and_shows_intervals_and_a_histogram(n_classes: int, named: str) -> None:
    y = np.arange(240) % n_classes
    X = np.random.default_rng(0).normal(size=(240, 2)) + y[:, None]
    classifier = fp.PerceptronClassifier().fit(X, y)
    evaluation, found = fp.evaluate(classifier, (X, y)), fp.calibration(classifier, (X, y), level=0.9)
    for table, level in ((evaluation, "95%"), (found, "90%")):
        ax = plot_calibration(table, ax=Figure().subplots())
        assert named in ax.get_xlabel()
        assert named in ax.get_ylabel()
        assert {"observed; area: rows", f"{level} interval"} <= set(legend_of(ax))
        assert [bar.get_x() for bar in ax.patches] == pytest.approx(np.arange(20) / 20)
        np.testing.assert_allclose(
            [bar.get_height() for bar in ax.patches], 0.2 * found.histogram / max(found.histogram)
        )
        (bars,) = next(each for each in ax.containers if isinstance(each, ErrorbarContainer))[2]
        ends = np.array([segment[:, 1] for segment in bars.get_segments()])
        shown = getattr(table, "details", table)
        np.testing.assert_allclose(ends.T, [shown.low, shown.high])
    plain = plot_calibration(evaluation.calibration, ax=Figure().subplots())
    assert plain.get_xlabel() == "predicted probability"
    assert not plain.patches


def texts_of(ax) -> str:
    return " ".join(text.get_text() for text in ax.texts)


def test_many_rows_are_a_sample_of_small_points_in_which_each_class_has_its_share() -> None:
    rng = np.random.default_rng(0)
    y = np.where(np.arange(50_000) % 1000 == 0, "rare", np.where(rng.random(50_000) < 0.3, "some", "most"))
    X = rng.normal(size=(50_000, 2))
    X[:, 0].sort()  # so that the first rows look other than a sample of all
    model = fp.Perceptron([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], [0.0] * 3, ["most", "rare", "some"])
    first, second = (plot_boundary(model, X, y, ax=Figure().subplots()) for _ in range(2))
    points = first.collections[0]
    assert (points.get_offsets() == second.collections[0].get_offsets()).all()
    assert 0 < points.get_alpha() < 1
    assert abs(np.median(np.asarray(points.get_offsets())[:, 0])) < 0.2
    colours, counts = np.unique(points.get_facecolors(), axis=0, return_counts=True)
    assert len(colours) == 3
    np.testing.assert_allclose(sorted(counts), [30, 600, 1400], atol=40)
    assert f"{sum(counts):,} of 50,000 rows shown" in texts_of(first)
    few = plot_boundary(model, X[:250], y[:250], ax=Figure().subplots())
    assert sum(len(each.get_offsets()) for each in few.collections) == 250
    assert not texts_of(few)


def test_features_that_are_not_drawn_have_a_stated_value() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal([0, 10, 20, 30], size=(200, 4)), columns=["a", "b", "c", "d"])
    model = fp.Perceptron([0.1, 2.0, -1.0, 0.2], -2.0, ["no", "yes"], ["a", "b", "c", "d"])
    y = model.predict(frame)
    ax = plot_boundary(model, frame[["d", "c", "b", "a"]], y, ax=Figure().subplots())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("b", "c")
    assert f"d = {frame.d.mean():.3g}, a = {frame.a.mean():.3g}" in texts_of(ax)
    for features in (("d", "b"), (3, 1)):
        ax = plot_boundary(model, frame, y, features=features, unknown=frame.iloc[0], ax=Figure().subplots())
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("d", "b")
        contour = next(artist for artist in ax.collections if hasattr(artist, "levels"))
        d, b = contour.get_paths()[0].vertices.T
        rows = np.column_stack([np.full_like(d, frame.a.mean()), b, np.full_like(d, frame.c.mean()), d])
        np.testing.assert_allclose(model.decision_function(rows), 0, atol=0.05)
        certainty = model.predict_proba(frame[:1]).max()
        assert f"unknown: {y[0]}, {percent(certainty)}" in legend_of(ax)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_single_feature_is_drawn_with_curves(n_classes: int) -> None:
    y = np.arange(900) % n_classes
    X = np.random.default_rng(0).normal(size=(900, 1)) + 2 * y[:, None]
    classifier = fp.PerceptronClassifier(loss="log_loss").fit(X, y)
    ax = plot_boundary(classifier, X, y, unknown=[0.5], ax=Figure().subplots())
    curves = [line for line in ax.get_lines() if len(line.get_xdata()) > 100]
    assert len(curves) == (1 if n_classes == 2 else 3)
    p = classifier.predict_proba(curves[0].get_xdata()[:, None])
    np.testing.assert_allclose(curves[-1].get_ydata(), p[:, -1])


def test_names_are_shown_as_they_are_written() -> None:
    X, labels = (
        np.random.default_rng(0).normal(size=(60, 2)),
        ["_low", "$5 to $10 and a text that is much too long for a legend of it"],
    )
    model = fp.Perceptron([1.0, 0.5], 0.0, labels, ["$a", "_b"])
    figure = Figure()
    ax = plot_boundary(model, X, model.predict(X), ax=figure.subplots())
    figure.canvas.draw()
    assert [text.strip()[:4] for text in legend_of(ax)] == ["p = ", "_low", r"\$5 "]
    assert max(map(len, legend_of(ax))) <= 62
    plot_calibration(fp.evaluate(model, (X, model.predict(X))), ax=figure.subplots())
    figure.canvas.draw()


def test_the_cost_curve_fills_the_picture_and_takes_a_cost_of_0() -> None:
    history = History([0.5, 0.1, 0.02], [100, 200, 300], 300)
    ax = plot_cost(fp.Perceptron([1.0], 0.0, [0, 1], history=history), ax=Figure().subplots())
    low, high = np.log(ax.get_ylim())
    assert np.log(0.02) - low < 0.03 * (high - low)
    nothing = fp.Perceptron([1.0], 0.0, [0, 1], history=History([0.5, 0.0], [1, 2], 2))
    assert plot_cost(nothing, ax=Figure().subplots()).get_yscale() == "linear"


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


@pytest.mark.parametrize("kind", ["csr_array", "csc_matrix", "coo_array"])
def test_a_boundary_over_sparse_rows_is_that_over_the_same_rows_dense(kind: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 5)) * (rng.random((60, 5)) < 0.4)
    y = (X[:, 1] - 2 * X[:, 3] + rng.logistic(size=60) > 0).astype(int)
    model = fp.Perceptron([0.1, 1.0, 0.2, -2.0, 0.3], 0.1, [0, 1])
    of_sparse, of_dense = (plot_boundary(model, rows, y) for rows in (getattr(sparse, kind)(X), X))
    for one, other in zip(of_sparse.collections, of_dense.collections, strict=True):
        np.testing.assert_allclose(one.get_offsets(), other.get_offsets(), rtol=1e-12)
    assert [text.get_text() for text in of_sparse.texts] == [text.get_text() for text in of_dense.texts]
    assert of_sparse.get_title(loc="left") == of_dense.get_title(loc="left")
    X[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        plot_boundary(model, getattr(sparse, kind)(X), y)
