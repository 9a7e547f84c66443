"""How much memory this process holds, so that the doctor notices a subject that hoards it."""

import sys

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

STATM = "/proc/self/statm"


def resident() -> int:
    """Bytes of this process in memory now; where the system doesn't tell, the most so far."""
    if resource is None:
        return 0
    try:
        with open(STATM, "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
