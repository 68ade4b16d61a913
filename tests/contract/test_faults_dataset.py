"""Checks of data sets, each on one with a planted fault that it alone finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab import Dataset, DataSpec, Examples, LazyImages, Split
from genlab.testing import check_dataset, component_checks, dataset_checks
from genlab.testing.tiny import TwoNormals

_SEEDS = iter(range(10, 1_000_000))


def tensor_of(examples: Examples) -> Tensor:
    assert isinstance(examples.x, Tensor)
    return examples.x


class LabelsTooLarge(TwoNormals):
    def load(self, split: Split, root: Path | None = None) -> Examples:
        examples = super().load(split, root)
        return Examples(examples.x, None if examples.y is None else examples.y + 1)


class ClassZeroIsUnknown(TwoNormals):
    """In the test split nobody knows the examples of class 0."""

    def load(self, split: Split, root: Path | None = None) -> Examples:
        examples = super().load(split, root)
        if split == "train" or examples.y is None:
            return examples
        return Examples(examples.x, torch.where(examples.y > 0, examples.y, -1))


class WrongNames(TwoNormals):
    def __init__(self) -> None:
        self.spec = DataSpec((2,), "vector", 2, ("left",))


class LoadsThree(TwoNormals):
    def load(self, split: Split, root: Path | None = None) -> Examples:
        examples = super().load(split, root)
        return Examples(tensor_of(examples)[:, :1].expand(-1, 3).clone(), examples.y)


class HasNaN(TwoNormals):
    def load(self, split: Split, root: Path | None = None) -> Examples:
        examples = super().load(split, root)
        tensor_of(examples)[77, 1] = torch.nan
        return examples


class NeverTheSame(TwoNormals):
    def load(self, split: Split, root: Path | None = None) -> Examples:
        return self.draw(500, generator=torch.Generator().manual_seed(next(_SEEDS)))


class TestInsideTrain(TwoNormals):
    """The test split is the end of the training split."""

    __test__ = False

    def load(self, split: Split, root: Path | None = None) -> Examples:
        x, y = super().load("train", root).first(500)
        return (
            Examples(x, y)
            if split == "train"
            else Examples(x[350:], None if y is None else y[350:])
        )


class SharesSome(TwoNormals):
    """One in twenty of the test split is in train."""

    def load(self, split: Split, root: Path | None = None) -> Examples:
        examples, train = super().load(split, root), super().load("train", root)
        if split == "test":
            tensor_of(examples)[::20] = tensor_of(train)[300:325]
        return examples


class Reseeds(TwoNormals):
    def load(self, split: Split, root: Path | None = None) -> Examples:
        torch.manual_seed(0)
        return super().load(split, root)


class NotCentred(TwoNormals):
    def load(self, split: Split, root: Path | None = None) -> Examples:
        examples = super().load(split, root)
        return Examples(tensor_of(examples) + 0.3, examples.y)


class OneDraw(TwoNormals):
    def draw(self, n: int, *, generator: torch.Generator) -> Examples:
        seed = generator.initial_seed()
        own = torch.Generator().manual_seed(seed if seed else next(_SEEDS))
        return super().draw(n, generator=own)


class DrawsFromAll(TwoNormals):
    """Draws from the global generator as well; not when it loads."""

    def draw(self, n: int, *, generator: torch.Generator) -> Examples:
        if n != 500:
            torch.rand(1)
        return super().draw(n, generator=generator)


class DrawsNotCentred(TwoNormals):
    """What is drawn is off the centre, as its density says; not what is loaded."""

    def load(self, split: Split, root: Path | None = None) -> Examples:
        return TwoNormals().load(split, root)

    def draw(self, n: int, *, generator: torch.Generator) -> Examples:
        examples = super().draw(n, generator=generator)
        return Examples(tensor_of(examples) + 0.1, examples.y)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return TwoNormals().log_prob(x - 0.1, y)


class TooLikely(TwoNormals):
    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return TwoNormals().log_prob(x, y) + 0.05


class WrongEntropy(TwoNormals):
    @property
    def entropy(self) -> float | None:
        return 1.0


class FarIsNaN(TwoNormals):
    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        log_prob = TwoNormals().log_prob(x, y)
        return torch.where(x.norm(dim=1) > 30, torch.nan, log_prob)


class Shifted(TwoNormals):
    """The density of every class is that of points a little further up."""

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return TwoNormals().log_prob(x - torch.tensor([0.0, 0.2]), y)


class NoMixture(TwoNormals):
    """A marginal with ripples that its classes do not have, too fine to move its integrals."""

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        ripples = 0.0 if y is not None else 0.1 * torch.sin(9 * x[:, 1])
        return TwoNormals().log_prob(x, y) + ripples


class Secret(TwoNormals):
    has_log_prob = False


class Table(Dataset):
    """A sound set of vectors, of which one coordinate never varies."""

    def __init__(self) -> None:
        self.spec = DataSpec((3,), "vector")

    def load(self, split: Split, root: Path | None = None) -> Examples:
        generator = torch.Generator().manual_seed({"train": 1, "test": 2}[split])
        x = torch.randn(1000, 3, generator=generator)
        x = (x - x.mean(0)) / x.std(0, correction=0)
        x[:, 2] = 0.0
        return Examples(x)


class RawTable(Table):
    """In metres, not in deviations."""

    def load(self, split: Split, root: Path | None = None) -> Examples:
        return Examples(1.3 * tensor_of(super().load(split, root)))


class Pictures(Dataset):
    """Sound images of 17 grey levels."""

    levels = 17

    def __init__(self) -> None:
        self.spec = DataSpec((1, 4, 4), "image", levels=self.levels)

    def load(self, split: Split, root: Path | None = None) -> Examples:
        generator = torch.Generator().manual_seed({"train": 1, "test": 2}[split])
        x = torch.randint(17, (200, 1, 4, 4), generator=generator)
        return Examples((x * 255 / 16).round().to(torch.uint8))


class Photographs(Pictures):
    """Sound images with continuous values."""

    levels = 0

    def load(self, split: Split, root: Path | None = None) -> Examples:
        generator = torch.Generator().manual_seed({"train": 1, "test": 2}[split])
        return Examples(2 * torch.rand(200, 1, 4, 4, generator=generator) - 1)


class ContinuousOnLevels(Photographs):
    """Continuous values, which its spec says to be levels from 0 to 255."""

    levels = 256


class TooBright(Photographs):
    def load(self, split: Split, root: Path | None = None) -> Examples:
        return Examples(1.1 * tensor_of(super().load(split, root)))


class Series(Photographs):
    """Sound series."""

    def __init__(self) -> None:
        self.spec = DataSpec((1, 16), "series", levels=0)

    def load(self, split: Split, root: Path | None = None) -> Examples:
        return Examples(tensor_of(super().load(split, root)).flatten(2))


class Files(Pictures):
    """Sound images that are decoded when they are asked for."""

    def load(self, split: Split, root: Path | None = None) -> Examples:
        x = tensor_of(super().load(split, root))
        return Examples(LazyImages(lambda index: x[index], len(x), (1, 4, 4)))


FAULTS: list[tuple[Callable[[], Dataset], str]] = [
    (LabelsTooLarge, "labels_fit_spec"),
    (ClassZeroIsUnknown, "labels_fit_spec"),
    (WrongNames, "spec_is_sound"),
    (LoadsThree, "examples_fit_spec"),
    (HasNaN, "values_in_range"),
    (TooBright, "values_in_range"),
    (ContinuousOnLevels, "values_on_levels"),
    (NeverTheSame, "loads_alike_twice"),
    (TestInsideTrain, "splits_differ"),
    (SharesSome, "splits_differ"),
    (Reseeds, "global_rng_untouched"),
    (NotCentred, "standardised"),
    (RawTable, "standardised"),
    (OneDraw, "draw_reproducible"),
    (DrawsFromAll, "draw_leaves_global_rng"),
    (DrawsNotCentred, "draws_standardised"),
    (TooLikely, "integrates_to_one"),
    (WrongEntropy, "entropy_is_mean_log_prob"),
    (FarIsNaN, "log_prob_shape"),
    (Shifted, "samples_follow_log_prob"),
    (NoMixture, "marginal_mixes_classes"),
    (Secret, "unknown_density_says_so"),
]


@pytest.mark.parametrize(("broken", "check"), FAULTS)
def test_alone_found(broken: Callable[[], Dataset], check: str, found: Any) -> None:
    assert found(dataset_checks(broken())) == [check]


def test_every_check_has_a_fault() -> None:
    sets = (TwoNormals(), Secret(), Table(), Pictures())
    names = {check.name for each in sets for check in dataset_checks(each)}
    of_every_role = {check.name for check in component_checks(TwoNormals)}
    assert names - of_every_role == {check for _, check in FAULTS}


@pytest.mark.parametrize("sound", [TwoNormals, Table, Pictures, Photographs, Series, Files])
def test_sound_ones_pass(sound: Callable[[], Dataset]) -> None:
    check_dataset(sound())
