"""The perceptron against its formula, on data of every kind."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genlab import DataSpec, Kind
from genlab.testing.check import example_data
from genlab_plugins.backbones.mlp import MLP


def normed(x: Tensor) -> Tensor:
    return (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, correction=0) + 1e-5).sqrt()


@pytest.mark.parametrize(
    ("kind", "shape"),
    [("vector", (5,)), ("series", (2, 7)), ("image", (1, 3, 4)), ("volume", (2, 2, 3, 2))],
)
def test_the_formula(kind: Kind, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    network = MLP(DataSpec(shape, kind), width=8, depth=1).double()
    weights = dict(network.named_parameters())
    with torch.no_grad():
        for p in weights.values():
            if p.ndim > 1:  # the norms stay as they are: their weights are 1, their biases 0
                p.copy_(torch.randn(p.shape, dtype=p.dtype) / math.sqrt(p.shape[1]))

    def linear(name: str, x: Tensor) -> Tensor:
        out = x @ weights[f"{name}.weight"].T
        return out + weights[f"{name}.bias"] if f"{name}.bias" in weights else out

    x, t = example_data(shape, 3, dtype=torch.float64), torch.tensor([0.0, 0.4, 1.0]).double()
    c = network.condition(t, None)
    h = linear("first", x.flatten(1))
    inner = linear("blocks.0.inner", normed(h)) + linear("blocks.0.condition", c)
    h = h + linear("blocks.0.outer", inner * inner.sigmoid())
    last = normed(h)
    want = linear("last.2", last * last.sigmoid())
    torch.testing.assert_close(network(x, t), want.reshape(x.shape), rtol=1e-6, atol=1e-6)
