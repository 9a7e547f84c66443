"""Examines a learner: are the steps that it learns from the steps that it took?"""

from collections.abc import Callable

from rnn_tutorial.doctor import ratio, sequences, targets
from rnn_tutorial.doctor.learner import Learner
from rnn_tutorial.doctor.replay import NotApplicableError, Replay
from rnn_tutorial.doctor.report import FAILED, NOT_APPLICABLE, PASSED, Finding


def examine_learner(learner: Learner) -> list[Finding]:
    """Examines a collect-and-replay pair; nothing is learned meanwhile.

    Args:
        learner: see `Learner`; for the package's own PPO a `PPOLearner`.

    Returns:
        A finding for each check. A learner that raises is reported, with the call that did it.
    """
    try:
        replay = Replay(learner)
    except (Exception, SystemExit) as error:
        raised = f"collecting or replaying raised {type(error).__name__}: {_short(error)}"
        cure = "The call must run before anything else can be examined."
        section = SECTIONS["learner_runs"]
        first = Finding("learner_runs", FAILED, raised, "The learner fails.", cure, section)
        rest = (name for name in CHECKS if name != "learner_runs")
        return [first, *(Finding(n, NOT_APPLICABLE, "the learner did not run") for n in rest)]
    findings = []
    for name, check in CHECKS.items():
        try:
            findings.append(check(replay))
        except (NotApplicableError, NotImplementedError) as reason:
            findings.append(Finding(name, NOT_APPLICABLE, str(reason)))
        except (Exception, SystemExit) as error:
            raised = f"raised {type(error).__name__}: {_short(error)}"
            cure = "Make `evaluate` and `loss` run on the learner's own minibatches."
            section = SECTIONS[name]
            findings.append(Finding(name, FAILED, raised, "A call fails.", cure, section))
    return findings


def _short(error: BaseException) -> str:
    return str(error).split("\n")[0][:200]


def _runs(replay: Replay) -> Finding:
    entries = sum(batch.valid.size for batch in replay.batches)
    return Finding(
        "learner_runs",
        PASSED,
        f"two rollouts of {replay.T} steps in {replay.N} envs; {len(replay.batches)} minibatches "
        f"of {entries} entries; {int(replay.begins.sum())} episodes begin in the second rollout",
    )


FILES = (ratio, sequences, targets)
CHECKS: dict[str, Callable[[Replay], Finding]] = {
    "learner_runs": _runs,
    **{name: check for file in FILES for name, check in file.CHECKS.items()},
}
SECTIONS = {
    "learner_runs": "06_the_rollout_buffer.ipynb: "
    "What must be stored for a recurrent policy, and why",
    **{name: section for file in FILES for name, section in file.SECTIONS.items()},
}
