"""What every density promises: a log density of each example, and samples of it."""

from __future__ import annotations

import torch

from genlab.components.density import FittedDensity, Flow, ImplicitDensity
from genlab.testing.check import (
    global_rng_untouched,
    require,
    require_close,
    require_equal,
    seeded,
)
from genlab.testing.density.case import SPECS, Case, data, log_prob_of, sample_of
from genlab.testing.elsewhere import require_no_float64
from genlab.testing.plane import require_samples_fit
from genlab.testing.specs import require_built_as_tags_say

__all__ = ["ALWAYS", "BUILT", "DRAWN", "ON_THE_PLANE", "TEMPERATURE"]

_MANY = 97  # examples of a large batch


def _takes_what_its_tags_say(case: Case) -> None:
    """It can be built for the kinds of data in its tags, and raises RequestError for the others."""
    require_built_as_tags_say(case.build, SPECS)


def _log_prob_shape(case: Case) -> None:
    """log_prob gives one finite number per example, the sum of forward() over the classes."""
    for spec in case.specs:
        density = case.ready(spec)
        for n in (1, 4):
            x = data(spec, n, seed=2)[0]
            log_prob = log_prob_of(density, x)
            require(log_prob.shape == (n,), f"shape {tuple(log_prob.shape)}, not ({n},), {spec}")
            require(bool(log_prob.isfinite().all()), f"values not finite, {spec}")
            with torch.no_grad():
                joint = density(x)
            require(
                joint.shape == (n, 1), f"joint shape {tuple(joint.shape)}, not ({n}, 1), {spec}"
            )
            require_close(joint.logsumexp(1), log_prob, 1e-4, f"the sum of forward(), {spec}")


def _batch_independent(case: Case) -> None:
    """The log density of an example does not depend on the others of its batch."""
    for spec in case.specs:
        density, (x, _) = case.ready(spec), data(spec, 4, seed=2)
        alone = torch.cat([log_prob_of(density, x[i : i + 1]) for i in range(len(x))])
        require_close(
            log_prob_of(density, x), alone, 1e-4, f"4 examples against each alone, {spec}"
        )
    for spec in case.smallest:
        density, (x, _) = case.ready(spec), data(spec, _MANY, seed=2)
        example = f"the last 5 of {_MANY} examples against them alone, {spec}"
        require_close(log_prob_of(density, x)[-5:], log_prob_of(density, x[-5:]), 1e-4, example)


def _inputs_not_mutated(case: Case) -> None:
    """log_prob does not write into x."""
    for spec in case.specs:
        density, (x, _) = case.ready(spec), data(spec, 4, seed=2)
        kept = x.clone()
        with torch.no_grad():
            density.log_prob(x)
        require(torch.equal(x, kept), f"log_prob() writes into x, {spec}")


def _sample_shape(case: Case) -> None:
    """sample(n) is finite, float32 and of shape (n, *shape), for one and for many."""
    for spec in case.specs:
        density = case.ready(spec)
        for n in (1, 5):
            x = sample_of(density, n)
            require(x.shape == (n, *spec.shape), f"shape {tuple(x.shape)} for n = {n}, {spec}")
            require(x.dtype == torch.float32, f"{x.dtype}, not float32, {spec}")
            require(bool(x.isfinite().all()), f"values not finite, {spec}")


def _sample_reproducible(case: Case) -> None:
    """The same seed draws the same samples, another seed draws others."""
    for spec in case.specs:
        density = case.ready(spec)
        first = sample_of(density, 5)
        require_equal(sample_of(density, 5), first, f"two draws, {spec}")
        require(
            not torch.equal(sample_of(density, 5, seed=8), first), f"seeds 5 and 8 agree, {spec}"
        )


