"""Models of timm as backbones: what the contract checks of the default model do not see."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import genlab
from genlab import DataSpec

pytest.importorskip("timm")


@pytest.mark.parametrize(
    ("model", "options"),
    [("vit_tiny_patch16_224", {"patch_size": 4, "embed_dim": 24}),
     ("swin_tiny_patch4_window7_224", {"embed_dim": 24, "window_size": 2}),
     ("test_resnet", None)],
)  # fmt: skip
@torch.no_grad()
def test_transformers_and_networks_of_other_layouts(model: str, options: Any) -> None:
    spec = DataSpec((2, 9, 12), "image", 3, ("a", "b", "c"))
    torch.manual_seed(0)
    backbone = genlab.build("backbone", "timm", spec, model=model, options=options).eval()
    x, t, y = torch.randn(3, 2, 9, 12), torch.tensor([0.0, 0.5, 1.0]), torch.tensor([-1, 0, 2])
    out = backbone(x, t, y)
    assert out.shape == x.shape
    torch.testing.assert_close(out[1:2], backbone(x[1:2], t[1:2], y[1:2]), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(out, backbone(x, t, y.flip(0)), atol=1e-4)
    x[0, 0, 0, 0] += 10  # what changes one corner changes the output there most
    change = (backbone(x, t, y) - out).abs()[0].amax(0)
    assert change[:4, :4].mean() > change[-4:, -4:].mean()


@pytest.mark.parametrize(
    ("params", "said"),
    [({"model": "unheard_of"}, "backbone.model = 'unheard_of', 2 levels: Unknown model"),
     ({"levels": 9}, "backbone.model = 'convnext_atto', 9 levels"),
     ({"options": {"depht": 1}}, "unexpected keyword argument 'depht'")],
)  # fmt: skip
def test_refused(params: dict[str, Any], said: str) -> None:
    with pytest.raises(genlab.RequestError, match=said):
        genlab.build("backbone", "timm", DataSpec((1, 8, 8), "image"), **params)
