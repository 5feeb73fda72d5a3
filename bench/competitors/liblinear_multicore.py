"""Multi-core LIBLINEAR by its own Python interface, behind StandardScaler: all cores, primal trust region Newton."""

import os
from typing import Any

import numpy as np
from scipy import sparse

from bench.competitors import Array, Competitor, Fitted, Rows, fit_pipeline


class _Model:
    """A fit as scikit-learn's estimators have it. The bias is not penalised (-R)."""

    def __init__(self, C: float, eps: float) -> None:
        self._options = f"-s 0 -c {C!r} -e {eps!r} -B 1 -R -m {len(os.sched_getaffinity(0))} -q"

    def fit(self, X: Rows, y: Array) -> None:
        """Fit float64 CSR rows: the interface takes dense ones row by row, in Python."""
        from liblinear.liblinear import parameter, problem
        from liblinear.liblinearutil import train

        rows = sparse.csr_matrix(X, dtype=np.float64)
        model: Any = train(problem(y.astype(np.float64), rows), parameter(self._options))
        # Its decision value is that of the label that it saw first.
        sign = 1 if model.get_labels()[0] == 1 else -1
        weights = sign * np.ctypeslib.as_array(model.w, (X.shape[1] + 1,))
        self.coef_, self.intercept_ = weights[:-1], weights[-1]


def fit(X: Rows, y: Array, C: float, eps: float) -> Fitted:
    """Fit the primal problem."""
    return fit_pipeline(_Model(C, eps), X, y)


COMPETITORS = [
    Competitor(
        "LIBLINEAR multi-core",
        "liblinear-multicore",
        fit,
        tuple({"eps": eps} for eps in (1e-1, 1e-2, 1e-3, 1e-4, 1e-6)),
        "README of multi-core LIBLINEAR's Python interface (-s 0, -B 1 -R, -m); LIBLINEAR's guide: scale the data",
        "-e; all cores; of more classes it fits one-vs-rest, which is another model",
        checks_values=False,
        takes_sparse=True,
    )
]
