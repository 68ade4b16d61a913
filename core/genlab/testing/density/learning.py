"""How a density learns: fitted at once, by gradients, or as a flow, which can be inverted."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from genlab.components.dataset import DataSpec
from genlab.components.density import Density
from genlab.testing.check import (
    global_rng_untouched,
    require,
    require_close,
    require_equal,
    seeded,
)
from genlab.testing.density.case import Case, data, log_prob_of, sample_of
from genlab.testing.unasked import require_no_answer

__all__ = ["FITTED", "FLOW", "TRAINED", "require_reached"]


def _fit_reproducible(case: Case) -> None:
    """fit() with the same data and seed gives the same density, and does not write into the data."""
    for spec in case.specs:
        x, y = data(spec)
        kept = x.clone()
        again = case.fresh_fitted(spec)
        again.fit(x, y, generator=seeded(1))
        require(torch.equal(x, kept), f"fit() writes into x, {spec}")
        first = log_prob_of(case.ready(spec), x[:8])
        require_equal(log_prob_of(again.eval(), x[:8]), first, f"two fits, {spec}")


def _fit_survives_poor_data(case: Case) -> None:
    """fit() on three examples, and on data with a coordinate that never varies, gives finite numbers."""
    for spec in case.specs:
        x = data(spec)[0]
        stuck = x.clone()
        stuck.flatten(1)[:, 0] = 0.25
        for name, given in (("three examples", x[:3]), ("a constant coordinate", stuck)):
            density = case.fresh_fitted(spec)
            density.fit(given, None, generator=seeded(1))
            require(
                bool(log_prob_of(density, given).isfinite().all()), f"log_prob(), {name}, {spec}"
            )
            require(bool(sample_of(density, 5).isfinite().all()), f"sample(), {name}, {spec}")


def _gradient_reaches_parameters(case: Case) -> None:
    """The gradient of the likelihood reaches every parameter."""
    for spec in case.specs:
        density, (x, _) = case.ready(spec).train(), data(spec, 64, seed=2)
        if not any(p.requires_grad and p.numel() for p in density.parameters()):
            continue
        density.zero_grad()
        with torch.random.fork_rng(devices=[]):
            density(x).logsumexp(1).mean().backward()
        require_reached(density, spec)


def _replayable_if_it_says_so(case: Case) -> None:
    """Tagged replayable, its forward and backward pass in training ask for no values of tensors."""
    for spec in case.specs:
        density, (x, _) = case.ready(spec).train(), data(spec, 8, seed=2)
        if density.tags.replayable:
            with torch.random.fork_rng(devices=[]), require_no_answer(f"{spec}"):
                density(x).logsumexp(1).mean().backward()


def require_reached(density: Density, spec: DataSpec) -> None:
    """Require that a gradient has reached every parameter that has numbers.

    Raises:
        AssertionError: It has not.
    """
    unreached = [
        name
        for name, p in density.named_parameters()
        if p.requires_grad and p.numel() and (p.grad is None or not bool((p.grad != 0).any()))
    ]
    require(not unreached, f"no gradient reaches {unreached}, {spec}")


def _initialise_reproducible(case: Case) -> None:
    """initialise() with the same data and seed gives the same flow, and leaves the data alone."""
    for spec in case.specs:
        x, _ = data(spec)
        kept = x.clone()
        flows = [case.fresh_flow(spec) for _ in range(2)]
        for flow in flows:
            with global_rng_untouched("initialise()"):
                flow.initialise(x, generator=seeded(1))
        require(torch.equal(x, kept), f"initialise() writes into x, {spec}")
        first, second = (log_prob_of(flow.eval(), x[:8]) for flow in flows)
        require_equal(first, second, f"two flows, {spec}")


def _flow_inverts(case: Case) -> None:
    """decode(encode(x)) is x, and encode(decode(z)) is z, in float64 with random parameters."""
    for spec in case.specs:
        flow, x = case.ready_flow(spec), data(spec, 4, seed=2)[0].double()
        with torch.no_grad():
            z, ladj = flow.encode(x.clone())
            again, back = flow.decode(z.clone())
        require(z.shape == x.shape, f"z has the shape {tuple(z.shape)}, {spec}")
        require(ladj.shape == back.shape == (4,), f"ladj has the shape {tuple(ladj.shape)}, {spec}")
        require_close(again, x, 1e-6, f"decode(encode(x)) against x, {spec}")
        z = torch.randn(x.shape, generator=seeded(3), dtype=x.dtype)
        with torch.no_grad():
            again, _ = flow.encode(flow.decode(z.clone())[0])
        require_close(again, z, 1e-6, f"encode(decode(z)) against z, {spec}")


def _flow_ladj_is_jacobian(case: Case) -> None:
    """The ladj of encode and decode is the log-determinant of autograd's Jacobian."""
    for spec in case.specs:
        flow, (x, _) = case.ready_flow(spec), data(spec, 2, seed=2)
        x = x.double()
        with torch.no_grad():
            z = flow.encode(x)[0]
        for i, name, function, points in (
            (0, "encode", flow.encode, x),
            (1, "decode", flow.decode, z),
        ):
            with torch.no_grad():
                ladj = function(points)[1]
            want = _log_det(function, points[i : i + 1])
            require_close(ladj[i], want, 1e-6, f"{name}, example {i}, {spec}")


FITTED = (_fit_reproducible, _fit_survives_poor_data)
TRAINED = (_gradient_reaches_parameters, _replayable_if_it_says_so)
FLOW = (_flow_inverts, _flow_ladj_is_jacobian, _initialise_reproducible)


def _log_det(function: Callable[[Tensor], tuple[Tensor, Tensor]], point: Tensor) -> Tensor:
    jacobian = torch.autograd.functional.jacobian(lambda p: function(p)[0], point)
    n = point.numel()
    log_det: Tensor = torch.linalg.slogdet(jacobian.reshape(n, n)).logabsdet
    return log_det
