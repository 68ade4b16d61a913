"""The network of the reference classifier."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn

__all__ = ["FEATURES", "ClassifierNetwork"]

FEATURES = 64
"""Number of features, the width of the penultimate layer."""


@final
class ClassifierNetwork(nn.Module):
    """A small convolutional classifier.

    Four convolutions with batch normalisation, the first with stride 2 and a maximum over 2 x 2 pixels
    after the second; the mean over all places; a layer of 64 features; the classes. It has about 110,000
    weights and takes images of any size.

    Args:
        channels: Channels of the images.
        classes: Number of classes.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            *_convolution(channels, 32, kernel=5, stride=2),
            *_convolution(32, 32),
            nn.MaxPool2d(2, ceil_mode=True),
            *_convolution(32, 64),
            *_convolution(64, 128),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(128, FEATURES, bias=False),
            nn.BatchNorm1d(FEATURES),
            nn.ReLU(),
        )
        self.head = nn.Linear(FEATURES, classes)

    def features(self, x: Tensor) -> Tensor:
        """Return the features ``(B, 64)`` of images ``(B, C, H, W)``."""
        features: Tensor = self.trunk(x)
        return features

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits ``(B, classes)`` of images ``(B, C, H, W)``."""
        logits: Tensor = self.head(self.features(x))
        return logits


def _convolution(
    incoming: int, outgoing: int, *, kernel: int = 3, stride: int = 1
) -> list[nn.Module]:
    return [
        nn.Conv2d(incoming, outgoing, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outgoing),
        nn.ReLU(inplace=True),
    ]
