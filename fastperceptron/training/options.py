"""How to train, checked once and carried through the engine as one frozen value."""

import math
from dataclasses import dataclass

from fastperceptron.checks import choice, positive, whole_number
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.training.sampling import SAMPLINGS


@dataclass(frozen=True)
class DescentOptions:
    """Options of gradient descent; the defaults are the tutorial's procedure. See `fastperceptron.train`."""

    steps: int = 100_000
    learning_rate: float = 0.2
    loss: str = "squared_error"
    batch_size: int = 1
    sampling: str = "with_replacement"
    record_every: int | None = 100

    def __post_init__(self) -> None:
        settled = {
            "steps": whole_number(self.steps, "steps"),
            "learning_rate": positive(self.learning_rate, "learning_rate"),
            "loss": choice(self.loss, LOSSES, "loss"),
            "batch_size": whole_number(self.batch_size, "batch_size"),
            "sampling": choice(self.sampling, SAMPLINGS, "sampling"),
            "record_every": None if self.record_every is None else whole_number(self.record_every, "record_every"),
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class ObjectiveOptions:
    """What both solvers of the estimator minimise and when they stop. See `fastperceptron.PerceptronClassifier`."""

    loss: str = "squared_error"
    C: float = 1.0
    fit_intercept: bool = True
    standardize: bool = True
    tol: float = 0.01
    max_iter: int = 100


@dataclass(frozen=True)
class SgdOptions(ObjectiveOptions):
    """Options of the sgd solver, checked by the estimator."""

    batch_size: int = 256
    shuffle: bool = True
    average: bool = False
    learning_rate: str = "constant"
    eta0: float = 0.2
    power_t: float = 0.25
    seed: int = 0

    @property
    def power(self) -> float:
        """The power of the step's number that the learning rate falls with."""
        return self.power_t if self.learning_rate == "invscaling" else 0.0


@dataclass(frozen=True)
class NewtonOptions(ObjectiveOptions):
    """Options of the newton solver, checked by the estimator."""

    n_threads: int = 1

    @property
    def penalty(self) -> float:
        """The factor of |w|^2 / 2 in the objective."""
        return 0.0 if math.isinf(self.C) else 1.0 / self.C
