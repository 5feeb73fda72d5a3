"""scikit-learn's SGDClassifier behind StandardScaler, plain and averaged, and its Perceptron."""

from typing import Any

from bench.competitors import Array, Competitor, Fitted, Rows, fit_pipeline

SOURCE = "scikit-learn user guide 1.5.7 (Stochastic gradient descent, tips on practical use: scale the data)"


def fit(X: Rows, y: Array, C: float, alpha: float | None = None, **options: Any) -> Fitted:
    """Fit the pipeline; without an alpha it is the one of the objective, 1 / (C n)."""
    from sklearn.linear_model import SGDClassifier

    alpha = 1 / (C * len(y)) if alpha is None else alpha
    return fit_pipeline(SGDClassifier(loss="log_loss", alpha=alpha, random_state=0, tol=None, **options), X, y)


def fit_perceptron(X: Rows, y: Array, C: float, **options: Any) -> Fitted:
    """Fit the pipeline with scikit-learn's Perceptron; w . x + b is judged as if it were a logit."""
    del C  # it has no penalty
    from sklearn.linear_model import Perceptron

    return fit_pipeline(Perceptron(random_state=0, **options), X, y)


def _settings(is_averaged: bool) -> tuple[dict[str, Any], ...]:
    grid = [(epochs, alpha) for epochs in (1, 2, 5, 20, 100) for alpha in (1e-4, None)]
    return tuple({"max_iter": epochs, "alpha": alpha, "average": is_averaged} for epochs, alpha in grid)


TUNED = "epochs; alpha is the default 1e-4 or 1 / (C n); of more classes it fits one-vs-rest, which is another model"
COMPETITORS = [
    Competitor("SGDClassifier", "scikit-learn", fit, _settings(False), SOURCE, TUNED, takes_sparse=True),
    Competitor("SGDClassifier averaged", "scikit-learn", fit, _settings(True), SOURCE, TUNED, takes_sparse=True),
    Competitor(
        "sklearn Perceptron",
        "scikit-learn",
        fit_perceptron,
        ({"max_iter": 5, "tol": None}, {}),
        SOURCE,
        "epochs; it has no probabilities, so it can reach no log loss but by chance",
        takes_sparse=True,
        has_probabilities=False,
    ),
]
