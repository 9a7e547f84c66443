"""Which run a checkpoint belongs to: its env, settings and seed, and what makes it another run."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gymnasium as gym
from gymnasium.vector import VectorEnv

from rnn_tutorial.acting import autoreset_mode
from rnn_tutorial.checkpoint import CheckpointError, space_text
from rnn_tutorial.fingerprint import fingerprint
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.settings import Settings

RUNNING = {
    "NormalizeObservation": "the policy's setting normalise_observations=True",
    "NormalizeReward": "reward_scale in the settings",
}


def describe(env: VectorEnv, settings: Settings, seed: int, policy: RNNPolicy) -> dict[str, Any]:
    """Everything that defines a run, for the note of its checkpoint."""
    specs = _specs(env)
    spec = specs[0] if specs else None
    told = [{name: _told(value) for name, value in each.kwargs.items()} for each in specs]
    about = {
        "id": spec and spec.id,
        "settings": told[0] if told else {},
        "settings of others": told[1:] if len(set(map(_text, told))) > 1 else [],
        "time limit": spec and spec.max_episode_steps,
        "wrappers": [name for name in _wrappers(env) if name != "KeepLast"],
        "num_envs": env.num_envs,
        "autoreset_mode": autoreset_mode(env).name,
        "observation_space": space_text(env.single_observation_space),
        "action_space": space_text(env.single_action_space),
    }
    return {
        "seed": seed,
        "settings": asdict(settings),
        "policy": type(policy).__qualname__,
        "dtype": str(policy.dtype),
        "policy_settings": json.loads(json.dumps(getattr(policy, "settings", {}), default=str)),
        "env": about,
    }


def _told(value: Any) -> Any:
    """A setting of an env; of one that cannot be told apart, its kind."""
    try:
        return fingerprint(value)
    except ValueError:
        return type(value).__qualname__


def require_same_run(path: str | Path, note: dict[str, Any], found: dict[str, Any]) -> None:
    """Raise a CheckpointError unless a checkpoint is of this run; `iterations` may differ.

    What the file of an older version doesn't say counts as equal.
    """
    missing = {"settings", "seed", "history"} - found.keys()
    if missing:
        raise CheckpointError(f"{path}: not a checkpoint of `train`, without {sorted(missing)}")

    def numbers(of: dict[str, Any]) -> dict[str, Any]:
        env = {**note["env"], **of.get("env", {})}
        return {
            **{f"env {name}": value for name, value in env.items()},
            **{**note["policy_settings"], **of.get("policy_settings", {})},
            **{name: of.get(name, note[name]) for name in ("policy", "dtype")},
            **{"seed": of["seed"], **of["settings"]},
        }

    expected, got = numbers(note), numbers(found)
    faults = [
        f"{name}: expected {expected.get(name)!r}, got {got.get(name)!r}"
        for name in sorted(expected.keys() | got.keys())
        if name != "iterations" and _text(expected.get(name)) != _text(got.get(name))
    ]
    if faults:
        raise CheckpointError(f"{path}: belongs to another run; " + "; ".join(faults))


def _text(value: Any) -> str:
    """As JSON has it: a NaN is equal to another, a tuple to a list."""
    return json.dumps(value, sort_keys=True, default=str)


def _specs(env: VectorEnv) -> list[Any]:
    """The gymnasium specs of a vector env: its own, or those of its envs."""
    inner: Any = env.unwrapped
    if isinstance(inner, gym.vector.AsyncVectorEnv):
        found = list(inner.get_attr("spec"))
    else:
        found = [getattr(each, "spec", None) for each in getattr(inner, "envs", ())]
    return [each for each in found if each is not None] or ([env.spec] if env.spec else [])


def refuse_running_statistics(env: Any) -> None:
    """Raise a ValueError for an env whose wrappers keep statistics that no checkpoint holds.

    gymnasium's NormalizeObservation and NormalizeReward would start anew in a resumed run.
    """
    found = [name for name in _wrappers(env) if name in RUNNING]
    if found:
        raise ValueError(
            f"checkpoint: the env's {found[0]} keeps running statistics that a checkpoint does not "
            f"hold, so that a resumed run would be another one; use {RUNNING[found[0]]} instead"
        )


def _wrappers(env: Any) -> list[str]:
    """The class names of all wrappers around an env, and around the envs of a vector env."""
    names = []
    while env is not None:
        names.append(type(env).__name__)
        names += [name for one in getattr(env, "envs", ())[:1] for name in _wrappers(one)]
        if isinstance(env, gym.vector.AsyncVectorEnv):
            spec = env.get_attr("spec")[0]
            names += [wrapper.name for wrapper in (spec.additional_wrappers if spec else ())]
        env = vars(env).get("env")
    return names
