"""Bugs of replaying: sequences, minibatches, recomputed states, padding."""

from rnn_tutorial.doctor.zoo.bug import Bug
from rnn_tutorial.doctor.zoo.changed import Change
from rnn_tutorial.doctor.zoo.tasks import RECOMPUTED, STAGGERED

LOSS = """loss = masked_mean(
        settings.value_weight * error - gain - settings.entropy_weight * entropy, batch.valid
    )"""

BUGS = [
    Bug(
        "replayed_without_resets",
        "States are recomputed with the present weights, but without the reset flags.",
        "Stored states go stale as the weights change, so the rollout is replayed before each "
        "epoch to find fresh ones. Forget the flags, and the fresh states remember the episodes "
        "before.",
        ("Q4", "sb3-contrib 265", "opendilab/DI-engine 52"),
        ("states_aligned", "ratio_is_one"),
        (
            Change(
                "ppo",
                'policy.unroll(seen, state, buffer["reset"][window])[1]',
                "policy.unroll(seen, state)[1]",
            ),
        ),
        RECOMPUTED,
    ),
    Bug(
        "states_of_other_envs",
        "The sequences' states are joined in another order than the sequences.",
        "Columns are cut time by time and states env by env, or the other way round. The number of "
        "states is right.",
        ("Q3", "Q6"),
        ("states_aligned", "ratio_is_one"),
        (Change("buffer", "state=join_states(chosen))", "state=join_states(chosen[::-1]))"),),
        STAGGERED,
    ),
    Bug(
        "reshape_for_transpose",
        "Stretches are brought to the batch axis by a reshape where a transpose was needed.",
        "(pieces, L, N) has as many entries as (L, pieces * N), so the reshape runs. Each sequence "
        "is then a row of envs and times mixed.",
        (
            "Q6",
            "ikostrikov/pytorch-a2c-ppo-acktr-gail 97",
            "MarcoMeter/recurrent-ppo-truncated-bptt README",
        ),
        ("every_step_once", "ratio_is_one"),
        (
            Change(
                "buffer",
                "return stretches.transpose(0, 1).flatten(1, 2)",
                "return stretches.reshape(length, -1, *column.shape[2:])",
            ),
        ),
        STAGGERED,
    ),
    Bug(
        "steps_shuffled",
        "Minibatches shuffle single steps, also within a sequence.",
        "As for a feed-forward policy, where any order of the steps is right. Here the order is "
        "what the recurrent layer reads.",
        ("Q11", "ray-project/ray 2996"),
        ("every_step_once", "ratio_is_one"),
        (
            Change(
                "buffer",
                "columns = {\n        name: map_nest(lambda part: part[:, chosen],",
                "mixed = torch.randperm(len(sequences.reset))[:, None]\n"
                "    columns = {\n        name: map_nest(lambda part: part[mixed, chosen],",
            ),
        ),
    ),
    Bug(
        "leftovers_dropped",
        "Sequences that do not fill a minibatch are never used.",
        "count // number sequences for each minibatch, and what is left over falls off the end. "
        "Another shuffle leaves out other ones, so it shows only in the count.",
        ("Q11", "openai/baselines 525", "Mava 1122"),
        ("every_step_once",),
        (
            Change(
                "buffer",
                "for chosen in order.tensor_split(number):",
                "for chosen in order.split(count // (number + 1))[:number]:",
            ),
        ),
        STAGGERED,
    ),
    Bug(
        "padding_marked_valid",
        "Padding is made of ones, so the mask says that it is made of steps.",
        "The mask goes through the same padding as every other column, and the padding's value "
        "was changed for the sake of another column.",
        ("Q5", "ray 8551"),
        ("every_step_once",),
        (Change("buffer", "padding = column.new_zeros(", "padding = column.new_ones("),),
        STAGGERED,
    ),
    Bug(
        "padding_in_loss",
        "The loss is a mean over all entries, padding included.",
        "Padded entries have a log-probability and a value like any other; a plain mean counts "
        "them. Their targets are zeros.",
        ("Q5", "sb3-contrib 78", "ray 2992"),
        ("padding_outside_loss",),
        (
            Change(
                "ppo",
                LOSS,
                "loss = (\n        settings.value_weight * error - gain - settings.entropy_weight "
                "* entropy\n    ).mean()",
            ),
        ),
        STAGGERED,
    ),
    Bug(
        "padding_in_advantages",
        "The advantages' mean and standard deviation are taken over padding, too.",
        "The loss is masked, but the normalisation before it is not: the zeros of the padding move "
        "every advantage.",
        ("Q5", "sb3-contrib 75"),
        ("padding_outside_loss",),
        (
            Change(
                "ppo",
                "advantage = normalise(batch.advantage, batch.valid)",
                "advantage = normalise(batch.advantage, batch.valid | True)",
            ),
        ),
        STAGGERED,
    ),
]
