"""The prior of fully degraded states, and the numbers that are left of examples."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genlab import DataSpec, DegradationTags, Examples, Prior, build
from genlab.diffusion import summaries, summary_spec
from genlab.testing import CosineNoise, Fade
from genlab.testing.tiny import AffineFlow

SPEC = DataSpec((2, 3, 3), "image", 2, ("a", "b"))


class Hides(Fade):
    """Fades, and draws a number for each example, which is subtracted."""

    tags = DegradationTags(stochastic=True)

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> Tensor:  # type: ignore[override]
        return torch.rand(len(x_0), 1, 1, 1, generator=generator)

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        assert z is not None
        return super().degrade(x_0, t, None) - z


def density(classes: int = 0) -> AffineFlow:
    torch.manual_seed(0)
    return AffineFlow(DataSpec((2,), "vector", classes))


def test_states_are_built_from_what_the_density_draws(generator: torch.Generator) -> None:
    made = density()
    x_1, z = Prior(Fade(), SPEC, made).sample(5, generator=generator)
    c = made.sample(5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(x_1, c[:, :, None, None].expand(5, 2, 3, 3))
    assert z is None


def test_a_draw_comes_with_each_state_unless_it_is_found_again(generator: torch.Generator) -> None:
    _, z = Prior(Hides(), SPEC, density()).sample(5, generator=generator)
    assert z is not None
    assert len(z.unique()) == 5
    x_1, z = Prior(CosineNoise(), SPEC, None).sample(400, generator=generator)
    assert z is None
    assert x_1.shape == (400, 2, 3, 3)
    assert float(x_1.std()) == pytest.approx(1, abs=0.05)


def test_labels_choose_what_the_density_draws(generator: torch.Generator) -> None:
    made = density(classes=2)
    y = torch.arange(2000) % 2
    x_1, _ = Prior(Fade(), SPEC, made).sample(2000, y, generator=generator)
    assert made.centres is not None
    for k in range(2):
        mean = x_1[y == k].mean((0, 2, 3))
        torch.testing.assert_close(mean, made.centres[k].detach(), rtol=0, atol=0.15)


def examples(n: int = 2500) -> Examples:
    """Images that tell their number by their first channel, and their label by their parity."""
    x = torch.zeros(n, *SPEC.shape)
    x[:, 0] = torch.arange(n)[:, None, None]
    return Examples(x, torch.arange(n) % 2)


def test_the_numbers_that_are_left_are_those_of_the_full_degradation() -> None:
    """In more batches than one, with the labels of their examples."""
    generator = torch.Generator().manual_seed(0)
    c, y = summaries(Fade(), examples(), most=9999, generator=generator)
    assert c.shape == (2500, 2)
    assert sorted(c[:, 0].long().tolist()) == list(range(2500))
    assert y is not None
    assert torch.equal(c[:, 0].long() % 2, y)
    assert bool((c[:, 1] == 0).all())
    c, _ = summaries(Hides(), examples(), most=9999, generator=generator)
    drawn = -c[:, 1]
    assert len(drawn.unique()) > 2490
    assert float(drawn.mean()) == pytest.approx(0.5, abs=0.03)


def test_at_most_so_many_are_chosen_at_random() -> None:
    found = [
        summaries(Fade(), examples(), most=40, generator=torch.Generator().manual_seed(seed))[0][
            :, 0
        ]
        for seed in (0, 0, 1)
    ]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert len(found[0].unique()) == 40
    assert float(found[0].max()) > 1000


def test_without_labels_there_are_none() -> None:
    c, y = summaries(Fade(), Examples(examples().x), most=5, generator=torch.Generator())
    assert len(c) == 5
    assert y is None


def test_what_is_left_is_known_from_the_shape_alone() -> None:
    assert summary_spec(Fade(), SPEC) == DataSpec((2,), "vector", 2, ("a", "b"))
    assert summary_spec(Hides(), SPEC.unlabelled()) == DataSpec((2,), "vector")
    assert summary_spec(CosineNoise(), SPEC).shape == (0,)


@pytest.mark.parametrize("name", ["pixelate", "kaleidoscope", "ink", "mask-dropout", "mix"])
def test_a_prior_is_told_which_image_the_numbers_are(name: str) -> None:
    """Of an image whose columns are of one colour each, so are those of what is left."""
    degradation = build("degradation", name)
    spec = summary_spec(degradation, DataSpec((2, 12, 16), "image"))
    assert spec.layout[0] == 2
    generator = torch.Generator().manual_seed(0)
    x = (torch.rand(3, 2, 1, 16, generator=generator) * 2 - 1).expand(3, 2, 12, 16).contiguous()
    z = degradation.draw(x, generator=generator)
    left = degradation.summarize(degradation.degrade(x, torch.ones(3), z))
    cells = left.reshape(3, *spec.layout)
    assert torch.allclose(cells, cells[:, :, :1].expand_as(cells), atol=1e-3)
    assert (cells.std(-1) > 0.01).all()


def test_numbers_of_vectors_are_no_image() -> None:
    assert summary_spec(build("degradation", "mix"), DataSpec((4,), "vector")).layout == ()
