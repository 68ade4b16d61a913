"""The likelihood objective against its formula, and flows that are initialised once."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab import (
    AdamW,
    DataSpec,
    Density,
    DensityTags,
    Examples,
    Likelihood,
    RequestError,
    Training,
    build,
    fit,
)
from genlab.testing.tiny import AffineFlow
from genlab.training import settings_of

CLASSES = DataSpec((2,), "vector", 3)


class Table(torch.nn.Module):
    """Gives the joint log densities that it was told to give, and remembers what it was asked."""

    def __init__(self, joint: Tensor) -> None:
        super().__init__()
        self.joint = joint

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return self.joint


def objective(spec: DataSpec, **weights: float) -> Likelihood:
    return Likelihood(AffineFlow(spec), **weights)


def loss_of(made: Likelihood, joint: Tensor, y: Tensor | None, x: Tensor | None = None) -> Tensor:
    x = torch.zeros(len(joint), *made.spec.shape) if x is None else x
    return made(Table(joint), x, y, generator=torch.Generator().manual_seed(0))


# --- the formula


def test_by_default_it_is_the_joint_likelihood_of_data_and_label() -> None:
    """Per dimension; of an example without a label, that of the data alone."""
    joint = torch.tensor([[-1.0, -2.0, -4.0], [-3.0, -1.0, -2.0], [-5.0, -5.5, -0.5]])
    y = torch.tensor([1, 0, -1])
    exact = -(joint[0, 1] + joint[1, 0] + joint[2].logsumexp(0)) / (3 * 4)
    made = objective(DataSpec((4,), "vector", 3))
    torch.testing.assert_close(loss_of(made, joint, y), exact)


def test_the_weights_of_likelihood_and_classes() -> None:
    joint, y = (
        torch.randn(5, 3, generator=torch.Generator().manual_seed(0)),
        torch.tensor([0, 2, -1, 1, -1]),
    )
    posterior = joint.log_softmax(1)
    told = -(posterior[0, 0] + posterior[1, 2] + posterior[3, 1]) / 5
    for likelihood, cross_entropy in ((0.3, 2.0), (0.0, 1.0), (2.0, 0.0)):
        made = objective(CLASSES, likelihood=likelihood, cross_entropy=cross_entropy)
        exact = -likelihood * joint.logsumexp(1).mean() / 2 + cross_entropy * told
        torch.testing.assert_close(loss_of(made, joint, y), exact)
    weighted = objective(CLASSES, likelihood=0.3)
    torch.testing.assert_close(
        loss_of(weighted, joint, y), 0.15 * (-joint.logsumexp(1).mean() + told)
    )


def test_smoothed_labels_are_any_class_now_and_then() -> None:
    joint, y = (
        torch.randn(3, 4, generator=torch.Generator().manual_seed(0)),
        torch.tensor([0, 3, -1]),
    )
    posterior, spec = joint.log_softmax(1), DataSpec((2,), "vector", 4)
    each = [0.8 * posterior[i, k] + 0.2 * posterior[i].mean() for i, k in ((0, 0), (1, 3))]
    made = objective(spec, likelihood=0.0, cross_entropy=3.0, label_smoothing=0.2)
    torch.testing.assert_close(loss_of(made, joint, y), -sum(each))
    with pytest.raises(RequestError, match=r"^Likelihood\.label_smoothing: "):
        objective(spec, label_smoothing=1.0)


def test_classes_of_images_have_a_weight_of_their_own() -> None:
    joint, y = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), torch.arange(4) % 3
    told = torch.nn.functional.cross_entropy(joint, y)
    exact = 0.2 * told - joint.logsumexp(1).mean() / 16
    torch.testing.assert_close(loss_of(objective(DataSpec((1, 4, 4), "image", 3)), joint, y), exact)


@pytest.mark.parametrize("y", [None, torch.full((4,), -1)])
def test_without_any_label_the_likelihood_is_left(y: Tensor | None) -> None:
    joint = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        loss_of(objective(CLASSES), joint, y), -joint.logsumexp(1).mean() / 2
    )


def test_without_classes_labels_do_not_count() -> None:
    joint = torch.randn(4, 1, generator=torch.Generator().manual_seed(0))
    got = loss_of(objective(CLASSES.unlabelled()), joint, torch.tensor([0, 1, 2, 0]))
    torch.testing.assert_close(got, -joint.mean() / 2)


def test_a_normal_density_has_its_closed_form() -> None:
    normal = build("density", "normal", DataSpec((3,), "vector"))
    x = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    normal.fit(x, generator=torch.Generator())
    loss = Likelihood(normal)(normal, x, None, generator=torch.Generator())
    covariance = torch.cov(x.T.double(), correction=0)
    exact = 0.5 * (math.log(2 * math.pi * math.e) + torch.logdet(covariance) / 3)
    assert float(loss) == pytest.approx(float(exact), abs=2e-3)


def test_images_are_dequantised_and_vectors_are_not() -> None:
    image = DataSpec((1, 20, 20), "image", levels=5)
    seen = Table(torch.zeros(8, 1))
    objective(image)(
        seen, torch.zeros(8, *image.shape), None, generator=torch.Generator().manual_seed(0)
    )
    assert float(seen.x.abs().max()) == pytest.approx(0.25, abs=2e-3)
    assert float(seen.x.std()) == pytest.approx(0.5 / math.sqrt(12), rel=0.05)
    objective(CLASSES)(seen, torch.zeros(8, 2), None, generator=torch.Generator())
    assert bool((seen.x == 0).all())


def test_what_was_not_built_for_data_is_refused() -> None:
    class Homeless(AffineFlow):
        """Forgets to take the spec."""

        def __init__(self) -> None:
            super().__init__(CLASSES)

    with pytest.raises(RequestError, match="Homeless was not built with the spec of its data"):
        Likelihood(Homeless())
    with pytest.raises(
        RequestError, match=r"^Likelihood\.cross_entropy: .*greater than or equal to 0"
    ):
        objective(CLASSES, cross_entropy=-1)


def test_the_density_is_what_is_trained() -> None:
    class Fast(AffineFlow):
        """Gains by bf16 and by the compiler."""

        tags = DensityTags(True, mixed_precision=True, compiled=True, data=frozenset({"vector"}))

    fast = Fast(CLASSES)
    assert Likelihood(fast).module is fast
    assert Likelihood(fast).mixed_precision
    assert Likelihood(fast).compiled
    assert not objective(CLASSES).mixed_precision
    assert not objective(CLASSES).compiled


# --- what depends on data


class Counts(AffineFlow):
    """Remembers what it was initialised with."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.seen: list[Tensor] = []

    def initialise(self, x: Tensor, *, generator: torch.Generator) -> None:
        self.seen.append(x)
        super().initialise(x, generator=generator)


