"""All checks that scikit-learn has for classifiers, with the reasons for those that must fail."""

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastperceptron as fp

# Hundreds of fits.
pytestmark = pytest.mark.compiled

# Checks that sgd must fail, as scikit-learn's own SGDClassifier does, and why.
SGD_FAILURES = {
    f"check_sample_weight_equivalence_on_{kind}_data": "a repeated row is two steps, a row of weight 2 one larger step"
    for kind in ("dense", "sparse")
}


def expected_failures(classifier: Any) -> dict[str, str]:
    return SGD_FAILURES if classifier.solver == "sgd" else {}


# One check calls fit and then partial_fit, which warns after a fit by sgd.
@pytest.mark.filterwarnings("ignore:partial_fit starts at the present coefficients:UserWarning")
# On the checks' few rows an epoch of sgd is one step, and 100 may not be enough.
@pytest.mark.filterwarnings("ignore:solver='sgd' stopped:sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [fp.PerceptronClassifier(), fp.PerceptronClassifier(loss="log_loss"), fp.PerceptronClassifier(solver="sgd")],
    expected_failed_checks=expected_failures,
    xfail_strict=True,
)
def test_it_is_a_classifier_as_scikit_learn_defines_one(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)
