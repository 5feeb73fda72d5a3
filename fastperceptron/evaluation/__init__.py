"""How well a model predicts labelled rows: scores, calibration and the area under the ROC curve.

scores.py       fastperceptron.evaluate: the scores in common use
reliability.py  fastperceptron.calibration: whether probabilities hold, by one read
result.py       what that returns: bins, intervals, scores, and how they are printed
formulas.py     bins, intervals, parts of the Brier score, AUC
cells.py        the rows in order of their decision value, in memory that does not grow with them
comparison.py   labelled rows with what the model predicts, block by block
"""
