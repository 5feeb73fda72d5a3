"""river's LogisticRegression behind its online StandardScaler: one row at a time, in Python."""

from typing import Any

import numpy as np

from bench.competitors import Array, Competitor, Fitted, of_standardised


def fit(X: Array, y: Array, C: float, epochs: int, learning_rate: float) -> Fitted:
    """Learn the rows one by one; the fit is that of the scaler as it stands at the end."""
    del C  # its penalty would be another
    from river import linear_model, optim, preprocessing, stream

    scaler = preprocessing.StandardScaler()
    model: Any = scaler | linear_model.LogisticRegression(optimizer=optim.SGD(learning_rate))
    for _ in range(epochs):
        for row, label in stream.iter_array(X, y):
            model.learn_one(row, label)
    columns = range(X.shape[1])
    regression = model["LogisticRegression"]
    weights = np.array([regression.weights.get(column, 0.0) for column in columns])
    means = np.array([scaler.means[column] for column in columns])
    deviations = np.sqrt(np.array([scaler.vars[column] for column in columns]))
    return of_standardised(weights, regression.intercept, means, np.where(deviations > 0, deviations, 1.0))


COMPETITORS = [
    Competitor(
        "river LogisticRegression",
        "river",
        fit,
        tuple({"epochs": epochs, "learning_rate": rate} for epochs, rate in ((1, 0.05), (1, 0.01), (5, 0.005))),
        "river, linear_model.LogisticRegression (StandardScaler | LogisticRegression)",
        "epochs, learning rate",
        checks_values=False,
        most_values=200_000,
    )
]