IMAGE = DataSpec((1, 2, 2), "image", levels=3)


def training(flow: Density, n: int = 3000, **settings: Any) -> Training:
    x = (torch.arange(n) % 3).reshape(-1, 1, 1, 1).expand(-1, 1, 2, 2) - 1.0
    given = {"steps": 3, "batch": 8, **settings}
    return Training(Likelihood(flow), Examples(x), settings_of(given))


def test_a_flow_is_initialised_once_with_dequantised_examples() -> None:
    flow = Counts(IMAGE)
    made = training(flow)
    list(made)
    (x,) = flow.seen
    assert len(x) == 2000
    off = (x - x.round()).abs()
    assert 0.45 < float(off.max()) <= 0.5
    other = Counts(IMAGE)
    again = training(other)
    again.restore(made.checkpoint())
    list(again)
    assert len(other.seen) == 1, "before the checkpoint was read, and never after"
    torch.testing.assert_close(other.shift, flow.shift, rtol=0, atol=0)


def test_a_flow_that_is_elsewhere_is_initialised_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a run hands it over, which has moved it to the device of the training."""
    flow, order = Counts(IMAGE), []
    monkeypatch.setattr(flow, "cpu", lambda: order.append(len(flow.seen)))
    training(flow, n=50)
    assert order == [0], "before it sees data"


def test_the_average_begins_with_what_was_initialised() -> None:
    flow = Counts(IMAGE)
    made = training(flow, n=50)
    assert torch.equal(made.averaged.shift, flow.shift)
    torch.testing.assert_close(flow.shift, flow.seen[0].flatten(1).mean(0))
    assert len(flow.seen[0]) == 50


def test_a_density_that_is_no_flow_has_nothing_to_initialise() -> None:
    normal = build("density", "normal", CLASSES)
    Likelihood(normal).initialise(torch.zeros(4, 2), generator=torch.Generator())


def test_training_comes_to_the_likelihood_of_the_data() -> None:
    """An affine flow of normal data reaches its entropy, as far as a sample can tell."""
    generator = torch.Generator().manual_seed(0)
    mix = torch.tensor([[1.0, 0.0], [0.8, 0.5]])
    x = torch.randn(2000, 2, generator=generator) @ mix.T + torch.tensor([3.0, -1.0])
    spec = DataSpec((2,), "vector")
    torch.manual_seed(0)
    flow = AffineFlow(spec)
    fit(
        Likelihood(flow),
        Examples(x),
        optimiser=AdamW(lr=0.05),
        steps=200,
        batch=500,
        clip=50.0,
        ema=0.9,
    )
    covariance = torch.cov(x.T.double(), correction=0)
    least = 0.5 * (2 * math.log(2 * math.pi * math.e) + torch.logdet(covariance))
    with torch.no_grad():
        assert -float(flow.log_prob(x).mean()) < float(least) + 0.02
