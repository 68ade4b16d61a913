"""What a model itself says of unseen data, against entropies, divergences and Bayes' rule."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from genlab import (
    ArrayDataset,
    Data,
    DataSpec,
    Density,
    DensityModel,
    DensityTags,
    DiffusionModel,
    Examples,
    PointSet,
    Prior,
    Restorer,
    Split,
)
from genlab.components import loaded
from genlab.evaluation import accuracy, likelihood_records
from genlab.testing import CosineNoise, Fade
from genlab.testing.tiny import AffineFlow, StepDown, TwoNormals

OMEGA = 0.99 * math.pi / 2
ENTROPY = math.log(2 * math.pi * math.e)
"""Of the standard normal distribution in the plane."""


class Normal(PointSet):
    """The standard normal distribution in the plane."""

    has_log_prob = True
    spec = DataSpec((2,), "vector")
    entropy = ENTROPY

    def load(self, split: Split, root: Path | None = None) -> Examples:
        return self.draw(50, generator=torch.Generator().manual_seed(0))

    def draw(self, n: int, *, generator: torch.Generator) -> Examples:
        return Examples(torch.randn(n, 2, generator=generator))

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return -0.5 * x.square().sum(1) - math.log(2 * math.pi)


class Even(Density):
    """The uniform density over all cells of an image, which remembers what it saw."""

    tags = DensityTags(data=frozenset({"image"}))

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        self.spec = spec
        self.seen: list[Tensor] = []

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        self.seen.append(x)
        assert self.spec.level_width is not None
        whole = math.prod(self.spec.shape) * math.log(self.spec.levels * self.spec.level_width)
        return torch.full((len(x),), -whole)

    def joint_log_prob(self, x: Tensor) -> Tensor:
        return self.log_prob(x)[:, None]

    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        raise NotImplementedError


def records(model: Any, data: Data, seed: int = 3) -> dict[str, dict[str, Any]]:
    return {record["name"]: record for record in likelihood_records(model, data, seed=seed)}


def flow(spec: DataSpec, shift: float = 0.0) -> DensityModel:
    """Normal around the shift, with deviation 1."""
    made = AffineFlow(spec)
    with torch.no_grad():
        made.shift.fill_(shift)
    return DensityModel(spec, made)


# --- densities


def test_the_true_density_has_the_entropy_and_another_its_divergence_more() -> None:
    """KL(N(0, I) | N(b, I)) = |b|^2 / 2; of 100,000 fresh points."""
    data = loaded(Normal())
    for shift in (0.0, 0.5):
        found = records(flow(data.spec, shift), data)
        assert set(found) == {"nll", "nll-above-entropy"}
        divergence = shift**2
        chance = 5 * math.sqrt((1 + 2 * shift**2) / 100_000)
        assert found["nll"]["value"] == pytest.approx(ENTROPY + divergence, abs=chance)
        assert found["nll-above-entropy"]["value"] == pytest.approx(divergence, abs=chance)
        assert (found["nll"]["baseline"], found["nll-above-entropy"]["baseline"]) == (ENTROPY, 0.0)
        ends = [
            found["nll"]["interval"],
            [ENTROPY + v for v in found["nll-above-entropy"]["interval"]],
        ]
        assert ends[0] == pytest.approx(ends[1])


def test_a_record_holds_all_that_is_needed_to_trust_it() -> None:
    data = loaded(Normal())
    record = records(flow(data.spec), data)["nll"]
    # the variance of |x|^2 / 2 of two normal numbers is 1
    assert record["standard_error"] == pytest.approx(1 / math.sqrt(100_000), rel=0.03)
    low, high = record["interval"]
    assert (low + high) / 2 == pytest.approx(record["value"])
    assert high - low == pytest.approx(2 * 1.959964 * record["standard_error"])
    for key in ("value", "interval", "standard_error"):
        del record[key]
    assert record == {
        "name": "nll", "n": 100_000, "features": "data", "reference": "test", "reference_n": 100_000,
        "seed": 3, "ema": True, "baseline": ENTROPY, "baseline_n": 100_000,
    }  # fmt: skip


@pytest.mark.parametrize("levels", [256, 17])
def test_the_uniform_density_needs_the_bits_of_a_level(levels: int) -> None:
    """log2(levels) bits per dimension, of images that are dequantised."""
    x = (torch.arange(levels).repeat(10)[: 40 * 4] * 2 / (levels - 1) - 1).reshape(40, 1, 2, 2)
    spec = DataSpec((1, 2, 2), "image", levels=levels)
    data = Data(spec, Examples(x), Examples(x), ArrayDataset(x=x))
    density = Even(spec)
    found = records(DensityModel(spec, density, batch=7), data)
    assert set(found) == {"nll", "bits-per-dim"}
    assert found["bits-per-dim"]["value"] == pytest.approx(math.log2(levels), rel=1e-6)
    assert "baseline" not in found["bits-per-dim"]
    assert found["nll"]["n"] == 40
    seen = torch.cat(density.seen)
    off = (seen - x) / (2 / (levels - 1))
    assert 0.4 < float(off.abs().max()) <= 0.501


def test_continuous_images_have_no_bits() -> None:
    x = torch.zeros(20, 1, 2, 2) + torch.linspace(-1, 1, 20)[:, None, None, None]
    data = loaded(ArrayDataset(x=x))
    assert set(records(flow(data.spec), data)) == {"nll"}


def test_accuracy_of_the_true_posteriors_is_that_of_bayes() -> None:
    """Two normal distributions 1.2 apart, of deviation .8: Phi(.6 / .8)."""
    data = loaded(TwoNormals())
    true = AffineFlow(data.spec)
    assert true.centres is not None
    with torch.no_grad():
        true.log_scale.copy_(torch.tensor([1 / 0.8, 1.0]).log())
        true.centres.copy_(torch.tensor([[-0.75, 0.0], [0.75, 0.0]]))
    found = records(DensityModel(data.spec, true, conditional=True), data)
    bayes = 0.5 * math.erfc(-0.75 / math.sqrt(2))
    assert found["accuracy"]["value"] == pytest.approx(bayes, abs=0.006)
    assert found["accuracy"]["baseline"] == pytest.approx(found["accuracy"]["value"], abs=1e-4)
    share = found["accuracy"]["value"]
    want = stats.binomtest(round(share * 100_000), 100_000).proportion_ci(method="wilson")
    assert found["accuracy"]["interval"] == pytest.approx(list(want))
    assert "standard_error" not in found["accuracy"]
    assert "nll-above-entropy" not in found, "its entropy is not known"
    with torch.no_grad():
        true.centres.copy_(-true.centres)
    wrong = records(DensityModel(data.spec, true, conditional=True), data)
    assert wrong["accuracy"]["value"] == pytest.approx(1 - bayes, abs=0.006)
    assert wrong["accuracy"]["baseline"] == pytest.approx(bayes, abs=0.006)
    assert "accuracy" not in records(DensityModel(data.spec, true), data)


class Rare(TwoNormals):
    """Three of four points are of the first class."""

    def draw(self, n: int, *, generator: torch.Generator) -> Examples:
        drawn = super().draw(4 * n, generator=generator)
        x, y = drawn.x, drawn.y
        assert isinstance(x, Tensor)
        assert y is not None
        order = torch.cat([(y == 0).nonzero()[: 3 * n // 4, 0], (y == 1).nonzero()[: n // 4, 0]])
        return Examples(x[order], y[order])


def test_classes_count_as_often_as_they_come() -> None:
    """The best threshold is at u = log(3) / (2 * .75) deviations of .8 from the middle."""
    data = loaded(Rare())
    model = DensityModel(data.spec, AffineFlow(data.spec), conditional=True)
    found = records(model, data)["accuracy"]["baseline"]
    u = math.log(3) / 1.5
    bayes = 0.75 * 0.5 * math.erfc(-(0.75 + u) / math.sqrt(2)) + 0.25 * 0.5 * math.erfc(
        -(0.75 - u) / math.sqrt(2)
    )
    assert found == pytest.approx(bayes, abs=0.006)


def test_data_without_a_density_has_no_best_accuracy() -> None:
    x = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
    data = loaded(ArrayDataset(x=x, y=torch.arange(60) % 2))
    torch.manual_seed(0)
    model = DensityModel(data.spec, AffineFlow(data.spec), conditional=True)
    record = records(model, data)["accuracy"]
    assert record["n"] == 6
    assert "baseline" not in record


def test_unknown_labels_do_not_count_for_accuracy() -> None:
    posteriors = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]]).log()
    assert accuracy(posteriors, torch.tensor([0, 1, 1, -1])) == pytest.approx(2 / 3)


# --- diffusion


class Ideal(nn.Module):
    """The best estimate of standard normal data from cos(w t) x_0 + sin(w t) z."""

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return (OMEGA * t).cos().reshape(-1, *[1] * (x.ndim - 1)) * x


def diffusion(spec: DataSpec, degradation: Any = None, batch: int = 500) -> DiffusionModel:
    degradation = degradation or CosineNoise()
    restorer = Restorer(Ideal(), degradation, prediction="x0")
    return DiffusionModel(spec, restorer, Prior(degradation, spec, None), StepDown(), batch=batch)


def test_the_bound_of_the_best_diffusion_is_the_entropy() -> None:
    data = loaded(Normal())
    found = records(diffusion(data.spec), data)
    assert set(found) == {"bound", "bound-above-entropy"}
    assert found["bound"]["n"] == 10_000
    low, high = found["bound"]["interval"]
    off = abs(found["bound"]["value"] - ENTROPY)
    assert off < 4 * found["bound"]["standard_error"], "one interval in twenty misses it"
    assert high - low < 0.1, "several noise levels are averaged"
    assert found["bound-above-entropy"]["value"] == pytest.approx(found["bound"]["value"] - ENTROPY)
    assert found["bound"]["baseline"] == ENTROPY
    assert found["bound"]["ema"] is True


def test_the_bound_of_images_in_bits() -> None:
    x = torch.randint(256, (50, 1, 2, 2), generator=torch.Generator().manual_seed(0)).byte()
    data = loaded(ArrayDataset(x=x, test=x))
    found = records(diffusion(data.spec, batch=20), data)
    assert set(found) == {"bound", "bound-bits-per-dim"}
    bits = found["bound"]["value"] / 4 / math.log(2)
    assert found["bound-bits-per-dim"]["value"] == pytest.approx(bits)
    error = found["bound"]["standard_error"] / 4 / math.log(2)
    assert found["bound-bits-per-dim"]["standard_error"] == pytest.approx(error)
    assert found["bound"] == records(diffusion(data.spec, batch=20), data)["bound"]
    assert found["bound"] != records(diffusion(data.spec, batch=20), data, seed=4)["bound"]


def test_any_other_model_says_nothing() -> None:
    data = loaded(Normal())
    assert likelihood_records(diffusion(data.spec, Fade()), data, seed=0) == []
