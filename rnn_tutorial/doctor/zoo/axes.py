"""Bugs of axes and branches: which axis is time, which is the batch, what is one observation."""

from rnn_tutorial.doctor.zoo.bug import Bug
from rnn_tutorial.doctor.zoo.changed import Change
from rnn_tutorial.doctor.zoo.tasks import IMAGES

STEP = "hidden, state = self.core.step(self.encoder(obs), state, reset)"
UNROLL = "hidden, state = self.core.unroll(features, state, reset)"
FOLD = "features = self.encoder(flat).unflatten(0, first_leaf(obs).shape[:2])"
INDENT = "\n        "
TWO = {"num_layers": 2}

BUGS = [
    Bug(
        "flattened_batch",
        "A batch of observations is flattened into one.",
        "Fewer than three dimensions means a single observation, so it is reshaped to (1, -1). A "
        "batch (N, D) becomes one observation of N times D numbers and fails in the first layer, "
        "with an error about matrices that says nothing of a batch.",
        ("lesson 5",),
        ("runs",),
        (Change("policy", STEP, STEP.replace("(obs)", "(obs.reshape(1, -1))")),),
        options={"encoder": "mlp"},
    ),
    Bug(
        "image_as_sequence",
        "An image is taken for a sequence, because it has three dimensions.",
        "The rule that chooses the branch counts dimensions, and not those beyond the "
        "observation's own. Here it fails at once; where the layer behind takes rows of the "
        "picture's width it runs, with channels for time steps.",
        ("lesson 6",),
        ("runs",),
        (
            Change(
                "policy",
                'obs = self._read(obs, ("N",))',
                "if obs.ndim > 2:"
                + INDENT
                + "    return self.unroll(obs, state, reset)"
                + INDENT
                + 'obs = self._read(obs, ("N",))',
            ),
        ),
        IMAGES,
    ),
    Bug(
        "reshape_of_features",
        "Features are folded as (T, N) and unfolded as (N, T).",
        "Both orders have T times N rows, so nothing complains. Envs and times are mixed in the "
        "sequence branch, while acting is right.",
        ("Q6", "ikostrikov/pytorch-a2c-ppo-acktr-gail 97"),
        ("step_equals_unroll",),
        (
            Change(
                "policy",
                FOLD,
                FOLD.replace("first_leaf(obs).shape[:2])", "obs.shape[1::-1]).transpose(0, 1)"),
            ),
        ),
    ),
    Bug(
        "time_and_batch_swapped",
        "The sequence branch reads envs as times and times as envs.",
        "A layer with batch_first=True is handed (T, N, features), or one without it (N, T, "
        "features). With a start at zeros nothing has the wrong shape.",
        ("Q8", "Q6", "pytorch/pytorch 34036"),
        ("axes_order",),
        (
            Change(
                "policy",
                UNROLL,
                "flags = None if reset is None else reset.T"
                + INDENT
                + "hidden, _ = self.core.unroll(features.transpose(0, 1), "
                + "self.initial_state(len(obs)), flags)"
                + INDENT
                + "hidden = hidden.transpose(0, 1)",
            ),
        ),
    ),
    Bug(
        "h_n_taken_batch_first",
        "h_n is viewed as (N, layers, H), which it is not.",
        "batch_first=True moves the axes of input and output and leaves h_n as it is: (layers, N, "
        "H). Viewed as (N, layers * H) it has the right size and mixes envs with layers. With one "
        "env it is right.",
        ("Q8", "pytorch/pytorch 19675", "timbmg/Sentence-VAE 15"),
        ("no_env_leak", "step_equals_unroll"),
        (
            Change(
                "recurrent",
                "return output[0], state",
                "return state.reshape(len(x), -1, self.rnn.hidden_size)[:, -1], state",
            ),
        ),
        options=TWO,
    ),
    Bug(
        "first_layer_read",
        "Acting feeds the heads h_n[0], the first layer's state.",
        "The examples that one learns from have one layer, where h_n[0] is the last output. With "
        "two layers acting reads the lower one, and training the upper.",
        ("Q7", "pytorch/pytorch 175479"),
        ("step_equals_unroll",),
        (Change("recurrent", "return output[0], state", "return state[0], state"),),
        options=TWO,
    ),
    Bug(
        "last_state_for_all",
        "Training feeds the heads h_n, the state after the whole sequence, at every step.",
        "output or h_n? For a classifier of sequences h_n is right. For a policy it shows every "
        "step what comes later, which acting can't know.",
        ("Q7",),
        ("no_future_leak", "step_equals_unroll"),
        (Change("policy", UNROLL, UNROLL + INDENT + "hidden = state[-1].expand_as(hidden)"),),
    ),
    Bug(
        "batch_statistics",
        "Observations are centred by the mean of their batch.",
        "Normalisation over whatever is in the batch: in acting over the envs, in training over "
        "envs, times and padding. An env's action depends on what the others see.",
        ("Q5", "sb3-contrib 75"),
        ("no_env_leak", "batch_size_independent"),
        (
            Change("policy", STEP, STEP.replace("(obs)", "(obs - obs.mean(0))")),
            Change(
                "policy",
                FOLD,
                FOLD.replace("(flat)", "(flat - flat.mean(0))"),
            ),
        ),
    ),
]
