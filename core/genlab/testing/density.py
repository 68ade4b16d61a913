"""The contract of a density, generated from its tags."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor

from genlab.errors import RequestError
from genlab.protocols import DataSpec, Density, DensityTags, FittedDensity, Flow
from genlab.testing.check import (
    Check,
    bind,
    example_data,
    global_rng_untouched,
    require,
    require_close,
    require_equal,
    run_checks,
    seeded,
)
from genlab.testing.plane import Plane, require_samples_fit

__all__ = ["BuildDensity", "check_density", "density_checks"]

BuildDensity = Callable[[DataSpec], Density]
"""What builds a density: its class, a partial of it, or a function."""


def check_density(build: BuildDensity) -> None:
    """Check a density against its contract.

    Args:
        build: Takes a :class:`~genlab.protocols.DataSpec` and returns the density; the class itself, or a
            :func:`functools.partial` of it with parameters.

    Raises:
        ContractError: It breaks at least one clause.
    """
    run_checks(getattr(build, "__name__", repr(build)), density_checks(build))


def density_checks(build: BuildDensity) -> Iterator[Check]:
    """Yield the checks that the tags of a density ask for.

    Args:
        build: See :func:`check_density`.

    Raises:
        RequestError: It can be built for none of the small data that the checks look at.
    """
    case = _Case(build)
    tags = case.tags
    yield from bind(_ALWAYS, case)
    if "vector" in tags.data:
        yield from bind(_ON_THE_PLANE, case)
    if tags.fitted:
        yield from bind(_FITTED, case)
    else:
        yield from bind([_gradient_reaches_parameters], case)
    if tags.conditional:
        yield from bind(_CONDITIONAL, case)
    if tags.fitted and tags.conditional:
        yield from bind([_prior_is_frequency], case)
    if tags.flow:
        yield from bind(_FLOW, case)


_SPECS = (
    DataSpec((2,), "vector"),
    DataSpec((5,), "vector"),
    DataSpec((1, 8, 8), "image"),
    DataSpec((3, 4, 4), "image"),
)
_SHARES = (0.5, 0.3, 0.2)  # of the classes


@dataclass(frozen=True)
class _Case:
    build: BuildDensity
    made: dict[DataSpec, Density] = field(default_factory=dict)

    @property
    def tags(self) -> DensityTags:
        refusals = []
        for spec in _SPECS:
            try:
                return self.fresh(spec).tags
            except RequestError as refusal:
                refusals.append(refusal)
        raise refusals[0]

    @property
    def specs(self) -> list[DataSpec]:
        return [spec for spec in _SPECS if spec.kind in self.tags.data]

    @property
    def labelled(self) -> list[DataSpec]:
        return [DataSpec(s.shape, s.kind, 3, ("a", "b", "c")) for s in self.specs]

    def fresh(self, spec: DataSpec, seed: int = 0) -> Density:
        """Build with a seed of its own, and leave the global generator as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.build(spec)

    def ready(self, spec: DataSpec) -> Density:
        """Return a copy of a density in eval mode that is no special case."""
        if spec not in self.made:
            self.made[spec] = self.prepare(spec)
        return copy.deepcopy(self.made[spec])

    def prepare(self, spec: DataSpec) -> Density:
        """Build a density in eval mode: fitted, or with random parameters."""
        density = self.fresh(spec)
        x, y = _data(spec)
        if density.tags.fitted:
            cast(FittedDensity, density).fit(x, y, generator=seeded(1))
            return density.eval()
        generator = seeded(1)
        with torch.no_grad():
            if density.tags.flow:
                cast(Flow, density).initialise(x, generator=generator)
            for p in density.parameters():
                inputs = p[0].numel() if p.ndim > 1 else 1
                p.add_(0.1 / math.sqrt(inputs) * torch.randn(p.shape, generator=generator))
        return density.eval()


def _data(spec: DataSpec, n: int = 300, seed: int = 0) -> tuple[Tensor, Tensor | None]:
    """Return data whose classes, if any, have centres and shares of their own."""
    x = example_data(spec.shape, n, seed=seed)
    if not spec.classes:
        return x, None
    cuts = torch.tensor(_SHARES).cumsum(0)[:-1] * n
    y = torch.bucketize(torch.arange(n), cuts.round().long(), right=True)
    centres = example_data(spec.shape, 3, seed=99).sign()
    return (x + centres[y]) / 2, y


