"""Searches: trials whose settings Optuna chooses by the numbers of those that are done.

What is known of a search lies in one file in the folder of its series, which every process that carries out
a trial reads and adds to. So a search goes on where it was stopped, on any engine, and two that are begun
at once share their trials.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pydantic

from genlab.components.engine import Job, Outcome
from genlab.components.extras import extra
from genlab.components.tracker import hookimpl
from genlab.config import Resolution, checked, made, merge, resolve
from genlab.errors import Interrupted, RequestError, unknown
from genlab.runs.combinations import change_of, labels_of, range_of
from genlab.runs.folder import RunFolder
from genlab.seeds import sub_seed

if TYPE_CHECKING:
    import optuna

__all__ = ["Best", "Search", "best_of", "carry_out_trial", "trials_of"]

_FILE = "search.journal"
_OF_MODELS = ("nll", "nll-above-entropy", "bits-per-dim", "accuracy", "bound", "bound-above-entropy",
              "bound-bits-per-dim")  # fmt: skip
"""The numbers that are of no metric, see :func:`genlab.evaluation.likelihood_records`."""


class Search(pydantic.BaseModel):
    """How settings are searched for, in ``[sweep.search]``.

    Args:
        trials: How many runs there are.
        metric: The number that should be good, such as ``"frechet"``, as it is called in ``metrics.json``.
        seed: Seed of the choices.
        sampler: ``"tpe"``, the tree-structured Parzen estimator (Bergstra et al. 2011), or ``"random"``.
        stop: Whether trials are stopped that the evaluations during their training show to be hopeless: at
            the 1st, 2nd, 4th, 8th, ... evaluation the better half goes on (asynchronous successive halving,
            Li et al. 2018, arXiv:1810.05934).
    """

    model_config = pydantic.ConfigDict(extra="forbid")

    trials: pydantic.PositiveInt
    metric: str
    seed: pydantic.NonNegativeInt = 0
    sampler: Literal["tpe", "random"] = "tpe"
    stop: bool = False


class Best(pydantic.BaseModel):
    """The best trial of a search.

    Args:
        run: The name of its folder.
        metric: The number that should be good.
        value: What it is.
        settings: What was chosen.
        of: How many trials have a number.
    """

    run: str
    metric: str
    value: float
    settings: dict[str, Any]
    of: int


def trials_of(tables: Mapping[str, Any], table: Mapping[str, Any], out: Path) -> list[Job]:
    """Return the runs of a search, whose settings are chosen when they begin.

    Args:
        tables: The request that all of them share.
        table: What is chosen from: for each setting a list or a range, and ``search`` (:class:`Search`).
        out: The folder that the runs go into; its name is that of the series.

    Raises:
        RequestError: Optuna is not installed, a value is no list and no range, or the number is not measured.
    """
    search, space = _read(table)
    _optuna()
    if not space:
        raise RequestError(
            "sweep: the search has nothing to choose; it has a range for each setting"
        )
    for key, values in space.items():
        if isinstance(values, Mapping):
            range_of(key, values)
        else:
            labels_of(key, values)
    found = resolve(tables)
    about = {
        "search": search.model_dump(), "space": space, "higher": _more_is_better(search, found),
        "times": found.config.evaluation.times,
    }  # fmt: skip
    return [
        Job(out / f"trial-{search.seed}-{number:03d}", tables, out.name, search=about)
        for number in range(search.trials)
    ]


def carry_out_trial(
    job: Job,
    trackers: Sequence[object],
    work: Callable[[Job, Sequence[object]], Outcome],
) -> Outcome:
    """Carry out a trial: what is chosen for it stays chosen, and its number is told to the search.

    Args:
        job: The trial.
        trackers: Objects that listen.
        work: Carries out a run whose settings are all chosen.
    """
    study = _Study(job)
    try:
        trial, chosen = study.trial(job.path.name)
    except RequestError as error:
        return Outcome(job, "failed", str(error))
    if study.was_stopped(trial):
        return Outcome(job, "stopped", "hopeless, at an earlier look")
    stopping = _Stopping(study, trial)
    try:
        found = work(
            replace(job, tables=merge(job.tables, chosen)),
            [*trackers, stopping] if study.search.stop else trackers,
        )
    except Interrupted:
        if not stopping.hopeless:
            raise
        study.tell_stopped(trial)
        return Outcome(job, "stopped", f"hopeless, at evaluation {stopping.looks}")
    outcome = replace(found, job=job)
    if outcome.status in ("done", "was done"):
        try:
            study.tell(trial, _number(job.path, study.search.metric))
        except RequestError as error:
            return Outcome(job, "failed", str(error))
    return outcome


def best_of(jobs: Sequence[Job]) -> Iterator[Best]:
    """Yield the best trial of each search that jobs belong to.

    Args:
        jobs: Jobs of one or several series.
    """
    first = {
        (job.path.parent, job.search["search"]["seed"]): job
        for job in jobs
        if job.search is not None
    }
    for job in first.values():
        if (found := _Study(job).best()) is not None:
            yield found


class _Study:
    """What is known of the search that a job is a trial of."""

    def __init__(self, job: Job) -> None:
        assert job.search is not None
        self.optuna = _optuna()
        self.optuna.logging.set_verbosity(self.optuna.logging.WARNING)
        self.search, self.space = Search(**job.search["search"]), job.search["space"]
        self.higher, self.times = job.search["higher"], job.search["times"]
        self.file = job.path.parent / _FILE
        self.file.parent.mkdir(parents=True, exist_ok=True)

    def trial(self, run: str) -> tuple[optuna.trial.Trial, dict[str, Any]]:
        """Return the trial of a run, and what it changes in the request; it is chosen where it is not yet.

        Raises:
            RequestError: The search was about something else.
        """
        with self._locked() as file:
            study = self._open(file, run)
            found = [each for each in study.get_trials(deepcopy=False) if _run(each) == run]
            known = found[-1]._trial_id if found else None
            trial = study.ask() if known is None else self.optuna.trial.Trial(study, known)
            try:
                values = [self._chosen(trial, key) for key in self.space]
            except ValueError as error:
                raise self._changed(str(error)) from None
            if not found:
                trial.set_user_attr("run", run)
        return trial, change_of(self.space, values)

    def was_stopped(self, trial: optuna.trial.Trial) -> bool:
        """Say whether a trial was given up."""
        return bool(self._state(trial) == self.optuna.trial.TrialState.PRUNED)

    def tell(self, trial: optuna.trial.Trial, value: float) -> None:
        """Write down the number of a trial, unless that has happened, in another process, too."""
        failed = self.optuna.trial.TrialState.FAIL if math.isnan(value) else None
        with self._locked():
            if not self._state(trial).is_finished():
                trial.study.tell(trial, None if failed else value, state=failed)

    def tell_stopped(self, trial: optuna.trial.Trial) -> None:
        """Write down that a trial was given up."""
        trial.study.tell(trial, state=self.optuna.trial.TrialState.PRUNED)

    def best(self) -> Best | None:
        """Return the best trial; None where none has a number."""
        with self._locked() as file:
            study = self._open(file, "")
        done = [each for each in study.get_trials(deepcopy=False) if each.value is not None]
        done = [each for each in done if each.state == self.optuna.trial.TrialState.COMPLETE]
        if not done:
            return None
        best = study.best_trial
        return Best(
            run=_run(best), metric=self.search.metric, value=best.value, settings=best.params,
            of=len(done),
        )  # fmt: skip

    def _chosen(self, trial: optuna.trial.Trial, key: str) -> Any:
        values = self.space[key]
        if not isinstance(values, Mapping):
            labels = labels_of(key, values)
            return values[labels.index(trial.suggest_categorical(key, labels))]
        bounds = range_of(key, values)
        if bounds.whole:
            return trial.suggest_int(key, int(bounds.low), int(bounds.high), log=bounds.log)
        return trial.suggest_float(key, bounds.low, bounds.high, log=bounds.log)

    def _open(self, file: Any, run: str) -> optuna.Study:
        """Open the study, with a sampler whose choices depend on the seed and on the run."""
        seed = sub_seed(self.search.seed, "search", run) % 2**32
        samplers, goal = self.optuna.samplers, "maximize" if self.higher else "minimize"
        make = {"tpe": samplers.TPESampler, "random": samplers.RandomSampler}[self.search.sampler]
        study: optuna.Study = self.optuna.create_study(
            storage=self.optuna.storages.JournalStorage(file), sampler=make(seed=seed),
            pruner=self.optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2),
            study_name=f"seed-{self.search.seed}", direction=goal, load_if_exists=True,
        )  # fmt: skip
        known = study.user_attrs.get("metric")
        if known is None:
            study.set_user_attr("metric", self.search.metric)
        elif known != self.search.metric:
            raise self._changed(f"its metric was {known}")
        return study

    def _state(self, trial: optuna.trial.Trial) -> Any:
        found = trial.study.get_trials(deepcopy=False)
        return next(each.state for each in found if each._trial_id == trial._trial_id)

    def _changed(self, how: str) -> RequestError:
        return RequestError(
            f"{self.file} holds another search ({how}): another search.seed, or another folder, begins anew"
        )

    @contextmanager
    def _locked(self) -> Iterator[Any]:
        """Let no other process choose or tell meanwhile; on file systems that are shared, too."""
        journal = self.optuna.storages.journal
        lock = journal.JournalFileOpenLock(f"{self.file}.choice")
        lock.acquire()
        try:
            yield journal.JournalFileBackend(
                str(self.file), journal.JournalFileOpenLock(str(self.file))
            )
        finally:
            lock.release()


class _Hopeless(KeyboardInterrupt):
    """A search gives a run up."""


class _Stopping:
    """Stops a run whose evaluations show that it is hopeless."""

    def __init__(self, study: _Study, trial: optuna.trial.Trial) -> None:
        self.study, self.trial = study, trial
        self.hopeless, self.looks = False, 0

    @hookimpl
    def training_evaluated(self, path: Path, record: Mapping[str, Any]) -> None:
        """Tell the search of a number during the training, and obey it."""
        self.looks = len(RunFolder(path).evaluations())
        value = float(record["values"].get(self.study.search.metric, math.nan))
        if self.looks >= self.study.times or math.isnan(value):
            return
        self.trial.report(value, self.looks)
        if self.trial.should_prune():
            self.hopeless = True
            raise _Hopeless


def _read(table: Any) -> tuple[Search, dict[str, Any]]:
    """Return how is searched, and what is chosen from."""
    given = table["search"]
    if not isinstance(given, Mapping):
        raise RequestError('sweep.search is a table, such as { trials = 20, metric = "frechet" }')
    space = {key: value for key, value in table.items() if key != "search"}
    if "draws" in space:
        raise RequestError("sweep: draws and search do not go together")
    return checked(Search, "sweep.search", given), space


def _more_is_better(search: Search, found: Resolution) -> bool:
    """Say whether more of the number is better.

    Raises:
        RequestError: No run will have it, or trials are to be stopped without evaluations.
    """
    metrics = {chosen.name: chosen for chosen in found.config.metrics}
    known = [*metrics, *(() if search.stop else _OF_MODELS)]
    metric, _, key = search.metric.partition("/")
    if metric not in known:
        raise unknown("number to search by", search.metric, known)
    if search.stop and found.config.evaluation.times < 2:
        raise RequestError(
            "sweep.search.stop goes by evaluations during the training: give evaluation.times = 4 or more"
        )
    if metric not in metrics:
        return metric == "accuracy"
    given = found.objects.get("metrics", {}).get(metric) or made("metric", metrics[metric], {})
    return bool((key or metric) in given.tags.higher)


def _number(path: Path, name: str) -> float:
    """Return a number of a run that is done."""
    records = RunFolder.open(path).metrics().get("metrics", [])
    found = {record["name"]: float(record["value"]) for record in records}
    if name not in found:
        raise unknown("number to search by", name, found)
    return found[name]


def _run(trial: Any) -> str:
    return str(trial.user_attrs.get("run", ""))


def _optuna() -> Any:
    return extra("optuna", "optuna", "a search")
