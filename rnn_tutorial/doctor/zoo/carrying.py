"""Bugs of carrying the state: forgotten, changed on the way, or kept where nobody sees it."""

from rnn_tutorial.doctor.zoo.bug import Bug
from rnn_tutorial.doctor.zoo.changed import Change
from rnn_tutorial.doctor.zoo.tasks import STAGGERED

STEP = "hidden, state = self.core.step(self.encoder(obs), state, reset)"
UNROLL = "hidden, state = self.core.unroll(features, state, reset)"
INDENT = "\n        "

BUGS = [
    Bug(
        "amnesia",
        "Each step starts from a zero state, so acting has no memory.",
        "A policy that acts one observation at a time builds its initial state inside the call, at "
        "every call. Training goes through whole sequences and remembers, so the curve rises as "
        "far as a policy without memory gets. The same happens outside the policy where a "
        "deployment throws the returned state away: it learned well and plays badly.",
        ("lesson 1", "Q9", "rl_games 316", "stable-baselines3 1125"),
        ("memory_carried", "step_equals_unroll"),
        (
            Change(
                "policy",
                STEP,
                STEP.replace("state, reset)", "self.initial_state(len(obs)), reset)"),
            ),
        ),
    ),
    Bug(
        "tanh_each_call",
        "A tanh is applied to the returned state: once a step in acting, once a sequence in "
        "training.",
        "Someone wants the state bounded, which a GRU's is already. Acting and training become two "
        "functions, a little further apart with each step.",
        ("lesson 2",),
        ("step_equals_unroll", "chunked_equals_whole"),
        (
            Change("policy", STEP, STEP + INDENT + "state = state.tanh()"),
            Change("policy", UNROLL, UNROLL + INDENT + "state = state.tanh()"),
        ),
    ),
    Bug(
        "missing_state",
        "The sequence branch reads a member that nothing has created.",
        "The state lives in a member that only the acting branch sets. The first call on a "
        "sequence fails with an AttributeError; at least it is loud.",
        ("lesson 3",),
        ("runs",),
        (Change("policy", UNROLL, UNROLL.replace("state, reset)", "self.state, reset)")),),
    ),
    Bug(
        "carried_graph",
        "Training carries the last batch's state into the next batch, and its graph with it.",
        "The usual advice for the error of the second backward() is retain_graph=True, which makes "
        "each update slower than the last one. The state of one minibatch has no business in the "
        "next: these are other envs at other times.",
        ("lesson 4",),
        ("second_update",),
        (
            Change(
                "policy",
                UNROLL,
                'state = self.__dict__.get("kept", state)'
                + INDENT
                + UNROLL
                + INDENT
                + "self.kept = state",
            ),
        ),
    ),
    Bug(
        "carried_detached",
        "As carried_graph, cut with detach(): the error is gone, the fault is not.",
        "detach() is the other advice for the error of the second backward(). Both batches run, "
        "and the second one still starts from the state in which other envs ended.",
        ("lesson 4", "Q3"),
        ("no_hidden_member",),
        (
            Change(
                "policy",
                UNROLL,
                'state = self.__dict__.get("kept", state)'
                + INDENT
                + UNROLL
                + INDENT
                + "self.kept = map_state(torch.detach, state)",
            ),
            Change(
                "policy",
                "rnn_tutorial.recurrent import State",
                "rnn_tutorial.recurrent import State, map_state",
            ),
        ),
        STAGGERED,
    ),
    Bug(
        "hidden_member",
        "Acting keeps the state in a member and takes no notice of the one it is given.",
        "Calls get shorter, and the policy gets a past that its arguments don't show. A call that "
        "was only meant to look at V(s') moves the memory on by one observation.",
        ("lesson 3", "Q13"),
        ("no_hidden_member",),
        (
            Change(
                "policy",
                STEP,
                'kept = self.__dict__.get("kept", state)'
                + INDENT
                + "state = kept if len(obs) == kept.shape[1] else state"
                + INDENT
                + STEP
                + INDENT
                + "self.kept = state.detach()",
            ),
        ),
        STAGGERED,
    ),
    Bug(
        "initial_state_of_one",
        "The initial state helper makes a state for one env, whatever it is asked for.",
        "N is 1 in evaluation and the batch in training; a helper written for the one fails in the "
        "other. With broadcasting instead of a check it would run.",
        ("lesson 5",),
        ("runs",),
        (
            Change(
                "policy",
                "return self.core.initial_state(n)",
                "return self.core.initial_state(1)",
            ),
        ),
    ),
    Bug(
        "initial_state_of_ones",
        "A new state is all ones, but a reset writes zeros.",
        "Whoever makes the initial state something else than zeros (learned, say) must have the "
        "reset write the same. Otherwise the first episode begins in one state and all later ones "
        "in another.",
        ("Q2",),
        ("reset_clears",),
        (
            Change(
                "recurrent",
                "zeros = next(self.parameters()).new_zeros(self",
                "zeros = next(self.parameters()).new_ones(self",
            ),
        ),
    ),
    Bug(
        "gradient_cut",
        "The state is detached at every step of a sequence.",
        "Against memory that grows with the sequence, or because the stored states carry no "
        "gradient anyway, every step is made its own sequence. All numbers forward are right. "
        "But no gradient reaches an earlier step, so nothing teaches the network what to keep: "
        "people ask of many libraries whether theirs does this.",
        ("Q10", "ikostrikov/pytorch-a2c-ppo-acktr-gail 82", "sb3-contrib 103"),
        ("gradient_flows_back",),
        (
            Change(
                "policy",
                UNROLL,
                "outputs = []"
                + INDENT
                + "for t, x in enumerate(features):"
                + INDENT
                + "    now = None if reset is None else reset[t]"
                + INDENT
                + "    hidden, state = self.core.step(x, map_state(torch.detach, state), now)"
                + INDENT
                + "    outputs.append(hidden)"
                + INDENT
                + "hidden = torch.stack(outputs)",
            ),
            Change(
                "policy",
                "rnn_tutorial.recurrent import State",
                "rnn_tutorial.recurrent import State, map_state",
            ),
        ),
    ),
]
