"""Planted violations: each law of violations/*.txt is broken in a process of its own, and the test of it must fail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.compiled  # the second process interprets
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here")
@pytest.mark.parametrize("is_interpreted", ["1", "0"])
def test_each_planted_violation_is_caught_and_the_unbroken_package_passes(is_interpreted: str) -> None:
    settings = {**os.environ, "NUMBA_DISABLE_JIT": is_interpreted, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "violations.engine"]
    done = subprocess.run(
        command, env=settings, cwd=Path(__file__).parent, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