def _global_rng_untouched(case: Case) -> None:
    """All randomness comes from the given generator; the global ones are left alone."""
    for spec in case.specs:
        density = case.ready(spec)
        with global_rng_untouched("sample()"):
            sample_of(density, 5)
        if not isinstance(density, ImplicitDensity):
            with global_rng_untouched("log_prob()"):
                log_prob_of(density, data(spec, 4)[0])
        if isinstance(density, FittedDensity) and spec == case.specs[0]:
            fresh, (x, y) = case.fresh_fitted(spec), data(spec)
            with global_rng_untouched("fit()"):
                fresh.fit(x, y, generator=seeded(1))


def _state_dict_round_trip(case: Case) -> None:
    """A freshly built density with the state of another one has its log_prob and its samples."""
    for spec in (*case.specs, *case.labelled):
        density, (x, _) = case.ready(spec), data(spec, 8, seed=2)
        twin = case.fresh(spec, seed=9)
        twin.load_state_dict({k: v.clone() for k, v in density.state_dict().items()})
        twin.eval()
        if not isinstance(density, ImplicitDensity):
            log_prob = log_prob_of(density, x)
            require_close(log_prob_of(twin, x), log_prob, 1e-6, f"log_prob(), {spec}")
        require_close(sample_of(twin, 4), sample_of(density, 4), 1e-6, f"sample(), {spec}")


def _temperature_narrows(case: Case) -> None:
    """At a temperature of .001 samples are near others, since next to no noise tells them apart."""
    for spec in case.smallest:
        density = case.ready(spec)
        draws = {}
        for factor in (0.001, 1.0):
            with torch.no_grad():
                x = density.sample(_MANY, generator=seeded(5), temperature=factor)  # type: ignore[call-arg]
            distances = torch.cdist(x.flatten(1), x.flatten(1)).fill_diagonal_(torch.inf)
            draws[factor] = float(distances.min(1).values.median())
        require_equal(sample_of(density, _MANY), x, f"temperature 1 against none, {spec}")
        require(
            draws[0.001] < 0.2 * draws[1.0],
            f"a sample is {draws[0.001]:.2g} from the nearest other at a temperature of .001, and "
            f"{draws[1.0]:.2g} at 1, {spec}",
        )


def _integrates_to_one(case: Case) -> None:
    """On the plane the density integrates to 1."""
    plane, _ = case.plane
    require(abs(plane.mass - 1) <= 0.02, f"the integral over the plane is {plane.mass:.4f}")


def _samples_follow_log_prob(case: Case) -> None:
    """On the plane, samples have the mean and the squares that the density has."""
    plane, samples = case.plane
    require_samples_fit(plane, samples, f"{len(samples)} samples")


def _no_float64_off_the_cpu(case: Case) -> None:
    """Off the CPU it makes no float64, which Apple's MPS does not have, and mixes no tensors of devices."""
    for spec in case.smallest:
        density, x = case.ready(spec), data(spec, 5, seed=2)[0]
        with require_no_float64(f"{spec}") as device:
            density, x, generator = density.to(device), x.to(device), seeded(5, device)
            if isinstance(density, Flow):
                density.initialise(x, generator=generator)
                density.decode(density.encode(x)[0])
            explicit = not isinstance(density, ImplicitDensity)
            if explicit and not isinstance(density, FittedDensity):
                density.log_prob(x).sum().backward()
            with torch.no_grad():
                if explicit:
                    density.log_prob(x)
                    density.classify(x)
                density.sample(3, generator=generator)


BUILT = (_takes_what_its_tags_say,)
"""The check of one that can be built for no small data at all."""
DRAWN = (
    _sample_shape,
    _sample_reproducible,
    _global_rng_untouched,
    _state_dict_round_trip,
    _no_float64_off_the_cpu,
)
"""The checks of what is drawn, also without a log density."""
ALWAYS = (
    _log_prob_shape,
    _batch_independent,
    _inputs_not_mutated,
)
TEMPERATURE = (_temperature_narrows,)
"""The check of one that takes a temperature."""
ON_THE_PLANE = (_integrates_to_one, _samples_follow_log_prob)
