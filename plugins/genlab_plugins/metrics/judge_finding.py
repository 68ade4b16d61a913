"""Which judge looks at samples.

The judge of a training split is found by the split itself, by its fingerprint. It is the first of

1. the file that a metric's parameter ``judge`` names,
2. the judges that genlab ships (digits, MNIST), so that published numbers compare,
3. the one in the user's cache, where ``genlab judge`` leaves it,
4. a new one, trained on the spot by the same procedure with its usual budget, and left in the cache.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path

import torch
from platformdirs import user_cache_dir

from genlab import DataSpec, Examples, RequestError
from genlab.files import write_bytes
from genlab_plugins.metrics.judge import PROCEDURE, Judge, fingerprint, load_judge
from genlab_plugins.metrics.judge_training import train_judge

__all__ = ["cached_file", "find_judge", "shipped_judge", "shipped_names"]


def find_judge(train: Examples, spec: DataSpec, *, file: str | None = None) -> Judge:
    """Return the judge of a training split.

    Args:
        train: The training split.
        spec: What the data is.
        file: A file that ``genlab judge`` wrote; None: the judge is looked for.

    Raises:
        RequestError: The file cannot be read or is for other images, or the data has no labels.
    """
    if file is not None:
        return _checked(load_judge(Path(file)), spec, file)
    mark = fingerprint(train, spec)
    for name in shipped_names():
        if shipped_judge(name).record.fingerprint == mark:
            return shipped_judge(name)
    path = cached_file(mark)
    if path not in _FOUND:
        _FOUND[path] = _cached_or_new(path, train, spec)
    return _FOUND[path]


def cached_file(mark: str) -> Path:
    """Return where the judge of a fingerprint lies in the user's cache."""
    return Path(user_cache_dir("genlab")) / "judges" / f"{mark}-{PROCEDURE}.safetensors"


@cache
def shipped_names() -> tuple[str, ...]:
    """Return the names of the data sets whose judge is shipped."""
    files = resources.files(__package__).joinpath("weights").iterdir()
    ending = ".safetensors"
    return tuple(sorted(f.name.removesuffix(ending) for f in files if f.name.endswith(ending)))


@cache
def shipped_judge(name: str) -> Judge:
    """Return a judge that is shipped, such as ``"mnist"``.

    Raises:
        RequestError: None is shipped for this data set.
    """
    if name not in shipped_names():
        raise RequestError(
            f"no judge of {name!r} is shipped: there are {', '.join(shipped_names())}"
        )
    entry = resources.files(__package__).joinpath("weights", f"{name}.safetensors")
    with resources.as_file(entry) as path:
        return load_judge(path)


_FOUND: dict[Path, Judge] = {}


def _checked(judge: Judge, spec: DataSpec, file: str) -> Judge:
    if (judge.record.shape, judge.record.classes) == (spec.shape, spec.classes):
        return judge
    raise RequestError(
        f"the judge {file} is for images {judge.record.shape} of {judge.record.classes} classes, and this "
        f"data has {spec.shape} and {spec.classes}"
    )


def _cached_or_new(path: Path, train: Examples, spec: DataSpec) -> Judge:
    if path.is_file():
        return load_judge(path)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    judge = train_judge(train, None, spec, dataset="", device=device)
    try:
        write_bytes(path, judge.to_bytes())
    except OSError:
        return judge  # without a cache the next process trains once more
    return judge
