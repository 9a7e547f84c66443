"""rsl_rl 35/50, IsaacLab 888: dones are whole numbers and index the envs; with one env index 1 is
out of bounds. Expected: reset_only_named (envs 0 and 1 are cleared in the place of those named).
"""

from _base import Policy

healthy = Policy


class sick(Policy):
    def clear(self, state, reset):
        state = tuple(s.clone() for s in state)
        for s in state:
            s[reset.long()] = 0.0
        return state
