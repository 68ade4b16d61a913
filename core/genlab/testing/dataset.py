"""The contract of a data set."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from genlab.protocols import Dataset, Examples, PointSet, Split
from genlab.testing.check import (
    Check,
    bind,
    global_rng_untouched,
    require,
    require_close,
    require_equal,
    run_checks,
    seeded,
)
from genlab.testing.plane import Plane, require_samples_fit

__all__ = ["check_dataset", "dataset_checks"]


def check_dataset(instance: Dataset, root: Path | None = None) -> None:
    """Check a data set against its contract.

    Args:
        instance: The data set.
        root: The data folder, for data sets that live in files.

    Raises:
        ContractError: It breaks at least one clause.
    """
    run_checks(type(instance).__name__, dataset_checks(instance, root))


def dataset_checks(instance: Dataset, root: Path | None = None) -> Iterator[Check]:
    """Yield the checks of a data set; one that is drawn from a known distribution has more of them.

    Args:
        instance: The data set.
        root: See :func:`check_dataset`.
    """
    case = _Case(instance, root)
    yield from bind(_ALWAYS, case)
    if isinstance(instance, PointSet):
        yield from bind(_POINTS, case)
        if instance.has_log_prob:
            yield from bind(_KNOWN_DENSITY, case)
        else:
            yield from bind([_unknown_density_says_so], case)
        if instance.has_log_prob and instance.spec.shape == (2,):
            yield from bind(_ON_THE_PLANE, case)
        if instance.has_log_prob and instance.spec.classes:
            yield from bind([_marginal_mixes_classes], case)


@dataclass(frozen=True)
class _Case:
    dataset: Dataset
    root: Path | None
    loaded: dict[str, Examples] = field(default_factory=dict)
    planes: dict[int | None, Plane] = field(default_factory=dict)

    def load(self, split: Split) -> Examples:
        if split not in self.loaded:
            self.loaded[split] = self.dataset.load(split, self.root)
        return self.loaded[split]

    @property
    def points(self) -> PointSet:
        return cast(PointSet, self.dataset)

    def draw(self, n: int, seed: int = 0) -> tuple[Tensor, Tensor | None]:
        examples = self.points.draw(n, generator=seeded(seed))
        return cast(Tensor, examples.x), examples.y

    def plane(self, k: int | None, samples: Tensor) -> Plane:
        """Integrate the density of a class, or the marginal, once."""
        if k not in self.planes:
            self.planes[k] = Plane.integrate(partial(_log_prob, self.points, k), samples)
        return self.planes[k]


_SPLITS: tuple[Split, ...] = ("train", "test")
_MANY = 20_000  # points of which moments are taken


def _spec_is_sound(case: _Case) -> None:
    """The spec is known without loading: its shape fits its kind, and there is a name per class."""
    spec = case.dataset.spec
    sides = {"image": 3, "vector": 1}
    require(spec.kind in sides, f"spec.kind is {spec.kind!r}")
    require(
        len(spec.shape) == sides[spec.kind] and min(spec.shape) > 0,
        f"spec.shape = {spec.shape} is no shape of a {spec.kind}",
    )
    require(
        len(set(spec.names)) == len(spec.names) == spec.classes,
        f"spec has {spec.classes} classes and the names {spec.names}",
    )


def _examples_fit_spec(case: _Case) -> None:
    """Both splits have examples of the shape in the spec: uint8 images, or float32 vectors."""
    spec = case.dataset.spec
    for split in _SPLITS:
        examples = case.load(split)
        require(len(examples) > 0, f"{split} is empty")
        got = tuple(examples.x.shape[1:])
        require(got == spec.shape, f"{split} has the shape {got}, the spec {spec.shape}")
        raw = examples.x[torch.arange(min(2, len(examples)))]
        want = torch.uint8 if spec.kind == "image" else torch.float32
        require(raw.dtype == want, f"{split} is {raw.dtype}, not {want}")
    require(case.dataset.spec == spec, "loading changes the spec")


def _labels_fit_spec(case: _Case) -> None:
    """Labels are int64 (N,) in [-1, classes), every class occurs in train; without classes, none."""
    spec = case.dataset.spec
    for split in _SPLITS:
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
    y = case.load("train").y
    if y is not None:
        missing = sorted(set(range(spec.classes)) - set(y.unique().tolist()))
        require(not missing, f"train has no example of the classes {missing[:5]}")


def _values_in_range(case: _Case) -> None:
    """In the data convention values are finite float32 that vary, and images lie in [-1, 1]."""
    for split in _SPLITS:
        x, _ = case.load(split).first(256)
        require(x.dtype == torch.float32, f"{split} is {x.dtype} in the data convention")
        require(bool(x.isfinite().all()), f"{split} has values that are not finite")
        require(float(x.std()) > 0, f"{split} has one value only")
        if case.dataset.spec.kind == "image":
            low, high = float(x.min()), float(x.max())
            require(low >= -1 and high <= 1, f"{split} has values in [{low:g}, {high:g}]")


def _loads_alike_twice(case: _Case) -> None:
    """Loading a split twice gives the same examples in the same order."""
    for split in _SPLITS:
        first, again = case.load(split), case.dataset.load(split, case.root)
        require(
            len(first) == len(again), f"{split} has {len(first)} and then {len(again)} examples"
        )
        for a, b in zip(first.first(1000), again.first(1000), strict=True):
            if a is not None and b is not None:
                require_equal(b, a, f"two loads of {split}")


def _splits_differ(case: _Case) -> None:
    """Train and test are not the same examples."""
    train, test = (case.load(split).first(200)[0] for split in _SPLITS)
    known = {row.numpy().tobytes() for row in train}
    shared = sum(row.numpy().tobytes() in known for row in test)
    require(shared < len(test) / 2, f"{shared} of the first {len(test)} of test are in train")


def _global_rng_untouched(case: _Case) -> None:
    """Loading and drawing leave the global generators alone."""
    for split in _SPLITS:
        with global_rng_untouched(f"load({split!r})"):
            case.dataset.load(split, case.root)
    if isinstance(case.dataset, PointSet):
        with global_rng_untouched("draw()"):
            case.draw(10)


def _draw_reproducible(case: _Case) -> None:
    """draw(n) gives n points, the same for the same seed, and others for another seed."""
    for n in (1, 100):
        x, y = case.draw(n)
        require(x.shape == (n, *case.dataset.spec.shape), f"shape {tuple(x.shape)} for n = {n}")
        require(x.dtype == torch.float32, f"draw() gives {x.dtype}, not float32")
        again_x, again_y = case.draw(n)
        require_equal(again_x, x, f"two draws of {n}")
        require((y is None) == (not case.dataset.spec.classes), "labels and spec.classes disagree")
        if y is not None and again_y is not None:
            require_equal(again_y, y, f"labels of two draws of {n}")
        require(not torch.equal(case.draw(n, seed=7)[0], x), "seeds 0 and 7 draw the same points")


def _standardised(case: _Case) -> None:
    """Every coordinate has mean 0 and variance 1, within five standard errors."""
    x = case.draw(_MANY)[0].double()
    for name, values, want in (("mean", x, 0.0), ("variance", x.square(), 1.0)):
        got = values.mean(0)
        chance = 5 * values.std(0) / math.sqrt(len(x))
        off = ((got - want).abs() > chance).nonzero().flatten().tolist()
        require(
            not off,
            f"the {name} of coordinate {off[:1]} is {got[off[:1]].tolist()}, not {want} "
            f"(five standard errors: {chance[off[:1]].tolist()})",
        )


def _log_prob_shape(case: _Case) -> None:
    """log_prob gives one number per point, finite on the set's own points, also far from them no NaN."""
    x, y = case.draw(100)
    for labels in (None, y):
        log_prob = case.points.log_prob(x, labels)
        require(log_prob.shape == (100,), f"log_prob has the shape {tuple(log_prob.shape)}")
        require(bool(log_prob.isfinite().all()), "log_prob is not finite on the set's own points")
        far = case.points.log_prob(100 * x, labels)
        require(not bool(far.isnan().any()), "log_prob is NaN far from the data")


