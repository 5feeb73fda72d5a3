"""How sure each weight of a fitted classifier is: standard errors, intervals and tests.

inference.py   the function: its checks, and one read of the rows (training/information.py)
standing.py    a neuron's coefficients in standardised columns, and back
estimable.py   inverse matrices, and which coefficients the data determine at all
separation.py  which coefficients have no finite estimate
softmax.py     the same for three or more classes that share a layer
figures.py     the figures of a neuron, of what the read gave
result.py      what is returned: figures, tests, comparisons
by_class.py    the same by class, where each has a neuron
influence.py   leverage and Cook's distance by rows, by another read
distributions.py  normal and chi-squared probabilities
summary.py     the printed table, that of notebooks, and frames
"""
