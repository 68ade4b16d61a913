"""The networks inside couplings: from one half to the parameters of the map of the other."""

from __future__ import annotations

import abc
from typing import TypeVar

import torch
from torch import Tensor, nn

__all__ = ["Conditioner", "ConvNet", "Perceptron"]


class Conditioner(nn.Module, abc.ABC):
    """A network whose output is zero at first (abstract)."""

    last: nn.Linear | nn.Conv2d

    @torch.no_grad()
    def shift_by(self, t: Tensor) -> None:
        """Set what is added to the last channels of the output, ``(channels,)``."""
        bias = self.last.get_parameter("bias")
        bias[-len(t) :] = t


_REACH = 3.0  # how far from 0 a perceptron tells inputs apart


class Perceptron(Conditioner):
    """A multilayer perceptron, which sees no further than 3 from 0 in either direction.

    Beyond, where there is next to no data to learn from, its output stays that of the border, so that a
    coupling goes on as an affine map. Left to themselves, the lines that rectified linear units end in grow
    from coupling to coupling, and send the rare outer points of the latent space far away.

    Args:
        inputs: Number of inputs; may be 0.
        outputs: Number of outputs.
        width: Features of every hidden layer.
        depth: Number of hidden layers.
    """

    def __init__(self, inputs: int, outputs: int, width: int, depth: int) -> None:
        super().__init__()
        self.first = nn.Linear(max(inputs, 1), width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(depth - 1))
        self.last = _zero(nn.Linear(width, outputs))
        self.inputs = inputs

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inputs)`` to ``(B, outputs)``."""
        h = self.first(self.seen(x)).relu_()
        for layer in self.hidden:
            h = layer(h).relu_()
        out: Tensor = self.last(h)
        return out

    def seen(self, x: Tensor) -> Tensor:
        """Return what the first layer sees: a one where there are no inputs."""
        return x.clamp(-_REACH, _REACH) if self.inputs else x.new_ones(x.shape[0], 1)

    def weights(self) -> list[Tensor]:
        """Return the weight and the bias of each layer, one after the other."""
        layers = [self.first, *self.hidden, self.last]
        return [layer.get_parameter(name) for layer in layers for name in ("weight", "bias")]


class ConvNet(Conditioner):
    """A residual convolutional network.

    Args:
        inputs: Number of input channels.
        outputs: Number of output channels.
        width: Channels of every hidden layer.
        depth: Number of residual blocks of two 3x3 convolutions.
        norm: Whether every 3x3 convolution is followed by batch normalisation.
    """

    def __init__(
        self, inputs: int, outputs: int, width: int, depth: int, norm: bool = False
    ) -> None:
        super().__init__()
        self.first = _convolution(inputs, width, norm)
        self.blocks = nn.ModuleList(_Block(width, norm) for _ in range(depth))
        self.last = _zero(nn.Conv2d(width, outputs, 1))
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inputs, H, W)`` to ``(B, outputs, H, W)``."""
        h = self.first(x)
        for block in self.blocks:
            h = block(h)
        out: Tensor = self.last(h.relu())
        return out


class _Block(nn.Module):
    def __init__(self, width: int, norm: bool) -> None:
        super().__init__()
        self.conv_1 = _convolution(width, width, norm)
        self.conv_2 = _convolution(width, width, norm)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.conv_2(self.conv_1(x.relu()).relu_())
        return out


def _convolution(inputs: int, outputs: int, norm: bool) -> nn.Module:
    if not norm:
        return nn.Conv2d(inputs, outputs, 3, padding=1)
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs))


_Layer = TypeVar("_Layer", nn.Linear, nn.Conv2d)


def _zero(layer: _Layer) -> _Layer:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
