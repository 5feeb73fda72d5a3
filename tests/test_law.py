"""The law between machines: another CPU, with narrower vectors or without fused multiply-add, gives the same bits."""

import os
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.compiled]

PROGRAM = """
import hashlib
import numpy as np, fastperceptron as fp
rng = np.random.default_rng(0)
cases = [(3, "f8", 1, "squared_error"), (9, "f4", 20, "log_loss"), (3, "f4", 9, "log_loss")]
for n_features, dtype, batch_size, loss in cases:
    X = rng.normal(size=(300, n_features)).astype(dtype)
    model = fp.train(X, X[:, 0] > 0, steps=500, batch_size=batch_size, loss=loss, rng=1)
    parts = [model.weights, np.asarray(model.history), model.predict_proba(X), fp.sigmoid(X)]
    print(hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest())
"""


def hashes(program: str = PROGRAM, **environment: str) -> list[str]:
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize("name", ["generic", "x86-64-v2"])
def test_another_cpu_gives_the_same_bits(name: str) -> None:
    assert hashes(NUMBA_CPU_NAME=name) == hashes()


def test_another_seed_gives_other_bits() -> None:
    others = hashes(PROGRAM.replace("rng=1", "rng=2"))
    assert not set(others) & set(hashes())
    assert len(others) == 3
