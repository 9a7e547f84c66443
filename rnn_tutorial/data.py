"""Finding the files of `data/` by name; each is compared with its checksum before it is used.

`data/manifest.json` holds for every file its sha256, the command and seeds that made it, and the
versions of the libraries. In a checkout the folder is at the top, in the wheel inside the package.

    >>> data_path("delay.csv").name, sorted(read_manifest()["delay.csv"])
    ('delay.csv', ['about', 'bytes', 'command', 'seeds', 'sha256', 'versions'])
"""

import hashlib
import json
import shlex
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = (PACKAGE.parent / "pyproject.toml").exists()
FOLDER = PACKAGE.parent / "data" if CHECKOUT else PACKAGE / "_data"


class DataError(ValueError):
    """A data file is missing or damaged; the message says which, and how to restore it."""


def restore_command(name: str) -> str:
    """The shell command that restores a file: git in a checkout, pip for an installed wheel."""
    if CHECKOUT:
        return f"git -C {shlex.quote(str(PACKAGE.parent))} checkout -- data/{name}"
    # pip records where a package came from, unless it was installed from an index (PEP 610).
    installed = next(iter(distributions(name="rnn_tutorial")), None)
    origin = installed and installed.read_text("direct_url.json")
    source = json.loads(origin)["url"] if origin else "rnn_tutorial"
    return f"pip install --force-reinstall --no-deps {source}"


def read_manifest(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """Read the manifest: file name -> sha256, command, seeds and versions.

    Raises:
        DataError: if the manifest is missing or damaged.
    """
    path = folder / "manifest.json"
    try:
        manifest: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: missing or damaged ({error}); restore it with: "
            f"{restore_command('manifest.json')}"
        ) from None
    return manifest


def sha256_of(path: Path) -> str:
    """The checksum of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def data_path(name: str, folder: Path = FOLDER) -> Path:
    """Return the path of a file, after comparing its checksum.

    Args:
        name: the file's name, e.g. "cued_gru.safetensors".
        folder: the folder of the manifest.

    Raises:
        DataError: for a file that is not in the manifest, missing, or damaged.
    """
    manifest = read_manifest(folder)
    if name not in manifest:
        raise DataError(f"{name}: expected one of {sorted(manifest)}")
    path, expected = folder / name, manifest[name]["sha256"]
    if not path.exists():
        raise DataError(f"{path}: missing; restore it with: {restore_command(name)}")
    found = sha256_of(path)
    if found != expected:
        raise DataError(
            f"{path}: damaged, expected sha256 {expected[:12]}..., got {found[:12]}...; "
            f"delete it, then restore it with: {restore_command(name)}"
        )
    return path


def read_table(name: str, folder: Path = FOLDER) -> "pd.DataFrame":
    """Read a CSV file of `data/` as a table.

    Raises:
        DataError: as `data_path`.

    Example:
        >>> table = read_table("cued_scores.csv")
        >>> table.columns.tolist(), len(table)
        (['task', 'agent', 'seed', 'score'], 50)
    """
    import pandas as pd  # takes as long to import as the whole core

    return pd.read_csv(data_path(name, folder))
