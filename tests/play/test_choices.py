"""What the page computes for a choice, without the page."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import torch

import genlab
from genlab import RequestError, Run
from genlab_plugins.play.comparing import compared, curves, numbers, told
from genlab_plugins.play.generating import (
    OF_THE_RUN,
    TEST_IMAGES,
    Choice,
    likenesses,
    priors,
    walk,
)
from genlab_plugins.play.latent import net, reach_of, regions_uri, to_data, to_latent
from genlab_plugins.play.mixing import can_mix, mixed
from genlab_plugins.play.plane import REACH, drift, drop, fall, grid, points_of
from genlab_plugins.play.restoring import fitting_samplers, restored


def test_restoring_is_what_the_run_does(digits_run: Run) -> None:
    x_0 = digits_run.data.test.first(1)[0][0]
    found = restored(digits_run, x_0, t=0.4, seed=3)
    again = digits_run.restore(found.x_t[None], t=0.4, seed=3)[0]
    assert torch.equal(found.restored, again)
    assert torch.equal(found.x_0, x_0)
    assert (found.x_t - x_0).std() > 0.1
    stepwise = restored(digits_run, x_0, t=0.4, seed=3, method="ddim", steps=3)
    assert torch.equal(stepwise.x_t, found.x_t)
    assert not torch.equal(stepwise.restored, found.restored)


def test_nothing_happens_at_the_time_0(digits_run: Run) -> None:
    x_0 = digits_run.data.test.first(1)[0][0]
    found = restored(digits_run, x_0, t=0.0)
    assert found.x_t is found.restored is x_0


def test_samplers_that_fit(digits_run: Run, blur_run: Run) -> None:
    noise, blur = fitting_samplers(digits_run.degradation), fitting_samplers(blur_run.degradation)
    assert {"ddpm", "ddim", "heun", "cold"} <= set(noise)
    assert {"cold", "naive"} <= set(blur)
    assert not {"ddpm", "heun"} & set(blur)


def test_samples_are_those_of_the_run(digits_run: Run) -> None:
    states = list(walk(digits_run, Choice(n=3, steps=4, seed=7)))
    assert [round(step.t, 2) for step in states] == [1.0, 0.75, 0.5, 0.25, 0.0]
    wanted = digits_run.sample(3, steps=4, seed=7)
    assert torch.equal(states[-1].x_t.clamp(-1, 1), wanted)


def test_sampler_class_and_guidance_count(blur_run: Run) -> None:
    choice = Choice(n=2, steps=3, seed=1, sampler="cold", label=4, guidance=2.0)
    end = list(walk(blur_run, choice))[-1].x_t.clamp(-1, 1)
    assert torch.equal(
        end, blur_run.sample(2, steps=3, seed=1, sampler="cold", label=4, guidance=2.0)
    )


def test_noise_has_no_prior_to_choose(digits_run: Run) -> None:
    assert priors(digits_run) == []


def test_another_prior_draws_other_states(blur_run: Run) -> None:
    offered = priors(blur_run)
    assert offered[:2] == [OF_THE_RUN, TEST_IMAGES]
    assert {"empirical", "gmm", "kde", "normal"} <= set(offered)
    starts = {
        prior: next(walk(blur_run, Choice(n=4, steps=2, prior=prior))).x_t
        for prior in (OF_THE_RUN, TEST_IMAGES, "empirical")
    }
    assert not torch.equal(starts[OF_THE_RUN], starts["empirical"])
    blurred = starts[TEST_IMAGES]
    assert blurred.shape == (4, 1, 8, 8)
    with pytest.raises(RequestError, match="prior = 'realnvp'"):
        walk(blur_run, Choice(prior="realnvp"))


def test_test_images_are_of_the_class(blur_run: Run) -> None:
    """With one step, the restorer alone: what comes out is near to images of that class."""
    test = blur_run.data.test
    assert test.y is not None
    start = next(walk(blur_run, Choice(n=5, steps=1, prior=TEST_IMAGES, label=0))).x_t
    x_0 = test.take((test.y == 0).nonzero()[:, 0])[0]
    x_1 = blur_run.degradation.degrade(x_0, torch.ones(len(x_0)), None)
    apart = (start[:, None] - x_1).flatten(2).norm(dim=2).min(1).values
    jitter = blur_run.restorer.jitter
    assert (apart < 8 * jitter * 1.6 + 1e-4).all()


def test_the_likeness_of_a_training_image_is_itself(digits_run: Run) -> None:
    images = digits_run.data.train.take(torch.tensor([17, 250]))[0]
    found = likenesses(digits_run, images + 0.01)
    assert [each.index for each in found] == [17, 250]
    assert torch.equal(found[0].image, images[0])
    assert found[0].distance == pytest.approx(0.01, rel=1e-3)


def test_a_path_is_that_of_the_run(digits_run: Run) -> None:
    a, b = digits_run.data.test.first(2)[0]
    found = mixed(digits_run, a, b, t=0.3, points=3, steps=2, seed=5)
    assert can_mix(digits_run)
    assert torch.equal(found, digits_run.interpolate(a, b, 3, 0.3, steps=2, seed=5))


def test_points_fall_into_the_data(circles_run: Run) -> None:
    states = list(fall(circles_run.diffusion, 300, steps=8, seed=0))
    data, labels = points_of(circles_run, 50)
    assert labels is not None
    assert data.shape == (50, 2)
    radii = states[-1].x_t.norm(dim=1)
    true = points_of(circles_run, 1000)[0].norm(dim=1)
    assert states[0].t == 1
    assert abs(float(radii.mean() - true.mean())) < 0.15


def test_dropped_points_start_where_they_are_dropped(circles_run: Run) -> None:
    states = list(drop(circles_run.diffusion, (1.5, -2.0), t=0.6, n=200, steps=3))
    assert states[0].t == pytest.approx(0.6)
    torch.testing.assert_close(states[0].x_t.mean(0), torch.tensor([1.5, -2.0]), atol=0.05, rtol=0)
    assert states[0].x_t.std(0).max() < 0.2
    assert states[-1].t == 0


def test_the_drift_is_the_probability_flow(circles_run: Run) -> None:
    """-dx/dt = -(alpha' x_0 + sigma' z), with the amplitudes' derivatives by differences."""
    model, t = circles_run.diffusion, 0.5
    found = drift(model, t, side=5)
    assert found.points.shape == found.arrows.shape == (25, 2)
    x_t, at = found.points, torch.full((25,), t)
    degradation = model.restorer.degradation
    assert isinstance(degradation, genlab.GaussianDegradation)

    def amplitudes(time: float) -> tuple[torch.Tensor, torch.Tensor]:
        return degradation.amplitudes(torch.full((25,), time), x_t)

    with torch.no_grad():
        x_0 = model.estimates()(x_t, at)
    (alpha, sigma), h = amplitudes(t), 1e-2
    z = (x_t - alpha * x_0) / sigma
    before, after = amplitudes(t - h), amplitudes(t + h)
    slopes = [(b - a) / (2 * h) for a, b in zip(before, after, strict=True)]
    wanted = -(slopes[0] * x_0 + slopes[1] * z)
    torch.testing.assert_close(found.arrows, wanted, atol=0.06, rtol=0.06)


