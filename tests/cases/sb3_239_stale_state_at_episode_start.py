"""The situation behind sb3-contrib 239's question, without what makes it right there: the state
stored at an episode's first step is the last episode's, and the replay does not clear at a
sequence's first step. Expected: states_aligned or a cause that names the state at an episode's
beginning; ratio_is_one must fail.
"""

from _base import Learner

healthy = Learner


class sick(Learner):
    def sequence(self, name, cut):
        x = super().sequence(name, cut)
        if name == "reset":
            x = x.clone()
            x[0] = False
        return x
