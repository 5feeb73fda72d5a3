"""PerceptronClassifier: the neuron as a scikit-learn classifier whose defaults need no tuning and no scaler.

It checks its input (input.py, table.py) and lets a solver of training/ find the weights (solvers.py). Predictions are
those of a `Perceptron` made of the fitted attributes when it is asked for (predictions.py, coefficients.py).

To add a parameter, edit two files: the docstring and `__init__` here, and the place that checks its value: an option in
training/problem.py if a solver uses it, else a rule in input.py.
"""

import math
import warnings
from typing import Any, ClassVar, Self

from fastperceptron.checks import Array
from fastperceptron.data.dataset import Dataset
from fastperceptron.training.observer import Observer
from fastperceptron.training.problem import NewtonOptions, Solution

try:
    from sklearn.base import BaseEstimator
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils.metadata_routing import UNUSED
except ModuleNotFoundError as error:
    message = "PerceptronClassifier needs scikit-learn: pip install fastperceptron[sklearn]"
    raise ModuleNotFoundError(message, name=error.name) from error

from fastperceptron.estimator import table
from fastperceptron.estimator.callbacks import FIT_DEPTH, CallbackSupportMixin, report_to_callbacks, with_callbacks
from fastperceptron.estimator.coefficients import Learnt, are_set, forget_learnt, unchanged_by_failure
from fastperceptron.estimator.going_on import check_objective, engine_to_go_on_with, objective_of
from fastperceptron.estimator.input import check_parameters, classes_to_expect
from fastperceptron.estimator.multi_class import asks_for_softmax
from fastperceptron.estimator.predictions import Predictions
from fastperceptron.estimator.progress import show_progress
from fastperceptron.estimator.solvers import RULES, SOLVERS, describe_shortfall, options_of
from fastperceptron.estimator.warm_start import as_start, coefficients_to_start_from

# The share of the loss, lost where rows came sorted by class, from which partial_fit warns.
NEGLIGIBLE_DOUBT = 0.001


