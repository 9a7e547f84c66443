"""Recurrent policies in reinforcement learning: the package under the notebook series.

Importing it registers the environments with gymnasium and loads no plotting and no widgets.
"""

from rnn_tutorial.envs.registration import register_envs

register_envs()

__version__ = "0.1.0"