def _log_prob_shape(case: _Case) -> None:
    """log_prob gives one finite number per example, the sum of forward() over the classes."""
    for spec in case.specs:
        density = case.ready(spec)
        for n in (1, 4):
            x = _data(spec, n, seed=2)[0]
            log_prob = _log_prob(density, x)
            require(log_prob.shape == (n,), f"shape {tuple(log_prob.shape)}, not ({n},), {spec}")
            require(bool(log_prob.isfinite().all()), f"values not finite, {spec}")
            with torch.no_grad():
                joint = density(x)
            require(
                joint.shape == (n, 1), f"joint shape {tuple(joint.shape)}, not ({n}, 1), {spec}"
            )
            require_close(joint.logsumexp(1), log_prob, 1e-4, f"the sum of forward(), {spec}")


def _batch_independent(case: _Case) -> None:
    """The log density of an example does not depend on the others of its batch."""
    for spec in case.specs:
        density, (x, _) = case.ready(spec), _data(spec, 4, seed=2)
        alone = torch.cat([_log_prob(density, x[i : i + 1]) for i in range(len(x))])
        require_close(_log_prob(density, x), alone, 1e-4, f"4 examples against each alone, {spec}")


def _inputs_not_mutated(case: _Case) -> None:
    """log_prob does not write into x."""
    for spec in case.specs:
        density, (x, _) = case.ready(spec), _data(spec, 4, seed=2)
        kept = x.clone()
        with torch.no_grad():
            density.log_prob(x)
        require(torch.equal(x, kept), f"log_prob() writes into x, {spec}")


def _sample_shape(case: _Case) -> None:
    """sample(n) is finite, float32 and of shape (n, *shape), for one and for many."""
    for spec in case.specs:
        density = case.ready(spec)
        for n in (1, 5):
            x = _sample(density, n)
            require(x.shape == (n, *spec.shape), f"shape {tuple(x.shape)} for n = {n}, {spec}")
            require(x.dtype == torch.float32, f"{x.dtype}, not float32, {spec}")
            require(bool(x.isfinite().all()), f"values not finite, {spec}")


def _sample_reproducible(case: _Case) -> None:
    """The same seed draws the same samples, another seed draws others."""
    for spec in case.specs:
        density = case.ready(spec)
        first = _sample(density, 5)
        require_equal(_sample(density, 5), first, f"two draws, {spec}")
        require(not torch.equal(_sample(density, 5, seed=8), first), f"seeds 5 and 8 agree, {spec}")


def _global_rng_untouched(case: _Case) -> None:
    """All randomness comes from the given generator; the global ones are left alone."""
    for spec in case.specs:
        density = case.ready(spec)
        with global_rng_untouched("sample()"):
            _sample(density, 5)
        with global_rng_untouched("log_prob()"):
            _log_prob(density, _data(spec, 4)[0])
        if density.tags.fitted and spec == case.specs[0]:
            fresh, (x, y) = cast(FittedDensity, case.fresh(spec)), _data(spec)
            with global_rng_untouched("fit()"):
                fresh.fit(x, y, generator=seeded(1))


def _state_dict_round_trip(case: _Case) -> None:
    """A freshly built density with the state of another one has its log_prob and its samples."""
    for spec in (*case.specs, *case.labelled):
        density, (x, _) = case.ready(spec), _data(spec, 8, seed=2)
        twin = case.fresh(spec, seed=9)
        twin.load_state_dict({k: v.clone() for k, v in density.state_dict().items()})
        twin.eval()
        require_close(_log_prob(twin, x), _log_prob(density, x), 1e-6, f"log_prob(), {spec}")
        require_close(_sample(twin, 4), _sample(density, 4), 1e-6, f"sample(), {spec}")


def _integrates_to_one(case: _Case) -> None:
    """On the plane the density integrates to 1."""
    density = case.ready(DataSpec((2,), "vector"))
    plane = Plane.integrate(lambda x: _log_prob(density, x), _sample(density, 4000))
    require(abs(plane.mass - 1) <= 0.02, f"the integral over the plane is {plane.mass:.4f}")


def _samples_follow_log_prob(case: _Case) -> None:
    """On the plane, samples have the mean and the squares that the density has."""
    density = case.ready(DataSpec((2,), "vector"))
    samples = _sample(density, 4000)
    plane = Plane.integrate(lambda x: _log_prob(density, x), samples)
    require_samples_fit(plane, samples, "4000 samples")


