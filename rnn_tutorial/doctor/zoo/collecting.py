"""Bugs of collecting: flags, stored states, and what is carried from rollout to rollout."""

from rnn_tutorial.doctor.zoo.bug import Bug
from rnn_tutorial.doctor.zoo.changed import Change
from rnn_tutorial.doctor.zoo.tasks import NEXT_STEP, STAGGERED

ACT = "output, state = policy.step(now.observation, now.state, reset)"
LAST = "last_value = policy.step(carry.observation, carry.state, reset)[0].value"
LOOP = "    while True:\n"
FLAGS = "flags = next_flags(mode, ends, now.valid)"

BUGS = [
    Bug(
        "done_as_reset",
        "done[t] is stored as reset[t]: the training clears one step too early.",
        "The flags that the env returns at step t are stored beside step t, under the name of the "
        "reset. Acting is right. The replay clears before an episode's last step and not before "
        "the next one's first.",
        ("Q1", "JaxMARL 127", "Mava 1076"),
        ("ratio_is_one", "resets_follow_ends"),
        (Change("collect", "reset=[step.now.reset", "reset=[step.terminated | step.truncated"),),
    ),
    Bug(
        "reset_one_late",
        "Acting and training both clear the state one step late.",
        "The flag of an earlier step is handed on. Both sides agree, so the ratio is 1 and "
        "nothing looks wrong; but the first observation of each episode, the cue, is cleared away.",
        ("Q1", "JaxMARL 191"),
        ("resets_follow_ends",),
        (
            Change("acting", LOOP, "    late = np.zeros(env.num_envs, bool)\n" + LOOP),
            Change("acting", FLAGS, FLAGS.replace("ends", "late") + "\n        late = ends"),
        ),
        STAGGERED,
    ),
    Bug(
        "acting_never_resets",
        "Acting hands the policy no reset flags; training does.",
        "The flags are stored and replayed, and forgotten in the one call that acts. From the "
        "second episode on the actions are those of another policy than the one that is trained.",
        ("Q2", "thu-ml/tianshou 486", "isaac-sim/IsaacLab 3838"),
        ("ratio_is_one",),
        (Change("acting", ACT, ACT.replace(", reset)", ")")),),
    ),
    Bug(
        "state_after_stored",
        "The state after the step is stored, instead of the one before it.",
        "policy.step returns a state and so that is the one at hand. Each sequence starts from a "
        "memory that has read its first observation already, and reads it twice.",
        ("Q3", "cleanrl 506"),
        ("states_aligned", "ratio_is_one"),
        (
            Change(
                "collect",
                "[step.now.state for",
                "[step.then.state for",
            ),
        ),
        STAGGERED,
    ),
    Bug(
        "zero_starts",
        "Every sequence of the training starts from zeros, also in the middle of an episode.",
        "A rollout may begin in the middle of an episode, and a sequence nearly always does. Zeros "
        "are what a layer takes when it is given no state.",
        ("Q3", "Q4", "MarcoMeter/recurrent-ppo-truncated-bptt 17"),
        ("states_aligned", "ratio_is_one"),
        (Change("buffer", "map_state(torch.detach, each)", "map_state(torch.zeros_like, each)"),),
        STAGGERED,
    ),
    Bug(
        "forgets_between_rollouts",
        "Acting starts every rollout from zeros, though the episodes go on.",
        "The initial state is made where collecting begins, and collecting begins once a rollout. "
        "Training sees the same zeros, so the ratio is 1.",
        ("Q3", "Q2"),
        ("states_aligned",),
        (
            Change(
                "collect",
                "    steps: list[Step] = []\n",
                "    steps: list[Step] = []\n"
                "    carry = carry._replace(state=policy.initial_state(n))\n",
            ),
        ),
        STAGGERED,
    ),
    Bug(
        "observation_read_twice",
        "The state that V(s') returns is carried on, so the next rollout reads s' again.",
        "V of the observation after a rollout costs one more call of the policy. Its state belongs "
        "thrown away; kept, it has read the observation that the next rollout begins with.",
        ("Q13", "pytorch/rl 2444"),
        ("states_aligned",),
        (
            Change(
                "collect",
                LAST,
                LAST.replace("last_value", "output, again").replace("[0].value", "")
                + "\n    carry = carry._replace(state=again)"
                + "\n    last_value = output.value",
            ),
        ),
        STAGGERED,
    ),
    Bug(
        "reset_step_learned_from",
        "The step that only resets the env is learned from like any other.",
        "In gymnasium 1 a vector env by default spends a step on resetting: the action is ignored, "
        "the reward is a filler. Unmasked, each episode adds one such step to the loss.",
        ("Denys88/rl_games 362", "Farama-Foundation/Gymnasium 1227"),
        ("resets_follow_ends",),
        (Change("collect", "valid=[step.now.valid", "valid=[step.now.valid | True"),),
        NEXT_STEP,
    ),
]
