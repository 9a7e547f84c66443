"""Recurrent policies in reinforcement learning: the package of the notebook series.

Importing it registers the environments with gymnasium; it loads neither plotting nor widgets.
"""

from rnn_tutorial.envs.registration import register_envs

register_envs()

__version__ = "0.1.0"
