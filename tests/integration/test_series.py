"""Experiments under budgets, sweeps, and what is reproduced."""

from __future__ import annotations

from pathlib import Path

import pytest

import genlab
from genlab import RequestError
from genlab.cli.app import _status
from genlab.experiments import experiment_names
from genlab.runs.assembly import assemble, resolve
from genlab.runs.series import BUDGETS, carry_out, experiment_tables, members

NEEDED = {
    "ddpm-swiss-roll", "ddpm-8-gaussians", "ddpm-25-gaussians", "ddpm-mnist", "ddpm-mnist-b",
    "cold-blur-mnist", "cold-pixelate-mnist", "cold-mask-mnist", "custom-ink-mnist",
    "degradations-compared", "hot-against-cold", "realnvp-moons", "realnvp-circles", "realnvp-pinwheel",
    "realnvp-moons-classify", "realnvp-circles-classify", "realnvp-pinwheel-classify",
    "realnvp-mnist", "realnvp-cifar10",
}  # fmt: skip


def test_every_experiment_is_there_under_every_budget() -> None:
    assert set(experiment_names()) >= NEEDED
    for name in experiment_names():
        for budget in BUDGETS:
            for member in members([name], Path("out"), budget=budget, data="somewhere"):
                config, dataset = resolve(member.tables)
                assemble(config, dataset.spec)
                assert config.experiment == name
                if budget == "smoke":
                    assert config.training.steps is not None
                    assert config.training.steps < 20
                    assert dataset.load("train", None)  # embedded or drawn


def test_laptop_is_the_default_budget() -> None:
    assert experiment_tables("ddpm-mnist") == experiment_tables("ddpm-mnist", "laptop")
    assert experiment_tables("ddpm-mnist")["training"]["steps"] == 8400


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    file = tmp_path / "rates.toml"
    file.write_text(
        'dataset = "swiss-roll"\nmetrics = ["sliced-wasserstein"]\n'
        'backbone = { name = "mlp", width = 16, depth = 1 }\n'
        "sampling = { count = 64, steps = 2 }\n"
        "training = { steps = 4, batch = 32 }\n"
        '[sweep]\n"training.lr" = [1e-3, 1e-4]\nsampler = ["ddim", "euler"]\n'
    )
    return file


def test_a_sweep_is_every_combination(sweep: Path, tmp_path: Path) -> None:
    found = members([sweep], tmp_path / "runs", seed=3)
    assert [m.path.name for m in found] == [
        "0.001-ddim", "0.001-euler", "0.0001-ddim", "0.0001-euler"
    ]  # fmt: skip
    assert found[2].tables["training"] == {"steps": 4, "batch": 32, "lr": 1e-4}
    assert {m.tables["seed"] for m in found} == {3}
    assert {m.series for m in found} == {"rates"}


def test_a_series_goes_on_where_it_stopped(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(genlab.Run, "figures", lambda self: [])
    out = tmp_path / "runs"
    outcomes = carry_out(members([sweep], out))
    assert next(outcomes).status == "done"
    first = out / "rates" / "0.001-ddim" / "metrics.json"
    made = first.stat().st_mtime_ns
    (out / "rates" / "0.0001-ddim").mkdir(parents=True)
    (out / "rates" / "0.0001-ddim" / "stranger.txt").write_text("in the way")
    assert _status(["sweep", str(sweep), "--out", str(out)]) == 1
    text = " ".join(capsys.readouterr().out.split())
    assert text.count("was done") == 2  # in the log and in the table
    assert "is taken by something else" in text
    assert first.stat().st_mtime_ns == made
    assert (out / "rates" / "comparison.csv").read_text().count("\n") == 4
    (out / "rates" / "0.0001-ddim" / "stranger.txt").unlink()
    assert _status(["sweep", str(sweep), "--out", str(out)]) == 0


def test_wrong_series_are_refused(sweep: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="genlab sweep"):
        genlab.run(sweep, out=tmp_path / "no")
    with pytest.raises(RequestError, match=r"unknown budget.*'huge'"):
        genlab.run("ddpm-mnist", budget="huge", out=tmp_path / "no")
    with pytest.raises(RequestError, match="name one"):
        genlab.run(budget="smoke", out=tmp_path / "no")
    sweep.write_text('[sweep]\n"training.lr" = 1e-3\n')
    with pytest.raises(RequestError, match="list of values"):
        members([sweep], tmp_path)
    assert not (tmp_path / "no").exists()


def test_reproducing_one_experiment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(genlab.Run, "figures", lambda self: [])
    command = ["reproduce", "realnvp-moons", "--budget", "smoke", "--out", str(tmp_path)]
    assert _status(command) == 0
    assert "nll" in capsys.readouterr().out
    assert (tmp_path / "smoke" / "realnvp-moons" / "metrics.json").is_file()
    assert _status(["reproduce", "realnvp-moonz", "--out", str(tmp_path)]) == 2
