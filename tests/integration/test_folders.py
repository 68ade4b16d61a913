"""Run folders: what lies in them, how far they are, and which are refused."""

from __future__ import annotations

import json
import os
import socket
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
import torch
from PIL import Image

import genlab
from genlab import RequestError
from genlab.runs.start import start_run
from genlab.runs.status import STAGES
from genlab.training import read_checkpoint

ALWAYS = {
    "run.toml", "status.json", "metrics.json", "report.html", "checkpoints/last.safetensors",
    "samples/samples.npz",
}  # fmt: skip
TRAINED = ALWAYS | {"metrics.jsonl", "checkpoints/step-0000000.safetensors"}


def files(run: genlab.Run) -> set[str]:
    return {str(p.relative_to(run.path)) for p in run.path.rglob("*") if p.is_file()}


def test_a_run_folder_is_whole(
    digits_run: genlab.Run, blur_run: genlab.Run, moons_flow: genlab.Run
) -> None:
    assert files(blur_run) == TRAINED | {
        "checkpoints/prior.safetensors", "figures/samples.png", "figures/samples.svg",
        "figures/trajectory.gif",
    }  # fmt: skip
    drawn = {"samples", "density", "classification", "confusion", "calibration", "loss"}
    for run, wanted in (
        (moons_flow, drawn),
        (digits_run, {"samples", "progressive", "forward", "loss"}),
    ):
        names = set(run.figures())
        assert names >= wanted
        pictures = {f"figures/{name}{suffix}" for name in names for suffix in (".png", ".svg")}
        assert files(run) - {"figures/trajectory.gif"} == TRAINED | pictures
        for name in names:
            with Image.open(run.folder.figure_file(name, ".png")) as image:
                assert np.asarray(image.convert("L")).std() > 1, f"{name} is blank"
    assert "progressive" not in moons_flow.figures()


def test_numbers_carry_what_they_need_to_be_trusted(digits_run: genlab.Run) -> None:
    found = digits_run.metrics
    assert (found["steps"], found["sampling_steps"]) == (60, 5)
    assert found["parameters"] == sum(p.numel() for p in digits_run.restorer.backbone.parameters())
    assert found["versions"]["torch"] == torch.__version__
    assert set(found["seconds"]) == {"prior", "training", "sampling"}
    of_model = [record for record in digits_run.records if record["name"].startswith("bound")]
    assert {record["n"] for record in of_model} == {len(digits_run.data.test)}
    others = [record for record in digits_run.records if record not in of_model]
    assert others
    for record in others:
        assert (record["n"], record["reference"], record["ema"], record["seed"]) == (
            120, "test", True, 0,
        )  # fmt: skip
        assert record["features"].startswith("classifier")
        assert np.isfinite([record["value"], record["baseline"]]).all()
    assert [line["step"] for line in digits_run.history] == list(range(1, 61)), (
        "a curve of few steps"
    )
    x, y = digits_run.samples(200)
    assert torch.equal(x, digits_run.sample(120))
    assert y is None


def test_the_averaged_weights_are_drawn_with(digits_run: genlab.Run) -> None:
    checkpoint = read_checkpoint(digits_run.weights_file)
    raw, averaged = checkpoint.part("model"), checkpoint.part("ema")
    used = digits_run.restorer.backbone.state_dict()
    assert any(not torch.equal(raw[key], averaged[key]) for key in raw)
    for key, value in averaged.items():
        assert torch.equal(used[key], value)


