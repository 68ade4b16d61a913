"""Which reference classifier measures samples.

The classifier of a training split is found by the split itself, by its fingerprint. It is the first of

1. the file that a metric's parameter ``classifier`` names,
2. the classifiers that genlab ships (digits, MNIST), so that published numbers compare,
3. the one in the user's cache, where ``genlab classifier`` leaves it,
4. a new one, trained on the spot by the same procedure with its usual budget, and left in the cache.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path

import torch

from genlab import DataSpec, Examples, RequestError, cache_folder, write_bytes
from genlab_plugins.metrics.classifier import Classifier, fingerprint, load_classifier
from genlab_plugins.metrics.classifier_training import PROCEDURE, train_classifier

__all__ = ["cached_file", "find_classifier", "shipped_classifier", "shipped_names"]


def find_classifier(train: Examples, spec: DataSpec, *, file: str | None = None) -> Classifier:
    """Return the reference classifier of a training split.

    Args:
        train: The training split.
        spec: What the data is.
        file: A file that ``genlab classifier`` wrote; None: the classifier is looked for.

    Raises:
        RequestError: The file cannot be read or is for other images, or the data has no labels.
    """
    if file is not None:
        return _checked(load_classifier(Path(file)), spec, file)
    mark = fingerprint(train, spec)
    for name in shipped_names():
        if shipped_classifier(name).record.fingerprint == mark:
            return shipped_classifier(name)
    path = cached_file(mark)
    if path not in _FOUND:
        _FOUND[path] = _cached_or_new(path, train, spec)
    return _FOUND[path]


def cached_file(mark: str) -> Path:
    """Return where the classifier of a fingerprint lies in the user's cache."""
    return cache_folder() / "classifiers" / f"{mark}-{PROCEDURE}.safetensors"


@cache
def shipped_names() -> tuple[str, ...]:
    """Return the names of the data sets whose classifier is shipped."""
    files = resources.files(__package__).joinpath("weights").iterdir()
    ending = ".safetensors"
    return tuple(sorted(f.name.removesuffix(ending) for f in files if f.name.endswith(ending)))


@cache
def shipped_classifier(name: str) -> Classifier:
    """Return a classifier that is shipped, such as ``"mnist"``.

    Raises:
        RequestError: None is shipped for this data set.
    """
    if name not in shipped_names():
        raise RequestError(
            f"no classifier of {name!r} is shipped: there are {', '.join(shipped_names())}"
        )
    entry = resources.files(__package__).joinpath("weights", f"{name}.safetensors")
    with resources.as_file(entry) as path:
        return load_classifier(path)


_FOUND: dict[Path, Classifier] = {}


def _checked(classifier: Classifier, spec: DataSpec, file: str) -> Classifier:
    record = classifier.record
    if (record.shape, record.classes) == (spec.shape, spec.classes):
        return classifier
    raise RequestError(
        f"the classifier {file} is for images {record.shape} of {record.classes} classes, and this data has "
        f"{spec.shape} and {spec.classes}"
    )


def _cached_or_new(path: Path, train: Examples, spec: DataSpec) -> Classifier:
    if path.is_file():
        return load_classifier(path)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    classifier = train_classifier(train, None, spec, dataset="", device=device)
    try:
        write_bytes(path, classifier.to_bytes())
    except OSError:
        return classifier  # without a cache the next process trains once more
    return classifier
