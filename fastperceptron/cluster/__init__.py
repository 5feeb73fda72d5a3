"""Rows that lie on other machines, as partitions of a collection or files: who has them, and who asks them.

engine.py says what an engine does; dask_engine.py and ray_engine.py are two, and a third one is one more file. parts.py
is all that workers ever do: pure functions, so that what is lost is made again anywhere. parted_dataset.py brings a
data set's partitions to the workers and cuts them at tiles; collections.py recognises what Dask calls collections, and
lazy.py predicts for them. What is asked of the rows is in training/ (parted_rows.py), which knows no engine.
"""
