"""Experiments under budgets, sweeps, and what is reproduced."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import genlab
from genlab import RequestError
from genlab.config import assemble, require_metrics_fit, resolve
from genlab.experiments import experiment_names
from genlab.runs.series import BUDGETS, carry_out, experiment_tables, jobs_of
from genlab.runs.start import start_run
from genlab.testing import CosineNoise, Fade
from genlab.testing.tiny import Perceptron
from genlab.training import read_checkpoint

NEEDED = {
    "ddpm-swiss-roll", "ddpm-8-gaussians", "ddpm-25-gaussians", "ddpm-mnist", "ddpm-mnist-b",
    "cold-blur-mnist", "cold-pixelate-mnist", "cold-mask-mnist", "custom-ink-mnist",
    "degradations-compared", "hot-against-cold", "realnvp-moons", "realnvp-circles", "realnvp-pinwheel",
    "realnvp-moons-classify", "realnvp-circles-classify", "realnvp-pinwheel-classify",
    "realnvp-mnist", "realnvp-cifar10",
}  # fmt: skip


def steps_of(config: Any) -> float:
    return float(config.learned.settings.budget.total)


# -- experiments ---------------------------------------------------------------------------------


def test_every_experiment_is_there_under_every_budget() -> None:
    assert set(experiment_names()) >= NEEDED
    for name in experiment_names():
        for budget in BUDGETS:
            for job in jobs_of([name], Path("out"), budget=budget, data="somewhere"):
                found = resolve(job.tables)
                parts = assemble(
                    found.config, found.dataset.spec, found.objects, device=torch.device("cpu")
                )
                require_metrics_fit(parts, found.dataset)
                assert found.config.experiment == name
                assert (steps_of(found.config) < 20) == (budget == "smoke")


def test_an_experiment_means_what_its_paper_does() -> None:
    """Settings that stand in tables of their own reach where they are meant for."""
    config = resolve(experiment_tables("ddpm-mnist-b") | {"data": "somewhere"}).config
    tables = config.flat()
    assert (tables["optimiser"]["name"], tables["optimiser"]["lr"]) == ("adamw", 2e-3)
    assert tables["objective"]["times"] == "uniform"
    assert (tables["sampler"]["name"], tables["sampling"]["steps"]) == ("ddpm", 50)
    tables = resolve(experiment_tables("realnvp-cifar10") | {"data": "somewhere"}).config.flat()
    assert tables["objective"] == {
        "name": "likelihood", "likelihood": 1.0, "cross_entropy": 0.5, "label_smoothing": 0.0,
    }  # fmt: skip
    assert tables["optimiser"]["weight_decay"] == 1e-4
    assert (tables["training"]["shift"], tables["training"]["flip"]) == (4, "alternate")
    assert tables["training"]["conditional"] is True
    assert experiment_tables("ddpm-mnist") == experiment_tables("ddpm-mnist", "laptop")
    assert experiment_tables("ddpm-mnist")["training"]["steps"] == 8400


@pytest.mark.slow
@pytest.mark.parametrize("name", experiment_names())
def test_every_experiment_is_carried_out_in_seconds(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On embedded data, under its smallest budget, and with every metric that it asks for.

    Of a long series two runs: all of them are assembled above. What a model itself says of unseen points
    takes longer than all of it, and is not of an experiment.
    """
    monkeypatch.chdir(tmp_path)  # where no data folder is
    jobs = jobs_of([name], Path("out"), budget="smoke")
    for job in jobs[:: -(-len(jobs) // 2)]:
        prior = dict(resolve(job.tables).config.components()).get("prior")
        slow = (
            prior is not None and prior.name == "gmm"
        )  # to fit; shorter runs of the tests have it
        tables = {**job.tables, "prior": "normal"} if slow else job.tables
        run = start_run(tables, out=job.path, skip=["measuring", "drawing", "page"])
        names = {
            record["name"] for record in run.evaluate([m.name for m in run.config.metrics], n=16)
        }
        for metric in run.config.metrics:
            assert any(each.split("/")[0] == metric.name for each in names)
        assert len(run.evaluations) == run.config.evaluation.times
        assert run.history[-1]["step"] == steps_of(run.config)
        assert run.samples(1000)[0].isfinite().all()


def test_reproducing_one_experiment(tmp_path: Path, command: Callable[..., Any]) -> None:
    given = ("reproduce", "realnvp-moons", "--budget", "smoke", "--out", tmp_path, "--seed", 3)
    said = command(*given)
    assert said.status == 0
    assert "nll" in said.out
    run = genlab.open_run(tmp_path / "smoke" / "realnvp-moons")
    assert (run.config.seed, run.config.experiment) == (3, "realnvp-moons")
    assert {file.stem for file in (run.path / "figures").glob("*.png")} == set(run.figures())
    said = command(*given)
    assert said.status == 0
    assert said.out.count("was done") == 2  # in the log and in the table
    assert "realnvp-moons" in command("reproduce", "realnvp-moonz", "--out", tmp_path).err


# -- sweeps --------------------------------------------------------------------------------------

SMALL = """
dataset = "digits"
metrics = ["sliced-wasserstein"]
figures = []
backbone = { class = "genlab.testing.tiny:Perceptron" }
sampling = { count = 32, steps = 2 }
training = { steps = 4, batch = 16 }
"""


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    file = tmp_path / "rates.toml"
    file.write_text(SMALL + '[sweep]\n"optimiser.lr" = [1e-3, 1e-4]\nsampler = ["ddim", "euler"]\n')
    return file


def test_a_sweep_is_every_combination(sweep: Path, tmp_path: Path) -> None:
    found = jobs_of([sweep], tmp_path / "runs", seed=3)
    assert [job.path.name for job in found] == [
        "0.001-ddim", "0.001-euler", "0.0001-ddim", "0.0001-euler"
    ]  # fmt: skip
    assert [job.tables["optimiser"] for job in found[::2]] == [{"lr": 1e-3}, {"lr": 1e-4}]
    assert [job.tables["sampler"]["name"] for job in found] == ["ddim", "euler"] * 2
    assert {(job.tables["seed"], job.series) for job in found} == {(3, "rates")}


def test_a_series_goes_on_where_it_stopped(
    sweep: Path, tmp_path: Path, command: Callable[..., Any], ending: Callable[..., Any]
) -> None:
    out = tmp_path / "runs"
    jobs = jobs_of([sweep], out)
    assert carry_out(jobs[0], []).status == "done"
    with pytest.raises(KeyboardInterrupt):
        carry_out(jobs[1], [ending(stage="sampling")])
    first = jobs[0].path / "metrics.json"
    made = first.stat().st_mtime_ns
    stranger = jobs[2].path / "stranger.txt"
    stranger.parent.mkdir(parents=True)
    stranger.write_text("in the way")
    said = command("sweep", sweep, "--out", out)
    assert said.status == 1
    text = " ".join(said.out.split())
    assert text.count("was done") == 2  # in the log and in the table
    assert text.count("is taken by something else") == 1
    assert first.stat().st_mtime_ns == made
    with (out / "rates" / "comparison.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == ["0.001-ddim", "0.001-euler", "0.0001-euler"]
    numbers = [genlab.open_run(out / "rates" / row["run"]).records[-1] for row in rows]
    assert [float(row["sliced-wasserstein"]) for row in rows] == [n["value"] for n in numbers]
    stranger.unlink()
    assert command("sweep", sweep, "--out", out).status == 0


def test_wrong_series_are_refused(sweep: Path, tmp_path: Path, command: Callable[..., Any]) -> None:
    with pytest.raises(RequestError, match="genlab sweep"):
        genlab.run(sweep, out=tmp_path / "no")
    with pytest.raises(RequestError, match=r"unknown budget.*'huge'"):
        genlab.run("ddpm-mnist", budget="huge", out=tmp_path / "no")
    with pytest.raises(RequestError, match="name one"):
        genlab.run(budget="smoke", out=tmp_path / "no")
    with pytest.raises(RequestError, match="unknown engine 'remote'"):
        genlab.sweep({"seed": [0, 1]}, engine="remote", out=tmp_path / "no")
    for text, wanted in (
        ('"optimiser.lr" = 1e-3', "list of values"), ("seed = []", "list of values"),
        ("seed = [1, 1]", "twice"), ("", "empty"), ("steps = [1, 2]", "it is called training.steps"),
    ):  # fmt: skip
        sweep.write_text(f"{SMALL}[sweep]\n{text}\n")
        said = command("sweep", sweep, "--out", tmp_path / "no")
        assert said.status == 2, text
        assert wanted in said.err
    assert not (tmp_path / "no").exists()


class Counting(genlab.Tracker):
    """Counts trainings."""

    def __init__(self) -> None:
        self.trainings: list[str] = []

    def training_started(self, path: Path) -> None:
        self.trainings.append(path.name)


def test_a_study_of_three_degradations_and_two_samplers_trains_three_models(
    tmp_path: Path,
) -> None:
    """Its numbers are those of six runs of their own."""
    counting = Counting()
    shared: dict[str, Any] = {
        "dataset": "digits", "metrics": ["sliced-wasserstein", "frechet"], "figures": [],
        "backbone": {"name": "unet", "channels": [8]}, "steps": 6,
        "set": {"training.batch": 16, "sampling": {"count": 40, "steps": 3}},
    }  # fmt: skip
    study = {"degradation": ["gaussian", CosineNoise(), {"name": "blur-noise", "floor": 0.01}],
             "sampler": ["naive", {"name": "cold", "grid": "cosine"}]}  # fmt: skip
    outcomes = genlab.sweep(study, out=tmp_path / "study", trackers=[counting], **shared)
    assert [outcome.status for outcome in outcomes] == ["done"] * 6
    names = [outcome.job.path.name for outcome in outcomes]
    assert counting.trainings == names[::2] == [
        "gaussian-naive", "CosineNoise()-naive", "blur-noise-0.01-naive"
    ]  # fmt: skip
    combinations = [(d, s) for d in study["degradation"] for s in study["sampler"]]
    values = []
    for outcome, (degradation, sampler) in zip(outcomes, combinations, strict=True):
        of_study = genlab.open_run(outcome.job.path)
        alone = genlab.run(
            degradation=degradation, sampler=sampler, out=tmp_path / "alone" / outcome.job.path.name,
            **shared,
        )  # fmt: skip
        assert of_study.records == alone.records
        assert torch.equal(of_study.samples(40)[0], alone.samples(40)[0])
        assert of_study.status.outcome == "done"
        assert [line["loss"] for line in of_study.history] == [
            line["loss"] for line in alone.history
        ]
        values.append(of_study.records[-1]["value"])
    assert len(set(values)) == 6
    assert [o.status for o in genlab.sweep(study, out=tmp_path / "study", **shared)] == [
        "was done"
    ] * 6
    found = genlab.compare([outcome.job.path for outcome in outcomes[:2]], tmp_path / "comparison")
    assert {"comparison.csv", "numbers.png", "samples.png"} <= {f.name for f in found.files}


def test_a_study_of_priors_trains_once_and_fits_each(tmp_path: Path) -> None:
    """Its runs have the weights and the samples of runs of their own."""
    counting = Counting()
    shared: dict[str, Any] = {
        "dataset": "digits", "degradation": "blur", "metrics": [], "figures": [], "steps": 4,
        "backbone": {"name": "unet", "channels": [8]},
        "set": {"training.batch": 16, "sampling": {"count": 20, "steps": 2}},
    }  # fmt: skip
    study = {"prior": ["normal", {"name": "gmm", "components": 2}], "sampler": ["naive", "cold"]}
    outcomes = genlab.sweep(study, out=tmp_path / "study", trackers=[counting], **shared)
    assert [outcome.message for outcome in outcomes] == [""] * 4
    assert counting.trainings == [outcomes[0].job.path.name]
    for number, prior in ((1, "normal"), (2, study["prior"][1])):
        of_study = genlab.open_run(outcomes[number].job.path)
        alone = genlab.run(
            prior=prior, sampler=study["sampler"][number % 2], out=tmp_path / str(number), **shared
        )
        assert torch.equal(of_study.samples(20)[0], alone.samples(20)[0])
        for file in ("last", "prior"):
            own, others = (
                read_checkpoint(run.path / f"checkpoints/{file}.safetensors").tensors
                for run in (of_study, alone)
            )
            assert own.keys() == others.keys()
            assert all(torch.equal(own[key], others[key]) for key in own)


def test_priors_that_no_file_tells_apart_are_each_fitted(tmp_path: Path) -> None:
    counting = Counting()
    degradation = genlab.build("degradation", "pixelate")
    data = genlab.load("digits")
    priors = [
        genlab.fit_prior(degradation, data.train, data.spec, density="diffusion", steps=n).density
        for n in (1, 2)
    ]
    outcomes = genlab.sweep(
        {"prior": priors}, out=tmp_path / "study", trackers=[counting], dataset="digits", metrics=[],
        degradation="pixelate", figures=[], steps=2, backbone={"name": "unet", "channels": [8]},
        set={"training.batch": 8, "sampling": {"count": 4, "steps": 2}, "prior_training.steps": 1},
    )  # fmt: skip
    assert [outcome.message for outcome in outcomes] == ["", ""]
    assert len(counting.trainings) == 1
    first, second = (genlab.open_run(o.job.path, components={"prior": prior})
                     for o, prior in zip(outcomes, priors, strict=True))  # fmt: skip
    assert not torch.equal(first.samples(4)[0], second.samples(4)[0])


class Constant(nn.Module):
    """Says the same whatever it sees."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return self.value.expand(x.shape)


PERCEPTRON = {"class": "genlab.testing.tiny:Perceptron"}


def networks_of_two_seeds() -> list[Any]:
    """Return two objects of one class with the same parameters, and other weights."""
    found = []
    for seed in (0, 1):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            found.append(Perceptron(genlab.DataSpec((1, 4, 4), "image")))
    return found


@pytest.mark.parametrize("what", ["modules", "components", "named and not", "tensors", "closures"])
def test_what_no_file_tells_apart_is_not_taken_for_the_same(what: str, tmp_path: Path) -> None:
    """Two modules or two sets of tensors look the same in run.toml, and are not."""

    def shifted(by: float) -> type[genlab.Degradation]:
        class Shifted(CosineNoise):
            def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
                return super().degrade(x_0 + by, t, z)

        return Shifted

    slot, values = {
        "modules": ("backbone", [Constant(0.0), Constant(1.0)]),
        "components": ("backbone", networks_of_two_seeds()),
        "named and not": ("backbone", [networks_of_two_seeds()[1], PERCEPTRON]),
        "tensors": ("dataset", list(torch.rand(2, 40, 1, 4, 4))),
        "closures": ("degradation", [shifted(0.0)(), shifted(1.0)()]),
    }[what]  # fmt: skip
    shared: dict[str, Any] = {"dataset": torch.rand(40, 1, 4, 4), "backbone": PERCEPTRON}
    shared.pop(slot, None)
    counting = Counting()
    outcomes = genlab.sweep(
        {slot: values}, out=tmp_path / "study", trackers=[counting], metrics=[], figures=[], steps=3,
        set={"training.batch": 8, "sampling": {"count": 8, "steps": 2}}, **shared,
    )  # fmt: skip
    assert [outcome.message for outcome in outcomes] == ["", ""]
    assert len({outcome.job.path for outcome in outcomes}) == len(counting.trainings) == 2
    weights = [
        read_checkpoint(o.job.path / "checkpoints/last.safetensors").part("model") for o in outcomes
    ]
    assert any(not torch.equal(value, weights[1][key]) for key, value in weights[0].items())


def test_a_sweep_over_objects_goes_on_with_them(tmp_path: Path, ending: Callable[..., Any]) -> None:
    class Own(Fade):
        """A degradation that only this test knows."""

    options: dict[str, Any] = {
        "dataset": torch.rand(40, 1, 4, 4), "metrics": [], "figures": [], "steps": 3, "out": tmp_path,
        "backbone": Constant(0.5), "set": {"training.batch": 8, "sampling": {"count": 8, "steps": 2}},
    }  # fmt: skip
    study = {"degradation": [Own(), Fade], "seed": [0]}
    with pytest.raises(KeyboardInterrupt):
        genlab.sweep(study, trackers=[ending(stage="sampling")], **options)
    outcomes = genlab.sweep(study, **options)
    assert [outcome.message for outcome in outcomes] == ["", ""]
    assert [outcome.job.path.name for outcome in outcomes] == ["Own()-0", "Fade-0"]


def test_an_engine_of_ones_own_carries_a_sweep_out(sweep: Path, tmp_path: Path) -> None:
    class Backwards(genlab.Engine):
        """The last job first."""

        def carry_out(
            self, jobs: Sequence[genlab.Job], work: Callable[..., genlab.Outcome], *,
            trackers: Callable[[genlab.Job], Any],
        ) -> Iterator[genlab.Outcome]:  # fmt: skip
            for job in reversed(jobs):
                yield work(job, list(trackers(job)))

    genlab.register("engine", "backwards", Backwards)
    for i, engine in enumerate(("backwards", Backwards())):
        outcomes = genlab.sweep(sweep, engine=engine, out=tmp_path / str(i))
        assert [o.job.path.name for o in outcomes] == [
            "0.0001-euler", "0.0001-ddim", "0.001-euler", "0.001-ddim"
        ]  # fmt: skip
        assert {o.status for o in outcomes} == {"done"}


def test_a_sweep_has_trackers_and_an_engine_with_parameters(
    sweep: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    class Noting(Counting):
        """Counts the trainings of all that are built."""

        all: ClassVar[list[str]] = []

        def training_started(self, path: Path) -> None:
            self.all.append(path.name)

    genlab.register("tracker", "noting", Noting)
    out = tmp_path / "runs"
    for given, wanted in (
        (("--tracker", "notin"), "unknown tracker 'notin'"),
        (("--set", "engine.jobs=0"), "jobs"),
        (("--set", "engine.retrys=1"), "retrys"),
        (("--set", "training.steps=1"), "it sets what --engine is given"),
    ):
        said = command("sweep", sweep, "--out", out, *given)
        assert said.status == 2, given
        assert wanted in said.err
    assert not out.exists()
    sweep.write_text(SMALL + '[sweep]\n"optimiser.lr" = [1e-3]\n')
    given = ("--tracker", "noting", "--set", "engine.retries=0", "--data", tmp_path, "--out", out)
    assert command("sweep", sweep, *given).status == 0
    assert Noting.all == ["0.001"]
    written = tomllib.loads((out / "rates/0.001/run.toml").read_text("utf-8"))
    assert written["data"] == str(tmp_path)


def test_series_of_which_two_runs_are_done_are_compared(
    sweep: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    budget, two, out = "[budget.smoke]\n", tmp_path / "two.toml", tmp_path / "runs" / "smoke"
    sweep.write_text(SMALL + budget + '[sweep]\n"optimiser.lr" = [1e-3]\n')
    two.write_text(SMALL + budget + '[sweep]\nsampler = ["ddim", "euler"]\n')
    said = command("reproduce", sweep, two, "--budget", "smoke", "--out", out.parent)
    assert said.status == 0
    assert not list((out / "rates").glob("comparison*"))
    with (out / "two" / "comparison.csv").open() as file:
        assert [row["run"] for row in csv.DictReader(file)] == ["ddim", "euler"]


# -- comparisons ---------------------------------------------------------------------------------


def test_comparing_runs(
    digits_run: genlab.Run, blur_run: genlab.Run, tmp_path: Path, command: Callable[..., Any]
) -> None:
    out = tmp_path / "comparison"
    said = command("compare", digits_run.path, blur_run.path, "--out", out)
    assert said.status == 0
    assert "gaussian + unet + ddim" in " ".join(said.out.split())
    rows = list(csv.DictReader((out / "comparison.csv").read_text().splitlines()))
    assert [row["run"] for row in rows] == [digits_run.path.name, blur_run.path.name]
    name = "classifier-confidence/confidence"
    for row, run in zip(rows, (digits_run, blur_run), strict=True):
        (record,) = (record for record in run.records if record["name"] == name)
        assert float(row[name]) == record["value"]
    for picture in ("numbers.png", "samples.png"):
        with Image.open(out / picture) as image:
            assert np.asarray(image.convert("L")).std() > 5
    for runs, wanted in (
        ((digits_run.path,), "at least two"), ((), "RUN"),
    ):  # fmt: skip
        said = command("compare", *runs)
        assert said.status == 2
        assert wanted in said.err
