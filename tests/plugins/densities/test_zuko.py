"""Flows of zuko as densities, against zuko's own."""

from __future__ import annotations

import pytest
import torch

import genlab
from genlab import DataSpec

zuko = pytest.importorskip("zuko")

FLOWS = ["NSF", "MAF", "NICE", "RealNVP", "NAF", "UNAF", "SOSPF", "BPF", "GF", "CNF"]


@pytest.mark.parametrize("name", FLOWS)
@torch.no_grad()
def test_log_prob_is_that_of_zuko(name: str) -> None:
    torch.manual_seed(0)
    density = genlab.build("density", "zuko", DataSpec((3,), "vector"), flow=name).double()
    torch.manual_seed(0)
    truth = getattr(zuko.flows, name)(3).double()
    x = torch.randn(6, 3, dtype=torch.float64)
    torch.testing.assert_close(density.log_prob(x), truth().log_prob(x))
    z, _ = density.encode(x)
    torch.testing.assert_close(z, truth().transform(x))
    torch.testing.assert_close(density.decode(z)[0], x, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("spec", "params", "said"),
    [(DataSpec((3,), "vector"), {"flow": "NSV"}, "'NSF'"),
     (DataSpec((3,), "vector"), {"options": {"transfroms": 2}}, "'transfroms'"),
     (DataSpec((1, 4, 4), "image"), {}, "the density 'zuko' is for vectors")],
)  # fmt: skip
def test_refused(spec: DataSpec, params: dict[str, object], said: str) -> None:
    with pytest.raises(genlab.RequestError, match=said):
        genlab.build("density", "zuko", spec, **params)
