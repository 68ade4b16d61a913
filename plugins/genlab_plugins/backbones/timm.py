"""The vision models of timm: a bridge to another package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn.functional import pad, pixel_shuffle

from genlab import Backbone, BackboneTags, DataSpec, RequestError, extra
from genlab_plugins.backbones.embedding import Condition
from genlab_plugins.backbones.kinds import require_images

__all__ = ["Timm"]


class Timm(Backbone):
    """Any model of timm that hands out features: time and class are further channels of its input.

    The features of its first levels, each turned into pixels by one linear map, are added up. Such models see
    well and draw coarsely, having no decoder: use it to compare encoders, and ``unet`` or ``dit`` for the
    best samples. Models with batch normalisation, as most ResNets have, mix the noise levels of a batch.

    Source: Wightman 2019, PyTorch Image Models (doi:10.5281/zenodo.4414861).

    Args:
        spec: The data: images with any number of channels; they are padded to what the model needs.
        model: A name of ``timm.list_models()``, such as ``vit_tiny_patch16_224``; its weights are random.
        levels: How many levels are used: stages of a convolutional network, or blocks of a transformer.
        options: What else ``timm.create_model`` takes, such as ``{"patch_size": 4}`` for a transformer.

    Raises:
        RequestError: The data is not images, timm is not installed, or it has no such model.
    """

    tags = BackboneTags(data=frozenset({"image"}), mixed_precision=True)

    def __init__(
        self,
        spec: DataSpec,
        *,
        model: str = "convnext_atto",
        levels: PositiveInt = 2,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        require_images(spec, "timm")
        theirs = extra("timm", "timm", "the backbone 'timm'")
        given = {"features_only": True, "in_chans": spec.shape[0] + _EXTRA,
                 "out_indices": tuple(range(levels)), **(options or {})}  # fmt: skip
        try:
            with torch.device("meta"):  # without weights, to learn what size fits
                self.steps = theirs.create_model(model, **given).feature_info.reduction()
            sides = [side + -side % max(self.steps) for side in spec.shape[1:]]
            fixed = theirs.get_pretrained_cfg(model).fixed_input_size
            self.model = theirs.create_model(
                model, **({"img_size": sides} if fixed else {}), **given
            )
        except (RuntimeError, TypeError, AssertionError, IndexError) as error:
            raise RequestError(f"backbone.model = {model!r}, {levels} levels: {error}") from error
        self.condition = Condition(_EXTRA, spec.classes)
        self.heads = nn.ModuleList(
            nn.Conv2d(channels, spec.shape[0] * step**2, 1)
            for channels, step in zip(self.model.feature_info.channels(), self.steps, strict=True)
        )

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        height, width = x.shape[-2:]
        right, bottom = -width % max(self.steps), -height % max(self.steps)
        c = self.condition(t, y)[:, :, None, None].expand(-1, -1, height, width)
        features = self.model(pad(torch.cat([x, c], 1), (0, right, 0, bottom), mode="replicate"))
        last = getattr(self.model, "output_fmt", None) == "NHWC"  # where the channels are
        parts = (f.permute(0, 3, 1, 2) if last else f for f in features)
        found = [
            pixel_shuffle(h(f), s) for h, f, s in zip(self.heads, parts, self.steps, strict=True)
        ]
        return torch.stack(found).sum(0)[..., :height, :width]


_EXTRA = 16  # channels that time and class take
