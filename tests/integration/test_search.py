"""Searches: what is chosen, that it stays chosen, and that every trial is carried out once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from torch import Tensor

import genlab
from genlab import Outcome, RequestError
from genlab.runs.search import best_of, carry_out_trial
from genlab.runs.series import swept
from genlab.testing.tiny import Perceptron

RATES = {"low": 1e-4, "high": 1e-1, "log": True}


class Rate(genlab.Metric):
    """Says how far the last rate of a run is from the best, which is known here."""

    def fit(self, train: genlab.Examples, spec: genlab.DataSpec, *, seed: int) -> None:
        """Return None: nothing needs to be prepared."""

    def score(self, fitted: None, x: Tensor, real: Tensor) -> dict[str, float]:
        return {"spread": float(x.std()), "level": float(x.mean())}

    tags = genlab.MetricTags(higher=frozenset({"level"}))


SHARED: dict[str, Any] = {
    "dataset": torch.rand(40, 1, 4, 4), "metrics": [Rate()], "figures": [], "steps": 4,
    "backbone": Perceptron, "set": {"sampling": {"count": 8, "steps": 2}},
}  # fmt: skip


def search(trials: int = 3, metric: str = "Rate/spread", **more: Any) -> dict[str, Any]:
    return {
        "search": {"trials": trials, "metric": metric, **more},
        "optimiser.lr": RATES,
        "training.batch": {"low": 4, "high": 8},
        "sampler": ["ddim", "naive"],
    }


def known(out: Path, seed: int = 0) -> list[Any]:
    """Return the trials of a search as Optuna itself reads them."""
    backend = optuna.storages.journal.JournalFileBackend(str(out / "search.journal"))
    storage = optuna.storages.JournalStorage(backend)
    return optuna.load_study(study_name=f"seed-{seed}", storage=storage).trials


def settings(path: Path) -> dict[str, Any]:
    tables = genlab.open_run(path, components={"metrics": [Rate()]}).config.flat()
    return {"optimiser.lr": tables["optimiser"]["lr"], "sampler": tables["sampler"]["name"],
            "training.batch": tables["training"]["batch"]}  # fmt: skip


class Counting(genlab.Tracker):
    """Counts trainings."""

    def __init__(self) -> None:
        self.trainings: list[str] = []

    def training_started(self, path: Path) -> None:
        self.trainings.append(path.name)


def test_a_search_goes_on_and_what_it_knows_is_what_runs_have(
    tmp_path: Path, ending: Callable[..., Any]
) -> None:
    """Its second trial is interrupted; more trials are asked for later; numbers are those of the folders."""
    counting = Counting()
    with pytest.raises(KeyboardInterrupt):
        genlab.sweep(search(1), out=tmp_path, trackers=[ending(stage="sampling")], **SHARED)
    (begun,) = known(tmp_path)
    assert not begun.state.is_finished()
    for trials in (2, 3):
        outcomes = genlab.sweep(search(trials), out=tmp_path, trackers=[counting], **SHARED)
    assert [outcome.status for outcome in outcomes] == ["was done", "was done", "done"]
    assert counting.trainings == ["trial-0-001", "trial-0-002"], "none is trained again"
    found = known(tmp_path)
    assert [each.state.name for each in found] == ["COMPLETE"] * 3
    assert found[0].params == begun.params
    for each, outcome in zip(found, outcomes, strict=True):
        assert each.params == settings(outcome.job.path)
        assert RATES["low"] <= each.params["optimiser.lr"] <= RATES["high"]
        assert 4 <= each.params["training.batch"] <= 8
        records = json.loads((outcome.job.path / "metrics.json").read_text())["metrics"]
        assert each.value == next(r["value"] for r in records if r["name"] == "Rate/spread")
    (best,) = best_of([outcome.job for outcome in outcomes])
    assert (best.value, best.of) == (min(each.value for each in found), 3)
    other = {"metrics": [Rate()], "training": {"steps": 4}}
    jobs = swept(other, search(metric="Rate/level"), tmp_path)
    with pytest.raises(RequestError, match=r"holds another search .its metric was Rate/spread"):
        list(best_of(jobs))


def test_more_is_better_where_the_metric_says_so(tmp_path: Path) -> None:
    outcomes = genlab.sweep(search(2, "Rate/level"), out=tmp_path, **SHARED)
    (best,) = best_of([outcome.job for outcome in outcomes])
    assert best.value == max(each.value for each in known(tmp_path))


def test_the_seed_settles_the_choices_and_two_sweeps_share_their_trials(tmp_path: Path) -> None:
    """Two threads stand for two processes; another folder chooses the same, and another seed others."""
    found: list[list[Outcome]] = []

    def sweep() -> None:
        found.append(genlab.sweep(search(sampler="random"), out=tmp_path / "both", **SHARED))

    threads = [threading.Thread(target=sweep) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(200)
    ends = sorted(outcome.status for outcomes in found for outcome in outcomes)
    assert ends == ["done"] * 3 + ["was done"] * 3, found
    both = {each.user_attrs["run"]: each.params for each in known(tmp_path / "both")}
    assert len(both) == len(known(tmp_path / "both")) == 3
    for seed in (0, 1):
        out = tmp_path / str(seed)
        genlab.sweep(search(1, sampler="random", seed=seed), out=out, **SHARED)
        (alone,) = known(out, seed)
        assert (alone.params == both["trial-0-000"]) is (seed == 0)


def test_a_number_that_several_sweeps_tell_at_once_is_told_once(tmp_path: Path) -> None:
    """Each finds the run done at the same moment."""
    (outcome,) = genlab.sweep(search(1), out=tmp_path, **SHARED)
    for _ in range(5):
        (tmp_path / "search.journal").unlink()
        together = threading.Barrier(4)

        def found_done(job: genlab.Job, _: Any, together: threading.Barrier = together) -> Outcome:
            together.wait(60)
            return Outcome(job, "was done")

        with ThreadPoolExecutor(4) as pool:
            done = [pool.submit(carry_out_trial, outcome.job, [], found_done) for _ in range(4)]
            assert {each.result().status for each in done} == {"was done"}
        assert [each.state.name for each in known(tmp_path)] == ["COMPLETE"]


def test_hopeless_trials_are_stopped_and_stay_stopped(tmp_path: Path) -> None:
    """One that is no better than half of those that came as far is not trained to its end."""
    counting = Counting()
    shared = SHARED | {"set": SHARED["set"] | {"evaluation": {"times": 4, "count": 8, "steps": 1}}}
    study = search(stop=True)
    outcomes = genlab.sweep(study, out=tmp_path, **shared)
    stopped = [outcome for outcome in outcomes if outcome.status == "stopped"]
    assert stopped
    assert outcomes[0].status == "done"
    runs = [genlab.open_run(o.job.path, components={"metrics": [Rate()]}) for o in outcomes]
    looks = [[line["values"]["Rate/spread"] for line in run.evaluations] for run in runs]
    for outcome, run, own in zip(outcomes, runs, looks, strict=True):
        if outcome.status == "stopped":
            assert run.status.outcome == "interrupted"
            assert len(own) < 4
            assert own[-1] > min(each[len(own) - 1] for each in looks if len(each) >= len(own))
    again = genlab.sweep(study, out=tmp_path, trackers=[counting], **shared)
    assert {outcome.status for outcome in again} == {"was done", "stopped"}
    assert not counting.trainings


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"search": {"trials": 2}}, r"sweep.search.metric"),
        ({"search": {"trials": 2, "metric": "Rat"}}, r"unknown number to search by 'Rat'"),
        ({"search": 3}, r"sweep.search is a table"),
        ({"search": {"trials": 2, "metric": "Rate/level", "stop": True}}, r"evaluation.times"),
        ({"optimiser.lr": {"low": 2.0, "high": 1.0}}, r"goes up from low to high"),
        ({"draws": 3}, r"do not go together"),
    ],
)
def test_what_is_no_search_is_refused(change: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=said):
        genlab.sweep(search() | change, out=tmp_path / "no", **SHARED)
    assert not (tmp_path / "no").exists()


def test_without_optuna_a_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(RequestError, match=r"pip install 'genlab\[optuna\]'"):
        genlab.sweep(search(), out=tmp_path / "no", **SHARED)
