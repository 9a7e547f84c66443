"""Bugs of the targets: what the end of an episode, or of a rollout, is worth."""

from rnn_tutorial.doctor.zoo.bug import Bug
from rnn_tutorial.doctor.zoo.changed import Change
from rnn_tutorial.doctor.zoo.tasks import REACHED, STAGGERED

FOLLOWS = "torch.where(truncated, true_next_value, next_value).masked_fill(terminated, 0.0)"

BUGS = [
    Bug(
        "bootstrap_through_termination",
        "What follows a terminated step is worth the value of the next episode's start.",
        "The mask is missing, or the env's one done flag was renamed truncated. Reaching the goal "
        "ends the episode and all its costs; here the next episode's costs stand right behind it, "
        "so it pays to stay out of the goal.",
        ("Q14", "Mava 951", "DexForce/EmbodiChain 612"),
        ("no_bootstrap_through_termination",),
        (Change("buffer", FOLLOWS, FOLLOWS.replace(".masked_fill(terminated, 0.0)", "")),),
        REACHED,
    ),
    Bug(
        "truncation_as_termination",
        "Truncation is treated as termination: what follows is worth 0.",
        "One done flag for two facts. The agent learns that the world ends after thirty steps, "
        "which it cannot see coming.",
        ("Q14", "rsl_rl 151", "vwxyzjn/cleanrl 198"),
        ("bootstrap_through_truncation",),
        (Change("buffer", FOLLOWS, FOLLOWS.replace("(terminated,", "(terminated | truncated,")),),
        STAGGERED,
    ),
    Bug(
        "next_episode_bootstrapped",
        "A truncated step is bootstrapped with the first observation of the next episode.",
        "The vector env resets within the step, so the observation that comes back is already the "
        "next episode's. The true last one stands in the info, if anywhere.",
        ("Q14", "google-deepmind/mujoco_playground 305", "google/brax 641"),
        ("bootstrap_through_truncation",),
        (
            Change(
                "buffer",
                "torch.where(truncated, true_next_value, next_value)",
                "next_value",
            ),
        ),
        STAGGERED,
    ),
    Bug(
        "sum_across_ends",
        "The advantages' sum runs on across the ends of episodes.",
        "Truncation was given its bootstrap, and forgotten in the recursion: the next episode's "
        "errors are added to this one's.",
        ("Q14", "Toni-SM/skrl 224"),
        ("bootstrap_through_truncation",),
        (
            Change(
                "buffer",
                "gae_lambda * goes_on.to(delta.dtype)",
                "gae_lambda * torch.ones_like(delta)",
            ),
        ),
        STAGGERED,
    ),
    Bug(
        "last_observation_from_zeros",
        "V of a truncated episode's last observation is computed from a zero state.",
        "The state was cleared for the next episode before the last value was asked for, or "
        "the extra call was made without one. The value network sees a position and no memory of "
        "the goal.",
        ("Q13", "Q14", "minimalRL 17"),
        ("bootstrap_through_truncation",),
        (
            Change(
                "collect",
                "state = take(step.then.state, step.ended)",
                "state = policy.initial_state(len(step.ended))",
            ),
        ),
        STAGGERED,
    ),
    Bug(
        "last_value_from_zeros",
        "V(s') at the end of a rollout is computed from a zero state.",
        "Which hidden state goes with V(s')? The one after the last step. Zeros are what the "
        "helper hands out.",
        ("Q13", "minimalRL 17", "pytorch/rl 2444"),
        ("bootstrap_goes_on",),
        (
            Change(
                "collect",
                "last_value = policy.step(carry.observation, carry.state,",
                "last_value = policy.step(carry.observation, policy.initial_state(n),",
            ),
        ),
        STAGGERED,
    ),
]
