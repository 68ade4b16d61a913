"""What a degradation may do off the CPU."""

from __future__ import annotations

import torch

from genlab.components.degradation import (
    AdditiveDegradation,
    DiagonalDegradation,
    GaussianDegradation,
    InvertibleDegradation,
    LinearDegradation,
)
from genlab.testing.check import example_data, seeded
from genlab.testing.degradation.case import Case, Shape
from genlab.testing.elsewhere import require_no_float64

__all__ = ["DEVICE"]


def _no_float64_off_the_cpu(case: Case) -> None:
    """Off the CPU it makes no float64, which Apple's MPS does not have, and mixes no tensors of devices."""
    for shape in case.shapes:
        with require_no_float64(f"shape {shape}") as device:
            _run(case, shape, device)


def _run(case: Case, shape: Shape, device: torch.device) -> None:
    """Call all that a degradation can do."""
    d, generator = case.degradation, seeded(1, device)
    x_0 = example_data(shape, 3).to(device)
    t = torch.tensor([0.0, 0.5, 0.9]).to(device)
    z = d.draw(x_0, generator=generator)
    x_t = d.degrade(x_0, t, z)
    c = d.summarize(d.degrade(x_0, torch.ones_like(t), z))
    d.expand(c, shape, generator=generator)
    if isinstance(d, LinearDegradation):
        d.A(x_0, t, z)
        d.A_adjoint(x_0, t, z)
    if isinstance(d, InvertibleDegradation):
        d.invert(x_t, t, z)
    if isinstance(d, AdditiveDegradation):
        d.noise(x_t, x_0, t)
    if isinstance(d, DiagonalDegradation):
        d.from_basis(d.to_basis(x_0) * d.amplitudes(t, x_0)[0])
    if isinstance(d, GaussianDegradation):
        d.log_snr(t)


DEVICE = (_no_float64_off_the_cpu,)
