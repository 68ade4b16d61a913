"""The commands, as a person uses them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

import genlab
from genlab.components.registry import ROLES, registry

HEAVY = {"torch", "numpy", "scipy", "sklearn", "matplotlib", "PIL", "pydantic"}


@pytest.mark.parametrize(
    "line", ["--help", "--version", "run --help", "new --help", "list", "list dataset --json"]
)
def test_looking_around_imports_nothing_heavy(line: str, process: Callable[..., Any]) -> None:
    """Nor a command of another package, whose summary is read from its source."""
    done = process(*line.split())
    assert (done.status, done.err) == (0, "")
    assert "typer" in done.modules
    assert not done.modules & HEAVY
    assert "genlab_plugins.commands.classifier" not in done.modules
    if line == "--help":
        assert "classifier   Train the reference classifier" in done.out


@pytest.mark.parametrize(
    ("line", "wanted", "unwanted"),
    [
        ("genlab cl", {"classify", "classifier"}, {"compare"}),
        ("genlab show deg", {"degradation"}, {"sampler"}),
        ("genlab list exp", {"experiment"}, {"degradation"}),
        ("genlab show degradation ga", {"gaussian"}, {"blur", "gmm"}),
        ("genlab check samplers d", {"ddim", "ddpm"}, {"cold"}),
        ("genlab check nonsense b", set(), {"blur"}),
    ],
)
def test_the_shell_completes_roles_and_names(
    line: str, wanted: set[str], unwanted: set[str], process: Callable[..., Any]
) -> None:
    last = str(len(line.split()) - 1)
    done = process(_GENLAB_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=last)
    offered = set(done.out.split())
    assert wanted <= offered
    assert not unwanted & offered
    assert not done.modules & HEAVY


def test_no_command_at_all_shows_the_help(command: Callable[..., Any]) -> None:
    said = command()
    assert said.status == 0
    assert said.out == command("--help").out
    assert command("--version").out == f"genlab {genlab.__version__}\n"


def test_a_list_has_a_gap_between_roles_and_no_other(command: Callable[..., Any]) -> None:
    head, _, *rows = command("list").out.strip("\n").splitlines()[1:]
    assert head.split()[:2] == ["role", "name"]
    begins = [i for i, line in enumerate(rows) if line[:2].strip()]
    gaps = [i for i, line in enumerate(rows[:-1]) if not line.strip()]
    assert len(begins) > 5
    assert [i + 1 for i in gaps] == begins[1:]


def test_list_names_every_component(command: Callable[..., Any]) -> None:
    rows = json.loads(command("list", "--json").out)
    names = {(row["role"], row["name"]) for row in rows}
    for role in ROLES:
        assert {name for r, name in names if r == role} == set(genlab.registry(role).names())
        assert json.loads(command("list", f"{role}s".replace("ys", "ies"), "--json").out) == [
            row for row in rows if row["role"] == role
        ]
    assert ("experiment", "ddpm-mnist") in names
    assert all(row["problem"] is None for row in rows)
    assert all(row["summary"] for row in rows if row["role"] != "experiment")


@pytest.mark.parametrize("role", ROLES)
def test_show_knows_every_component(role: str, command: Callable[..., Any]) -> None:
    for name in genlab.registry(role).names():
        shown = json.loads(command("show", role, name, "--json").out)
        cls = genlab.registry(role).get(name)
        assert (shown["role"], shown["name"]) == (role, name)
        assert shown["class"] == f"{cls.__module__}:{cls.__qualname__}"
        assert shown["documentation"]
        for parameter in shown["parameters"]:
            assert parameter["description"], f"{name}: {parameter['name']}"
            assert parameter["required"] or parameter["default"] is not Ellipsis
    said = command("show", role, next(iter(genlab.registry(role).names()), "none"))
    assert said.status == (0 if genlab.registry(role).names() else 2)


def test_show_tells_what_one_needs_to_know(command: Callable[..., Any]) -> None:
    shown = json.loads(command("show", "degradation", "blur", "--json").out)
    parameters = {p["name"]: p for p in shown["parameters"]}
    assert set(parameters) == {"sigma_max", "ratio", "cutoff"}
    assert (parameters["ratio"]["default"], parameters["ratio"]["type"]) == (12.0, "float > 1")
    assert "pixels" in parameters["sigma_max"]["description"]
    assert "LinearDegradation" in shown["bases"]
    text = command("show", "sampler", "ddim").out
    assert "requires a DiagonalDegradation" in text
    assert "set one with --set sampler.NAME=VALUE" in text
    text = command("show", "objective", "denoising").out
    assert "min-snr" in text


def test_doctor_finds_everything_in_order(command: Callable[..., Any]) -> None:
    said = command("doctor", "--json")
    assert said.status == 0
    checks = {check["check"]: check for check in json.loads(said.out)}
    assert all(check["ok"] for check in checks.values())
    count = sum(len(genlab.registry(role).names()) for role in ROLES)
    assert checks["components"]["detail"] == f"{count} of {count} import"
    assert {"python", "torch", "cpu"} <= set(checks)


def test_sample_writes_grids_arrays_and_trajectories(
    digits_run: genlab.Run, tmp_path: Path, command: Callable[..., Any]
) -> None:
    for name in ("grid.png", "samples.npz", "trajectory.gif"):
        said = command("sample", digits_run.path, "-n", 9, "--out", tmp_path / name)
        assert "9 samples" in said.out
    with np.load(tmp_path / "samples.npz") as file:
        assert (file["x"].shape, file["x"].dtype) == ((9, 1, 8, 8), np.float32)
        assert "y" not in file
    with Image.open(tmp_path / "grid.png") as grid:
        assert min(grid.size) > 24


def test_figures_draws_all_that_fit_anew_and_names_one_that_fails(
    moons_flow: genlab.Run,
    tmp_path: Path,
    command: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = tmp_path / "run"
    shutil.copytree(moons_flow.path, run)
    folder = run / "figures"
    names = {"loss", "samples", "density", "classification", "confusion", "calibration"}
    (folder / "loss.svg").write_text("damaged")
    (folder / "density.png").unlink()
    said = command("figures", run)
    files = {folder / f"{name}.{suffix}" for name in names for suffix in ("png", "svg")}
    assert said.status == 0
    assert files <= set(map(Path, said.out.split()))
    assert all(file.stat().st_size > 1000 for file in files)
    (folder / "loss.svg").write_text("damaged")

    def fails(self: Any, run: Any) -> Any:
        raise ZeroDivisionError("of nothing")

    monkeypatch.setattr(registry("figure").get("density"), "draw", fails)
    said = command("figures", run)
    assert said.status == 1
    assert "density" in said.err
    assert "of nothing" in said.err
    assert (folder / "loss.svg").stat().st_size > 1000


def test_figures_draws_one_with_its_options(
    blur_run: genlab.Run, tmp_path: Path, command: Callable[..., Any]
) -> None:
    def drawn(name: str, *options: str) -> bytes:
        out = tmp_path / name
        said = command("figures", blur_run.path, "progressive", *options, "--out", out)
        assert said.out == f"{out}\n"
        return out.read_bytes()

    assert drawn("a.svg").lstrip().startswith(b"<?xml")
    pictures = [drawn(f"{rows}.png", "--set", f"rows={rows}") for rows in (1, 3)]
    assert pictures[0] != pictures[1]
    heights = []
    for rows in (1, 3):
        with Image.open(tmp_path / f"{rows}.png") as picture:
            heights.append(picture.height)
    assert heights[0] < heights[1]
    for arguments, wanted in (
        (("progressive", "--set", "rows=many"), "figure.rows"),
        (("progressive", "--set", "rowz=3"), "rowz"), (("--set", "rows=3"), "give its name"),
        (("progresive",), "'progressive'"), (("density",), "does not fit"),
        (("progressive", "--out", "a.jpg"), ".png"), (("--out", "a.png"), "give its name"),
    ):  # fmt: skip
        said = command("figures", blur_run.path, *arguments)
        assert said.status == 2, arguments
        assert wanted in said.err


SMALL = (
    "--set", "backbone.channels=[8]", "--set", "sampling.count=8", "--set", "sampling.steps=2",
    "--set", "training.batch=8", "--set", "figures=[]", "--set", "metrics=[]",
)  # fmt: skip


def test_a_failed_run_exits_with_1_and_a_stopped_one_with_3(
    tmp_path: Path, command: Callable[..., Any]
) -> None:
    class Stop(genlab.Tracker):
        """Interrupts a run, and listens to one that goes on."""

        heard: ClassVar[list[str]] = []

        def step_done(self, step: int) -> None:
            if step == 4 and not self.heard:
                raise KeyboardInterrupt

        def run_ended(self, status: str) -> None:
            self.heard.append(status)

    genlab.register("tracker", "stop", Stop)
    overflow = ("--set", "optimiser.lr=1e38", "--set", "training.warmup=0", "--steps", 200)
    said = command("run", *SMALL, *overflow, "--out", tmp_path / "burst")
    assert said.status == 1
    assert len(said.err.splitlines()) == 1
    assert "no finite gradient" in said.err
    out = tmp_path / "stopped"
    logged = ("--steps", 8, "--set", "training.log_every=2")
    said = command("run", *SMALL, *logged, "--tracker", "stop", "--out", out)
    assert said.status == 3
    wanted = (
        f"stopped in the stage training, with a checkpoint of step 4; to go on: genlab resume {out}"
    )
    assert said.err == f"error: {wanted}\n"
    assert genlab.open_run(out).status.outcome == "interrupted"
    said = command("resume", out, "--tracker", "stop")
    assert said.status == 0
    assert Stop.heard == ["interrupted", "done"]
    assert genlab.open_run(out).history[-1]["step"] == 8