def _entropy_is_mean_log_prob(case: _Case) -> None:
    """The entropy, where it is known, is the mean of -log_prob, within five standard errors."""
    if case.points.entropy is None:
        return
    surprise = -case.points.log_prob(case.draw(_MANY)[0]).double()
    got, chance = float(surprise.mean()), 5 * float(surprise.std()) / math.sqrt(_MANY) + 1e-3
    require(
        abs(got - case.points.entropy) <= chance,
        f"entropy is {case.points.entropy:.4f}, the mean of -log_prob {got:.4f} (+- {chance:.4f})",
    )


def _integrates_to_one(case: _Case) -> None:
    """On the plane the density, and that of each class, integrates to 1."""
    x, y = case.draw(4000 * max(case.dataset.spec.classes, 1))
    for k in (None, *range(case.dataset.spec.classes)):
        chosen = x if k is None or y is None else x[y == k]
        plane = case.plane(k, chosen)
        whose = "the density" if k is None else f"that of class {k}"
        require(abs(plane.mass - 1) <= 0.02, f"{whose} integrates to {plane.mass:.4f}")


def _samples_follow_log_prob(case: _Case) -> None:
    """On the plane, drawn points have the mean and the squares that the density has."""
    x, y = case.draw(4000 * max(case.dataset.spec.classes, 1))
    for k in (None, *range(case.dataset.spec.classes)):
        chosen = x if k is None or y is None else x[y == k]
        plane = case.plane(k, chosen)
        require_samples_fit(plane, chosen, "all points" if k is None else f"class {k}")


def _marginal_mixes_classes(case: _Case) -> None:
    """The marginal density is the mixture of the classes' densities by their shares."""
    x, y = case.draw(_MANY)
    shares = torch.bincount(cast(Tensor, y), minlength=case.dataset.spec.classes).double() / _MANY
    points = x[:500]
    classes = [_log_prob(case.points, k, points).double() for k in range(len(shares))]
    mixed = (torch.stack(classes) + shares.log()[:, None]).logsumexp(0)
    worst = 5 * float(((1 - shares) / shares / _MANY).max().sqrt()) + 1e-3
    require_close(
        mixed - case.points.log_prob(points).double(), torch.zeros(500), worst,
        "log of the mixture of the classes against log_prob(x)",
    )  # fmt: skip


def _unknown_density_says_so(case: _Case) -> None:
    """Where has_log_prob is False, log_prob raises NotImplementedError and the entropy is None."""
    require(case.points.entropy is None, "has_log_prob is False, but the entropy is known")
    try:
        case.points.log_prob(case.draw(2)[0])
    except NotImplementedError:
        return
    raise AssertionError("has_log_prob is False, but log_prob() does not raise")


_ALWAYS = (
    _spec_is_sound,
    _examples_fit_spec,
    _labels_fit_spec,
    _values_in_range,
    _loads_alike_twice,
    _splits_differ,
    _global_rng_untouched,
)
_POINTS = (_draw_reproducible, _standardised)
_KNOWN_DENSITY = (_log_prob_shape, _entropy_is_mean_log_prob)
_ON_THE_PLANE = (_integrates_to_one, _samples_follow_log_prob)


def _log_prob(points: PointSet, k: int | None, x: Tensor) -> Tensor:
    return points.log_prob(x, None if k is None else torch.full((len(x),), k))
