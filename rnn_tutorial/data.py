"""The committed data: found by name, and compared with its checksum before it is used.

`data/manifest.json` holds for every file its sha256, the command and seeds that made it and the
versions of the libraries. The files come with the repository, not with the installed package.
"""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

FOLDER = Path(__file__).resolve().parents[1] / "data"


class DataError(ValueError):
    """A data file that is missing or damaged; the message says which, and how to restore it."""


def read_manifest(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """File name -> sha256, command, seeds and versions.

    Raises:
        DataError: if the manifest is missing or damaged.
    """
    path = folder / "manifest.json"
    try:
        manifest: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise DataError(
            f"{path}: missing or damaged ({error}). It comes with the repository; restore it with: "
            "git checkout -- data"
        ) from None
    return manifest


def sha256_of(path: Path) -> str:
    """The checksum of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def data_path(name: str, folder: Path = FOLDER) -> Path:
    """The path of a committed file, after its checksum was found right.

    Args:
        name: the file's name, e.g. "cued_gru.safetensors".
        folder: where the manifest stands.

    Raises:
        DataError: for a file that is not in the manifest, missing, or damaged.
    """
    manifest = read_manifest(folder)
    if name not in manifest:
        raise DataError(f"{name}: expected one of {sorted(manifest)}")
    path, entry = folder / name, manifest[name]
    restore = f"restore it with: git checkout -- data/{name}, or make it anew: {entry['command']}"
    if not path.exists():
        raise DataError(f"{path}: the file is missing; {restore}")
    found = sha256_of(path)
    if found != entry["sha256"]:
        raise DataError(
            f"{path}: damaged, expected sha256 {entry['sha256'][:12]}..., got {found[:12]}...; "
            f"{restore}"
        )
    return path


def read_table(name: str, folder: Path = FOLDER) -> "pd.DataFrame":
    """A committed CSV file as a table.

    Raises:
        DataError: as `data_path`.
    """
    import pandas as pd  # takes as long to import as the whole core

    return pd.read_csv(data_path(name, folder))
