"""What each check means when it fails: likely cause, cure, and the page that explains it."""

from typing import NamedTuple


class Advice(NamedTuple):
    """Advice for one check; a check that recognises a more precise cause names that instead."""

    cause: str
    cure: str
    section: str


CELLS = "01_rnncell_vs_rnn.ipynb: "
OUTPUTS = "02_output_vs_h_n.ipynb: "
POLICY = "03_the_recurrent_policy.ipynb: "
ROLLOUTS = "05_rollouts.ipynb: "
BUFFER = "06_the_rollout_buffer.ipynb: "

TWO_PATHS = POLICY + "Step by step and the whole sequence are one function"
WHO_RESETS = POLICY + "Who resets the hidden state between episodes"
OFF_BY_ONE = POLICY + "The reset flag off by one"
MEMBER = POLICY + "The state as an argument or as a hidden member"
NOT_CARRIED = POLICY + "A hidden state that is not carried when the policy is deployed"
RESHAPE = POLICY + "A reshape where a transpose was needed"
CUTTING = OUTPUTS + "Cutting the gradient between chunks"

ADVICE = {
    "runs": Advice(
        "A method is missing, raises, or returns another structure than the protocol says.",
        "Give it initial_state(n), step(obs, state, reset) and unroll(obs, state, reset), where "
        "step returns (output (N, ...), state) and unroll (output (T, N, ...), state).",
        POLICY + "From an MLP policy to an RNN policy and value",
    ),
    "state_form": Advice(
        "The state that comes back has another structure, shape, dtype or device than the one "
        "that initial_state gives.",
        "Return the state in the form in which it came in, every layer and every part of it.",
        CELLS + "What each kind returns",
    ),
    "same_input_same_output": Advice(
        "Random numbers are drawn inside the call: dropout that is active in evaluation, noise, or "
        "a sampled action.",
        "Switch dropout off in evaluation, and return the distribution rather than a draw. "
        "(A module that only a closure holds is out of reach here: call its eval() yourself.)",
        POLICY + "is_training is not the train or eval mode",
    ),
    "no_hidden_member": Advice(
        "A state, a counter or a generator is kept in a member between calls.",
        "Take the state as an argument, return the new one, and keep nothing of it.",
        MEMBER,
    ),
    "inputs_unchanged": Advice(
        "An argument is written to in place.",
        "Make a new tensor (torch.where, masked_fill without underscore) instead of assigning "
        "into the one that was handed in.",
        MEMBER,
    ),
    "step_equals_unroll": Advice(
        "Acting and training are two functions.",
        "Let step and unroll share one body, so that unroll is T steps.",
        TWO_PATHS,
    ),
    "chunked_equals_whole": Advice(
        "The state is lost or altered at the boundary between two calls.",
        "Start from the state that was handed in, and return the one after the last step.",
        OUTPUTS + "Continuing where you left off",
    ),
    "memory_carried": Advice(
        "Amnesia: the state that comes in is not used.",
        "Hand the state to the recurrent layer, and create zeros in initial_state only.",
        NOT_CARRIED,
    ),
    "reset_clears": Advice(
        "The reset flag is ignored, or clears to something else than initial_state.",
        "Before the step, put initial_state in the place of the state of each env that resets.",
        WHO_RESETS,
    ),
    "reset_before_step": Advice(
        "The reset flag is off by one.",
        "reset[t] says that observation t begins an episode: clear the state before step t.",
        OFF_BY_ONE,
    ),
    "reset_every_part": Advice(
        "A part of the state survives the reset.",
        "Clear every tensor of the state (hidden and cell) and every layer.",
        WHO_RESETS,
    ),
    "reset_only_named": Advice(
        "Other envs are cleared than the ones that the flags name.",
        "Apply the flags env by env: a mask (N,) along the state's batch axis, no any() or all().",
        WHO_RESETS,
    ),
    "no_future_leak": Advice(
        "An output depends on later observations: a bidirectional layer, attention without a "
        "mask, or statistics over time.",
        "Use only what is known at time t: one direction, a causal mask, running statistics.",
        OUTPUTS + "Both directions end at opposite ends",
    ),
    "no_env_leak": Advice(
        "Envs of one batch influence each other: statistics or attention over the batch, or a "
        "state whose axes are mixed by a reshape.",
        "Keep every operation within one env; bring axes into place by transpose, not by reshape.",
        CELLS + "A reshape where a transpose was needed mixes environments and time",
    ),
    "axes_order": Advice(
        "Batch and time are swapped.",
        "Keep (T, N, ...) throughout, and transpose (never reshape) where a layer is batch_first.",
        RESHAPE,
    ),
    "batch_size_independent": Advice(
        "The number of envs in the batch changes what one of them gets.",
        "Keep every operation within one env, and no squeeze() that takes away a batch of one.",
        ROLLOUTS + "Many environments at once",
    ),
    "padding_inert": Advice(
        "What stands behind a sequence's end reaches what counts.",
        "Keep statistics within each sequence's length, and begin the next episode with a reset.",
        BUFFER + "Padding leaks into the loss, the normalisation, the statistics",
    ),
    "gradient_flows_back": Advice(
        "The graph is cut inside the sequence: a detach(), a no_grad() or a copy through NumPy.",
        "Detach only between updates, where the caller hands the state in.",
        BUFFER + "The gradient's horizon against the BPTT length",
    ),
    "gradient_stops_at_reset": Advice(
        "The values are cleared and the graph is not.",
        "Replace the state (torch.where, masked_fill) instead of subtracting its detached value.",
        CUTTING,
    ),
    "second_update": Advice(
        "The graph of the first update is still attached to something that the second one uses.",
        "Keep no tensor with a graph in a member; the caller's detached state must be enough.",
        CUTTING,
    ),
}
