"""Probabilities of the normal and the chi-squared distribution, by SciPy, which scikit-learn brings."""

from typing import Any

import numpy as np

from fastperceptron.checks import Array


def two_sided(z: Array) -> Array:
    """Return the probability that a standard normal is farther from 0 than z: 2 (1 - Phi(|z|)), accurate near 0."""
    from scipy.special import erfc

    return np.asarray(erfc(np.abs(z) / np.sqrt(2.0)))


def normal_quantile(level: float) -> float:
    """Return the bound below which |z| of a standard normal is with probability `level`."""
    from scipy.special import ndtri

    return -float(ndtri((1.0 - level) / 2.0))


def chi_squared_above(statistic: Any, df: int) -> float:
    """Return the probability that chi-squared with `df` degrees of freedom is above a statistic; NaN without any."""
    from scipy.special import chdtrc

    return float(chdtrc(df, max(float(statistic), 0.0))) if df > 0 else float("nan")
