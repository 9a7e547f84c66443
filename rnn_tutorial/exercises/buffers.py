"""Checks of the exercises on the rollout buffer: advantages, the reset mask, minibatches."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from rnn_tutorial.exercises.verdict import Instance, Verdict, WrongForm, judge

Split = Callable[[list[int], int], list[list[int]]]


def check_gae(answer: Callable[..., Any]) -> Verdict:
    """Check GAE with truncation against a sum of discounted errors, written out step by step.

    Args:
        answer: (reward_tn, value_tn, next_value_tn, true_next_value_tn, terminated_tn,
            truncated_tn, gamma, lam) -> advantage_tn.
    """
    return judge(
        answer,
        [_gae_instance(3, 9, 4, 0.9, 0.8), _gae_instance(5, 7, 6, 0.97, 0.5)],
        axes=("time", "env"),
        tolerance=1e-4,
        praise="0 after a termination, the true next value after a truncation, no sum across ends.",
    )


def _gae_instance(seed: int, length: int, n: int, gamma: float, lam: float) -> Instance:
    """A rollout with every kind of end; one step is both terminated and truncated."""
    generator = torch.Generator().manual_seed(seed)
    reward, value, last = torch.randn(3, length, n, generator=generator)
    beyond = torch.randn(1, n, generator=generator)
    after = torch.cat((value[1:], beyond))
    terminated, truncated = torch.zeros(2, length, n, dtype=torch.bool)
    terminated[2, 0] = truncated[4, 1] = terminated[3, 2] = truncated[3, 2] = True
    terminated[-1, 1] = truncated[-1, 2] = truncated[5, 0] = terminated[4, 3] = True

    r, v, follows, end = (x.double().numpy() for x in (reward, value, after, last))
    dead, cut = terminated.numpy(), truncated.numpy()
    ended = dead | cut
    worth = np.where(dead, 0.0, np.where(cut, end, follows))
    stops_at_rollout = worth.copy()
    stops_at_rollout[-1] = np.where(ended[-1], worth[-1], 0.0)

    def summed(
        worth: Any, ends: Any = ended, discount: float = gamma, decay: float = gamma * lam
    ) -> Any:
        """The sum of the errors of this step and all later ones of the episode."""
        error, advantage = r + discount * worth - v, np.zeros((length, n))
        for t, env in np.ndindex(length, n):
            for k in range(t, length):
                advantage[t, env] += decay ** (k - t) * error[k, env]
                if ends[k, env]:
                    break
        return advantage

    def later(flag: Any) -> Any:
        return np.concatenate((flag[1:], flag[-1:]))

    return Instance(
        (reward, value, after, last, terminated, truncated, gamma, lam),
        summed(worth),
        {
            "truncation was treated as termination: bootstrap it with true_next_value, "
            "not with 0": summed(np.where(ended, 0.0, follows)),
            "a truncated step was bootstrapped with next_value, which is the value of another "
            "episode's first observation": summed(np.where(dead, 0.0, follows)),
            "if a step is both terminated and truncated, the termination counts: the value after "
            "it is 0": summed(np.where(cut, end, np.where(dead, 0.0, follows))),
            "a terminated step was bootstrapped: the value after it is 0": (
                summed(np.where(cut, end, follows))
            ),
            "next_value was used at every end, where it belongs to another episode: use 0 after a "
            "termination, true_next_value after a truncation": summed(follows),
            "the sum runs on across truncations: leave out the errors of the next episode": summed(
                worth, dead
            ),
            "the sum runs on across terminations: it must stop at either kind of end": (
                summed(worth, cut)
            ),
            "the sum runs on across every end: leave out the errors of the next episode": (
                summed(worth, np.zeros_like(dead))
            ),
            "the rollout's last step was treated as the end of an episode: bootstrap it with "
            "next_value": summed(stops_at_rollout),
            "the sum was discounted by gamma alone, without lambda": summed(worth, decay=gamma),
            "the sum was discounted by lambda alone, without gamma": summed(worth, decay=lam),
            "the next value was not discounted by gamma": summed(worth, discount=1.0),
            "these are the errors of single steps: the sum over later steps is missing": (
                summed(worth, decay=0.0)
            ),
            "this is advantage plus value, the critic's target": summed(worth) + v,
            "the advantages are in the order of the loop, from the last step to the first": (
                summed(worth)[::-1]
            ),
            "the flags of step t + 1 were used: those of step t say how step t ended": (
                summed(np.where(later(dead), 0.0, np.where(later(cut), end, follows)), later(ended))
            ),
            "the sum runs forward in time: each step must add the errors that come "
            "after it": _forwards(r + gamma * worth - v, ended, gamma * lam),
        },
    )


def _forwards(error: Any, ends: Any, decay: float) -> Any:
    total = error.copy()
    for t in range(1, len(total)):
        total[t] += decay * total[t - 1] * ~ends[t]
    return total


def check_reset_mask(answer: Callable[[Any, Any], Any]) -> Verdict:
    """Check `answer(ended_tn, begins_n) -> reset_tn`: the reset mask from the episodes' ends."""
    return judge(
        answer,
        [_reset_instance(0, 6, 3), _reset_instance(2, 9, 4)],
        axes=("time", "env"),
        praise="each flag is at the observation that begins an episode.",
    )


