"""The benchmark suite's honesty: planted cheats are caught, and a time is the time of runs that reached the target."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from bench.competitors import OURS, Competitor, Fitted, all_competitors, fit_pipeline
from bench.generated import marks, write_part
from bench.honesty import check
from bench.judge import Judge, Run, bounds, fastest_setting, time_of
from bench.outcomes import PRODUCT, outcome, summary
from bench.race import Entry, Race, described
from bench.report import excerpt, lines
from fastperceptron import PerceptronClassifier

BOUNDS = {"held_out": 0.5, "objective": 0.4}


def competitor(fit: Any, package: str = "scikit-learn", **options: Any) -> Competitor:
    return Competitor("planted", package, fit, ({},), "", "", **options)


def run(held_out: float, seconds: float = 1.0) -> Run:
    return Run(seconds, seconds, held_out, held_out)


def fit_unscaled(X: Any, y: Any, C: float) -> Fitted:
    model = LogisticRegression(C=C, max_iter=1000).fit(X, y)
    return Fitted.of(model.coef_, model.intercept_)


def fit_scaled(X: Any, y: Any, C: float) -> Fitted:
    return fit_pipeline(LogisticRegression(C=C), X, y)


def fit_around_the_border(X: Any, y: Any, C: float) -> Fitted:
    from fastperceptron.data.arrays import ArrayRows
    from fastperceptron.training.newton.newton import minimise_by_newton
    from fastperceptron.training.problem import NewtonOptions, Problem

    solution = minimise_by_newton(Problem(ArrayRows(X), y, 2), NewtonOptions(loss="log_loss"))
    return Fitted(solution.weights[0], float(solution.bias[0]))


def fit_of_ours(X: Any, y: Any, C: float) -> Fitted:
    classifier = PerceptronClassifier(loss="log_loss", C=C).fit(X, y)
    return Fitted.of(classifier.coef_, classifier.intercept_)


def test_unscaled_columns_are_caught_where_the_documentation_says_scale() -> None:
    with pytest.raises(ValueError, match="says scale, its adapter does not"):
        check(competitor(fit_unscaled))
    check(competitor(fit_scaled))


def only_from(kind: str, honest: Any, planted: Any) -> Any:
    """Return a fit that cheats on one kind of table alone: "sparse" rows, or three "classes"."""

    def fit(X: Any, y: Any, C: float) -> Fitted:
        is_kind = sparse.issparse(X) if kind == "sparse" else y.max() > 1
        fitted: Fitted = (planted if is_kind else honest)(X, y, C)
        return fitted

    return fit


def fit_one_row_of_weights(X: Any, y: Any, C: float) -> Fitted:
    fitted = fit_scaled(X, y > 0, C)
    return Fitted(fitted.weights, fitted.bias)


def fit_in_another_order(X: Any, y: Any, C: float) -> Fitted:
    """Return weights as XGBoost's `coef_` has them: read column by column, though they lie class by class."""
    fitted = fit_scaled(X, y, C)
    return Fitted(np.reshape(fitted.weights.T.ravel(), fitted.weights.shape), fitted.bias)


def without_its_bias(X: Any, y: Any, C: float) -> Fitted:
    return Fitted(fit_scaled(X, y, C).weights, 0.0)


def ignoring_nan(X: Any, y: Any, C: float) -> Fitted:
    return fit_scaled(sparse.csr_matrix(np.nan_to_num(X.toarray())) if sparse.issparse(X) else np.nan_to_num(X), y, C)


PLANTED = [
    ("sparse", fit_unscaled, r"says scale, its adapter does not \(sparse rows\)"),
    ("classes", fit_unscaled, r"says scale, its adapter does not \(rows of three classes\)"),
    ("sparse", ignoring_nan, r"took a NaN \(sparse rows\)"),
    ("classes", ignoring_nan, r"took a NaN \(rows of three classes\)"),
    ("classes", fit_one_row_of_weights, "weights of rows of three classes are not those of a model"),
    ("classes", fit_in_another_order, "weights of rows of three classes are not those of a model"),
    ("sparse", without_its_bias, "weights of sparse rows are not those of a model"),
    ("sparse", lambda X, y, C: fit_scaled(X, 1 - y, C), "weights of sparse rows are not those of a model"),
]


