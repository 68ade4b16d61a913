"""What a density with classes promises: a density of each, mixed by Bayes' rule."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genlab.components.density import Density
from genlab.testing.check import require, require_close, seeded
from genlab.testing.density.case import SHARES, Case, data, joint_of, log_prob_of, sample_of

__all__ = ["CONDITIONAL", "FITTED_CONDITIONAL"]


def _marginal_mixes_classes(case: Case) -> None:
    """There are class weights w_k with p(x) = sum_k w_k p(x | k) for every x, and they sum to 1."""
    for spec in case.labelled:
        density, x = case.ready(spec).double(), data(spec)[0].double()
        weights, residual = _class_weights(density, x)
        require(residual <= 1e-3, f"p(x) is off any mixture of p(x | y) by {residual:.2g}, {spec}")
        total = float(weights.sum())
        lost = (weights <= 1e-3).nonzero().flatten().tolist()
        require(not lost, f"class {lost[:1]} has the weight 0 in p(x), {spec}")
        require(abs(total - 1) <= 0.01, f"the class weights sum to {total:.3f}, {spec}")


def _samples_of_a_class(case: Case) -> None:
    """Samples of a class are likelier under it than under any other; log_prob depends on y."""
    for spec in case.labelled:
        density, n = case.ready(spec), 300
        scores = torch.stack(
            [
                log_prob_of(density, data(spec, 50, seed=2)[0], torch.full((50,), k))
                for k in range(3)
            ]
        )
        require(not torch.allclose(scores[0], scores[1]), f"y = 0 and y = 1 agree, {spec}")
        for k in range(3):
            x = sample_of(density, n, torch.full((n,), k))
            own = log_prob_of(density, x, torch.full((n,), k))
            for other in range(3):
                gain = own - log_prob_of(density, x, torch.full((n,), other))
                chance = 5 * float(gain.std()) / math.sqrt(n)
                require(
                    float(gain.mean()) >= -chance,
                    f"samples of class {k} are likelier under {other}, {spec}",
                )


def _classify_is_bayes(case: Case) -> None:
    """classify(x) and joint_log_prob(x) are what Bayes' rule makes of log_prob(x, y)."""
    for spec in case.labelled:
        density, x = case.ready(spec).double(), data(spec, 30, seed=2)[0].double()
        weights, _ = _class_weights(density, data(spec)[0].double())
        each = [log_prob_of(density, x, torch.full((len(x),), k)) for k in range(3)]
        want = torch.stack(each, 1) + weights.clamp_min(1e-12).log()
        joint = joint_of(density, x)
        require(joint.shape == (len(x), 3), f"joint shape {tuple(joint.shape)}, {spec}")
        usual = want > want.max(1, keepdim=True).values - 10  # what is rarer has no weight
        require_close(joint[usual], want[usual], 1e-2, f"joint_log_prob(), {spec}")
        with torch.no_grad():
            posterior = density.classify(x)
        require_close(posterior.exp(), joint.softmax(1), 1e-6, f"classify(), {spec}")


def _prior_is_frequency(case: Case) -> None:
    """After fit() the class weights of the marginal are the classes' shares of the data."""
    for spec in case.labelled:
        density, x = case.ready(spec).double(), data(spec)[0].double()
        weights, _ = _class_weights(density, x)
        require_close(weights, torch.tensor(SHARES), 0.02, f"weights against shares, {spec}")


def _unknown_labels_are_no_class(case: Case) -> None:
    """fit() with labels of which some are -1, unknown, gives a density whose classes make up the marginal."""
    for spec in case.labelled[:1]:
        density, (x, y) = case.fresh_fitted(spec), data(spec)
        hidden = None if y is None else torch.where(torch.arange(len(y)) % 3 == 0, -1, y)
        density.fit(x, hidden, generator=seeded(1))
        density.eval()
        log_prob = log_prob_of(density, x[:20])
        require(bool(log_prob.isfinite().all()), f"log_prob() is not finite, {spec}")
        together = joint_of(density, x[:20]).logsumexp(1)
        require_close(
            together, log_prob, 1e-4, f"sum of joint_log_prob() against log_prob(), {spec}"
        )


CONDITIONAL = (_marginal_mixes_classes, _samples_of_a_class, _classify_is_bayes)
FITTED_CONDITIONAL = (_prior_is_frequency, _unknown_labels_are_no_class)


def _class_weights(density: Density, x: Tensor) -> tuple[Tensor, float]:
    """Solve p(x) = sum_k w_k p(x | k) for the weights, relative to p(x)."""
    marginal = log_prob_of(density, x).double()
    classes = [log_prob_of(density, x, torch.full((len(x),), k)).double() for k in range(3)]
    ratios = torch.stack([(c - marginal).exp() for c in classes], 1)
    ones = ratios.new_ones(len(x), 1)
    weights = torch.linalg.lstsq(ratios, ones, driver="gelsd").solution
    return weights[:, 0], float((ratios @ weights - ones).abs().max())