class Watching(genlab.Tracker):
    """Reads status.json whenever it hears something."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, list[str]]] = []

    def _look(self, path: Path) -> None:
        status = json.loads((path / "status.json").read_text())
        assert (status["host"], status["process"]) == (socket.gethostname(), os.getpid())
        found = (status["outcome"], status["stage"], list(status["done"]))
        if found not in self.seen:
            self.seen.append(found)

    def training_started(self, path: Path) -> None:
        self._look(path)

    def stage_started(self, path: Path) -> None:
        self._look(path)

    def evaluated(self, path: Path) -> None:
        self._look(path)

    def run_ended(self, path: Path) -> None:
        self._look(path)


def test_the_status_tells_each_stage(tmp_path: Path, small: dict[str, Any]) -> None:
    watching = Watching()
    small |= {"degradation": "blur", "prior": "normal", "figures": ["loss"]}
    run = start_run(small, out=tmp_path / "run", trackers=[watching])
    stages = list(STAGES)
    assert watching.seen == [
        *[("running", stage, stages[:i]) for i, stage in enumerate(stages)], ("done", "", stages)
    ]  # fmt: skip
    assert run.status.missing == ()
    assert all(seconds >= 0 for seconds in run.status.done.values())


def test_a_run_that_fails_says_so(tmp_path: Path, small: dict[str, Any]) -> None:
    watching = Watching()
    small |= {"optimiser": {"lr": 1e38}, "training": {"steps": 200, "batch": 8, "warmup": 0.0}}
    with pytest.raises(genlab.RunError, match="no finite gradient"):
        start_run(small, out=tmp_path / "run", trackers=[watching])
    assert watching.seen[-1] == ("failed", "training", ["prior"])
    assert json.loads((tmp_path / "run/status.json").read_text())["outcome"] == "failed"


def test_stages_that_nobody_wants_are_left_out(
    tmp_path: Path, small: dict[str, Any], command: Callable[..., Any]
) -> None:
    file = tmp_path / "small.toml"
    file.write_text(tomli_w.dumps(small | {"figures": ["loss"]}))
    out = tmp_path / "bare"
    said = command("run", file, "--steps", 3, "--no-measure", "--no-figures", "--out", out)
    assert said.status == 0
    bare = genlab.open_run(out)
    assert bare.status.skipped == ("measuring", "drawing")
    assert (bare.status.outcome, bare.status.missing, bare.metrics) == ("done", (), {})
    assert files(bare) == TRAINED - {"metrics.json"} | {"figures/trajectory.gif"}
    for missing in ("metrics.json", "samples.png"):  # the closing table names what is there
        assert missing not in "".join(said.out.split())
    assert "report.html" in "".join(said.out.split())
    again = genlab.resume(out, steps=5)
    assert (again.status.skipped, again.metrics) == (("measuring", "drawing"), {})
    assert again.evaluate("sliced-wasserstein", n=20) == again.records
    measured = genlab.run(file, steps=3, draw=False, out=tmp_path / "measured")
    assert measured.records
    assert not measured.folder.figure_file("loss", ".png").exists()
    drawn = genlab.run(file, steps=3, measure=False, out=tmp_path / "drawn")
    assert drawn.folder.figure_file("loss", ".png").is_file()


def test_a_dry_run_prints_the_configuration_and_does_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    small: dict[str, Any],
    command: Callable[..., Any],
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "mine.toml"
    file.write_text(tomli_w.dumps(small | {"seed": 7, "device": "cpu"}))
    more = ("--degradation", "blur", "--set", "degradation.sigma_max=3")
    first = command("run", file, *more, "--dry-run")
    assert first.status == 0
    tables = tomllib.loads(first.out)
    assert (tables["seed"], tables["device"]) == (7, "cpu")
    assert tables["degradation"]["sigma_max"] == 3.0
    assert tables["restorer"]["jitter"] > 0  # what the request leaves open is filled in
    file.write_text(first.out)
    assert command("run", file, "--dry-run").out == first.out
    other = tomllib.loads(command("run", file, "--seed", 3, "--dry-run").out)
    assert other == tables | {"seed": 3}
    for arguments, wanted in (
        (("--sampler", "ddim"), "'ddim'"), (("--set", 'metrics=["modes"]'), "modes"),
        (("--device", "tpu"), "'tpu'"), (("--objective", "likelihood"), "trains a Density"),
    ):  # fmt: skip
        said = command("run", file, *arguments, "--dry-run")
        assert (said.status, said.out) == (2, "")
        assert wanted in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]


def test_the_same_request_gives_the_same_run(tmp_path: Path, small: dict[str, Any]) -> None:
    """Whatever the global generator says; and another seed gives another."""
    runs = []
    for i, seed in enumerate((0, 0, 1)):
        torch.manual_seed(i)
        small["training"]["steps"] = 10
        runs.append(
            start_run(small | {"seed": seed}, out=tmp_path / str(i), skip=["drawing", "page"])
        )
    states = [read_checkpoint(run.weights_file).tensors for run in runs]
    for key, value in states[0].items():
        assert torch.equal(value, states[1][key]), key
    assert runs[0].records == runs[1].records
    assert any(not torch.equal(value, states[2][key]) for key, value in states[0].items())
    assert not torch.equal(runs[0].samples(5)[0], runs[2].samples(5)[0])


def test_a_weight_of_times_is_a_request(
    tmp_path: Path, small: dict[str, Any], command: Callable[..., Any]
) -> None:
    """min-SNR with uniform times stands in run.toml, and changes what is learned."""
    file = tmp_path / "small.toml"
    file.write_text(tomli_w.dumps(small))
    wanted = ("--set", "objective.weight=min-snr", "--set", "objective.times=uniform")
    states = {}
    for name, more in {"plain": (), "weight": wanted[:2], "both": wanted}.items():
        given = ("run", file, "--steps", 5, *more, "--no-measure", "--no-figures")
        assert command(*given, "--out", tmp_path / name).status == 0
        states[name] = read_checkpoint(tmp_path / name / "checkpoints/last.safetensors").part(
            "model"
        )
    written = tomllib.loads((tmp_path / "both/run.toml").read_text())["objective"]
    assert (written["weight"], written["times"], written["loss"]) == (
        "min-snr",
        "uniform",
        "l2",
    )
    for a, b in (("plain", "weight"), ("weight", "both")):
        assert any(not torch.equal(value, states[b][key]) for key, value in states[a].items())
    said = command("run", file, "--degradation", "blur", *wanted[:2], "--out", tmp_path / "no")
    assert said.status == 2
    assert "needs Gaussian noise" in said.err
    assert not (tmp_path / "no").exists()


# -- what is refused -----------------------------------------------------------------------------


def test_a_run_of_another_time_is_refused_in_one_line(
    digits_run: genlab.Run, tmp_path: Path, command: Callable[..., Any]
) -> None:
    old = tmp_path / "old"
    old.mkdir()
    tables = tomllib.loads((digits_run.path / "run.toml").read_text())
    assert tables.pop("format") == 2
    assert tables.pop("checksum")
    (old / "run.toml").write_text(tomli_w.dumps(tables))
    for arguments in (
        ("sample", old), ("resume", old), ("figures", old), ("evaluate", old), ("compare", old, old)
    ):  # fmt: skip
        said = command(*arguments)
        assert said.status == 2
        assert len(said.err.splitlines()) == 1
        assert "was made by another version of genlab" in said.err
    with pytest.raises(RequestError, match="another version of genlab"):
        genlab.open_run(old)


def test_a_damaged_run_is_refused(
    blur_run: genlab.Run, tmp_path: Path, command: Callable[..., Any]
) -> None:
    text = (blur_run.path / "run.toml").read_text()
    damaged = tmp_path / "damaged"
    (damaged / "checkpoints").mkdir(parents=True)
    weights = damaged / "checkpoints" / "last.safetensors"

    def said(run: Path = damaged) -> str:
        found = command("sample", run)
        assert found.status == 2
        (line,) = found.err.splitlines()
        return str(line)

    assert "no run.toml" in said()
    assert "there is no run at" in said(tmp_path / "nowhere")
    (damaged / "run.toml").write_text(text)
    assert "has no checkpoint yet" in said()
    assert "begins anew" in said()
    weights.write_bytes(b"broken")
    assert "last.safetensors cannot be read" in said()
    weights.write_bytes((blur_run.folder.checkpoints.last).read_bytes())
    assert "prior.safetensors is missing" in said()
    tables = tomllib.loads(text.partition("\n")[2])  # changed by hand, and so without its checksum
    tables["backbone"]["channels"] = [16]
    (damaged / "run.toml").write_text(tomli_w.dumps(tables))
    assert "does not fit UNet" in said()
    assert "backbone: genlab 0.1.0" in said()
    whole = tomllib.loads(text.partition("\n")[2])
    for change, wanted in (
        ({"sampler": None}, "lacks the entry 'sampler'"), ({"spec": {}}, "[spec]"),
        ({"training": {"steps": 1, "stepz": 3}}, "stepz"),
    ):  # fmt: skip
        changed = {k: v for k, v in (whole | change).items() if v is not None}
        (damaged / "run.toml").write_text(tomli_w.dumps(changed))
        assert wanted in said()
    (damaged / "run.toml").write_text(text[: len(text) // 2] + "\n[[[")
    assert "run.toml cannot be read" in said()


def test_a_folder_that_is_taken_is_left_alone(
    digits_run: genlab.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: dict[str, Any],
    command: Callable[..., Any],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("taken").mkdir()
    Path("taken/file.txt").write_text("mine")
    Path("file").write_text("mine")
    for out, wanted in (
        ("taken", "taken by something else"), ("file", "taken"), ("file/below", "file is a file"),
        (digits_run.path, "genlab resume"),
    ):  # fmt: skip
        said = command("run", "--out", out)
        assert said.status == 2
        assert wanted in said.err
    assert Path("taken/file.txt").read_text() == Path("file").read_text() == "mine"
    Path("empty").mkdir()
    small["training"]["steps"] = 2
    start_run(small, out=Path("empty"), skip=["measuring", "drawing", "page"])
    for number in (1, 2):
        run = start_run(small, skip=["measuring", "drawing", "page"])
        assert str(run.path) == f"runs/gaussian-digits-{number:03d}"