def _fit_reproducible(case: _Case) -> None:
    """fit() with the same data and seed gives the same density, and does not write into the data."""
    for spec in case.specs:
        x, y = _data(spec)
        kept = x.clone()
        again = cast(FittedDensity, case.fresh(spec))
        again.fit(x, y, generator=seeded(1))
        require(torch.equal(x, kept), f"fit() writes into x, {spec}")
        first = _log_prob(case.ready(spec), x[:8])
        require_equal(_log_prob(again.eval(), x[:8]), first, f"two fits, {spec}")


def _fit_survives_poor_data(case: _Case) -> None:
    """fit() on three examples, and on data with a coordinate that never varies, gives finite numbers."""
    for spec in case.specs:
        x = _data(spec)[0]
        stuck = x.clone()
        stuck.flatten(1)[:, 0] = 0.25
        for name, data in (("three examples", x[:3]), ("a constant coordinate", stuck)):
            density = cast(FittedDensity, case.fresh(spec))
            density.fit(data, None, generator=seeded(1))
            require(bool(_log_prob(density, data).isfinite().all()), f"log_prob(), {name}, {spec}")
            require(bool(_sample(density, 5).isfinite().all()), f"sample(), {name}, {spec}")


def _gradient_reaches_parameters(case: _Case) -> None:
    """The gradient of the likelihood reaches every parameter."""
    for spec in case.specs:
        density, (x, _) = case.ready(spec).train(), _data(spec, 64, seed=2)
        density.zero_grad()
        with torch.random.fork_rng(devices=[]):
            density(x).logsumexp(1).mean().backward()
        unreached = [
            name
            for name, p in density.named_parameters()
            if p.requires_grad and (p.grad is None or not bool((p.grad != 0).any()))
        ]
        require(not unreached, f"no gradient reaches {unreached}, {spec}")


def _marginal_mixes_classes(case: _Case) -> None:
    """There are class weights w_k with p(x) = sum_k w_k p(x | k) for every x, and they sum to 1."""
    for spec in case.labelled:
        density, x = case.ready(spec).double(), _data(spec)[0].double()
        weights, residual = _class_weights(density, x)
        require(residual <= 1e-3, f"p(x) is off any mixture of p(x | y) by {residual:.2g}, {spec}")
        total = float(weights.sum())
        require(abs(total - 1) <= 0.01, f"the class weights sum to {total:.3f}, {spec}")


def _classify_is_bayes(case: _Case) -> None:
    """classify(x) and joint_log_prob(x) are what Bayes' rule makes of log_prob(x, y)."""
    for spec in case.labelled:
        density, x = case.ready(spec).double(), _data(spec, 30, seed=2)[0].double()
        weights, _ = _class_weights(density, _data(spec)[0].double())
        each = [_log_prob(density, x, torch.full((len(x),), k)) for k in range(3)]
        want = torch.stack(each, 1) + weights.clamp_min(1e-12).log()
        joint = _joint(density, x)
        require(joint.shape == (len(x), 3), f"joint shape {tuple(joint.shape)}, {spec}")
        usual = (
            want > want.max(1, keepdim=True).values - 10
        )  # what is rarer has no weight to compare
        require_close(joint[usual], want[usual], 1e-2, f"joint_log_prob(), {spec}")
        with torch.no_grad():
            posterior = density.classify(x)
        require_close(posterior.exp(), joint.softmax(1), 1e-6, f"classify(), {spec}")


def _initialise_reproducible(case: _Case) -> None:
    """initialise() with the same data and seed gives the same flow, and leaves the data alone."""
    for spec in case.specs:
        x, _ = _data(spec)
        kept = x.clone()
        flows = [cast(Flow, case.fresh(spec)) for _ in range(2)]
        for flow in flows:
            with global_rng_untouched("initialise()"):
                flow.initialise(x, generator=seeded(1))
        require(torch.equal(x, kept), f"initialise() writes into x, {spec}")
        first, second = (_log_prob(flow.eval(), x[:8]) for flow in flows)
        require_equal(first, second, f"two flows, {spec}")


def _prior_is_frequency(case: _Case) -> None:
    """After fit() the class weights of the marginal are the classes' shares of the data."""
    for spec in case.labelled:
        density, x = case.ready(spec).double(), _data(spec)[0].double()
        weights, _ = _class_weights(density, x)
        require_close(weights, torch.tensor(_SHARES), 0.02, f"weights against shares, {spec}")


