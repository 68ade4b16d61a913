"""What a request says and nothing would use is refused."""

from __future__ import annotations

from typing import Any

import pytest

import genlab
from genlab.config import resolve

BLUR = {"degradation": "blur"}


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ({**BLUR, "density": "gmm"}, "density beside degradation"),
        ({**BLUR, "prior": "gmm", "prior_training": {"steps": 3}}, "prior_training .* 'gmm' is fitted"),
        ({**BLUR, "prior": "gmm", "prior_optimiser": "muon"}, "prior_optimiser .* 'gmm' is fitted at once"),
        ({"prior_training": {"steps": 3}}, "prior_training .* 'gaussian' has no prior"),
        *[
            ({"density": "realnvp", key: value}, rf"^{key} has no use here: .* 'realnvp' stands alone")
            for key, value in {
                "restorer": {"jitter": 0.1}, "backbone": "unet", "sampler": "ddim", "prior": "gmm",
                "prior_training": {"steps": 3}, "prior_optimiser": {"lr": 1},
            }.items()
        ],
        ({"density": "gmm", "training": {"steps": 3}}, r"training\.steps .* 'gmm' is fitted at once"),
        ({"sampling": {"temperature": 0.5}}, r"sampling\.temperature has no use here: a diffusion"),
        ({"density": "gmm", "sampling": {"temperature": 2}}, r"sampling\.temperature .* 'gmm' is sampled"),
        ({"density": "gmm", "training": {"batch": 3}}, r"training\.batch .* 'gmm' is fitted at once"),
        ({"density": "gmm", "optimiser": {"lr": 0.1}}, "optimiser .* 'gmm' is fitted at once"),
    ],
)  # fmt: skip
def test_what_has_no_use_is_refused(given: dict[str, Any], answer: str) -> None:
    with pytest.raises(genlab.RequestError, match=answer) as caught:
        resolve(given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        {**BLUR, "prior": "realnvp", "prior_training": {"steps": 3}, "prior_optimiser": {"lr": 0.1}},
        {"density": "gmm", "training": {"conditional": True, "save_every": 3}},
        {"density": "gmm", "restorer": {}, "training": {}},
        {"density": "realnvp", "training": {"steps": 3}, "optimiser": {"lr": 0.1}},
        {"density": "realnvp", "sampling": {"temperature": 0.5}},
        {**BLUR, "sampling": {"temperature": 1}},
    ],
)  # fmt: skip
def test_what_has_a_use_is_not(given: dict[str, Any]) -> None:
    config = resolve(given).config
    assert resolve(config.flat()).config == config
