"""Bugs of clearing the state where an episode begins."""

from rnn_tutorial.doctor.zoo.bug import Bug
from rnn_tutorial.doctor.zoo.changed import Change
from rnn_tutorial.doctor.zoo.tasks import STAGGERED

CLEAR = "return map_state(lambda part: part.masked_fill(_mask(reset, part), 0.0), state)"
STEP = "hidden, state = self.core.step(self.encoder(obs), state, reset)"
UNROLL = "hidden, state = self.core.unroll(features, state, reset)"
IMPORT = "rnn_tutorial.recurrent import State"
INDENT = "\n        "
LSTM = {"cell": "lstm"}
# The training branch, too, then clears with `clear_state`, stretch by stretch.
STRETCHES = Change("recurrent", "if x.is_cuda or broken:", "if True:")

BUGS = [
    Bug(
        "never_reset",
        "Nobody clears the state: each episode begins with the memory of another.",
        "The env resets by itself, so everybody believes that the other part clears the state. "
        "Acting and training agree, and the first episode is right.",
        (
            "Q2",
            "sb3-contrib 169",
            "thu-ml/tianshou 486",
            "ikostrikov/pytorch-a2c-ppo-acktr-gail 206",
        ),
        ("reset_clears",),
        (
            Change("policy", STEP, STEP.replace(", reset)", ")")),
            Change("policy", UNROLL, UNROLL.replace(", reset)", ")")),
        ),
    ),
    Bug(
        "reset_after_step",
        "Off by one: the state is cleared after step t instead of before it.",
        "done[t] is taken for the flag of observation t. The first observation of an episode is "
        "read into the old memory, and then both are cleared away.",
        ("Q1", "JaxMARL 119", "luchris429/purejaxrl 23", "Mava 1076"),
        ("reset_before_step",),
        (
            Change("policy", IMPORT, IMPORT + ", clear_state"),
            Change(
                "policy",
                STEP,
                STEP.replace(", reset)", ")")
                + INDENT
                + "state = state if reset is None else clear_state(state, reset)",
            ),
            Change(
                "policy",
                UNROLL,
                "late = None if reset is None else torch.cat((reset[:1] & False, reset[:-1]))"
                + INDENT
                + UNROLL.replace(", reset)", ", late)")
                + INDENT
                + "state = state if reset is None else clear_state(state, reset[-1])",
            ),
        ),
    ),
    Bug(
        "reset_one_early_in_training",
        "Off by one the other way: the sequence branch clears the state one step too early.",
        "The flag of the step that ended an episode is stored beside that step and used as its "
        "reset. Acting is right; training forgets before the last step of each episode, and "
        "remembers across its end.",
        ("Q1", "HARL 75"),
        ("step_equals_unroll",),
        (
            Change(
                "policy",
                UNROLL,
                "early = None if reset is None else torch.cat((reset[1:], reset[:1] & False))"
                + INDENT
                + UNROLL.replace(", reset)", ", early)"),
            ),
        ),
        STAGGERED,
    ),
    Bug(
        "reset_clears_all",
        "One env's reset clears the states of all envs.",
        "if done.any(): state = initial_state(n). With one env it is right, and with many that end "
        "together as well.",
        ("Q2",),
        ("reset_only_named",),
        (
            Change(
                "policy",
                STEP,
                "reset = None if reset is None else reset | reset.any()" + INDENT + STEP,
            ),
            Change(
                "policy",
                UNROLL,
                "reset = None if reset is None else reset | reset.any(1, keepdim=True)"
                + INDENT
                + UNROLL,
            ),
        ),
        STAGGERED,
    ),
    Bug(
        "mask_as_index",
        "The reset mask is used as a list of indices, so it clears envs 0 and 1.",
        "A mask of zeros and ones that is not boolean indexes: state[:, mask] names the first two "
        "envs, again and again. Nothing fails as long as there are two envs.",
        ("Q2", "leggedrobotics/rsl_rl 28"),
        ("reset_only_named",),
        (
            Change(
                "recurrent",
                CLEAR,
                "return map_state(lambda part: part.index_fill(1, reset.long(), 0.0), state)",
            ),
            STRETCHES,
        ),
        STAGGERED,
        LSTM,
    ),
    Bug(
        "cell_not_cleared",
        "The LSTM's hidden state is cleared at a reset, its cell state is not.",
        "Code written for a GRU is taken over: state[0] is cleared, and the long memory, which is "
        "the other part, lives on.",
        ("Q2",),
        ("reset_every_part",),
        (
            Change(
                "recurrent",
                CLEAR,
                "return state[0].masked_fill(_mask(reset, state[0]), 0.0), state[1]",
            ),
            STRETCHES,
        ),
        options=LSTM,
    ),
    Bug(
        "first_layer_cleared",
        "Only the first layer's state is cleared at a reset.",
        "state[0] is taken for the state of all layers. With one layer it is right.",
        ("Q2",),
        ("reset_every_part",),
        (
            Change(
                "recurrent",
                "part.masked_fill(_mask(reset, part), 0.0), state)",
                "torch.cat((part[:1].masked_fill(_mask(reset, part), 0.0), part[1:])), state)",
            ),
            STRETCHES,
        ),
        options={"cell": "lstm", "num_layers": 2},
    ),
    Bug(
        "reset_in_place",
        "The state that was handed in is cleared in place.",
        "state[:, done] = 0 inside the policy writes into the caller's tensor: into the one that "
        "was stored for the next sequence, or into the one of the search that tries two actions.",
        ("Q3",),
        ("inputs_unchanged",),
        (Change("recurrent", "part.masked_fill(_mask", "part.masked_fill_(_mask"), STRETCHES),
        options=LSTM,
    ),
    Bug(
        "cleared_behind_autograd",
        "The state is cleared through .data, so the gradient does not know of it.",
        "In-place clearing inside a sequence makes autograd complain; .data silences it. The "
        "numbers forward are right, and the gradient flows on into the episode before.",
        ("Q10",),
        ("gradient_stops_at_reset",),
        (
            Change(
                "recurrent",
                "lambda part: part.masked_fill(_mask(reset, part), 0.0), state)",
                "lambda part: part + (part.masked_fill(_mask(reset, part), 0.0) - part).data, "
                "state)",
            ),
            STRETCHES,
        ),
        STAGGERED,
        LSTM,
    ),
]
