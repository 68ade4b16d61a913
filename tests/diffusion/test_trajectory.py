"""Trajectories: where they start, what every step hands out, and where they end."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

import genlab
from genlab import Degradation, RequestError, Restorer, Sampler, Step, trajectory
from genlab.components import Restores
from genlab.diffusion import end_of, jittered
from genlab.testing import CosineNoise, Fade
from genlab.testing.tiny import StepDown


class Adds:
    """A restorer that adds one more at every call, and remembers what it was asked."""

    def __init__(self, degradation: Degradation | None = None) -> None:
        self.degradation = degradation or Fade()
        self.asked: list[tuple[Tensor, float]] = []

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        assert t.shape == (len(x_t),)
        assert bool((t == t[0]).all())
        self.asked.append((x_t, float(t[0])))
        return x_t + len(self.asked)


class Twice(Sampler):
    """Asks twice, and goes to the second estimate; its state counts the steps."""

    usual_steps: ClassVar[int] = 4

    def __init__(self) -> None:
        self.began: list[Any] = []
        self.steps: list[tuple[float, float, Any]] = []

    def grid(self, steps: int, degradation: Degradation) -> Tensor:
        return torch.linspace(1, 0, steps + 1, dtype=torch.float64)

    def init(
        self,
        restorer: Restores,
        x_t: Tensor,
        t: Tensor,
        z: Tensor | None,
        *,
        generator: torch.Generator,
    ) -> int:
        self.began.append((x_t, t, z, torch.rand(1, generator=generator)))
        return 0

    def step(
        self, restorer: Restores, x_t: Tensor, t: Tensor, s: Tensor, state: int
    ) -> tuple[Tensor, int]:
        assert t.shape == s.shape == (len(x_t),)
        self.steps.append((float(t[0]), float(s[0]), state))
        assert restorer.degradation is not None
        restorer(x_t, t)
        return restorer(x_t, s), state + 1


class Never(StepDown):
    """Asks nobody."""

    def step(
        self, restorer: Restores, x_t: Tensor, t: Tensor, s: Tensor, state: Any
    ) -> tuple[Tensor, Any]:
        return x_t / 2, state


X = torch.ones(3, 2)


def walked(restorer: Any, sampler: Sampler, x: Tensor = X, **more: Any) -> list[Step]:
    generator = torch.Generator().manual_seed(7)
    return list(trajectory(restorer, sampler, x, generator=generator, **more))


def test_every_step_hands_out_its_time_its_state_and_its_first_estimate() -> None:
    """Of a sampler that asks twice, the k-th call of the restorer adds k."""
    restorer, sampler = Adds(), Twice()
    steps = walked(restorer, sampler, steps=3)
    assert [step.t for step in steps] == pytest.approx([1, 2 / 3, 1 / 3, 0])
    states, estimates = (
        [float(x[0, 0]) for x in part] for part in list(zip(*steps, strict=True))[1:]
    )
    assert states == [1, 1 + 2, 1 + 2 + 4, 1 + 2 + 4 + 6]
    assert estimates == [1 + 1, 3 + 3, 7 + 5, 13]
    assert [state for _, _, state in sampler.steps] == [0, 1, 2]
    assert [t for _, t in restorer.asked] == pytest.approx([1, 2 / 3, 2 / 3, 1 / 3, 1 / 3, 0])


def test_the_usual_number_of_steps_is_the_sampler_s() -> None:
    assert len(walked(Adds(), Twice())) == 5
    assert len(walked(Adds(), Twice(), steps=2)) == 3


@pytest.mark.parametrize("start", [1.0, 0.5, 0.01])
def test_times_begin_where_the_data_is(start: float) -> None:
    restorer, sampler = Adds(), Twice()
    steps = walked(restorer, sampler, steps=4, start=start)
    want = [start * share for share in (1, 0.75, 0.5, 0.25, 0)]
    assert [step.t for step in steps] == pytest.approx(want)
    assert [t for t, _, _ in sampler.steps] == pytest.approx(want[:-1])
    assert [s for _, s, _ in sampler.steps] == pytest.approx(want[1:])
    assert restorer.asked[0][1] == pytest.approx(start)
    assert sampler.began[0][1].tolist() == pytest.approx([start] * 3)


def test_the_sampler_is_given_the_draw_and_the_generator() -> None:
    z, sampler = torch.randn(3, 2), Twice()
    walked(Adds(), sampler, z=z)
    ((x_t, _, seen, number),) = sampler.began
    assert seen is z
    assert torch.equal(x_t, X)
    assert torch.equal(number, torch.rand(1, generator=torch.Generator().manual_seed(7)))


def test_where_nobody_is_asked_the_next_state_is_the_estimate() -> None:
    steps = walked(Adds(), Never(), steps=2)
    assert [float(s.x_t[0, 0]) for s in steps] == [1, 0.5, 0.25]
    assert [float(s.estimate[0, 0]) for s in steps] == [0.5, 0.25, 0.25]


def test_the_last_step_is_the_clean_data() -> None:
    *_, before, last = walked(Adds(), Twice())
    assert last.t == 0.0
    assert torch.equal(last.x_t, last.estimate)
    assert not torch.equal(last.x_t, before.estimate)
    assert torch.equal(end_of(walked(Adds(), Twice())), last.x_t)


def test_an_exact_restorer_leads_back_to_the_data() -> None:
    """Fading is undone from its mean alone where the restorer knows the rest."""
    x_0 = torch.randn(4, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    fade = Fade()

    class Knows:
        degradation = fade

        def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
            return x_0

    x_1 = fade.degrade(x_0, torch.ones(4), None)
    for step in walked(Knows(), StepDown(), x_1, steps=5):
        torch.testing.assert_close(step.x_t, fade.degrade(x_0, torch.full((4,), step.t), None))
        assert torch.equal(step.estimate, x_0) or step.t == 0
    torch.testing.assert_close(step.x_t, x_0)


def test_no_gradients_are_kept() -> None:
    class Learns(Adds):
        weight = torch.ones(1, requires_grad=True)

        def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
            return x_t * self.weight

    assert not any(step.estimate.requires_grad for step in walked(Learns(), Twice()))


def test_a_sampler_of_other_degradations_is_refused_with_those_that_fit() -> None:
    class Wants(StepDown):
        """A sampler of its own."""

        requires = CosineNoise

    with pytest.raises(
        RequestError, match=r"'ddim' needs a DiagonalDegradation, and Fade\(\) is none"
    ) as e:
        walked(Adds(), genlab.build("sampler", "ddim"))
    fitting = str(e.value).partition("These fit it: ")[2].split(", ")
    assert {"cold", "naive"} <= set(fitting)
    assert "ddpm" not in fitting
    with pytest.raises(RequestError, match=r"Wants\(\) needs a CosineNoise, and 'blur' is none"):
        walked(Adds(genlab.build("degradation", "blur")), Wants())
    assert walked(Adds(CosineNoise()), genlab.build("sampler", "ddim"), steps=1)


# --- jitter: noise over degraded data


def test_a_trajectory_starts_under_noise_and_ends_with_the_last_estimate() -> None:
    x = torch.full((4000, 2), 3.0)
    steps = walked(Adds(), Twice(), x, steps=2, jitter=0.5)
    noise = steps[0].x_t - x
    assert float(noise.std()) == pytest.approx(0.5, rel=0.03)
    assert float(noise.mean()) == pytest.approx(0, abs=0.03)
    # Adds: the third call, which is the first of the second step, gives the last estimate
    assert torch.equal(steps[-1].x_t, steps[-2].estimate)
    torch.testing.assert_close(steps[-1].x_t, steps[0].x_t + 2 + 3)


def test_the_noise_is_that_of_the_restorer_unless_it_is_said() -> None:
    class Zero(torch.nn.Module):
        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            return torch.zeros_like(x)

    x = torch.zeros(4000, 2)
    for given, of_restorer, want in (
        (None, 0.3, 0.3),
        (0.0, 0.3, 0.0),
        (0.1, 0.3, 0.1),
        (None, None, 0.04),
    ):
        restorer = Restorer(Zero(), Fade(), jitter=of_restorer)
        first = walked(restorer, StepDown(), x, steps=1, jitter=given)[0].x_t
        assert float(first.std()) == pytest.approx(want, rel=0.05)


def test_without_noise_nothing_is_drawn() -> None:
    generator = torch.Generator().manual_seed(0)
    state = generator.get_state()
    assert jittered(X, 0.0, generator) is X
    assert torch.equal(generator.get_state(), state)
