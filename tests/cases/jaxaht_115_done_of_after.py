"""jax-aht 115, Mava 1006: acting clears by the flag of before the step, the replay is handed the
flag of after it: one step early. Expected: resets_follow_ends ('one step early').
"""

from _base import Learner

healthy = Learner


class sick(Learner):
    def stored_reset(self, begins, done):
        return done
