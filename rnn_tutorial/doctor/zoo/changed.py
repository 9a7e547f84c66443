"""The package with some of its lines changed: the original stays as it is.

A bug of the zoo is a text of the package's own source that is replaced by another. The changed
module, and every module that imports it, is run anew as a copy, so that the bug is in all of them
and in nothing else; what is displayed as its diff is what was run.
"""

import builtins
import difflib
import importlib
import inspect
import linecache
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

ROOT = "rnn_tutorial."
SHARED = ("rnn_tutorial.envs", "rnn_tutorial.settings")  # never changed, so not copied either


@dataclass(frozen=True)
class Change:
    """A text of a module, and what stands in its place.

    Attributes:
        module: the module's name in the package, e.g. "policy".
        old: a text that its source holds exactly once.
        new: the text instead.
    """

    module: str
    old: str
    new: str


class ChangedPackage:
    """Copies of the package's modules, made when they are asked for.

    Args:
        name: what the copies are called in tracebacks and diffs.
        changes: applied in this order; none of them gives the healthy package.

    Raises:
        ValueError: for a change whose old text does not stand in the source exactly once.
    """

    def __init__(self, name: str, changes: Sequence[Change] = ()) -> None:
        self.name = name
        self.sources: dict[str, str] = {}
        self._copies: dict[str, ModuleType] = {}
        for change in changes:
            source = self.sources.get(change.module, healthy_source(change.module))
            found = source.count(change.old)
            if found != 1:
                raise ValueError(
                    f"{name}: expected the text to be changed once in {change.module}.py, found it "
                    f"{found} times: {change.old!r}"
                )
            self.sources[change.module] = source.replace(change.old, change.new)

    def __getitem__(self, module: str) -> ModuleType:
        """The copy of a module of the package, e.g. "ppo"."""
        if module not in self._copies:
            source = self.sources.get(module, healthy_source(module))
            copy = ModuleType(ROOT + module, f"{ROOT}{module} as changed by {self.name}")
            copy.__dict__["__builtins__"] = {**vars(builtins), "__import__": self._import}
            self._copies[module] = copy
            file = f"<{module}.py, {self.name}>"
            linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
            exec(compile(source, file, "exec"), copy.__dict__)
        return self._copies[module]

    def _import(
        self,
        name: str,
        globals: Any = None,
        locals: Any = None,
        fromlist: Sequence[str] | None = None,
        level: int = 0,
    ) -> ModuleType:
        """`__import__` of the copies: the package's modules are copies, all others as ever."""
        if name.startswith(ROOT) and not name.startswith(SHARED) and fromlist:
            return self[name.removeprefix(ROOT)]
        return builtins.__import__(name, globals, locals, fromlist, level)

    @property
    def diff(self) -> str:
        """The changes as a unified diff, each hunk with the function that it is in."""
        hunks: list[str] = []
        for module, sick in self.sources.items():
            healthy = healthy_source(module).splitlines()
            path = f"rnn_tutorial/{module.replace('.', '/')}.py"
            lines = difflib.unified_diff(
                healthy,
                sick.splitlines(),
                fromfile=path,
                tofile=f"{path}, {self.name}",
                n=2,
                lineterm="",
            )
            hunks += (_with_function(line, healthy) for line in lines)
        return "\n".join(hunks)


@cache
def healthy_source(module: str) -> str:
    """The source of a module of the package, as it is."""
    return inspect.getsource(importlib.import_module(ROOT + module))


def _with_function(line: str, healthy: list[str]) -> str:
    """A hunk's head with the class or function around it, as `git diff` shows it."""
    head = re.match(r"@@ -(\d+)", line)
    if head is None:
        return line
    above = healthy[: int(head[1]) + 2]  # down to the first changed line
    around = [text for text in above if re.match(r" {0,4}(async )?(def|class) ", text)]
    return f"{line} {around[-1].strip()}" if around else line
