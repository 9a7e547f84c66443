"""Answers to the exercises on the point envs: right ones and typical wrong ones."""

import numpy as np
import torch

from rnn_tutorial.envs.oracle import oracle_action
from rnn_tutorial.exercises.point_env import (
    check_cue_memory,
    check_reset_flags,
    check_true_next_obs,
)

# Reset flags


def shifted(done, first=True):
    return np.concatenate((np.full((1, done.shape[1]), first), done[:-1]))


def either_end(terminated, truncated):
    return shifted(terminated | truncated)


def filled(terminated, truncated):
    reset = np.ones_like(terminated)
    reset[1:] = (terminated | truncated)[:-1]
    return reset


def rolled(terminated, truncated):
    reset = np.roll(np.logical_or(terminated, truncated), 1, axis=0)
    reset[0] = True
    return reset


def looped(terminated, truncated):
    steps, envs = terminated.shape
    return [
        [t == 0 or bool(terminated[t - 1, n] or truncated[t - 1, n]) for n in range(envs)]
        for t in range(steps)
    ]


def as_numbers(terminated, truncated):
    reset = np.zeros(terminated.shape)
    reset[0] = 1
    reset[1:] += np.maximum(terminated, truncated)[:-1]
    return torch.as_tensor(reset)


def padded(terminated, truncated):
    return np.pad(terminated | truncated, ((1, 0), (0, 0)), constant_values=True)[:-1]


def unmoved(terminated, truncated):
    reset = terminated | truncated
    reset[0] = True
    return reset


def row_0_unset(terminated, truncated):
    reset = terminated | truncated
    reset[1:] = reset[:-1].copy()
    return reset


# A memory by hand


def remember(obs, memory):
    memory = np.where(obs[:, 4:] == 1, obs[:, 2:4], memory)
    return (memory - obs[:, :2]) / 0.1, memory


def at_speed(speed, longest=np.abs):
    """The straight walk of notebook 00, faster or slower."""

    def walk(obs, memory):
        memory = remember(obs, memory)[1]
        way = (memory - obs[:, :2]) / 0.1
        length = np.maximum(1.0, longest(way).max(axis=1, keepdims=True))
        return speed * way / length, memory

    return walk


def with_a_gain(gain):
    def walk(obs, memory):
        memory = remember(obs, memory)[1]
        return gain * (memory - obs[:, :2]), memory

    return walk


def like_the_oracle(obs, memory):
    memory = memory.copy()
    seen = obs[:, 4] > 0.5
    memory[seen] = obs[seen, 2:4]
    return oracle_action(obs[:, :2], memory), memory


def env_by_env(obs, memory):
    actions = []
    for i, (x, y, goal_x, goal_y, flag) in enumerate(obs):
        if flag:
            memory[i] = goal_x, goal_y
        actions.append(np.clip([10 * (memory[i][0] - x), 10 * (memory[i][1] - y)], -1, 1))
    return actions, memory


def by_a_gate(obs, memory):
    gate = obs[:, 4:5]
    memory = gate * obs[:, 2:4] + (1 - gate) * memory
    return 5 * (memory - obs[:, :2]), memory


def in_torch(obs, memory):
    obs, memory = torch.as_tensor(obs), torch.as_tensor(memory, dtype=torch.float32)
    memory = torch.where(obs[:, 4:].bool(), obs[:, 2:4], memory)
    return [10 * (memory - obs[:, :2]), memory]


def signs(obs, memory):
    memory = remember(obs, memory)[1]
    return np.sign(memory - obs[:, :2]), memory


def unit_steps(obs, memory):
    memory = remember(obs, memory)[1]
    way = memory - obs[:, :2]
    return way / (np.linalg.norm(way, axis=1, keepdims=True) + 1e-6), memory


def velocity_in_the_memory(obs, memory):
    memory = np.where(obs[:, 4:] == 1, 10 * obs[:, 2:4], memory)
    return memory - 10 * obs[:, :2], memory


def to(target):
    """Walks to a target made of observation and memory, and keeps the memory that comes with it."""

    def walk(obs, memory):
        place, memory = target(obs, memory)
        return 10 * (place - obs[:, :2]), memory

    return walk


@to
def what_is_seen(obs, memory):
    return obs[:, 2:4], memory


@to
def first_cue(obs, memory):
    memory = np.where((memory == 0).all(1, keepdims=True), obs[:, 2:4], memory)
    return memory, memory


@to
def cues_added(obs, memory):
    memory = memory + obs[:, 2:4]
    return memory, memory


@to
def cues_averaged(obs, memory):
    memory = np.where(obs[:, 4:] == 1, (memory + obs[:, 2:4]) / 2, memory)
    return memory, memory


@to
def never_kept(obs, memory):
    return np.where(obs[:, 4:] == 1, obs[:, 2:4], memory), memory


@to
def own_place(obs, memory):
    here = obs[:, :2]
    place = here / np.maximum(np.linalg.norm(here, axis=1, keepdims=True), 1e-6)
    return np.where(obs[:, 4:] == 1, obs[:, 2:4], place), memory


@to
def one_flag_for_all(obs, memory):
    memory = obs[:, 2:4] if obs[0, 4] else memory
    return memory, memory


@to
def fading(obs, memory):
    memory = 0.9 * np.where(obs[:, 4:] == 1, obs[:, 2:4], memory)
    return memory, memory


# What the step truly led to


def rows_of_the_ended(next_obs, info):
    true = next_obs.copy()
    if "final_obs" in info:
        ended = info["_final_obs"]
        true[ended] = np.stack(info["final_obs"][ended])
    return true


def row_by_row(next_obs, info):
    for i, ended in enumerate(info.get("_final_obs", [])):
        if ended:
            next_obs[i] = info["final_obs"][i]
    return next_obs


