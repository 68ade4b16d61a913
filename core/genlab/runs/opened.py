"""A run folder, opened: its configuration, data and model."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from genlab.components.data import loaded
from genlab.components.dataset import Data, Dataset, DataSpec
from genlab.components.degradation import Degradation
from genlab.components.density import Density
from genlab.components.metric import Metric
from genlab.components.pictures import PictureRule
from genlab.config import Resolved, assemble_model, class_of, made, pick_device
from genlab.diffusion import DensityModel, DiffusionModel, Model, Prior, Restorer
from genlab.errors import RequestError
from genlab.runs.fingerprint import difference, fingerprint
from genlab.runs.folder import RunFolder
from genlab.runs.opening import checked_objects, load_weights, warn_of_versions
from genlab.runs.status import Status, read_status
from genlab.training import fit_prior

__all__ = ["OpenedRun"]


class OpenedRun:
    """What a run folder holds; see :class:`genlab.Run` for the arguments and for what can be done with it."""

    def __init__(
        self,
        path: str | Path,
        *,
        device: str = "auto",
        data: str | Path | None = None,
        checkpoint: str = "last",
        components: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = RunFolder.open(Path(path))
        self.checkpoint = checkpoint
        self.weights_file = self.folder.checkpoints.named(checkpoint)
        config = self.folder.config()
        self.config: Resolved = config if data is None else config.with_data(str(data))
        self.spec: DataSpec = self.folder.spec()
        self.device = pick_device(device)
        self.objects = checked_objects(self.config, components or {})
        self.data_root = Path(self.config.data) if self.config.data else None
        self._priors: dict[str, Prior] = {}
        warn_of_versions(self.folder, self.config)

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.folder.path

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return self.config.seed

    @property
    def status(self) -> Status:
        """How far the run is."""
        return read_status(self.folder.status_file)

    @property
    def history(self) -> list[dict[str, float]]:
        """One record per logged step."""
        return self.folder.history()

    @property
    def evaluations(self) -> list[dict[str, Any]]:
        """One record per evaluation during training: step, seconds, N, values and baselines by name."""
        return self.folder.evaluations()

    @property
    def metrics(self) -> dict[str, Any]:
        """The final numbers, as they stand in ``metrics.json``; empty where there are none yet."""
        return self.folder.metrics()

    @property
    def records(self) -> list[dict[str, Any]]:
        """One record per final number."""
        return list(self.metrics.get("metrics", []))

    @cached_property
    def built_metrics(self) -> dict[str, Metric]:
        """The metrics of the run by name."""
        given = self.objects.get("metrics", {})
        return {c.name: given.get(c.name) or made("metric", c, {}) for c in self.config.metrics}

    @cached_property
    def model(self) -> Model:
        """The model, with its averaged weights."""
        parts = assemble_model(self.config, self.spec, self.objects, device=self.device)
        load_weights(parts, self.folder, self.weights_file)
        return parts.model

    @property
    def restorer(self) -> Restorer:
        """The restorer: ``run.restorer(x_t, t, y)`` estimates x_0."""
        return self.diffusion.restorer

    @property
    def degradation(self) -> Degradation:
        """The degradation."""
        return self.restorer.degradation

    @property
    def density(self) -> Density | None:
        """The density of the data, or the prior of the degraded state."""
        model = self.model
        return model.density if isinstance(model, DensityModel) else self.diffusion.prior.density

    @cached_property
    def dataset(self) -> Dataset:
        """The data set that the run learned from, not loaded.

        Raises:
            RequestError: It is not what it was.
        """
        try:
            dataset: Dataset = made("dataset", self.config.dataset, self.objects)
        except RequestError as error:
            if "path" not in self.config.dataset.params:
                raise
            moved = (
                "where the data of a run has moved, --data (in Python: data=...) says where it is"
            )
            raise RequestError(f"{error}; {moved}") from None
        if dataset.spec != self.spec:
            raise RequestError(
                f"the data has changed since {self.path} was made: it was {self.spec}, and is {dataset.spec}"
            )
        return dataset

    @property
    def picture_rule(self) -> PictureRule:
        """How picture files are read as data of the run, as it was when the run began."""
        try:
            cls = class_of("dataset", self.config.dataset, self.objects)
        except RequestError:
            return PictureRule()  # of a data set that is not there
        if inspect.isclass(cls) and issubclass(cls, Dataset):
            return cls.picture_rule(self.config.dataset.params)
        return PictureRule()

    @cached_property
    def data(self) -> Data:
        """The data that the run learned from; loaded when it is first asked for.

        A warning tells where it is no longer what it was.
        """
        data = loaded(self.dataset, self.data_root)
        if told := difference(self.folder.fingerprint(), fingerprint(data)):
            warnings.warn(
                f"the data is not that which {self.path} learned from ({told}): numbers do not compare",
                stacklevel=2,
            )
        return data

    def samples(self, n: int) -> tuple[Tensor, Tensor | None]:
        """Return the first ``n`` of the stored samples with their labels; fresh ones where there are none."""
        if not self.folder.samples_file.is_file():
            return self.model.sample(n), self.model.labels(n)
        x, y = self.folder.samples()
        return x[:n], None if y is None else y[:n]

    def evaluated_samples(self) -> list[tuple[int, Tensor]]:
        """Return samples of each evaluation during training, each with its step."""
        return self.folder.evaluated_samples()

    @property
    def diffusion(self) -> DiffusionModel:
        """The model, where it is a diffusion.

        Raises:
            RequestError: The run holds a density.
        """
        if not isinstance(self.model, DiffusionModel):
            raise RequestError(f"{self.path} holds a density and no degradation to walk back")
        return self.model

    def model_from(self, prior: str | Prior) -> DiffusionModel:
        """Return the model with trajectories that start from another prior.

        Args:
            prior: A density by name, which is fitted to the training data when it is first asked for, as if
                the run had been given it; or a prior (:func:`genlab.fit_prior`).

        Raises:
            RequestError: The run holds a density, or its degradation leaves nothing; there is no such
                density, or it knows no classes where the model does.
        """
        own = self.diffusion
        if isinstance(prior, str):
            if own.prior.density is None:
                raise RequestError(
                    f"prior {prior!r}: the degradation of {self.path} leaves nothing at t = 1 that a prior "
                    f"could model"
                )
            if prior not in self._priors:
                self._priors[prior] = fit_prior(
                    own.restorer.degradation, self.data.train, self.spec, density=prior,
                    seed=self.seed, device=self.device,
                )  # fmt: skip
            prior = self._priors[prior]
        return own.with_parts(prior=prior)

    @property
    def density_model(self) -> DensityModel:
        """The model, where it is a density of the data.

        Raises:
            RequestError: The run holds a diffusion.
        """
        if not isinstance(self.model, DensityModel):
            raise RequestError(
                f"{self.path} is a diffusion model, which has no density; "
                f"genlab run --density NAME trains one"
            )
        return self.model
