"""Modules in the place of backbones, and what densities have by their class."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genlab import DataSpec, RequestError
from genlab.components import as_backbone
from genlab.testing.tiny import AffineFlow, Perceptron

PLAIN, CLASSES = DataSpec((2,), "vector"), DataSpec((2,), "vector", 3)


class Two(nn.Module):
    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return 2 * x + t[:, None]


class Three(nn.Module):
    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return x if y is None else x + y[:, None]


class Star(nn.Module):
    def forward(self, *inputs: Any) -> Tensor:
        return inputs[0] * len(inputs)


class Words(nn.Module):
    def forward(self, x: Tensor, t: Tensor, *, scale: float = 3.0) -> Tensor:
        return scale * x


X, T, LABELS = torch.tensor([[1.0, 2.0]]), torch.tensor([0.5]), torch.tensor([7])


@pytest.mark.parametrize(
    ("module", "labels", "want"),
    [
        (Two(), False, [2.5, 4.5]),
        (Three(), True, [8.0, 9.0]),
        (Star(), True, [3.0, 6.0]),
        (Words(), False, [3.0, 6.0]),
    ],
)
def test_any_module_of_x_and_t_is_a_backbone(
    module: nn.Module, labels: bool, want: list[float]
) -> None:
    backbone = as_backbone(module)
    assert backbone.takes_labels is labels
    assert backbone(X, T, LABELS).tolist() == [want]
    assert set(backbone.tags.data) == {"image", "vector", "series", "volume"}
    assert [id(p) for p in backbone.modules()][1] == id(module)


def test_the_weights_of_a_module_are_those_of_its_backbone() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            out: Tensor = self.layer(x)
            return out

    module = Own()
    backbone = as_backbone(module)
    assert [id(p) for p in backbone.parameters()] == [id(p) for p in module.parameters()]
    assert as_backbone(module)(X, T).tolist() == module(X, T).tolist()


def test_a_backbone_stays_what_it_is_and_looks_at_labels_where_it_was_built_with_classes() -> None:
    made = Perceptron(CLASSES)
    assert as_backbone(made) is made
    assert made.takes_labels
    assert not Perceptron(PLAIN).takes_labels


def test_a_module_of_one_argument_is_none() -> None:
    with pytest.raises(
        RequestError, match=r"the module Linear is no backbone: its forward takes \(x, t\)"
    ):
        as_backbone(nn.Linear(2, 2))


def test_a_density_classifies_by_bayes_rule() -> None:
    torch.manual_seed(0)
    flow = AffineFlow(CLASSES)
    x = torch.randn(5, 2)
    # three normal distributions of deviation 1, each as likely
    assert flow.centres is not None
    likelihoods = (-0.5 * (x[:, None] - flow.centres).square().sum(2)).exp()
    want = likelihoods / likelihoods.sum(1, keepdim=True)
    torch.testing.assert_close(flow.classify(x).exp(), want)
    torch.testing.assert_close(flow(x), flow.joint_log_prob(x))
