"""Compares the text outputs of freshly executed notebooks with those that are stored.

    python tests/notebooks/compare.py FRESH STORED    (two folders)

Where this processor computes as the one that made the stored outputs did (see `arithmetic`), they
must be the same to the letter. Elsewhere the words must be, and each number up to one unit of its
last digit, or a millionth; in cells tagged "trained-here", whose numbers follow from a training on
the page, the words alone. Cells tagged "live-output" are left out. Pictures are compared by their
alt text.
"""

import difflib
import hashlib
import re
import sys
from pathlib import Path

import nbformat
import numpy as np
import torch
from torch import nn

ROUNDING = 1e-6  # numbers below are sizes of rounding errors
NUMBER = re.compile(r"[-+−]?(?:\d[\d,]*)?\.?\d+(?:e[-+]?\d+)?")


def arithmetic() -> str:
    """A fingerprint of how this processor, with these libraries and one thread, rounds."""
    draws = np.random.default_rng(0)
    x, w = (draws.normal(size=shape).astype(np.float32) for shape in ((999, 65), (33, 33)))
    a, threads = torch.from_numpy(x), torch.get_num_threads()
    torch.set_num_threads(1)
    results = [a.T @ a, a.sum(0), a.norm(), a.tanh().mean(), a.softmax(1), a.exp().std(0)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        gru = nn.GRU(65, 32)
        gru(a[:, None])[0].square().mean().backward()
        results += [parameter.grad for parameter in gru.parameters()]
    torch.set_num_threads(threads)
    arrays = [result.detach().numpy() for result in results]
    arrays += [w @ w, np.exp(x), np.linalg.solve(w.astype(np.float64), w)]
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()[:12]


def texts(cell: nbformat.NotebookNode) -> list[str]:
    """The text outputs of a cell, in order; streams of one name that follow each other are one."""
    found: list[tuple[str, str]] = []
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            joined = found and found[-1][0] == output.name
            before = found.pop()[1] if joined else ""
            found.append((output.name, before + output.text))
        elif output.output_type == "error":
            found.append(("error", f"{output.ename}: {output.evalue}"))
        else:
            shown = [
                output.data[kind] for kind in ("text/html", "text/plain") if kind in output.data
            ]
            found.append(("data", shown[0] if shown else ""))
    return [text for _, text in found]


def alike(fresh: str, stored: str, numbers: bool) -> bool:
    """Whether the words are the same and, if asked, the numbers up to one unit of a last digit."""
    if NUMBER.sub("#", fresh).split() != NUMBER.sub("#", stored).split():
        return False
    pairs = zip(NUMBER.findall(fresh), NUMBER.findall(stored), strict=True)
    return not numbers or all(_close(a, b) for a, b in pairs)


def _close(a: str, b: str) -> bool:
    unit = max(_last_digit(a), _last_digit(b))
    return abs(_value(a) - _value(b)) <= max(1.001 * unit, ROUNDING)


def _value(number: str) -> float:
    return float(number.replace("−", "-").replace(",", ""))


def _last_digit(number: str) -> float:
    """What one unit of the last digit is worth: 0.01 for "3.14", 10.0 for "2e+1"."""
    digits, _, exponent = number.partition("e")
    _, _, decimals = digits.partition(".")
    return float(10.0 ** (int(exponent or 0) - len(decimals)))


def differences(fresh: nbformat.NotebookNode, stored: nbformat.NotebookNode) -> list[str]:
    """What differs between two executions of one notebook, as a unified diff for each cell."""
    if [cell.source for cell in fresh.cells] != [cell.source for cell in stored.cells]:
        return ["the cells are others"]
    exact = stored.metadata.get("arithmetic") == arithmetic()
    found = []
    for number, (new, old) in enumerate(zip(fresh.cells, stored.cells, strict=True)):
        tags = old.metadata.get("tags", [])
        got, expected = "\n".join(texts(new)), "\n".join(texts(old))
        if "live-output" in tags or got == expected:
            continue
        if exact or not alike(got, expected, numbers="trained-here" not in tags):
            lines = [text.replace("><", ">\n<").splitlines() for text in (expected, got)]
            diff = difflib.unified_diff(*lines, "stored", "fresh", lineterm="", n=1)
            found.append("\n".join([f"cell {number}:", *diff]))
    return found


def main(fresh: str, stored: str) -> int:
    paths, failed = sorted(Path(stored).glob("*.ipynb")), 0
    for path in paths:
        pair = [nbformat.read(folder / path.name, 4) for folder in (Path(fresh), path.parent)]
        for difference in differences(*pair):
            failed += 1
            print(f"{path.name}, {difference}\n")
    print(f"{len(paths)} notebooks, {failed} cells whose outputs are not those stored")
    if failed:
        print("Is the new output right? Then store it: make notebooks")
    return 1 if failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
