"""Pictures: the house style, and a module for each thing that is drawn."""

from rnn_tutorial.plotting.figures import figure, show

__all__ = ["figure", "show"]