def _reset_instance(seed: int, length: int, n: int) -> Instance:
    """Episodes that end at random, in env 0 at the last step; env 0 goes on with an episode."""
    generator = torch.Generator().manual_seed(seed)
    ended = torch.rand(length, n, generator=generator) < 0.3
    ended[-1, 0] = ended[0, 1] = True
    begins = torch.arange(n) % 2 == 1
    expected = np.zeros((length, n))
    for env in range(n):
        flag = begins[env]
        for t in range(length):
            expected[t, env], flag = flag, ended[t, env]

    def first(row: Any, rest: Any = expected) -> Any:
        return np.concatenate((np.broadcast_to(row, (1, n)), rest[1:]))

    ends = ended.numpy()
    return Instance(
        (ended, begins),
        expected,
        {
            "off by one: this is the flag of the step that ended an episode; it clears the state "
            "one step too early": ends,
            "off by one: only row 0 is right; the others are flags of the step that ended an "
            "episode": first(begins.numpy(), ends),
            "off by one the other way: the flags were moved to an earlier step": (
                np.concatenate((ends[1:], begins.numpy()[None]))
            ),
            "every env begins an episode at step 0 here; row 0 is begins_n": first(1.0),
            "no env begins an episode at step 0 here; row 0 is begins_n": first(0.0),
            "the flags were rolled: those of the last step are now at step 0": np.roll(ends, 1, 0),
            "the flags were rolled: those of the last step are joined with begins_n at step 0": (
                first(ends[-1] | begins.numpy())
            ),
            "the flags were rolled across the envs: give `roll` the time axis": np.roll(ends, 1),
            "row 0 is right, the others were rolled across the envs: give `roll` the time axis": (
                first(begins.numpy(), np.roll(ends, 1))
            ),
            "begins_n was put into every row; it belongs to step 0 only": (
                np.maximum(expected, begins.numpy())
            ),
            "one row too many: an end at the last step is a reset of the next rollout": (
                np.concatenate((expected, ends[-1:]))
            ),
            "a row is missing: row 0 is begins_n": expected[1:],
            "the mask is inverted: it is true where an episode goes on": 1.0 - expected,
            "the flags were overwritten while they were read: copy them first": (
                np.broadcast_to(begins.numpy(), (length, n))
            ),
        },
    )


def check_minibatches(answer: Callable[[int, int, Any], Any]) -> Verdict:
    """Check `answer(count, number, generator) -> minibatches`, lists of sequence indices.

    The check counts how often each sequence is used and how large the minibatches are, and tests
    whether the generator decides which sequences share a minibatch.
    """
    return judge(
        answer,
        [_minibatch_instance(count, number) for count, number in ((22, 4), (20, 8), (12, 3))],
        axes=[
            [
                "sequences in no minibatch",
                "sequences in more than one",
                "indices in all",
                "minibatches",
                "size of the largest",
                "size of the smallest",
                "most sequences next to their neighbour (0 no, 1 yes)",
                "same lists with another generator",
                "same groups with another generator",
                "same groups in the next epoch",
                "same lists with the same generator",
            ]
        ],
        call=_minibatch_facts,
        praise="every sequence once, whole, and no minibatch more than one larger than another.",
    )


