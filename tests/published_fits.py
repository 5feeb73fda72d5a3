"""Tables that books and manuals publish logistic regressions of, with their figures."""

from typing import NamedTuple

import numpy as np


class Published(NamedTuple):
    """A table and its figures: coefficients and standard errors by name, the intercept first, as given."""

    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None
    names: tuple[str, ...]
    coef: tuple[float, ...]
    standard_error: tuple[float, ...]
    deviance: float
    null_deviance: float | None
    digits: int  # after the point


def spector() -> Published:
    """Spector and Mazzeo (1980), in Greene's Econometric Analysis; figures of Stata 11.

    statsmodels' tests hold them, in statsmodels/discrete/tests/results/results_discrete.py, class Spector.
    """
    gpa = (
        "2.66 2.89 3.28 2.92 4.0 2.86 2.76 2.87 3.03 3.92 2.63 3.32 3.57 3.26 3.53 2.74 2.75 2.83 3.12 3.16 2.06 3.62 "
        "2.89 3.51 3.54 2.83 3.39 2.67 3.65 4.0 3.1 2.39"
    )
    tuce = "20 22 24 12 21 17 17 21 25 29 20 23 23 25 26 19 25 19 23 25 22 28 14 26 24 27 17 24 21 23 21 19"
    X = np.column_stack([_numbers(gpa), _numbers(tuce), np.arange(32) >= 18])
    y = np.zeros(32, int)
    y[[4, 9, 13, 19, 21, 24, 25, 26, 28, 29, 31]] = 1
    return Published(
        X,
        y,
        None,
        ("GPA", "TUCE", "PSI"),
        (-13.0213483201, 2.82611297201, 0.0951576702557, 2.37868772835),
        (4.93132462871, 1.26294114526, 0.141554207662, 1.06456430165),
        -2 * -12.8896334653335,
        -2 * -20.5917296966173,
        5,  # Stata stopped 1e-7 from the optimum
    )


def challenger() -> Published:
    """O-rings of 23 flights of the space shuttle (Dalal, Fowlkes and Hoadley 1989), whose distress falls with warmth.

    Figures of R's ``glm(distress ~ temperature, binomial)``, as many courses print them.
    """
    temperature = "66 70 69 68 67 72 73 70 57 63 70 78 67 53 67 75 70 81 76 79 75 76 58"
    y = np.zeros(23, int)
    y[[1, 8, 9, 10, 13, 20, 22]] = 1
    X = _numbers(temperature)[:, None]
    return Published(X, y, None, ("temperature",), (15.0429, -0.2322), (7.3786, 0.1082), 20.315, 28.267, 3)


def bliss() -> Published:
    """Beetles killed by carbon disulphide (Bliss 1935), as counts; figures of Dobson, chapter 7.3."""
    dose = np.array([1.6907, 1.7242, 1.7552, 1.7842, 1.8113, 1.8369, 1.8610, 1.8839])
    beetles, killed = _numbers("59 60 62 56 63 59 62 60"), _numbers("6 13 18 28 52 53 61 60")
    # Dobson's deviance is that from the saturated model.
    share = killed / beetles
    with np.errstate(divide="ignore", invalid="ignore"):
        saturated = 2 * np.nansum(killed * np.log(share) + (beetles - killed) * np.log(1 - share))
    X = np.concatenate([dose, dose])[:, None]
    y, weights = np.repeat([1, 0], 8), np.concatenate([killed, beetles - killed])
    return Published(X, y, weights, ("dose",), (-60.72, 34.27), (5.18, 2.91), 11.23 - saturated, None, 2)


# Fair's affairs (1978), from R's package AER; figures of R's glm, as R in Action (Kabacoff), chapter 13, prints them:
# names, coefficients and standard errors.
FAIR = {
    "(Intercept)": (1.37726, 0.88776),
    "gender_male": (0.28029, 0.23909),
    "age": (-0.04426, 0.01825),
    "yearsmarried": (0.09477, 0.03221),
    "children_yes": (0.39767, 0.29151),
    "religiousness": (-0.32472, 0.08975),
    "education": (0.02105, 0.05051),
    "occupation": (0.03092, 0.07178),
    "rating": (-0.46845, 0.09091),
}
FAIR_DEVIANCES = 609.51, 675.38


def _numbers(text: str) -> np.ndarray:
    return np.array(text.split(), float)