def choose_each(next_obs, info):
    if "final_obs" not in info:
        return next_obs
    final, ended = info["final_obs"], info["_final_obs"]
    return [final[i] if ended[i] else next_obs[i] for i in range(len(next_obs))]


def where_after_filling(next_obs, info):
    if "_final_obs" not in info:
        return torch.as_tensor(next_obs)
    mask = info["_final_obs"]
    final = np.array(
        [
            f if m else np.zeros(next_obs.shape[1])
            for f, m in zip(info["final_obs"], mask, strict=True)
        ]
    )
    return np.where(mask[:, None], final, next_obs)


def where_of_both(next_obs, info):
    if "final_obs" not in info:
        return next_obs
    return np.where(info["_final_obs"][:, None], info["final_obs"], next_obs)


def all_of_final(next_obs, info):
    return info.get("final_obs", next_obs)


def an_array_of_arrays(next_obs, info):
    true = np.empty(len(next_obs), object)
    true[:] = list(rows_of_the_ended(next_obs, info))
    return true


def wrong_way_round(next_obs, info):
    mask = ~info.get("_final_obs", np.ones(len(next_obs), bool))
    final = info.get("final_obs", next_obs)
    return [final[i] if mask[i] else next_obs[i] for i in range(len(mask))]


def first_that_ended(next_obs, info):
    if "final_obs" in info:
        i = int(np.argmax(info["_final_obs"]))
        next_obs[i] = info["final_obs"][i]
    return next_obs


def mask_along_coordinates(next_obs, info):
    if "final_obs" not in info:
        return next_obs
    if len(next_obs) != next_obs.shape[1]:  # where NumPy would complain
        return rows_of_the_ended(next_obs, info)
    return np.where(info["_final_obs"], info["final_obs"], next_obs)


RIGHT = {
    check_reset_flags: [either_end, filled, rolled, looped, as_numbers, padded],
    check_cue_memory: [
        remember,
        at_speed(1.0),
        at_speed(0.5),
        at_speed(0.05),
        at_speed(1.7, np.square),
        with_a_gain(1.0),
        with_a_gain(100.0),
        like_the_oracle,
        env_by_env,
        by_a_gate,
        in_torch,
        signs,
        unit_steps,
        velocity_in_the_memory,
    ],
    check_true_next_obs: [rows_of_the_ended, row_by_row, choose_each, where_after_filling],
}

WRONG = {
    check_reset_flags: [
        (lambda a, b: a | b, "off by one"),
        (unmoved, "row 0 is right"),
        (lambda a, b: np.roll(a | b, -1, axis=0), "moved the wrong way"),
        (lambda a, b: shifted(shifted(a | b)), "moved by two steps"),
        (lambda a, b: np.roll(a | b, 1, axis=1), "moved along the envs"),
        (lambda a, b: shifted(a), "truncated episodes end too"),
        (lambda a, b: shifted(b), "terminated episodes end too"),
        (lambda a, b: shifted(a & b), "either end is enough"),
        (lambda a, b: shifted(a ^ b), "both ends may be reported at once"),
        (lambda a, b: shifted(1 * a + b), "two ends at once give 2"),
        (lambda a, b: shifted(a | b, False), "observation 0 comes from reset()"),
        (row_0_unset, "row 0 was not set"),
        (lambda a, b: np.roll(a | b, 1, axis=0), "np.roll moves the last row to t = 0, where"),
        (lambda a, b: ~shifted(a | b), "inverted"),
        (lambda a, b: (a | b)[:-1], "the first row is missing"),
        (lambda a, b: np.pad(a | b, ((1, 0), (0, 0)), constant_values=True), "one row too many"),
        (lambda a, b: (shifted(a), shifted(b)), "got (2, 9, 3)"),
    ],
    check_cue_memory: [
        (what_is_seen, "the point ends where it began"),
        (never_kept, "the point ends where it began"),
        (fading, "the point ends where it began"),
        (lambda obs, memory: (0 * memory, remember(obs, memory)[1]), "ends where it began"),
        (first_cue, "a new cue must replace it"),
        (cues_added, "the cues add up"),
        (cues_averaged, "mixed with the old memory"),
        (
            lambda obs, memory: (10 * remember(obs, memory)[1], remember(obs, memory)[1]),
            "not from (0, 0)",
        ),
        (lambda obs, memory: (-remember(obs, memory)[0], remember(obs, memory)[1]), "points away"),
        (lambda obs, memory: remember(obs[:, [0, 1, 3, 2, 4]], memory), "x and y are swapped"),
        (own_place, "the point's position is used instead of a"),
        (one_flag_for_all, "reads one flag for all"),
        (lambda obs, memory: remember(obs, memory)[0], "expected a pair"),
        (
            lambda obs, memory: (remember(obs, memory)[0], None),
            "memory: expected shape (3, 2), got",
        ),
        (lambda obs, memory: (remember(obs, memory)[0], {}), "memory: expected shape (3, 2), got"),
        (
            lambda obs, memory: (remember(obs, memory)[0][0], memory),
            "actions: expected shape (3, 2)",
        ),
        (lambda obs, memory: (obs[:, :2] * np.nan, memory), "ValueError: action: expected finite"),
    ],
    check_true_next_obs: [
        (lambda obs, info: obs, "next episode's first observation"),
        (all_of_final, "valid only where"),
        (wrong_way_round, "the mask is inverted"),
        (first_that_ended, "only the first ended episode was replaced"),
        (mask_along_coordinates, "runs along the coordinates"),
        (where_of_both, "ValueError"),
        (an_array_of_arrays, "one of objects"),
        (lambda obs, info: info["final_obs"], "KeyError"),
        (lambda obs, info: np.stack(info.get("final_obs", obs)), "valid only where"),
    ],
}