def _minibatch_facts(answer: Callable[..., Any], count: int, number: int) -> list[int] | None:
    """Facts about four shuffles, two by one generator: counts, and yes (1) or no (0)."""
    generators = [torch.Generator().manual_seed(seed) for seed in (0, 0, 1)]
    drawn = [answer(count, number, generator) for generator in (*generators, generators[0])]
    if any(parts is None for parts in drawn):
        return None
    lists, again, other, later = (_lists(parts) for parts in drawn)
    order = [i for part in lists for i in part]
    beside = sum((i + 1) % count == j for i, j in pairwise(order))
    return [
        *_sizes(lists, count),
        int(beside > 0.7 * count),
        int(lists == other),
        *(int(_company(lists) == _company(x)) for x in (other, later)),
        int(lists == again),
    ]


def _lists(parts: Any) -> list[list[int]]:
    try:
        return [[int(i) for i in part] for part in parts]
    except (TypeError, ValueError) as error:
        what = f"expected minibatches, each a collection of sequence indices, got {parts!r}"
        raise WrongForm(what[:300]) from error


def _company(lists: list[list[int]]) -> set[frozenset[int]]:
    return {frozenset(part) for part in lists}


def _sizes(lists: Sequence[Sequence[int]], count: int) -> list[int]:
    order = [i for part in lists for i in part]
    used = [order.count(i) for i in range(count)]
    sizes = [len(part) for part in lists] or [0]
    often = sum(times > 1 for times in used)
    return [used.count(0), often, len(order), len(lists), max(sizes), min(sizes)]


def _minibatch_instance(count: int, number: int) -> Instance:
    rest, size, right = count % number, count // number, [0, 0, 0, 0, 1]

    def in_pieces(size: int, order: Sequence[int] = range(count)) -> list[int]:
        """The facts of a shuffled order cut into pieces of this size."""
        return [*_sizes([order[i : i + size] for i in range(0, len(order), size)], count), *right]

    even = [0, 0, count, number, size + (rest > 0), size]
    lopsided = [0, 0, count, number, size + rest, size]
    return Instance(
        (count, number),
        [*even, *right],
        {
            "the sequences left over by count // number are never used": (
                in_pieces(size, range(count - rest))
            ),
            "the sequences left over make one minibatch too many": (in_pieces(size)),
            "all sequences left over went into the last minibatch": [*lopsided, *right],
            "this is `chunk`: it fills one minibatch after the other, and the last ones "
            "are short or missing": in_pieces(-(-count // number)),
            "`number` was used as the size of a minibatch": in_pieces(number),
            "the indices start at 1; the first sequence is 0": [1, *even[1:], *right],
            "nothing was shuffled: every epoch has the same minibatches": [*even, 1, 1, 1, 1, 1],
            "the generator decides nothing (a seed of its own, or no shuffle): every epoch has the "
            "same minibatches": [*even, 0, 1, 1, 1, 1],
            "the minibatches are always the same, only in another order: shuffle before you "
            "split": [*even, 1, 0, 1, 1, 1],
            "the minibatches are always the same, only shuffled inside: shuffle before you split": [
                *even,
                0,
                0,
                1,
                1,
                1,
            ],
            "the order was only rotated: neighbours stay together": [*even, 1, 0, 0, 0, 1],
            "the shuffle ignores the generator: the same one must give the same minibatches": (
                [*even, 0, 0, 0, 0, 0]
            ),
            "the generator's seed was used, but nothing was drawn from it: every epoch has the "
            "same minibatches": [*even, 0, 0, 0, 1, 1],
        },
    )
