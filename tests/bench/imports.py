"""What `import rnn_tutorial` costs beyond torch and gymnasium, in fresh interpreters."""

import subprocess
import sys

from measure import Row, side_by_side

REPEATS = 9
AT_MOST = 0.3  # seconds


def import_in_fresh_interpreter(modules: str) -> None:
    subprocess.run([sys.executable, "-c", f"import {modules}"], check=True)


def rows() -> list[Row]:
    """The package alone, and with the policy and the rollout recorder."""
    base = "torch, gymnasium"
    table = []
    for name in ("rnn_tutorial", "rnn_tutorial.policy, rnn_tutorial.rollout"):
        modules = f"{base}, {name}"
        ours, other = side_by_side(
            [lambda m=m: import_in_fresh_interpreter(m) for m in (modules, base)], REPEATS
        )
        target = f"ours - other <= {AT_MOST:g} s"
        holds = ours - other <= AT_MOST
        table.append(Row(f"import {name}: {base}", ours, other, ours / other, target, holds, "s"))
    return table
