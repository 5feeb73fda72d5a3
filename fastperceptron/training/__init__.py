"""The map. Training is policy in Python; the loops over rows are in kernels/, and each room here is one trainer.

newton/      solver="newton": newton.py the loop, sample_size.py how many rows are sampled and whether their Hessian is
             worth its price, sample.py which rows, start.py what the sample is used for, wide_start.py what stands in
             for it where rows are sparse and wide, all_rows.py the objective over all rows, curvatures.py its Hessian,
             neuron.py what is known of one class, certificate.py when to stop, ending.py what is known then; ways.py
             how to go on where steps gain little, turns.py what is done then, leverage_sample.py the sample that is
             drawn for it; memory.py what is left of the rows for partial_fit
online/      partial_fit: engine.py what both engines share, running_columns.py means and deviations so far,
             weight_units.py the unit of weights; online.py the engine with Hessians, chunks.py its rows as they came,
             kept_rows.py those it keeps, neuron.py what is known of one class; wide.py the engine of rows too wide for
             a Hessian, and which engine it is, wide_rows.py the rows, all kept, wide_objective.py their objective
sgd/         solver="sgd": sgd.py the epochs, buffers.py their rows, shuffled and standardised
tutorial/    fastperceptron.train: train.py the checks, descent.py the steps, row_order.py which row comes when
minimise/    minima of functions of a few values: objective.py the function and how far its quadratic model holds
             (kernels/reach.py), softmax_objective.py that of a softmax layer; damped_newton.py, lbfgs.py,
             by_gradients.py and corrected_sample.py the methods, search.py what those by reads share,
             inverse_hessian.py their linear solves. It knows nothing of rows on disk, nor of the trainers.
reads.py     a read of all rows            tile_sums.py  what it asks, and the sums of tiles (kernels/objective.py)
tile_tree.py adds sums of tiles, always in the same order            parted_rows.py  rows that lie in parts elsewhere
sparse_reads.py  the sums of tiles of sparse rows (kernels/sparse_objective.py)
hessian.py   the Hessian over all rows, by tasks of some rows and columns (kernels/outer_products.py)
information.py  a read for inference (uncertainty/): likelihood, exact information and scores in float64;
             softmax_information.py that of a softmax layer
units.py     weights, C and columns in units near 1  separation.py  classes without a finite optimum
threads.py   runs tasks                              problem.py     what solvers take and return, and their options
observer.py  who hears of progress                   coordinates.py standardised columns
checkpoint.py  how a killed fit continues, and for which rows (hashed by kernels/fingerprint.py)

Trainers do not import each other; all import downwards (lint-imports checks it). The laws: a result has the same bits
for any number of threads, layout, source and interruption (reads.py, checkpoint.py; tests/test_law.py); no point is
accepted before its loss is known (search.py, damped_newton.py), but for a last step that is sure to gain; no
gap is reported that is not known (certificate.py).

To add a loss: a module in kernels/ and its name in kernels/losses.py. A solver: a room here, its name in
estimator/solvers.py, its docstring in estimator/classifier.py; new options stand in problem.py. A kind of rows: a
subclass of data/arrays.Rows in data/, with `identity` where the rows are not an array.

Words: a *problem* is rows, class numbers and weights; its *neurons* are one per class (one for two classes). With
softmax they are one *layer*: searches see one point, the vectors of all classes one after another, and one Hessian,
whose *gauge* holds what is common to all classes, since that has no effect.
*Coordinates* standardise columns; a *point* is a neuron's weights in them, bias last. A *read* goes over all rows, in
*tiles* at fixed row numbers. A *sample* is some rows, standardised as a *panel*. An *objective* is the loss over rows
plus the *penalty*; a *state* is its value, gradient and Hessian (this without the penalty) at a point. *Exactness* is 1
for second derivatives, 0 for the part of them that is never negative. The *gap* is the excess over the minimum,
estimated by half the Newton decrement g' H^-1 g; the *goal* is the gap at which to stop, which the *certificate*
derives from `tol`. An *inverse* (Hessian) turns gradients into steps; L-BFGS improves it by *pairs* (step, change of
gradient). A *way* is how a neuron goes on, its *pace* how often reads halve the gap there. Sampled rows are *raked*:
weighed until their Hessian's diagonal is that of all rows; a *secant* is what a read shows of the Hessian besides.
"""
