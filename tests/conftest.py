"""What all tests share: hypothesis without deadlines (a first call may compile), and plain arrays of the flowers."""

import numpy as np
import pytest
from hypothesis import Phase, settings
from numba.core import config

import fastperceptron as fp

IS_COMPILED = not config.DISABLE_JIT

settings.register_profile("compiled", deadline=None, max_examples=60, derandomize=True)
settings.register_profile("interpreted", deadline=None, max_examples=10, derandomize=True)
# For planted violations: that a test fails is all that is asked, not on how small an example.
settings.register_profile(
    "violation", deadline=None, max_examples=25, derandomize=True, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile("compiled" if IS_COMPILED else "interpreted")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what only makes sense of compiled kernels where they are interpreted, to measure their coverage."""
    if not IS_COMPILED:
        for item in items:
            # Interpreted arithmetic warns where compiled code quietly wraps around or overflows.
            item.add_marker(pytest.mark.filterwarnings("ignore:overflow encountered", "ignore:invalid value"))
            if item.get_closest_marker("compiled"):
                item.add_marker(pytest.mark.skip(reason="kernels are interpreted in this run"))


@pytest.fixture(scope="session")
def flowers() -> tuple[np.ndarray, np.ndarray]:
    """Return rows and species of the 46 flowers."""
    data = fp.load_flowers()
    return data.X, data.y


@pytest.fixture
def model(flowers: tuple[np.ndarray, np.ndarray]) -> fp.Perceptron:
    """Return a model of the flowers after 2000 steps."""
    return fp.train(*flowers, steps=2000, rng=0)