@pytest.mark.parametrize(("kind", "planted", "message"), PLANTED)
def test_a_cheat_on_one_kind_of_table_alone_is_caught(kind: str, planted: Any, message: str) -> None:
    takes = {"takes_sparse": True, "takes_classes": True}
    with pytest.raises(ValueError, match=message):
        check(competitor(only_from(kind, fit_scaled, planted), **takes))
    check(competitor(fit_scaled, **takes))
    check(competitor(only_from(kind, fit_scaled, planted)))  # it is not asked for what it does not take


@pytest.mark.compiled
def test_a_timed_call_without_our_own_validation_is_caught() -> None:
    with pytest.raises(ValueError, match="does not validate: it took"):
        check(competitor(fit_around_the_border, OURS, is_scaled=False))
    with pytest.raises(ValueError, match="does not validate: it took a NaN"):
        check(competitor(lambda X, y, C: fit_of_ours(np.nan_to_num(X), y, C), OURS, is_scaled=False))
    check(competitor(fit_of_ours, OURS, is_scaled=False))


def test_a_run_that_missed_the_target_leaves_no_time() -> None:
    assert time_of([run(0.49, 3.0), run(0.5, 1.0), run(0.49, 2.0)], "held_out", 0.5) == 2.0
    assert time_of([run(0.49), run(0.51), run(0.49)], "held_out", 0.5) is None
    assert time_of([], "held_out", 0.5) is None
    assert fastest_setting([run(0.6, 1.0), None, run(0.4, 3.0), run(0.4, 2.0)], "held_out", 0.5) == 3
    assert fastest_setting([run(0.6), None], "held_out", 0.5) is None


def test_who_is_good_only_while_it_explores_has_no_time() -> None:
    X = np.random.default_rng(0).normal(size=(300, 2))
    y = (X[:, 0] > 0).astype(np.uint8)
    judge, fits = Judge(X, y, X, y), iter([[5.0, 0.0], [5.0, 0.0], *[[-5.0, 0.0]] * 4])

    class Cheat:
        def take(self, table: Any, seconds: float) -> None:
            """Take any table."""

        def fit(self, setting: int, seconds: float, is_trimmed: bool = False) -> dict[str, Any]:
            return {"seconds": 0.01, "core_seconds": 0.01, "peak_bytes": 0, "weights": next(fits), "bias": 0.0}

        def stop(self) -> None:
            """There is no process."""

    race = Race([], None, patience=1.0, n_rounds=3)  # type: ignore[arg-type]  # nothing is logged
    race._competitors, race._workers = {"planted": competitor(None)}, {"planted": Cheat()}  # type: ignore[dict-item]
    found = race.run(None, judge, str)["entries"]["planted"]  # type: ignore[arg-type]  # there is no folder
    assert found["chosen"]["held_out"] == 0
    assert len(found["timed"]["held_out"]) == 3
    assert found["seconds"] == {"held_out": None, "objective": None}


def test_weights_that_are_not_finite_or_of_another_length_reach_nothing() -> None:
    X, y = np.eye(4), np.array([0, 1, 0, 1])
    judge = Judge(X, y, X, y)
    told = {"seconds": 1.0, "core_seconds": 1.0, "bias": 0.0}
    assert judge.run(told | {"weights": [np.nan] * 4}).held_out == np.inf
    with pytest.raises(ValueError, match="4 columns and 2 classes returned weights of shape"):
        judge.run(told | {"weights": [0.0] * 3})


def test_bounds_are_those_of_the_best_of_all_runs() -> None:
    assert bounds([run(0.5), run(0.4), run(np.inf)]) == {"held_out": pytest.approx(0.4004), "objective": 0.4 + 4e-7}


