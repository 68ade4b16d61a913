"""MLflow: a run in its embedded SQLite store, or on a server."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genlab import Tracker, require_extra
from genlab_plugins.trackers.service import (
    final_numbers,
    flat,
    keep,
    kept,
    numbers,
    quiet,
)

__all__ = ["MLflow"]

_MOST = 100  # parameters that MLflow takes at once
_ENDED = {"done": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}


class MLflow(Tracker):
    """Hands parameters, curves, figures, final numbers and the run folder to MLflow.

    A run that goes on continues the same run of MLflow, where it was. What MLflow does not forget, such as
    the numbers of steps that are done once more, stands there twice.

    Args:
        uri: The store: the URL of a server, or of a database; None: what the environment variable
            ``MLFLOW_TRACKING_URI`` says, else the file ``mlflow.db`` in the working folder, which
            ``mlflow ui`` shows.
        experiment: The experiment that holds the runs; None: what ``MLFLOW_EXPERIMENT_NAME`` says,
            else ``genlab``.
        artifact: Whether the run folder is handed over when the run is done, weights included.

    Raises:
        RequestError: MLflow, or what its SQLite store needs, is not installed.
    """

    def __init__(
        self, *, uri: str | None = None, experiment: str | None = None, artifact: bool = True
    ) -> None:
        for package in ("mlflow", "sqlalchemy", "alembic"):
            require_extra(package, "mlflow", "the tracker 'mlflow'")
        quiet(MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_LOGGING_LEVEL="WARNING",
              MLFLOW_HTTP_REQUEST_MAX_RETRIES="2")  # fmt: skip
        self.uri, self.experiment, self.artifact = uri, experiment, artifact
        self._runs: dict[Path, tuple[Any, str]] = {}

    def run_started(self, path: Path, config: Mapping[str, Any]) -> None:
        """Begin a run, or go on with it; a parameter that has changed since becomes a tag."""
        from mlflow.entities import Param

        client, run = self._run(path)
        client.update_run(run, status="RUNNING")
        known = client.get_run(run).data.params
        given = {key: str(value) for key, value in flat(config).items()}
        new = [Param(key, value) for key, value in given.items() if key not in known]
        for first in range(0, len(new), _MOST):
            client.log_batch(run, params=new[first : first + _MOST])
        for key, value in given.items():
            if known.get(key, value) != value:
                client.set_tag(run, key, value)

    def step_done(self, path: Path, step: int, record: Mapping[str, float]) -> None:
        """Hand over the numbers of a step."""
        self._add(path, numbers("training", record), step)

    def training_evaluated(self, path: Path, step: int, record: Mapping[str, Any]) -> None:
        """Hand over the numbers of an evaluation."""
        self._add(path, numbers("evaluation", record["values"]), step)

    def evaluated(self, path: Path, metrics: Mapping[str, Any]) -> None:
        """Hand over the final numbers."""
        self._add(path, final_numbers(metrics), metrics["steps"])

    def figure_drawn(self, path: Path, file: Path) -> None:
        """Hand over a figure."""
        client, run = self._run(path)
        client.log_artifact(run, str(file), "figures")

    def run_ended(self, path: Path, status: str) -> None:
        """Hand over the run folder of a run that is done, and end the run of MLflow."""
        client, run = self._run(path)
        if status == "done" and self.artifact:
            client.log_artifacts(run, str(path), "run")
        client.set_terminated(run, _ENDED[status])
        del self._runs[path]

    def _add(self, path: Path, values: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        client, run = self._run(path)
        now = round(1000 * time.time())
        allowed = {re.sub(r"[^\w\-./ ]", "_", name): value for name, value in values.items()}
        client.log_batch(run, [Metric(name, v, now, step) for name, v in allowed.items()])

    def _run(self, path: Path) -> tuple[Any, str]:
        """Return MLflow's client, and its name of the run."""
        if path not in self._runs:
            from mlflow import MlflowClient

            known = kept(path, "mlflow")
            named = self.uri or os.environ.get("MLFLOW_TRACKING_URI") or known.get("uri")
            uri = named or f"sqlite:///{Path('mlflow.db').absolute()}"
            client, run = MlflowClient(uri), known.get("run", "")
            if uri != known.get("uri"):
                run = client.create_run(self._experiment(client), run_name=path.name).info.run_id
                keep(path, "mlflow", {"uri": uri, "run": run})
            self._runs[path] = client, run
        return self._runs[path]

    def _experiment(self, client: Any) -> str:
        """Return MLflow's name of the experiment, which another process may make at the same time."""
        from mlflow.exceptions import MlflowException

        name = self.experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME") or "genlab"
        try:
            return str(client.create_experiment(name))
        except MlflowException:
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
            return str(found.experiment_id)
