"""The checks of the notebooks' exercises, a module for each subject.

A check takes the reader's answer and returns a :class:`~rnn_tutorial.exercises.verdict.Verdict`.
The solutions fold out in the notebooks; the tests take them from there and put them to the checks.
"""
