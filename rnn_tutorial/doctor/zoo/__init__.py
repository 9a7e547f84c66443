"""The bug zoo: the bugs of recurrent policies, each one small change of the package.

from rnn_tutorial.doctor.zoo import BUGS

bug = BUGS["amnesia"]
print(bug.diff)
bug.examine()
"""

from rnn_tutorial.doctor.zoo import (
    axes,
    bootstrapping,
    carrying,
    collecting,
    heads,
    replaying,
    resets,
)
from rnn_tutorial.doctor.zoo.bug import Bug

FILES = (carrying, resets, axes, heads, collecting, replaying, bootstrapping)
BUGS: dict[str, Bug] = {bug.name: bug for file in FILES for bug in file.BUGS}

__all__ = ["BUGS", "Bug"]
