"""Methods of restoring by name, restoring given images, and how good that is."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genlab import (
    ArrayDataset,
    Data,
    DataSpec,
    Degradation,
    DegradationTags,
    DiffusionModel,
    Metric,
    MetricTags,
    Prior,
    RequestError,
    Restorer,
    build,
    restore,
)
from genlab.components import loaded
from genlab.diffusion import restore_by_posterior
from genlab.evaluation import METHODS, Restoration, quality, restore_by, restore_given
from genlab.seeds import generator_of
from genlab.testing import CosineNoise, Fade
from genlab.testing.check import example_data
from genlab.testing.tiny import AffineFlow, StepDown

SPEC = DataSpec((1, 12, 12), "image")
X = example_data(SPEC.shape, 3, seed=0).clamp(-1, 1)


class Half(nn.Module):
    """Goes half of the way to the mean, and remembers the times."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        self.times.append(float(t[0]))
        return (x.mean((-2, -1), keepdim=True) - x) / 2


class Hides(Fade):
    """Hides pixels that are drawn for each example."""

    tags = DegradationTags(stochastic=True)

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> Tensor:  # type: ignore[override]
        return torch.rand(x_0.shape, generator=generator)

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        assert z is not None
        return torch.where(z < t.reshape(-1, 1, 1, 1), 0.0, x_0)

    def A(self, x: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return self.degrade(x, t, z)

    def A_adjoint(self, y: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return self.degrade(y, t, z)


def model(degradation: Degradation | None = None) -> DiffusionModel:
    degradation = degradation or Fade()
    gaussian = isinstance(degradation, CosineNoise)
    density = None if gaussian else AffineFlow(DataSpec((1,), "vector"))
    restorer = Restorer(Half(), degradation, prediction="x0", jitter=0.0)
    return DiffusionModel(SPEC, restorer, Prior(degradation, SPEC, density), StepDown(), steps=4)


# --- methods


def test_direct_is_the_restorer_s_own_answer() -> None:
    for method in ({}, {"method": "direct"}):
        assert torch.equal(restore_by(model(), X, t=0.5, **method), restore(model(), X, t=0.5))


def test_a_sampler_by_name_or_as_an_object() -> None:
    made = model()
    named = restore_by(made, X, method="naive", t=0.5, steps=3)
    assert made.restorer.backbone.module.times == pytest.approx([0.5, 1 / 3, 1 / 6])  # type: ignore[union-attr]
    assert torch.equal(
        named, restore(model(), X, t=0.5, steps=3, sampler=build("sampler", "naive"))
    )
    assert torch.equal(
        named, restore_by(model(), X, method=build("sampler", "naive"), t=0.5, steps=3)
    )
    assert not torch.equal(named, restore_by(model(), X, method="cold", t=0.5, steps=3))


@pytest.mark.parametrize("degradation", [Fade(), build("degradation", "blur")])
def test_ddnm_is_posterior_sampling_of_any_linear_degradation(degradation: Degradation) -> None:
    made = model(CosineNoise())
    y = degradation.degrade(X, torch.full((3,), 0.5), None)
    got = restore_by(made, y, method="ddnm", degradation=degradation, t=0.5, seed=3)
    assert torch.equal(got, restore_by_posterior(made, y, degradation, t=0.5, seed=3))
    torch.testing.assert_close(
        degradation.degrade(got, torch.full((3,), 0.5), None), y, rtol=0, atol=0.05
    )


def test_ddnm_without_a_degradation_undoes_the_model_s_own() -> None:
    """Where its noise is known; otherwise nothing can be consistent with it."""
    made = model(CosineNoise())
    z = torch.randn(X.shape, generator=torch.Generator().manual_seed(0))
    y = CosineNoise().degrade(X, torch.full((3,), 0.5), z)
    torch.testing.assert_close(restore_by(made, y, method="ddnm", t=0.5, z=z), X, rtol=0, atol=1e-3)
    with pytest.raises(
        RequestError, match=r"CosineNoise draws something for each example.*give it as z"
    ):
        restore_by(made, y, method="ddnm", t=0.5)


def test_another_degradation_needs_ddnm() -> None:
    message = r"the model learned to undo Fade\(\): what Blur\(sigma_max=3.0\) did is restored by .*'ddnm'"
    for method in ("direct", "naive"):
        with pytest.raises(RequestError, match=message):
            restore_by(
                model(), X, method=method, degradation=build("degradation", "blur", sigma_max=3)
            )
    same = restore_by(model(), X, degradation=Fade(), t=0.5)
    assert torch.equal(same, restore_by(model(), X, t=0.5)), "one that is equal is no other"


def test_a_method_that_does_not_exist_is_refused() -> None:
    with pytest.raises(RequestError, match=r"unknown sampler 'colt'\. Did you mean 'cold'"):
        restore_by(model(), X, method="colt")


# --- given images


def test_clean_images_are_degraded_first_and_restored_by_each_method() -> None:
    made = model()
    found = restore_given(made, X, degrade=True, t=0.5, steps=3, seed=4)
    assert tuple(found.restored) == METHODS == ("direct", "naive", "cold")
    torch.testing.assert_close(found.x_t, Fade().degrade(X, torch.full((3,), 0.5), None))
    assert found.x_0 is X
    assert found.t == 0.5
    for method, x in found.restored.items():
        steps = None if method == "direct" else 3
        assert torch.equal(
            x, restore_by(model(), found.x_t, method=method, t=0.5, steps=steps, seed=4)
        )


def test_degraded_images_are_taken_as_they_are() -> None:
    found = restore_given(model(), X, degrade=False, t=0.25, methods=["direct"])
    assert found.x_t is X
    assert found.x_0 is None
    assert set(found.restored) == {"direct"}


def test_what_was_drawn_is_known_where_it_was_drawn_here() -> None:
    hides = Hides()
    found = restore_given(model(hides), X, degrade=True, t=0.5, methods=["naive"], steps=2, seed=1)
    z = hides.draw(X, generator=generator_of(1, "degrading"))
    assert torch.equal(found.x_t, hides.degrade(X, torch.full((3,), 0.5), z))
    want = restore_by(model(hides), found.x_t, method="naive", t=0.5, z=z, steps=2, seed=1)
    assert torch.equal(found.restored["naive"], want)
    with pytest.raises(
        RequestError, match=r"give it as z; --degrade takes clean images and degrades them"
    ):
        restore_given(model(hides), X, degrade=False, methods=["naive"])


def test_noise_is_not_told() -> None:
    """What was added is found again from the estimate, as where the image was noisy before."""
    found = restore_given(model(CosineNoise()), X, degrade=True, t=0.5, methods=["naive"], steps=2)
    want = restore_by(model(CosineNoise()), found.x_t, method="naive", t=0.5, steps=2)
    assert torch.equal(found.restored["naive"], want)


def test_another_degradation_degrades_and_is_undone() -> None:
    hides = Hides()
    found = restore_given(
        model(CosineNoise()), X, degrade=True, degradation=hides, t=0.4, methods=["ddnm"], steps=2
    )
    z = hides.draw(X, generator=generator_of(0, "degrading"))
    seen = z >= 0.4
    torch.testing.assert_close(found.restored["ddnm"][seen], X[seen], rtol=0, atol=1e-3)


def test_wrong_times_and_methods_are_refused_as_they_are() -> None:
    with pytest.raises(RequestError, match=r"t = 2: a time of degraded data"):
        restore_given(model(), X, degrade=True, t=2)
    with pytest.raises(RequestError, match=r"^unknown sampler 'x'\. There are: [^;]*\.$"):
        restore_given(model(), X, degrade=True, methods=["x"])


# --- quality


def data(labels: bool) -> Data:
    x = example_data(SPEC.shape, 40, seed=5).clamp(-1, 1)
    return loaded(ArrayDataset(x=x, y=torch.arange(40) % 2 if labels else None))


def restoration() -> Restoration:
    return Restoration(X + 0.2, {"direct": X, "naive": 5 * X}, X, t=0.5)


def test_quality_without_classes_is_similarity_alone() -> None:
    """And that of doing nothing; values out of range do not count."""
    records = quality(restoration(), X, data(labels=False))
    assert [r["method"] for r in records] == ["degraded", "direct", "naive"]
    degraded, direct, naive = records
    error = ((X + 0.2).clamp(-1, 1) - X).square().mean((1, 2, 3))
    assert degraded["psnr"] == pytest.approx(float((10 * (4 / error).log10()).mean()), rel=1e-5)
    assert (direct["ssim"], direct["psnr"]) == (pytest.approx(1), math.inf)
    clipped = ((5 * X).clamp(-1, 1) - X).square().mean((1, 2, 3))
    assert naive["psnr"] == pytest.approx(float((10 * (4 / clipped).log10()).mean()), rel=1e-5)
    assert all((r["n"], r["t"]) == (3, 0.5) for r in records)
    assert set(degraded) == {"method", "n", "t", "ssim", "psnr"}


def test_quality_with_classes_has_a_distance_and_its_baseline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of the features of a classifier, whose place a cheaper distance takes here."""

    class Cheap(Metric):
        """The distance of the means."""

        tags = MetricTags(labels=True, data=frozenset({"image"}))

        def fit(self, train: Any, spec: Any, *, seed: int) -> int:
            return seed

        def score(self, fitted: int, x: Tensor, real: Tensor) -> dict[str, float]:
            assert float(x.abs().max()) <= 1
            return {"Cheap": float((x.mean() - real.mean()).abs())}

    monkeypatch.setattr("genlab.evaluation.restoration.build", lambda role, name: Cheap())
    records = quality(restoration(), X, data(labels=True), seed=2)
    assert len({r["frechet"] for r in records}) == 3
    assert all(r["baseline"] == records[0]["baseline"] for r in records)
    assert "frechet" not in quality(restoration(), X, data(labels=False))[0]
