"""One colour per role, the same in every picture and in the text around it.

The colours are the colour-blind-safe set of Okabe and Ito (2008), https://jfly.uni-koeln.de/color/.
This module is plain data, so that any module can use it without loading matplotlib.
"""

OBSERVATION = "#0072B2"  # blue: observations, the agent's path, the cue
HIDDEN = "#E69F00"  # orange: hidden state h
CELL = "#D55E00"  # vermilion: the LSTM's cell state c
ACTION = "#009E73"  # green: actions and their distribution
REWARD = "#CC79A7"  # purple: reward, value, and the goal that gives them
GRADIENT = "#767676"  # the ink, drawn in full lines: gradients
BOUNDARY = "#8A8A8A"  # grey, dashed: where one episode ends and the next begins
PADDING = "#8A8A8A80"  # half that grey, hatched: entries that are not steps

# Text and frames. Its contrast is 4.5 on white and 4.2 on JupyterLab's dark page (#111111); no
# colour has 4.5 on both.
INK = "#767676"
NEGATIVE = "#7A5FC0"  # violet: the negative side of a signed map, whose positive side is orange

ROLES = {
    "observation, cue": OBSERVATION,
    "hidden state": HIDDEN,
    "cell state": CELL,
    "action": ACTION,
    "reward, value, goal": REWARD,
    "gradient": GRADIENT,
    "episode boundary": BOUNDARY,
    "padding": PADDING,
}
