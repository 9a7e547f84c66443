"""Bugs of the heads: distributions and their log-probabilities."""

from rnn_tutorial.doctor.zoo.bug import Bug
from rnn_tutorial.doctor.zoo.changed import Change

JOINT = "return Independent(normal, len(shape), validate_args=False)"
PEERS = ("thu-ml/tianshou 40", "AI4Finance-Foundation/ElegantRL 273")

BUGS = [
    Bug(
        "dropout_always_on",
        "Dropout acts in evaluation as well: its own switch is not the module's mode.",
        "torch.nn.functional.dropout drops by default, whatever the module's mode is; people "
        "forget training=self.training. Three switches are easily taken for one: the branch, "
        "is_training, and train() or eval().",
        ("lesson 7", "BogiHsu/Tacotron2-PyTorch 8", "joschu/modular_rl 26"),
        ("same_input_same_output",),
        (
            Change(
                "policy",
                "parameters = self.actor(hidden)",
                "hidden = nn.functional.dropout(hidden, 0.1)\n        "
                "parameters = self.actor(hidden)",
            ),
        ),
    ),
    Bug(
        "log_prob_not_summed",
        "The log-probability has one number for each dimension of the action.",
        "A Normal of shape (N, A) gives log-probabilities of shape (N, A). Against advantages (N, "
        "1) they broadcast and each dimension is clipped by itself; here the shapes do not fit, "
        "and training fails.",
        ("lesson 8", *PEERS),
        ("joint_log_prob",),
        (Change("actions", JOINT, "return normal"),),
    ),
    Bug(
        "log_prob_averaged",
        "The log-probability is the mean over the action's dimensions, not the sum.",
        "A mean gets the shape right and the number wrong: the ratio is the root of what it should "
        "be, so clipping lets the policy move twice as far.",
        ("lesson 8",),
        ("joint_log_prob",),
        (
            Change(
                "collect",
                "distribution.log_prob(action)",
                "distribution.base_dist.log_prob(action).mean(-1)",
            ),
            Change(
                "ppo",
                "log_ratio = output.distribution.log_prob(batch.action) - batch.log_prob",
                "log_prob = output.distribution.base_dist.log_prob(batch.action).mean(-1)\n"
                "    log_ratio = log_prob - batch.log_prob",
            ),
        ),
    ),
    Bug(
        "clipped_action_stored",
        "The action is clipped before it is stored, its log-probability is of the one drawn.",
        "The env wants actions in [-1, 1], and so the clipped one is kept. Its density is another "
        "one, so the ratio is off wherever an action was clipped: at the start of training for "
        "about every other step.",
        ("kuds/mesozoic-labs 408",),
        ("ratio_is_one", "joint_log_prob"),
        (
            Change(
                "collect",
                "        action=action,\n",
                "        action=action.clamp(-1.0, 1.0),\n",
            ),
        ),
    ),
]
