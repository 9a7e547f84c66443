"""Many long calls in parallel processes, each kept as soon as it is done.

A call that raises, or whose process is killed, costs its own result only. With a folder the work
can be stopped at any time and started again: it does what is missing.
"""

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import rnn_tutorial
from rnn_tutorial.fingerprint import fingerprint

Errors = dict[int, str]  # the position of a call that failed, and why


def run_all(
    function: Callable[..., Any],
    calls: Sequence[tuple[Any, ...]],
    *,
    jobs: int = -1,
    store: str | Path | None = None,
) -> tuple[list[Any], Errors]:
    """Return the result of `function(*call)` for each call, and the errors of those that failed.

    It runs under any backend of joblib, see `joblib.parallel_config`. Where a process is killed,
    what is missing is started again, and what was running is then run in a process of its own. A
    call whose process is killed twice has failed.

    Args:
        function: picklable, so not a lambda; its results are what JSON can hold.
        calls: the arguments of each call. In the store a result is found by the `fingerprint` of
            the function and the arguments, and the package's version; for a change of anything
            else, such as an env's code, take another folder.
        jobs: processes at once; 1 means this one, -1 one for each core.
        store: a folder that keeps every result, made if it is missing.

    Returns:
        The results in the order of the calls, None for those that failed; their errors.

    Raises:
        ValueError: with a store, for an argument that `fingerprint` refuses.
        KeyboardInterrupt, InterruptedError: from here or from a call; what is done is kept.

    Example:
        >>> results, errors = run_all(divmod, [(7, 2), (1, 0)], jobs=1)
        >>> results, list(errors)
        ([[3, 1], None], [1])
    """
    from joblib import Parallel, delayed  # takes as long to import as half of the core

    with TemporaryDirectory() as scratch:
        folder = Path(scratch if store is None else store)
        folder.mkdir(parents=True, exist_ok=True)
        kept = store is not None  # otherwise nothing is found again, and needs no key
        names = [_key(function, call) if kept else str(i) for i, call in enumerate(calls)]
        files = [folder / f"{name}.json" for name in names]
        found = [_read(file) for file in files]
        errors: Errors = {}
        begun = Path(scratch) / "begun"
        begun.mkdir()

        def work(positions: Sequence[int], processes: int, **backend: Any) -> None:
            tasks = (delayed(_attempt)(function, i, calls[i], begun) for i in positions)
            parallel = Parallel(processes, return_as="generator_unordered", **backend)
            for i, result, error in parallel(tasks):
                if error is None:
                    found[i] = [_keep(files[i], result)]
                else:
                    errors[i] = error

        def missing() -> list[int]:
            return [i for i in range(len(calls)) if found[i] is None and i not in errors]

        while missing():
            try:
                work(missing(), jobs)
            except BrokenProcessPool:  # it doesn't say which call it was
                for i in [i for i in missing() if (begun / str(i)).exists()]:
                    try:
                        work([i], 2, backend="loky")  # with 1 it would run in this process
                    except BrokenProcessPool:
                        errors[i] = "its process was killed twice"
    return [None if result is None else result[0] for result in found], errors


def _attempt(
    function: Callable[..., Any], position: int, call: tuple[Any, ...], begun: Path
) -> tuple[int, Any, str | None]:
    """A call's position, and its result or its error."""
    if begun.exists():  # on another machine it does not
        (begun / str(position)).touch()
    try:
        return position, function(*call), None
    except InterruptedError:
        raise
    except Exception as error:
        return position, None, f"{type(error).__name__}: {error}"


def _key(function: Callable[..., Any], call: tuple[Any, ...]) -> str:
    text = json.dumps([fingerprint(function), fingerprint(call), rnn_tutorial.__version__])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _keep(file: Path, result: Any) -> Any:
    """Write a result, whole or not at all, and return it as it will be read."""
    text = json.dumps(result, default=lambda number: number.item())  # NumPy's numbers
    draft = file.with_suffix(f".{os.getpid()}.part")
    draft.write_text(json.dumps({"result": text, "sha256": _checksum(text)}))
    os.replace(draft, file)
    return json.loads(text)


def _read(file: Path) -> list[Any] | None:
    """A kept result in a list, or None for one that is missing or damaged."""
    try:
        kept = json.loads(file.read_text())
        if kept["sha256"] != _checksum(kept["result"]):
            raise ValueError("its checksum differs")
        return [json.loads(kept["result"])]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        warnings.warn(f"{file}: damaged ({error}), made again", stacklevel=2)
        return None


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
