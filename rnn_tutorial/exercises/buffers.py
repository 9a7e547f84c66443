"""Checks on the rollout buffer: advantages, the reset mask, minibatches of whole sequences."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from rnn_tutorial.exercises.verdict import Verdict, judge

GAMMA, LAMBDA = 0.9, 0.8


def check_gae(answer: Callable[..., Any]) -> Verdict:
    """Judges GAE with truncation, against a sum of discounted errors written out step by step.

    Args:
        answer: (reward_tn, value_tn, next_value_tn, true_next_value_tn, terminated_tn,
            truncated_tn, gamma, lam) -> advantage_tn.
    """
    generator = torch.Generator().manual_seed(3)
    numbers = torch.randn(4, 8, 2, generator=generator)
    terminated, truncated = torch.zeros(2, 8, 2, dtype=torch.bool)
    terminated[2, 0] = truncated[5, 0] = truncated[4, 1] = True
    flags = (terminated, truncated)

    def summed(stops: bool = False, own_next: bool = False, across: bool = False) -> np.ndarray:
        reward, value, after, last = numbers.numpy()
        dead, cut = terminated.numpy(), truncated.numpy()
        stop = dead | cut if stops else dead
        follows = np.where(stop, 0.0, after if own_next else np.where(cut, last, after))
        error = reward + GAMMA * follows - value
        advantage = np.zeros_like(error)
        for t, env in np.ndindex(error.shape):
            for k in range(t, len(error)):
                advantage[t, env] += (GAMMA * LAMBDA) ** (k - t) * error[k, env]
                if (dead if across else dead | cut)[k, env]:
                    break
        return advantage

    return judge(
        lambda: answer(*numbers.clone(), *(flag.clone() for flag in flags), GAMMA, LAMBDA),
        summed(),
        axes=("time", "env"),
        mistakes={
            "truncation was treated as termination: what follows it is worth "
            "true_next_value, not 0": summed(stops=True),
            "a truncated step was bootstrapped with next_value, which belongs to the "
            "first observation of another episode": summed(own_next=True),
            "the sum runs on across truncations: the next episode's errors are not "
            "this one's": summed(across=True),
        },
        praise="termination is worth 0, truncation its own last value, and no sum crosses an end.",
    )


def check_reset_mask(answer: Callable[[Any, Any], Any]) -> Verdict:
    """Judges `answer(ended_tn, begins_n) -> reset_tn`: the mask from the ends of the steps."""
    ended = torch.zeros(6, 3, dtype=torch.bool)
    ended[1, 0] = ended[4, 0] = ended[0, 1] = ended[5, 2] = True
    begins = torch.tensor([True, False, False])
    places = [(0, 0), (2, 0), (5, 0), (1, 1)]
    expected = np.zeros((6, 3))
    for place in places:
        expected[place] = 1.0
    first_all, first_none, rolled = expected.copy(), expected.copy(), expected.copy()
    first_all[0], first_none[0] = 1.0, 0.0
    rolled[0] = (0.0, 0.0, 1.0)
    return judge(
        lambda: answer(ended.clone(), begins.clone()),
        expected,
        axes=("time", "env"),
        mistakes={
            "off by one: this is the flag of the step that ended an episode, and would clear the "
            "state one step too early": ended.numpy(),
            "every rollout was taken to begin an episode; row 0 is begins_n": first_all,
            "no env was let begin an episode at step 0; row 0 is begins_n": first_none,
            "the flags were rolled: the last step's came round to step 0": rolled,
        },
        praise="each flag stands at the observation that begins an episode.",
    )


def check_minibatches(answer: Callable[[int, int, Any], Any]) -> Verdict:
    """Judges `answer(count, number, generator) -> minibatches`, index lists of whole sequences.

    Judged by what is asked for: how often each sequence is used, in minibatches how large, and
    whether they are shuffled.
    """
    cases = {"8 sequences in 3": (8, 3), "8 in 4": (8, 4), "9 in 9": (9, 9)}

    def facts(count: int, parts: Any) -> list[int]:
        lists = [[int(i) for i in part] for part in parts]
        order = [i for part in lists for i in part]
        sizes = [len(part) for part in lists]
        once = sum(order.count(i) == 1 for i in range(count))
        shuffled = order != sorted(order)
        return [once, len(order), len(lists), max(sizes) - min(sizes), int(shuffled)]

    def run() -> Any:
        rows = []
        for count, number in cases.values():
            parts = answer(count, number, torch.Generator().manual_seed(0))
            if parts is None or parts is Ellipsis:
                return None
            rows.append(facts(count, list(parts)))
        return rows

    def imagined(split: Callable[[list[int], int], list[list[int]]]) -> list[list[int]]:
        shuffles = {count: list(reversed(range(count))) for count, _ in cases.values()}
        return [facts(c, split(shuffles[c], n)) for c, n in cases.values()]

    def floor(order: list[int], number: int) -> list[list[int]]:
        size = len(order) // number
        return [order[i * size : (i + 1) * size] for i in range(number)]

    def remainder(order: list[int], number: int) -> list[list[int]]:
        size = len(order) // number
        return [order[i : i + size] for i in range(0, len(order), size)]

    def lopsided(order: list[int], number: int) -> list[list[int]]:
        parts = floor(order, number)
        return [*parts[:-1], parts[-1] + order[len(order) // number * number :]]

    expected = [[c, c, n, int(c % n > 0), 1] for c, n in cases.values()]
    return judge(
        run,
        expected,
        axes=(
            list(cases),
            ["used exactly once", "places", "minibatches", "largest minus smallest", "shuffled"],
        ),
        mistakes={
            "the sequences that are left over by count // number are never used": imagined(floor),
            "the sequences that are left over make one minibatch more than asked for": (
                imagined(remainder)
            ),
            "all that is left over went into the last minibatch": imagined(lopsided),
            "nothing was shuffled: every epoch has the same minibatches": [
                [*row[:-1], 0] for row in expected
            ],
        },
        praise="every sequence once, whole, and no minibatch more than one larger than another.",
    )
