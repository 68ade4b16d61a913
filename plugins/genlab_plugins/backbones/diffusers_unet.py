r"""The UNet of diffusers: a bridge to another package."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.nn.functional import pad

from genlab import BackboneTags, DataSpec, DiffusersBackbone, RequestError, extra
from genlab_plugins.backbones.kinds import require_images

__all__ = ["DiffusersUNet"]


class DiffusersUNet(DiffusersBackbone):
    """``UNet2DModel`` of diffusers, with attention on the coarsest level.

    It sees the timestep ``1000 t - 1``. Sides that do not divide are padded, and cropped at the end.

    Source: von Platen et al. 2022, Diffusers (https://github.com/huggingface/diffusers).

    Args:
        spec: The data: images with any number of channels.
        channels: Channels of each level, from fine to coarse, each a multiple of ``groups``.
        layers: Residual blocks per level.
        groups: Groups of each group normalisation.
        head: Channels of a head of attention, a divisor of the coarsest channels.

    Raises:
        RequestError: The data is not images, diffusers is not installed, or the channels do not fit.
    """

    tags = BackboneTags(data=frozenset({"image"}), mixed_precision=True)

    def __init__(
        self,
        spec: DataSpec,
        *,
        channels: tuple[PositiveInt, ...] = (32, 64),
        layers: PositiveInt = 1,
        groups: PositiveInt = 8,
        head: PositiveInt = 8,
    ) -> None:
        super().__init__()
        require_images(spec, "diffusers-unet")
        theirs = extra("diffusers", "diffusers", "the backbone 'diffusers-unet'")
        size, self.multiple = spec.shape, 2 ** (len(channels) - 1)
        self.classes, plain = spec.classes, len(channels) - 1
        self.unet = theirs.UNet2DModel(
            sample_size=size[1:], in_channels=size[0], out_channels=size[0], norm_num_groups=groups,
            block_out_channels=channels, layers_per_block=layers, attention_head_dim=head,
            down_block_types=("DownBlock2D",) * plain + ("AttnDownBlock2D",),
            up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * plain,
            num_class_embeds=spec.classes + 1 if spec.classes else None,
        )  # fmt: skip

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        label = None
        if self.classes:
            none = torch.full_like(t, self.classes, dtype=torch.int64)
            label = none if y is None else torch.where(y < 0, none, y)
        height, width = x.shape[-2:]
        sides = (0, -width % self.multiple, 0, -height % self.multiple)
        x = pad(x, sides, mode="replicate") if any(sides) else x
        out: Tensor = self.unet(x, 1000 * t - 1, label, return_dict=False)[0]
        return out[..., :height, :width]

    @torch.no_grad()
    def pipeline_model(self, label: int | None) -> Any:
        """Return the UNet; the embedding of the class becomes a part of that of the time."""
        if any(side % self.multiple for side in self.unet.config["sample_size"]):
            raise RequestError(
                f"diffusers pads no images: sides of {self.unet.config['sample_size']} pixels are no "
                f"multiples of {self.multiple}. backbone.channels with fewer levels need no padding"
            )
        config = {**self.unet.config, "num_class_embeds": None}
        plain, state = type(self.unet).from_config(config), dict(self.unet.state_dict())
        embedding = state.pop("class_embedding.weight", None)
        if embedding is not None:
            bias = "time_embedding.linear_2.bias"
            state[bias] = state[bias] + embedding[self.classes if label is None else label]
        plain.load_state_dict(state)
        return plain.eval()