class PerceptronClassifier(CallbackSupportMixin, Predictions, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Sigmoid neurons, trained to a certified optimum in a few reads of raw data.

    Two classes take one neuron. More share a softmax layer, or take one neuron each, which separates its class from all
    others. Rows may have any real or boolean dtype and any memory layout, columns any scale: no preparation is needed.
    The same data and parameters give the same result to the last bit, for any number of threads.

    Parameters
    ----------
    loss : {"log_loss", "squared_error"}
        "log_loss" makes this ``make_pipeline(StandardScaler(), LogisticRegression())`` with coefficients for the raw
        columns. "squared_error" is the cost of the tutorial's neuron: more forgiving of wrong labels, and not convex.
    solver : {"newton", "sgd"}
        "newton" reads the data a few times and estimates its gap to the optimum; "sgd" is mini-batch gradient descent.
    multi_class : {"auto", "softmax", "one_vs_rest"}
        What three or more classes take. "softmax" is the multinomial log loss of ``LogisticRegression``: the solver
        finds the weights of all classes together, with a sum of 0 over the classes in each column. "one_vs_rest" takes
        one neuron per class; probabilities are the sigmoids divided by their sum. "auto" is "softmax" with the log loss
        and solver="newton", "one_vs_rest" with others, which have no softmax. Two classes are one neuron's with any.
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
        The maximum number of reads of all rows by "newton" (one for a Hessian counts, too), or of epochs of "sgd".
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
        Whether `fit` starts from the present `coef_` and `intercept_`, if they have the same classes and features.
        Features go by name, in any order, where both have names; it warns if these are others. Else by position.
    random_state : int, RandomState instance or None
        For "sgd" with shuffle=True; "newton" has no randomness.
    n_jobs : int or None
        Threads; they do not change the result. None means all available cores, but one inside a worker (of joblib, Dask
        or multiprocessing); -1 means all. On a cluster, those that a worker takes for one task: 1 unless it is above.
    verbose : int
        Whether to log a line per read at level INFO of the logger "fastperceptron"; on stderr if logging is not set up.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features), float64
        The weights, for raw columns. `coef_`, `intercept_` and `classes_` may be changed or set, also without a fit:
        predictions, `warm_start`, `partial_fit` and `save` go by what they hold. The other attributes describe the last
        fit. They are float64 for rows of any dtype; only probabilities of float32 rows are rounded to float32.
    intercept_ : ndarray of shape (1,) or (n_classes,), float64
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
        The present coefficients as a value that predicts, and can be stored without scikit-learn.

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

    coef_, intercept_, n_iter_, loss_curve_ = Learnt("weights"), Learnt("bias"), Learnt("n_iter"), Learnt("loss_curve")

    # Options of one call, not metadata: nothing routes them, and set_fit_request does not take them.
    __metadata_request__fit: ClassVar = {"progress": UNUSED, "checkpoint": UNUSED}

    def __init__(
        self,
        *,
        loss: str = "log_loss",
        solver: str = "newton",
        multi_class: str = "auto",
        C: float = 1.0,
        fit_intercept: bool = True,
        standardize: bool = True,
        class_weight: Any = None,
        tol: float = 0.01,
        max_iter: int = 1000,
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
        self.loss, self.solver, self.multi_class, self.C = loss, solver, multi_class, C
        self.fit_intercept, self.standardize, self.class_weight = fit_intercept, standardize, class_weight
        self.tol, self.max_iter = tol, max_iter
        self.learning_rate, self.eta0, self.power_t = learning_rate, eta0, power_t
        self.batch_size, self.shuffle, self.average = batch_size, shuffle, average
        self.warm_start, self.random_state, self.n_jobs, self.verbose = warm_start, random_state, n_jobs, verbose

    @with_callbacks  # type: ignore[untyped-decorator]  # scikit-learn ships no types
    def fit(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, progress: bool = False, checkpoint: Any = None
    ) -> Self:
        """Find the weights.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features), or Dataset
            Sparse rows (scipy.sparse of any format, or a frame of sparse columns) may have more features than dense
            rows would have room for. The objective is that of the same rows if they were dense: columns are scaled by
            the standard deviation in which all zeros count, with and without an intercept.
            An array or a frame of Dask is read where its partitions are, by the workers of the current client; without
            one, a partition at a time is computed. The result has the same bits as that of the same rows in memory.
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
            If X holds values that are not numbers, or y values that are not labels.

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            If the solver ended before it was within `tol` of the optimum; or if the classes are separated and C is
            infinite, so that there is no finite optimum: the weights are then those where the fit stopped.
        """
        check_parameters(self, RULES)
        X, y, sample_weight = table.as_data(self, X, y, sample_weight, "fit")
        known = coefficients_to_start_from(self)
        with (
            unchanged_by_failure(self),
            show_progress(type(self).__name__, progress=progress, verbose=self.verbose) as display,
            report_to_callbacks(self, display.read_done) as read_done,
            table.open_problem(self, X, y, sample_weight, display) as (problem, classes),
        ):
            start = as_start(known, self, classes)
            with table.open_checkpoint(self, problem, classes, start, checkpoint) as kept:
                rows = problem.rows
                display.begin("read 1", rows.n_rows, rows.dtype.itemsize * rows.n_features)
                solution = SOLVERS[self.solver](self, problem, start, Observer(display.rows_read, read_done, kept))
            self._online: Any = None  # the engine of partial_fit
            self._memory, self._is_softmax = solution.memory, asks_for_softmax(self)
            self._learnt_with = objective_of(self)
            self._target_name = table.name_of_labels(X, y)
            self._keep(solution, classes)
        if not solution.is_converged or solution.separation:
            warnings.warn(describe_shortfall(self, solution), ConvergenceWarning, stacklevel=FIT_DEPTH)
        return self

    def partial_fit(self, X: Any, y: Any = None, classes: Any = None, sample_weight: Any = None) -> Self:
        """Learn from more rows by online Newton, whatever `solver` is; all rows seen so far count alike.

        After a `fit` it goes on from the fitted weights. The rows of the fit count by a quadratic function about these,
        made of the fit's Hessian (where the Hessians of all classes together have more than 2**20 elements, of their
        diagonals): the result is close to that of a `fit` on all rows. If `coef_` or `intercept_` were changed since,
        it goes on from what they hold, as if that had been found from the rows so far.

        Without a Hessian, that is after a fit by "sgd" or of classes without weight, or if the coefficients were set
        without a fit, they are only where the search starts, and a warning says so: no rows are known behind them, so
        that the result is that of the rows given since.

        Of the parameters, `loss`, `multi_class`, `C`, `fit_intercept`, `standardize` and `class_weight` have an effect.
        They must stay as they were when the first of the rows were learnt from, by `fit` or here: rows that are gone
        cannot be learnt from again. `sample_weight` may differ from call to call, in place of `class_weight`.

        Chunks of fewer than two rows per column are put together, so that one row costs O(n_features**2). The
        attributes always tell of all rows; to ask for them after each of such chunks costs a step each time.
        `loss_curve_` has the mean loss of each step's rows before they were learnt from.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`. Rows that all have weight 0 change nothing.
        classes : array-like of shape (n_classes,), optional
            All classes that will ever come; needed in the first call, unless there was a `fit`, or the Dataset knows
            them.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            As `fit`; or if `classes` are missing in the first call or differ later, or y holds others; or if one of
            the parameters above was changed. The classifier is then as it was before the call.

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            If rows came sorted by class, and this is expected to cost more than 0.1% of the least loss, or may.
        UserWarning
            If it cannot count the rows behind the present coefficients.
        """
        from fastperceptron.training.online.wide import online_engine

        check_parameters(self, RULES)
        check_objective(self)
        X, y, sample_weight = table.as_data(self, X, y, sample_weight, "partial_fit")
        is_first = self.__dict__.get("_online") is None and not are_set(self)
        if classes is None and isinstance(X, Dataset) and is_first:
            classes = X.classes
        known = classes_to_expect(self, classes)
        with unchanged_by_failure(self):
            online = None if is_first else engine_to_go_on_with(self)
            for problem in table.chunk_problems(self, X, y, sample_weight, known, is_first=is_first):
                if online is None:
                    self._is_softmax = asks_for_softmax(self)
                    online = online_engine(
                        problem.rows.n_features,
                        known.size,
                        options_of(self, NewtonOptions),
                        is_softmax=self._is_softmax and known.size > 2,
                    )
                if problem.row_weights is None or problem.row_weights.any():
                    online.update(problem)
            if online is None:
                raise ValueError("the data set has no rows.")
            if is_first:
                self._target_name = table.name_of_labels(X, y)
            forget_learnt(self)
            self._online, self._memory, self._classes_learnt = online, None, known.copy()
            self._learnt_with = objective_of(self)
            self.classes_, self.optimality_gap_ = known.copy(), math.nan
        if not online.doubt <= NEGLIGIBLE_DOUBT:  # NaN is unknown
            warnings.warn(
                "the rows of partial_fit came sorted by class: the loss may be more than 0.1% above its minimum. "
                "Shuffle the rows, or use fit.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _keep(self, solution: Solution, classes: Array) -> None:
        # Copies, which a user may change.
        self.coef_, self.intercept_, self.classes_ = solution.weights.copy(), solution.bias.copy(), classes.copy()
        self.n_iter_, self.loss_curve_ = solution.n_iter, solution.loss_curve
        self.optimality_gap_ = solution.optimality_gap
