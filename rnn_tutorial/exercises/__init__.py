"""The checks of the notebooks' exercises, one module for each subject.

A check takes the reader's answer and returns a :class:`~rnn_tutorial.exercises.verdict.Verdict`.
The tests run every check on the solutions in the notebooks.
"""