def document() -> dict[str, Any]:
    """Return results on two tables: one that we win, one where we never reach the target."""

    def facts(ours: list[Run], theirs: list[Run], n_rows: int) -> dict[str, Any]:
        entries = {}
        for name, runs in ((PRODUCT, ours), ("another", theirs)):
            timed = {"held_out": runs, "objective": runs}
            entries[name] = described(Entry(list(runs), {}, timed, dict.fromkeys(timed, 1 << 20)), BOUNDS)
        sizes = {"n_rows": n_rows, "n_features": 2, "kind": "real", "dtype": "float32", "read_seconds": 1e-3}
        return sizes | {"entries": entries, "bounds": BOUNDS, "C": 1.0}

    won, lost = facts([run(0.3, 0.1)], [run(0.3, 1.0)], 20_000), facts([run(0.6, 0.1)], [run(0.3, 1.0)], 200)
    machine = {"processor": "a processor", "cores": 2, "memory_bytes": 1 << 30, "system": "", "python": "3"}
    machine |= {"fastperceptron": "1", "commit": "abc", "when": "today", "packages": {}}
    told = {"settings": [{}], "source": "its documentation", "tuned": "nothing"}
    return {
        "machine": machine,
        "tables": {"won": won, "lost": lost},
        "competitors": {PRODUCT: told, "another": told},
        "left_out": ["absent"],
        "rounds": 1,
        "patience": 1.0,
        "reads": 0.0,
    }


def test_the_report_says_who_never_reached_the_target_and_what_was_left_out() -> None:
    results = document()
    assert outcome("won", results["tables"]["won"], "held_out").ratio == pytest.approx(10)
    lost = outcome("lost", results["tables"]["lost"], "held_out")
    assert (lost.ours, lost.ratio, lost.is_first, lost.is_near_first) == (None, None, False, False)
    assert "first on 1 of the 1 large tables, 10.0 times" in summary(results)[0]
    results["tables"]["won"]["n_stored"] = 12_345
    text = "\n".join(lines(results, []))
    assert "| **won** | 20,000 x 2, 12,345 stored | 1 ms |" in text
    assert "| lost | 200 x 2 | 1 ms | never | another |" in text
    assert "Left out, because not installed: absent." in text


def test_the_pictures_are_drawn_from_the_results_alone(tmp_path: Any) -> None:
    from bench.pictures import draw_all

    written = draw_all(document(), tmp_path / "machine")
    assert [path.name for path in written] == [
        f"machine-{name}.png" for name in ("time-to-accuracy", "loss-by-time", "memory")
    ]


@pytest.mark.compiled
@pytest.mark.parametrize("name", [name for name, each in all_competitors().items() if each.version()])
def test_the_adapters_of_what_is_installed_are_honest(name: str) -> None:
    check(all_competitors()[name])


def test_generated_parts_are_replaced_and_their_absence_is_an_error(tmp_path: Any) -> None:
    path = tmp_path / "README.md"
    first, last = marks("race")
    path.write_text(f"before\n{first}\nold\n{last}\nafter\n", encoding="utf-8")
    for _ in range(2):
        write_part(path, "race", ["new", "lines"])
        assert path.read_text(encoding="utf-8") == f"before\n{first}\n\nnew\nlines\n\n{last}\nafter\n"
    with pytest.raises(ValueError, match="has no part <!-- generated: roofline"):
        write_part(path, "roofline", [])


def test_the_excerpt_for_the_readme_names_the_winner_and_the_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.report.EXCERPT", ("won", "lost", "not there"))
    home = Path("home")
    text = "\n".join(excerpt(document(), [home / "picture.png"], home))
    assert "| won: 20,000 x 2 | 100 ms | 1 s, another | 10.0 times |" in text
    assert "| lost: 200 x 2 | - | 1 s, another |  |" in text
    assert "![Time to accuracy](picture.png)" in text
