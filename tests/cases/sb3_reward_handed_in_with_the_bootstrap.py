"""No bug: a library that adds gamma * V to the reward (sb3-contrib, sheeprl). The protocol wants
the reward without what was added to it, which is the env's own. Expected: healthy.
"""

from sheeprl_181_all_envs_bootstrapped import healthy as _H


class healthy(_H):
    def collect(self):
        c = super().collect()
        c["reward"] = self.data["reward"]
        return c
