"""The UNet of diffusers in a run, and the run handed back to diffusers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import genlab
from genlab.runs.start import start_run
from genlab_plugins.samplers.ddim import DDIM

diffusers = pytest.importorskip("diffusers")

NETWORK = {"name": "diffusers-unet", "channels": [8, 16], "groups": 4}


def run_of(out: Path, side: int = 8, **request: object) -> genlab.Run:
    """A run of two steps on random images with two classes."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(32, 1, side, side, generator=generator) * 2 - 1
    usual = {"dataset": (x, torch.arange(32) % 2), "backbone": NETWORK,
             "training": {"steps": 2, "conditional": True}}  # fmt: skip
    skipped = ["sampling", "measuring", "drawing", "page"]
    return start_run({**usual, **request}, out=out, skip=skipped)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> genlab.Run:
    return run_of(tmp_path_factory.mktemp("runs") / "images", degradation="gaussian")


@pytest.mark.parametrize("label", [None, 1])
@torch.no_grad()
def test_a_pipeline_walks_as_the_run_does(
    run: genlab.Run, tmp_path: Path, label: int | None
) -> None:
    folder = run.export(tmp_path / "pipeline", label=label)
    pipeline = diffusers.DDIMPipeline.from_pretrained(folder)
    x_1 = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    y = torch.full((4,), -1 if label is None else label)
    for k in (0, 421, 999):
        ours = run.restorer.backbone(x_1, torch.full((4,), (k + 1) / 1000), y)
        theirs = pipeline.unet(x_1, k).sample
        torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=1e-4)

    pipeline.scheduler.set_timesteps(10)
    x = x_1
    for k in pipeline.scheduler.timesteps:
        output = pipeline.unet(x, k).sample
        x = pipeline.scheduler.step(output, k, x, use_clipped_model_output=True).prev_sample
    steps = run.diffusion.trajectory_from(
        x_1, x_1, generator=torch.Generator(), steps=10, sampler=DDIM(), y=y
    )
    *_, last = steps
    torch.testing.assert_close(x, last.x_t, rtol=1e-3, atol=1e-3)


def test_the_pipeline_draws_and_the_folder_says_what_it_is(run: genlab.Run, tmp_path: Path) -> None:
    folder = run.export(tmp_path / "pipeline")
    pipeline = diffusers.DDIMPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    drawn = pipeline(batch_size=3, num_inference_steps=2, output_type="np").images
    assert drawn.shape == (3, 8, 8, 1)
    assert json.loads((folder / "genlab.json").read_text("utf-8"))["backbone"] == {
        **NETWORK, "layers": 1, "head": 8,
    }  # fmt: skip
    with pytest.raises(genlab.RequestError, match="pipeline is there already"):
        run.export(folder)
    run.export(folder, overwrite=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(genlab.RequestError, match="is none of ours"):
        run.export(tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").is_file()


@pytest.mark.parametrize(
    ("request_", "side", "said"),
    [({"degradation": "blur"}, 8, "Blur is no Gaussian noise"),
     ({"restorer": {"prediction": "edm"}}, 8, "restorer.prediction = 'edm' is none of x0, eps, v"),
     ({"degradation": {"name": "gaussian", "schedule": "flow"}}, 8, "does not preserve variance"),
     ({}, 9, "no multiples of 2")],
)  # fmt: skip
def test_what_no_pipeline_holds(
    request_: dict[str, object], side: int, said: str, tmp_path: Path
) -> None:
    run = run_of(tmp_path / "run", side, **request_)
    with pytest.raises(genlab.RequestError, match=said):
        run.export(tmp_path / "pipeline")
    assert not (tmp_path / "pipeline").exists()


def test_channels_that_do_not_fit() -> None:
    with pytest.raises(genlab.RequestError, match="divisible by num_groups"):
        genlab.build(
            "backbone", "diffusers-unet", genlab.DataSpec((1, 8, 8), "image"), channels=(6,)
        )
