"""PerceptronClassifier: the neuron as a scikit-learn classifier whose defaults need no tuning and no scaler.

It checks its input (input.py, table.py), lets a solver of training/ find the weights (solvers.py), and keeps the result
as a `Perceptron`, which predicts. To add a parameter, edit two files: the docstring and `__init__` here, and the place
that checks its value: an option in training/problem.py if a solver uses it, else a rule in input.py.
"""

import warnings
from typing import Any, ClassVar, Self

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.dataset import Dataset
from fastperceptron.evaluation import accuracy
from fastperceptron.model import Perceptron
from fastperceptron.training.observer import Observer
from fastperceptron.training.problem import NewtonOptions, Problem, Solution

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils.metadata_routing import UNUSED
    from sklearn.utils.validation import check_is_fitted
except ModuleNotFoundError as error:
    message = "PerceptronClassifier needs scikit-learn: pip install fastperceptron[sklearn]"
    raise ModuleNotFoundError(message, name=error.name) from error

from fastperceptron.estimator import table
from fastperceptron.estimator.callbacks import FIT_DEPTH, CallbackSupportMixin, report_to_callbacks, with_callbacks
from fastperceptron.estimator.input import as_rows, check_parameters, classes_to_expect
from fastperceptron.estimator.progress import show_progress
from fastperceptron.estimator.solvers import RULES, SOLVERS, describe_shortfall, options_of


class PerceptronClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Sigmoid neurons, trained to a certified optimum in a few reads of raw data.

    Two classes take one neuron. More take one neuron each, which separates its class from all others. Rows may have any
    real or boolean dtype and any memory layout, columns any scale: no preparation is needed. The same data and
    parameters give the same result to the last bit, for any number of threads.

    Parameters
    ----------
    loss : {"squared_error", "log_loss"}
        "squared_error" is the cost of the tutorial's neuron, and more forgiving of wrong labels. "log_loss" makes this
        ``make_pipeline(StandardScaler(), LogisticRegression())`` with coefficients for the raw columns.
    solver : {"newton", "sgd"}
        "newton" reads the data a few times and estimates its gap to the optimum; "sgd" is mini-batch gradient descent.
    C : float
        The inverse strength of the penalty: the solver minimises the sum of the rows' losses + ``|w|**2 / (2 * C)``,
        where w are the weights of standardised columns. ``float("inf")`` means no penalty.
    fit_intercept : bool
    standardize : bool
        Whether the penalty (and the steps of "sgd") treat columns as if each had mean 0 and standard deviation 1.
    class_weight : dict, "balanced" or None
        Factors for the weights of the rows of each class, as everywhere in scikit-learn.
    tol : float
        "newton" stops when the weights are this close to the optimum, in standard errors: at 0.01 the rest is far less
        than what another sample of rows would change. "sgd" stops when five epochs lower the objective by less than
        this share of its own standard error.
    max_iter : int
        The maximum number of reads of the data, or of epochs of "sgd".
    learning_rate : {"constant", "invscaling"}
        For "sgd": the learning rate of step t is `eta0`, or ``eta0 / t**power_t``.
    eta0, power_t : float
    batch_size : int
        For "sgd": rows per step.
    shuffle : bool
        For "sgd": whether each epoch takes the rows in a new order.
    average : bool
        For "sgd": whether the result is the mean over (at least) the last half of the steps.
    warm_start : bool
        Whether `fit` starts from the result of the last one, if that had the same classes and number of features.
    random_state : int, RandomState instance or None
        For "sgd" with shuffle=True; "newton" has no randomness.
    n_jobs : int or None
        Threads; they do not change the result. None means all available cores, but one inside a worker (of joblib, Dask
        or multiprocessing); -1 means all.
    verbose : int
        Whether to log a line per read at level INFO of the logger "fastperceptron"; on stderr if logging is not set up.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        The weights, for raw columns.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        The bias of each neuron.
    classes_ : ndarray of shape (n_classes,)
    n_iter_ : int
        Reads of the data, or epochs of "sgd".
    loss_curve_ : ndarray
        The objective divided by the sum of the rows' weights, after each step or epoch: at most `n_iter_` values, since
        reads that lead to no step, or come before the loss is minimised itself, have none.
    optimality_gap_ : float
        The estimated excess of the last of `loss_curve_` over the minimum; NaN if it is not known within a factor of 3.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only if X was a frame whose column names are all strings.
    model_ : Perceptron
        The neurons as a value that predicts, and can be stored without scikit-learn.

    Examples
    --------
    >>> import fastperceptron as fp
    >>> flowers = fp.load_flowers()
    >>> classifier = fp.PerceptronClassifier().fit(flowers.X, flowers.y)
    >>> classifier.predict([[5.0, 3.4, 1.5, 0.2]])
    array(['setosa'], dtype='<U10')
    >>> classifier.score(flowers.X, flowers.y)
    1.0
    """

    # Options of one call, not metadata: nothing routes them, and set_fit_request does not take them.
    __metadata_request__fit: ClassVar = {"progress": UNUSED, "checkpoint": UNUSED}

    def __init__(
        self,
        *,
        loss: str = "squared_error",
        solver: str = "newton",
        C: float = 1.0,
        fit_intercept: bool = True,
        standardize: bool = True,
        class_weight: Any = None,
        tol: float = 0.01,
        max_iter: int = 100,
        learning_rate: str = "constant",
        eta0: float = 0.2,
        power_t: float = 0.25,
        batch_size: int = 256,
        shuffle: bool = True,
        average: bool = False,
        warm_start: bool = False,
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.loss = loss
        self.solver = solver
        self.C = C
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.class_weight = class_weight
        self.tol = tol
        self.max_iter = max_iter
        self.learning_rate = learning_rate
        self.eta0 = eta0
        self.power_t = power_t
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.average = average
        self.warm_start = warm_start
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    @with_callbacks  # type: ignore[untyped-decorator]  # scikit-learn ships no types
    def fit(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, progress: bool = False, checkpoint: Any = None
    ) -> Self:
        """Find the weights.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features), or Dataset
        y : array-like of shape (n_rows,)
            Numbers, booleans or strings; None with a Dataset, which has its own.
        sample_weight : array-like of shape (n_rows,), optional
            A row of weight 2 counts as two equal rows. The unit of the weights matters only beside `C`.
        progress : bool
            Whether to show a bar (needs tqdm), if stderr is a terminal or this is a notebook.
        checkpoint : path, optional
            The file that keeps the state, after each read of the data and every 30 seconds (needs safetensors). If it
            exists, the fit continues from it, and ends with the same bits as if it had never stopped.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y or sample_weight is not as described.
        TypeError
            If X is sparse, or X holds values that are not numbers, or y values that are not labels.

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            If the solver ended before it was within `tol` of the optimum; or if the classes are separated and C is
            infinite, so that there is no finite optimum: the weights are then those where the fit stopped.
        """
        check_parameters(self, RULES)
        with (
            show_progress(type(self).__name__, progress=progress, verbose=self.verbose) as display,
            report_to_callbacks(self, display.read_done) as read_done,
            table.open_problem(self, X, y, sample_weight, display) as (problem, classes),
            table.open_checkpoint(self, problem, classes, checkpoint) as kept,
        ):
            rows = problem.rows
            display.begin("read 1", rows.n_rows, rows.dtype.itemsize * rows.n_features)
            observer = Observer(display.rows_read, read_done, kept)
            solution = SOLVERS[self.solver](self, problem, self._start(problem, classes), observer)
            self._online: Any = None  # the state of partial_fit
            self._keep(solution, classes)
        if not solution.is_converged or solution.separation:
            warnings.warn(describe_shortfall(self, solution), ConvergenceWarning, stacklevel=FIT_DEPTH)
        return self

    def partial_fit(self, X: Any, y: Any = None, classes: Any = None, sample_weight: Any = None) -> Self:
        """Learn from more rows by online Newton, whatever `solver` is; all rows seen so far count alike.

        The first call starts from zero, and warns if there was a `fit`.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`. Rows that all have weight 0 change nothing.
        classes : array-like of shape (n_classes,), optional
            All classes that will ever come; needed in the first call, unless there was a `fit`.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            As `fit`; or if `classes` are missing in the first call or differ later, or y holds others.
        """
        check_parameters(self, RULES)
        is_first = getattr(self, "_online", None) is None
        if is_first and hasattr(self, "model_"):
            warnings.warn("partial_fit starts from zero: it does not use the rows that fit was given.", stacklevel=2)
        known = classes_to_expect(self, classes, is_first=is_first)
        if not isinstance(X, Dataset):
            self._learn(table.chunk_problem(self, as_rows(self, X, is_first=is_first), y, sample_weight, known), known)
            return self
        table.check_goes_alone(y, sample_weight)
        if is_first:
            table.note_features(self, X)
        for block in table.with_features_of(self, X, has_labels=True).blocks():
            self._learn(table.chunk_problem(self, block.X, block.y, block.weights, known), known)
        return self

    def _learn(self, problem: Problem, classes: Array) -> None:
        from fastperceptron.training.online.online import OnlineNewton

        online = getattr(self, "_online", None)
        if online is None:
            online = OnlineNewton(problem.rows.n_features, classes.size, options_of(self, NewtonOptions))
        if problem.row_weights is None or problem.row_weights.any():
            online.update(problem)
        self._online = online
        self._keep(online.solution, classes)

    def decision_function(self, X: Any) -> Array:
        """Return z = w . x + b of each row: of shape (n_rows,) for two classes, else (n_rows, n_classes)."""
        return self._ask_model("decision_function", X)

    def predict(self, X: Any) -> Array:
        """Return the most probable class of each row."""
        return self._ask_model("predict", X)

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, of shape (n_rows, n_classes)."""
        return self._ask_model("predict_proba", X)

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of the probabilities, accurate also where those round to 0 or 1."""
        return self._ask_model("predict_log_proba", X)

    def _ask_model(self, method: str, X: Any) -> Array:
        check_is_fitted(self)
        rows = table.with_features_of(self, X, has_labels=False) if isinstance(X, Dataset) else as_rows(self, X)
        result: Array = getattr(self.model_, method)(rows)
        return result

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the share of the rows (or of their weight) whose class is predicted."""
        if not isinstance(X, Dataset):
            return float(super().score(X, y, sample_weight))
        table.check_goes_alone(y, sample_weight)
        check_is_fitted(self)
        return accuracy(self.model_, table.with_features_of(self, X, has_labels=True))

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether there is a model: a fit that failed leaves none, but has set the number of features."""
        return hasattr(self, "model_")

    def _start(self, problem: Problem, classes: Array) -> Array | None:
        """Return the weights to start from, of shape (n_neurons, n_features + 1), bias last, or None."""
        if not (self.warm_start and hasattr(self, "model_") and np.array_equal(self.classes_, classes)):
            return None
        is_alike = self.coef_.shape == (problem.n_neurons, problem.rows.n_features)
        return np.column_stack([self.coef_, self.intercept_]) if is_alike else None

    def _keep(self, solution: Solution, classes: Array) -> None:
        names = getattr(self, "feature_names_in_", None)
        is_one = len(solution.bias) == 1
        weights, bias = (solution.weights[0], solution.bias[0]) if is_one else (solution.weights, solution.bias)
        self.model_ = Perceptron(weights, bias, classes, names)
        self.coef_, self.intercept_, self.classes_ = solution.weights, solution.bias, classes
        self.n_iter_, self.loss_curve_ = solution.n_iter, solution.loss_curve
        self.optimality_gap_ = solution.optimality_gap