def _samples_of_a_class(case: _Case) -> None:
    """Samples of a class are likelier under it than under any other; log_prob depends on y."""
    for spec in case.labelled:
        density, n = case.ready(spec), 300
        scores = torch.stack(
            [_log_prob(density, _data(spec, 50, seed=2)[0], torch.full((50,), k)) for k in range(3)]
        )
        require(not torch.allclose(scores[0], scores[1]), f"y = 0 and y = 1 agree, {spec}")
        for k in range(3):
            x = _sample(density, n, torch.full((n,), k))
            own = _log_prob(density, x, torch.full((n,), k))
            for other in range(3):
                gain = own - _log_prob(density, x, torch.full((n,), other))
                chance = 5 * float(gain.std()) / math.sqrt(n)
                require(
                    float(gain.mean()) >= -chance,
                    f"samples of class {k} are likelier under {other}, {spec}",
                )


def _flow_inverts(case: _Case) -> None:
    """decode(encode(x)) is x, and encode(decode(z)) is z, in float64 with random parameters."""
    for spec in case.specs:
        flow, x = case.ready(spec).double(), _data(spec, 4, seed=2)[0].double()
        with torch.no_grad():
            z, ladj = cast(Flow, flow).encode(x)
            again, back = cast(Flow, flow).decode(z)
        require(z.shape == x.shape, f"z has the shape {tuple(z.shape)}, {spec}")
        require(ladj.shape == back.shape == (4,), f"ladj has the shape {tuple(ladj.shape)}, {spec}")
        require_close(again, x, 1e-6, f"decode(encode(x)) against x, {spec}")


def _flow_ladj_is_jacobian(case: _Case) -> None:
    """The ladj of encode and decode is the log-determinant of autograd's Jacobian."""
    for spec in case.specs:
        flow, (x, _) = cast(Flow, case.ready(spec).double()), _data(spec, 2, seed=2)
        x = x.double()
        with torch.no_grad():
            z = flow.encode(x)[0]
        for name, function, points in (("encode", flow.encode, x), ("decode", flow.decode, z)):
            with torch.no_grad():
                ladj = function(points)[1]
            for i in range(len(points)):
                want = _log_det(function, points[i : i + 1])
                require_close(ladj[i], want, 1e-6, f"{name}, example {i}, {spec}")


_ALWAYS = (
    _log_prob_shape,
    _batch_independent,
    _inputs_not_mutated,
    _sample_shape,
    _sample_reproducible,
    _global_rng_untouched,
    _state_dict_round_trip,
)
_ON_THE_PLANE = (_integrates_to_one, _samples_follow_log_prob)
_FITTED = (_fit_reproducible, _fit_survives_poor_data)
_CONDITIONAL = (_marginal_mixes_classes, _samples_of_a_class, _classify_is_bayes)
_FLOW = (_flow_inverts, _flow_ladj_is_jacobian, _initialise_reproducible)


@torch.no_grad()
def _log_prob(density: Density, x: Tensor, y: Tensor | None = None) -> Tensor:
    return density.log_prob(x.clone(), y)


@torch.no_grad()
def _joint(density: Density, x: Tensor) -> Tensor:
    return density.joint_log_prob(x.clone())


@torch.no_grad()
def _sample(density: Density, n: int, y: Tensor | None = None, *, seed: int = 5) -> Tensor:
    return density.sample(n, y, generator=seeded(seed))


def _class_weights(density: Density, x: Tensor) -> tuple[Tensor, float]:
    """Solve p(x) = sum_k w_k p(x | k) for the weights, relative to p(x)."""
    marginal = _log_prob(density, x).double()
    classes = [_log_prob(density, x, torch.full((len(x),), k)).double() for k in range(3)]
    ratios = torch.stack([(c - marginal).exp() for c in classes], 1)
    ones = ratios.new_ones(len(x), 1)
    weights = torch.linalg.lstsq(ratios, ones, driver="gelsd").solution
    return weights[:, 0], float((ratios @ weights - ones).abs().max())


def _log_det(function: Callable[[Tensor], tuple[Tensor, Tensor]], point: Tensor) -> Tensor:
    jacobian = torch.autograd.functional.jacobian(lambda p: function(p)[0], point)
    n = point.numel()
    log_det: Tensor = torch.linalg.slogdet(jacobian.reshape(n, n)).logabsdet
    return log_det
