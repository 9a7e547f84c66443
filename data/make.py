"""`make data`: make the data files again and record the origin of each in manifest.json.

    python data/make.py [recipe ...]

It can be stopped at any time: started again, it goes on with what data/.store/ holds.
The recipes are in data/recipes/; each makes one file, or several that belong together. If a file
does not change, its entry in the manifest does not change either.
"""

import argparse
import json
import platform
import shutil
import sys
import time
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from recipes import STORE, Recipe  # noqa: E402
from rnn_tutorial.data import sha256_of  # noqa: E402

LIBRARIES = ("torch", "numpy", "gymnasium", "scikit-learn")


def find_recipes() -> dict[str, Recipe]:
    """Name -> recipe, from every file in recipes/."""
    files = sorted((HERE / "recipes").glob("[!_]*.py"))
    modules = [import_module(f"recipes.{file.stem}") for file in files]
    return {recipe.name: recipe for module in modules for recipe in module.RECIPES}


def note(recipe: Recipe, name: str) -> dict[str, object]:
    """The manifest's entry for one file."""
    path = HERE / name
    return {
        "about": recipe.about,
        "sha256": sha256_of(path),
        "bytes": path.stat().st_size,
        "command": f"python data/make.py {recipe.name}",
        "seeds": recipe.seeds,
        "versions": {
            "python": platform.python_version(),
            **{library: version(library).split("+")[0] for library in LIBRARIES},
        },
    }


def main(arguments: list[str]) -> int:
    recipes = find_recipes()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", choices=[*recipes, []], metavar="recipe")
    chosen = parser.parse_args(arguments).recipes or list(recipes)
    manifest_path = HERE / "manifest.json"
    for name in chosen:
        start = time.perf_counter()
        recipes[name].make(HERE)
        shutil.rmtree(HERE / STORE / name, ignore_errors=True)
        # Read after making: another process may have written it in the meantime.
        manifest = json.loads(manifest_path.read_text()) if manifest_path.exists() else {}
        for file in recipes[name].files:
            entry = note(recipes[name], file)
            if manifest.get(file, {}).get("sha256") != entry["sha256"]:
                manifest[file] = entry
        text = json.dumps(dict(sorted(manifest.items())), indent=1) + "\n"
        manifest_path.write_text(text)
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
