"""The gymnasium ids of the environments, single and vectorised."""

import gymnasium as gym

ENTRY_POINTS = {
    "rnn_tutorial/Point-v0": (
        "rnn_tutorial.envs.point:PointEnv",
        "rnn_tutorial.envs.vector:PointVectorEnv",
    ),
    "rnn_tutorial/SparsePoint-v0": (
        "rnn_tutorial.envs.point:SparsePointEnv",
        "rnn_tutorial.envs.vector:SparsePointVectorEnv",
    ),
    "rnn_tutorial/CuedPoint-v0": (
        "rnn_tutorial.envs.memory:CuedPointEnv",
        "rnn_tutorial.envs.vector:CuedPointVectorEnv",
    ),
    "rnn_tutorial/PointTrial-v0": (
        "rnn_tutorial.envs.memory:make_point_trial",
        "rnn_tutorial.envs.vector:PointTrialVectorEnv",
    ),
}


def register_envs() -> None:
    """Register every id for `gymnasium.make` and `gymnasium.make_vec`; a second call does nothing.

    `max_episode_steps` is not set: the envs count their own horizon and return `truncated`.
    """
    for name, (single, vector) in ENTRY_POINTS.items():
        if name not in gym.registry:
            gym.register(id=name, entry_point=single, vector_entry_point=vector)
