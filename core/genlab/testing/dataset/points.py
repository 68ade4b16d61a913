"""What holds for points from a known distribution."""

from __future__ import annotations

import math

import torch

from genlab.testing.check import global_rng_untouched, require, require_close, require_equal
from genlab.testing.dataset.case import MANY, Points, log_prob_of
from genlab.testing.dataset.examples import require_standardised
from genlab.testing.plane import require_samples_fit

__all__ = ["KNOWN_DENSITY", "ON_THE_PLANE", "POINTS", "UNKNOWN_DENSITY", "WITH_CLASSES"]


def _draw_reproducible(case: Points) -> None:
    """draw(n) gives n points, the same for the same seed, and others for another seed."""
    for n in (1, 100):
        x, y = case.draw(n)
        require(x.shape == (n, *case.points.spec.shape), f"shape {tuple(x.shape)} for n = {n}")
        require(x.dtype == torch.float32, f"draw() gives {x.dtype}, not float32")
        again_x, again_y = case.draw(n)
        require_equal(again_x, x, f"two draws of {n}")
        require((y is None) == (not case.points.spec.classes), "labels and spec.classes disagree")
        if y is not None and again_y is not None:
            require_equal(again_y, y, f"labels of two draws of {n}")
        require(not torch.equal(case.draw(n, seed=7)[0], x), "seeds 0 and 7 draw the same points")


def _draw_leaves_global_rng(case: Points) -> None:
    """Drawing leaves the global generators alone."""
    with global_rng_untouched("draw()"):
        case.draw(10)


def _draws_standardised(case: Points) -> None:
    """Every coordinate of drawn points has mean 0 and variance 1, within five standard errors."""
    require_standardised(case.draw(MANY)[0], f"{MANY} points")


def _log_prob_shape(case: Points) -> None:
    """log_prob gives one number per point, finite on the set's own points, also far from them no NaN."""
    x, y = case.draw(100)
    for labels in (None, y):
        log_prob = case.points.log_prob(x, labels)
        require(log_prob.shape == (100,), f"log_prob has the shape {tuple(log_prob.shape)}")
        require(bool(log_prob.isfinite().all()), "log_prob is not finite on the set's own points")
        far = case.points.log_prob(100 * x, labels)
        require(not bool(far.isnan().any()), "log_prob is NaN far from the data")


def _entropy_is_mean_log_prob(case: Points) -> None:
    """The entropy, where it is known, is the mean of -log_prob, within five standard errors."""
    if case.points.entropy is None:
        return
    surprise = -case.points.log_prob(case.draw(MANY)[0]).double()
    got, chance = float(surprise.mean()), 5 * float(surprise.std()) / math.sqrt(MANY) + 1e-3
    require(
        abs(got - case.points.entropy) <= chance,
        f"entropy is {case.points.entropy:.4f}, the mean of -log_prob {got:.4f} (+- {chance:.4f})",
    )


def _integrates_to_one(case: Points) -> None:
    """On the plane the density, and that of each class, integrates to 1."""
    x, y = case.draw(4000 * max(case.points.spec.classes, 1))
    for k in (None, *range(case.points.spec.classes)):
        chosen = x if k is None or y is None else x[y == k]
        plane = case.plane(k, chosen)
        whose = "the density" if k is None else f"that of class {k}"
        require(abs(plane.mass - 1) <= 0.02, f"{whose} integrates to {plane.mass:.4f}")


def _samples_follow_log_prob(case: Points) -> None:
    """On the plane, drawn points have the mean and the squares that the density has."""
    x, y = case.draw(4000 * max(case.points.spec.classes, 1))
    for k in (None, *range(case.points.spec.classes)):
        chosen = x if k is None or y is None else x[y == k]
        plane = case.plane(k, chosen)
        require_samples_fit(plane, chosen, "all points" if k is None else f"class {k}")


def _marginal_mixes_classes(case: Points) -> None:
    """The marginal density is the mixture of the classes' densities by their shares."""
    x, y = case.draw(MANY)
    if y is None:
        raise AssertionError("draw() returns no labels")
    shares = torch.bincount(y, minlength=case.points.spec.classes).double() / MANY
    points = x[:500]
    classes = [log_prob_of(case.points, k, points).double() for k in range(len(shares))]
    mixed = (torch.stack(classes) + shares.log()[:, None]).logsumexp(0)
    worst = 5 * float(((1 - shares) / shares / MANY).max().sqrt()) + 1e-3
    require_close(
        mixed - case.points.log_prob(points).double(), torch.zeros(500), worst,
        "log of the mixture of the classes against log_prob(x)",
    )  # fmt: skip


def _unknown_density_says_so(case: Points) -> None:
    """Where has_log_prob is False, log_prob raises NotImplementedError and the entropy is None."""
    require(case.points.entropy is None, "has_log_prob is False, but the entropy is known")
    try:
        case.points.log_prob(case.draw(2)[0])
    except NotImplementedError:
        return
    raise AssertionError("has_log_prob is False, but log_prob() does not raise")


POINTS = (_draw_reproducible, _draw_leaves_global_rng, _draws_standardised)
KNOWN_DENSITY = (_log_prob_shape, _entropy_is_mean_log_prob)
UNKNOWN_DENSITY = (_unknown_density_says_so,)
ON_THE_PLANE = (_integrates_to_one, _samples_follow_log_prob)
WITH_CLASSES = (_marginal_mixes_classes,)