def test_pixels_of_the_square() -> None:
    places = grid(4).view(4, 4, 2)
    assert places[0, 0].tolist() == pytest.approx([-REACH * 0.75, REACH * 0.75])
    assert places[3, 1].tolist() == pytest.approx([-REACH * 0.25, -REACH * 0.75])


def test_both_spaces_of_a_flow(moons_flow: Run) -> None:
    model = moons_flow.density_model
    x, _ = points_of(moons_flow, 40)
    torch.testing.assert_close(to_data(model, to_latent(model, x)), x, atol=1e-3, rtol=1e-3)
    lines, images = net(model, 3.0)
    assert lines.shape == images.shape
    assert float(lines.abs().max()) == pytest.approx(2.7)
    torch.testing.assert_close(to_data(model, lines[3]), images[3])
    assert reach_of(torch.tensor([[0.1, -0.2]])) == REACH
    assert reach_of(torch.tensor([[10.0, -10.0]])) == pytest.approx(11)
    assert (regions_uri(model) or "").startswith("data:image/png")


def test_runs_side_by_side(digits_run: Run, blur_run: Run) -> None:
    found = compared([digits_run, blur_run])
    assert list(found.names) == ["digits", "blur"]
    settings = dict(found.settings)
    assert list(settings["degradation"]) == ["gaussian", "blur"]
    assert "dataset" not in settings, "they do not differ in it"
    cells = dict(found.numbers)["classifier-confidence/confidence"]
    record = next(r for r in blur_run.records if r["name"] == "classifier-confidence/confidence")
    low, high = record["interval"]
    assert cells[1] == f"{record['value']:.4g} [{low:.4g}, {high:.4g}]"
    assert numbers(blur_run)[0][0] == blur_run.records[0]["name"]


def test_runs_without_numbers_are_compared_too(circles_run: Run, moons_flow: Run) -> None:
    found = compared([circles_run, moons_flow])
    assert dict(found.settings)["dataset"] == ["circles", "moons"]
    assert any("no numbers yet: circles" in each for each in found.warnings)


def test_curves_are_those_of_the_log(digits_run: Run) -> None:
    (loss,) = curves(["mine"], [digits_run])
    last = digits_run.history[-1]
    assert (loss.run, loss.number) == ("mine", "loss")
    assert loss.points[-1] == (last["step"], last["loss"])


def test_curves_are_thinned_and_evaluations_have_their_own() -> None:
    steps = [{"step": float(k), "loss": 1.0 / k} for k in range(1, 2001)]
    evaluations = [{"step": s, "values": {"frechet": s / 10, "mmd": 1.0}} for s in (10, 20)]
    run = cast(Run, SimpleNamespace(history=steps, evaluations=evaluations))
    found = {curve.number: curve.points for curve in curves(["a"], [run])}
    assert list(found) == ["loss", "frechet", "mmd"]
    assert found["frechet"] == [(10, 1.0), (20, 2.0)]
    assert len(found["loss"]) <= 401
    assert (found["loss"][0], found["loss"][-1]) == ((1, 1.0), (2000, 1 / 2000))


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "–"), (True, "yes"), (0.123456, "0.1235"), (12345, "12,345"), ("a", "a"),
     ([1, 2.5], "1, 2.5"), (math.nan, "nan")],
)  # fmt: skip
def test_words(value: object, words: str) -> None:
    assert told(value) == words


def test_a_comparison_can_be_had_without_files(
    digits_run: Run, blur_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = genlab.compare([digits_run, blur_run], None)
    assert found.files == ()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RequestError, match="takes at least two"):
        genlab.compare([digits_run], None)


def test_the_extra_is_named_where_it_is_missing(
    command: Callable[..., object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "nicegui" else real(name, *a)
    )
    said = command("play", "--folder", tmp_path)
    assert vars(said)["status"] == 2
    assert vars(said)["err"].strip() == (
        "error: genlab play needs the package nicegui: pip install 'genlab[play]'"
    )
