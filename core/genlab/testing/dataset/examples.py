"""What holds for the examples of every data set."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator

import torch
from torch import Tensor

from genlab.components.dataset import Examples
from genlab.testing.check import global_rng_untouched, require, require_equal
from genlab.testing.dataset.case import MANY, SPLITS, Case

__all__ = ["EXAMPLES", "VECTORS", "require_standardised"]

_LOOKED_AT = 1000  # examples of which values are looked at
_MOST_LAZY = 20_000  # lazy examples that are decoded
_BATCH = 500
_SHARED = 0.01  # of the test split: real photographs have a few twins


def _spec_is_sound(case: Case) -> None:
    """The spec is known without loading: its sides are positive, and there is a name per class."""
    spec = case.dataset.spec
    require(min(spec.shape) > 0, f"spec.shape = {spec.shape} has no numbers")
    require(spec.levels >= 0, f"spec.levels = {spec.levels}")
    require(
        len(set(spec.names)) == len(spec.names) == spec.classes,
        f"spec has {spec.classes} classes and the names {spec.names}",
    )


def _examples_fit_spec(case: Case) -> None:
    """Both splits have examples of the shape in the spec, as float32 or, but for vectors, as uint8."""
    spec = case.dataset.spec
    for split in SPLITS:
        examples = case.load(split)
        require(len(examples) > 0, f"{split} is empty")
        got = tuple(examples.x.shape[1:])
        require(got == spec.shape, f"{split} has the shape {got}, the spec {spec.shape}")
        raw = examples.x[torch.arange(min(2, len(examples)))]
        held = (torch.uint8, torch.float32) if spec.bounded else (torch.float32,)
        wanted = " or ".join(map(str, held))
        require(raw.dtype in held, f"{split} is {raw.dtype}, not {wanted}")
    require(case.dataset.spec == spec, "loading changes the spec")


def _labels_fit_spec(case: Case) -> None:
    """Labels are int64 (N,) in [-1, classes), all of which occur in train; without classes, none."""
    spec = case.dataset.spec
    for split in SPLITS:
        examples = case.load(split)
        y = examples.y
        if not spec.classes:
            require(y is None, f"{split} has labels, but spec.classes is 0")
            continue
        if y is None:
            raise AssertionError(f"{split} has no labels, but spec.classes is {spec.classes}")
        require(y.dtype == torch.int64, f"the labels of {split} are {y.dtype}, not int64")
        require(
            y.shape == (len(examples),), f"{len(examples)} examples and labels {tuple(y.shape)}"
        )
        low, high = int(y.min()), int(y.max())
        require(
            low >= -1 and high < spec.classes,
            f"labels of {split} are in [{low}, {high}], not in [-1, {spec.classes})",
        )
        if split == "train" or low == -1:  # a class that is nowhere may hide among the unknown
            missing = sorted(set(range(spec.classes)) - set(y.unique().tolist()))
            require(not missing, f"{split} has no example of the classes {missing[:5]}")


def _values_in_range(case: Case) -> None:
    """In the data convention values are finite float32 that vary; all but vectors lie in [-1, 1]."""
    for split in SPLITS:
        x = _some(case.load(split), _LOOKED_AT)
        require(x.dtype == torch.float32, f"{split} is {x.dtype} in the data convention")
        require(bool(x.isfinite().all()), f"{split} has values that are not finite")
        require(float(x.std()) > 0, f"{split} has one value only")
        if case.dataset.spec.bounded:
            low, high = float(x.min()), float(x.max())
            require(low >= -1 and high <= 1, f"{split} has values in [{low:g}, {high:g}]")


def _values_on_levels(case: Case) -> None:
    """Values lie on the grey levels of spec.levels; 0 levels: anywhere."""
    spec = case.dataset.spec
    width = spec.level_width
    if width is None:
        return
    for split in SPLITS:
        x = _some(case.load(split), _LOOKED_AT)
        off = (x + 1) / width
        worst = float((off - off.round()).abs().max()) * width
        # levels that do not divide 255 are rounded to uint8
        require(
            worst <= (1e-4 if spec.levels == 256 else 0.51 / 127.5),
            f"{split} has values {worst:.2g} off {spec.levels} levels: spec.levels is 0 where values are "
            f"continuous",
        )


def _loads_alike_twice(case: Case) -> None:
    """Loading a split twice gives the same examples in the same order."""
    for split in SPLITS:
        first, again = case.load(split), case.dataset.load(split, case.root)
        require(
            len(first) == len(again), f"{split} has {len(first)} and then {len(again)} examples"
        )
        for a, b in zip(first.first(1000), again.first(1000), strict=True):
            if a is not None and b is not None:
                require_equal(b, a, f"two loads of {split}")


def _splits_differ(case: Case) -> None:
    """No example of test is in train, but for one in a hundred."""
    known = set(_fingerprints(case.load("train")))
    test = list(_fingerprints(case.load("test")))
    shared = sum(example in known for example in test)
    require(shared <= _SHARED * len(test), f"{shared} of the {len(test)} of test are in train")


def _global_rng_untouched(case: Case) -> None:
    """Loading and drawing leave the global generators alone."""
    for split in SPLITS:
        with global_rng_untouched(f"load({split!r})"):
            case.dataset.load(split, case.root)


def _standardised(case: Case) -> None:
    """Every coordinate of train has mean 0 and variance 1, within five standard errors; or never varies."""
    require_standardised(_some(case.load("train"), MANY), "train")


EXAMPLES = (
    _spec_is_sound,
    _examples_fit_spec,
    _labels_fit_spec,
    _values_in_range,
    _values_on_levels,
    _loads_alike_twice,
    _splits_differ,
    _global_rng_untouched,
)
VECTORS = (_standardised,)


def require_standardised(x: Tensor, what: str) -> None:
    """Require that every coordinate of points ``(N, D)`` has mean 0 and variance 1, or never varies."""
    x = x.double()
    varies = x.std(0) > 0
    for name, values, want in (("mean", x, 0.0), ("variance", x.square(), 1.0)):
        got = values.mean(0)
        chance = 5 * values.std(0) / math.sqrt(len(x))
        off = (varies & ((got - want).abs() > chance)).nonzero().flatten().tolist()
        require(
            not off,
            f"{what}: the {name} of coordinate {off[:1]} is {got[off[:1]].tolist()}, not {want} "
            f"(five standard errors: {chance[off[:1]].tolist()})",
        )


def _some(examples: Examples, most: int) -> Tensor:
    """Return examples in the data convention, spread over the split where there are more."""
    return examples.take(_spread(len(examples), most))[0]


def _spread(n: int, most: int) -> Tensor:
    return torch.linspace(0, n - 1, min(n, most)).round().long()


def _fingerprints(examples: Examples) -> Iterator[bytes]:
    """Yield what tells an example from others: of all, or of lazy ones that are spread over the split."""
    index = _spread(len(examples), _MOST_LAZY if examples.lazy else len(examples))
    for part in index.split(_BATCH):
        for example in examples.x[part]:
            yield hashlib.blake2b(example.contiguous().numpy().tobytes(), digest_size=16).digest()
