"""The degradation ``swirl`` keeps its contract, and does what its docstring says."""

import genlab
import pytest
import torch
from genlab.testing import Check, degradation_checks, parametrize_with_checks
from genlab.testing.check import failures
from torch import Tensor

from genlab_swirl import Swirl
from genlab_swirl.degradation import places_of


def degraded(swirl: Swirl, x_0: Tensor, t: float) -> Tensor:
    """Degrade a batch to one time."""
    return swirl.degrade(x_0, torch.full((len(x_0),), t, dtype=x_0.dtype), None)


@pytest.fixture
def image() -> Tensor:
    """A random image with an odd side, so that there is a pixel in the very centre."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand(1, 1, 9, 9, generator=generator, dtype=torch.float64)


@parametrize_with_checks([Swirl(), Swirl(turns=0.25, rings=3)])
def test_contract(check: Check) -> None:
    """Every clause of the contract is one test."""
    check.run()


def test_genlab_finds_it_by_name() -> None:
    """The entry point is in place, and parameters are checked whenever the class is called."""
    assert genlab.build("degradation", "swirl", turns=2.0) == Swirl(turns=2.0)
    with pytest.raises(genlab.RequestError, match="turns"):
        Swirl(turns=-1.0)


class Alone(Swirl):
    """A swirl that turns, and grinds nothing.

    Args:
        turns: Full turns of the very centre at t = 1.
        rings: Rings whose means it claims to leave, and nothing else.
    """

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Turn each image to its own time."""
        t = t.to(x_0.dtype).reshape(-1, 1, 1, 1)
        turned = self._swirl(x_0, t[:, 0], places_of(x_0.shape[1:]).to(x_0))
        return torch.where(t == 0, x_0, turned)


def test_a_swirl_alone_breaks_the_contract() -> None:
    """Without the rings the last state holds more than its summary: that check says so."""
    broken = [failure.check.name for failure in failures(degradation_checks(Alone()))]
    assert broken == ["terminal_state_is_explained"]


def test_the_centre_turns_by_the_angle_that_was_asked_for(image: Tensor) -> None:
    """A dot half-way to the edge comes from where the formula says it was."""
    swirl = Swirl(turns=1.0)
    rho = 2 / 4.5  # two pixels from the centre, half the side is 4.5
    quarter = 0.25 / (1 - rho) ** 2  # the time of a quarter turn there
    x_t = degraded(swirl, image, quarter)
    w = min(max(2 * quarter - 2 / (4 * 2**0.5), 0.0), 1.0) ** 2
    ring = degraded(swirl, image, 1.0)
    came_from = image[0, 0, 6, 4]  # what is right of the centre was below it
    expected = (1 - w) * came_from + w * ring[0, 0, 4, 6]
    assert torch.allclose(x_t[0, 0, 4, 6], expected)


def test_rings_stay_what_they_are() -> None:
    """An image that depends on the distance alone, and not within a ring, does not change."""
    swirl = Swirl(rings=3)
    c = torch.tensor([[-0.5, 0.0, 1.0]])
    x_0 = swirl.expand(c, (1, 9, 9), generator=torch.Generator())
    x_1 = degraded(swirl, x_0, 1.0)
    assert torch.allclose(x_1, x_0)
    assert torch.allclose(swirl.summarize(x_1), c)


def test_the_mean_grey_of_a_ring_is_the_mean_of_its_pixels(image: Tensor) -> None:
    """The outermost of many rings holds the four corners."""
    x_1 = degraded(Swirl(rings=100), image, 1.0)
    corners = image[0, 0, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert torch.allclose(x_1[0, 0, 0, 0], corners.mean())


def test_the_inside_is_lost_first(image: Tensor) -> None:
    """Half-way the centre is ground down, and the corner is as it was."""
    half = degraded(Swirl(), image, 0.5)
    end = degraded(Swirl(), image, 1.0)
    assert torch.allclose(half[..., 4, 4], end[..., 4, 4])
    assert torch.allclose(half[..., 0, 0], image[..., 0, 0])
