"""A run: a folder with a model in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from genlab.config import RunConfig
from genlab.errors import RequestError, unknown
from genlab.generation import DensityModel, DiffusionModel, Model, Prior, Step
from genlab.generation.editing import decoded_mean, mixed_latents, mixed_states, restored
from genlab.generation.interpolation import Way
from genlab.protocols import Dataset, DataSpec, Degradation, Density, Examples, Sampler
from genlab.protocols.showing import card, picture, table
from genlab.registries import build
from genlab.restorer import Restorer
from genlab.runs.assembly import Parts, assemble, data_root, pick_device, refuse_sampler
from genlab.runs.evaluation import evaluate
from genlab.runs.folder import RunFolder
from genlab.training import read_checkpoint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Label", "Run", "model_of"]

Label = int | str | Sequence[int | str]
"""A class by number or name, or one for each sample."""


class Run:
    """A finished or unfinished run, opened from its folder.

    Sampling needs the folder alone. Weights are the moving average.

    Args:
        path: The run folder.
        device: Where to compute.
        data: The data folder, where it is not where it was.
        checkpoint: Which weights: ``"last"``, or ``"best"`` for those that did best in the evaluations
            during training.

    Raises:
        RequestError: The folder is no run, a component of it is not installed, or there is no such
            checkpoint.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        device: str = "auto",
        data: str | Path | None = None,
        checkpoint: str = "last",
    ) -> None:
        self.folder = RunFolder.open(Path(path))
        self.checkpoint = checkpoint
        self.weights_file = self.folder.weights_file(checkpoint)
        self.config: RunConfig = self.folder.config()
        if data is not None:
            self.config = self.config.model_copy(update={"data": str(data)})
        self.spec: DataSpec = self.folder.spec()
        self.device = pick_device(device)
        self._splits: dict[str, Examples] = {}

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    def _repr_html_(self) -> str:
        """Show the run in a notebook: what it is made of, its numbers, and its samples."""
        from genlab.runs.report import duration, number

        config, history = self.config, self.history
        roles = (config.degradation, config.backbone, config.density, config.sampler, config.prior)
        made = " + ".join(component.name for component in roles if component is not None)
        facts = [("folder", str(self.path))]
        if history:
            facts.append(("steps", number(int(history[-1]["step"]))))
            facts.append(("training time", duration(history[-1].get("elapsed_s", 0.0))))
        keys = ("name", "value", "floor", "n")
        rows = [[number(r.get(key)) for key in keys] for r in self.metrics.get("metrics", [])]
        file = self.folder.figure_file("samples", ".png")
        return card(
            f"{made} on {config.dataset.name}",
            table(("run", ""), facts),
            table(("metric", "value", "floor", "N"), rows),
            picture(file.read_bytes(), "samples") if file.is_file() else "",
        )

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.folder.path

    @property
    def history(self) -> list[dict[str, float]]:
        """One record per logged step."""
        return self.folder.history()

    @property
    def evaluations(self) -> list[dict[str, Any]]:
        """One record per evaluation during training: step, seconds, N, values and floors by name."""
        return self.folder.evaluations()

    @property
    def metrics(self) -> dict[str, Any]:
        """The final numbers, as they stand in ``metrics.json``; empty where there are none yet."""
        return self.folder.metrics()

    @cached_property
    def model(self) -> Model:
        """The model, with its averaged weights."""
        parts = assemble(self.config, self.spec)
        trained = parts.restorer.backbone if parts.restorer else parts.density
        assert trained is not None  # a run has one of the two
        checkpoint = read_checkpoint(self.weights_file)
        trained.load_state_dict(checkpoint.part("ema"))
        if parts.prior is not None:
            fitted = read_checkpoint(self.folder.prior_file)
            parts.prior.load_state_dict(fitted.part("prior"))
        return model_of(parts, self.config, self.device)

    @property
    def restorer(self) -> Restorer:
        """The restorer: ``run.restorer(x_t, t, y)`` estimates x_0."""
        return self._diffusion.restorer

    @property
    def degradation(self) -> Degradation:
        """The degradation."""
        return self.restorer.degradation

    @property
    def density(self) -> Density | None:
        """The density that was trained on the data, or the prior of the degraded state."""
        model = self.model
        return model.density if isinstance(model, DensityModel) else self._diffusion.prior.density

    @cached_property
    def dataset(self) -> Dataset:
        """The data set that the run learned from."""
        dataset: Dataset = build("dataset", self.config.dataset.name, **self.config.dataset.params)
        return dataset

    def examples(self, split: str = "train") -> Examples:
        """Load a split of the data set that the run learned from."""
        if split not in ("train", "test"):
            raise unknown("split", split, ["train", "test"])
        if split not in self._splits:
            root = data_root(self.config)
            self._splits[split] = self.dataset.load(split, root)  # type: ignore[arg-type]
        return self._splits[split]

    @cached_property
    def test_posteriors(self) -> tuple[Tensor, Tensor]:
        """What :meth:`classify` says of the test split, ``(N, classes)``, and its labels ``(N,)``."""
        test = self.examples("test")
        x, y = test.first(len(test))
        posteriors = self.classify(x.cpu())
        assert y is not None  # a run that knows classes learned from labels
        return posteriors, y.cpu()

    def sample(
        self,
        n: int = 64,
        *,
        steps: int | None = None,
        sampler: str | Sampler | None = None,
        label: Label | None = None,
        guidance: float | None = None,
        seed: int = 0,
    ) -> Tensor:
        """Draw samples from nothing but the run.

        Args:
            n: How many.
            steps: Steps of a walk; None: those of the run.
            sampler: A sampler, or the name of one; None: the one of the run.
            label: A class by number or name, or one for each sample; None: see :meth:`labels`.
            guidance: Scale of classifier-free guidance; None: that of the run.
            seed: The same seed gives the same samples on the same device.

        Returns:
            Samples ``(n, *shape)``, float32 on the CPU, in the data convention.

        Raises:
            RequestError: The sampler does not fit the degradation, or the run knows no classes.
        """
        y = self.labels(n, label, seed=seed)
        batch = self.config.sampling.batch
        if guidance is not None and y is None:
            raise RequestError(f"guidance: {self._without_classes()}")
        if isinstance(self.model, DensityModel):
            if steps is not None or sampler is not None or guidance is not None:
                raise RequestError(
                    f"{self.path} holds a density, which is sampled at once: it takes neither "
                    f"steps nor a sampler nor guidance"
                )
            return self.model.sample(n, seed=seed, y=y, batch=batch)
        chosen = self._sampler(sampler)
        return self._diffusion.sample(
            n, seed=seed, batch=batch, steps=self._steps(steps, sampler, chosen), sampler=chosen,
            y=y, guidance=guidance,
        )  # fmt: skip

    def labels(self, n: int, label: Label | None = None, *, seed: int = 0) -> Tensor | None:
        """Return the labels that :meth:`sample` follows.

        Args:
            n: How many samples.
            label: A class by number or name, or one for each sample. None: classes drawn at random,
                each as likely.
            seed: The seed of the samples.

        Returns:
            Labels int64 ``(n,)``, or None where the run was trained without them.

        Raises:
            RequestError: There is no such class, or the run knows none.
        """
        if n < 1:
            raise RequestError(f"n = {n}: at least one sample is needed")
        if not self.model.conditional:
            if label is not None:
                raise RequestError(f"label {label!r}: {self._without_classes()}")
            return None
        if label is None:
            generator = torch.Generator().manual_seed(seed)
            return torch.randint(self.spec.classes, (n,), generator=generator)
        if isinstance(label, (int, str)):
            return torch.full((n,), self.class_of(label))
        if len(label) != n:
            raise RequestError(f"there are {len(label)} labels for {n} samples")
        return torch.tensor([self.class_of(each) for each in label])

    def class_of(self, label: int | str) -> int:
        """Return the number of a class that is given by its number or name.

        Raises:
            RequestError: There is no such class.
        """
        text = str(label)
        if text in self.spec.names:
            return self.spec.names.index(text)
        if text.isdecimal() and int(text) < self.spec.classes:
            return int(text)
        raise unknown("class", text, self.spec.names or map(str, range(self.spec.classes)))

    def _without_classes(self) -> str:
        return (
            f"{self.path} was trained without classes; "
            f"genlab run --set training.conditional=true trains with them"
        )

    def walk(
        self,
        n: int = 8,
        *,
        steps: int | None = None,
        sampler: str | Sampler | None = None,
        label: Label | None = None,
        guidance: float | None = None,
        seed: int = 0,
    ) -> Iterator[Step]:
        """Walk ``n`` samples back and hand out every ``(t, x_t, x_0 estimate)``; see :meth:`sample`."""
        chosen = self._sampler(sampler)
        return self._diffusion.walk(
            n, seed=seed, steps=self._steps(steps, sampler, chosen), sampler=chosen,
            y=self.labels(n, label, seed=seed), guidance=guidance,
        )  # fmt: skip

    def restore(
        self,
        x_t: Tensor,
        *,
        t: float = 1.0,
        z: Tensor | None = None,
        method: str = "direct",
        steps: int | None = None,
        label: Label | None = None,
        seed: int = 0,
    ) -> Tensor:
        """Restore degraded data.

        Args:
            x_t: Degraded data ``(B, *shape)``.
            t: How far it was degraded, in (0, 1].
            z: What was drawn for it, such as a mask, where the degradation draws something.
            method: ``"direct"`` for the restorer's own answer, or the name of a sampler: ``"naive"`` is
                algorithm 1 and ``"cold"`` algorithm 2 of Bansal et al. 2022 (arXiv:2208.09392).
            steps: Steps of a walk from t to 0; None: the sampler's own.
            label: Classes to follow; None: none.
            seed: Seed of what is random in a walk.

        Returns:
            Estimates of the clean data ``(B, *shape)``, on the CPU.

        Raises:
            RequestError: A wrong time or method, or a z that is missing.
        """
        y = None if label is None else self.labels(len(x_t), label, seed=seed)
        chosen = None if method == "direct" else self._sampler(method)
        return restored(
            self._diffusion, x_t, t=t, z=z, sampler=chosen, seed=seed, y=y,
            steps=1 if chosen is None else self._steps(steps, method, chosen),
        )  # fmt: skip

    def interpolate(
        self,
        a: Tensor,
        b: Tensor,
        points: int = 11,
        t: float = 0.5,
        *,
        way: Way | None = None,
        steps: int | None = None,
        sampler: str | Sampler | None = None,
        seed: int = 0,
    ) -> Tensor:
        """Interpolate between examples, where the model finds it easy.

        A diffusion degrades both to the time t, mixes them there and walks back, with the same
        randomness at every point of the way (Ho, Jain & Abbeel 2020, arXiv:2006.11239, fig. 8). A flow
        mixes in its latent space, and t means nothing.

        Args:
            a: Where the way begins, one example of the shape ``shape`` or several ``(B, *shape)``.
            b: Where it ends, likewise.
            points: Points of the way, both ends included.
            t: How far both are degraded; more is coarser, and 1 forgets them.
            way: ``"linear"``, or ``"slerp"``, which keeps the variance of Gaussian noise. None: slerp in the
                latent space of a flow, half-way between whose points a straight line has half of their
                variance, and linear in degraded states.
            steps: Steps of a walk from t to 0; None: those of the run.
            sampler: A sampler, or the name of one; None: the one of the run.
            seed: Seed of everything random.

        Returns:
            ``(points, *shape)`` for one example, and ``(points, B, *shape)`` for several, on the CPU.

        Raises:
            RequestError: A wrong time, shape or way, or a density without a latent space.
        """
        one = a.ndim == len(self.spec.shape)
        pair = [x[None] if one else x for x in (a, b)]
        if isinstance(self.model, DensityModel):
            x = mixed_latents(self.model, *pair, points=points, way="slerp" if way is None else way)
        else:
            chosen = self._sampler(sampler)
            x = mixed_states(
                self._diffusion, *pair, points=points, way="linear" if way is None else way, t=t,
                sampler=chosen, seed=seed, steps=self._steps(steps, sampler, chosen),
            )  # fmt: skip
        return x[:, 0] if one else x

    def latent_mean(self, x: Tensor) -> Tensor:
        """Return the example at the mean of the latents of examples, as a flow decodes it.

        Args:
            x: Examples ``(B, *shape)``.

        Returns:
            ``shape``, on the CPU.

        Raises:
            RequestError: The run holds no flow.
        """
        return decoded_mean(self._flow, x)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the log density of data ``(B, *shape)`` in nats, ``(B,)``.

        The density of images is that of :func:`genlab.protocols.dataset.dequantise`.

        Raises:
            RequestError: The run holds no density of the data.
        """
        return self._in_batches(lambda part: self._flow.density.log_prob(part), x)

    def classify(self, x: Tensor) -> Tensor:
        """Return the log posteriors of the classes, ``(B, classes)``, by Bayes' rule.

        Args:
            x: Data ``(B, *shape)``.

        Raises:
            RequestError: The run holds no density of the data, or one without classes.
        """
        if not self._flow.conditional:
            raise RequestError(
                f"{self.path} was trained without classes; genlab run --classify trains with them"
            )
        return self._in_batches(lambda part: self._flow.density.classify(part), x)

    def _in_batches(self, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        parts = x.split(self.config.sampling.batch)
        with torch.no_grad():
            return torch.cat([function(part.to(self.device)).cpu() for part in parts])

    @property
    def _flow(self) -> DensityModel:
        if not isinstance(self.model, DensityModel):
            raise RequestError(
                f"{self.path} is a diffusion model, which has no density; "
                f"genlab run --density NAME trains one"
            )
        return self.model

    def evaluate(
        self,
        metrics: Sequence[str] | Mapping[str, Mapping[str, Any]] | None = None,
        *,
        n: int | None = None,
        steps: int | None = None,
        sampler: str | None = None,
        seed: int = 0,
    ) -> dict[str, Any]:
        """Draw fresh samples, measure them, and put the numbers into ``metrics.json``.

        A number replaces one of the same name, N, sampler and steps.

        Args:
            metrics: Names of metrics, or their parameters by name; None: all that suit the data and, unless
                a walk is asked for, the likelihood, accuracy or bound, to which no walk matters.
            n: How many samples; None: as many as trustworthy numbers take.
            steps: Steps of a walk; None: those of the run.
            sampler: Name of a sampler; None: the one of the run.
            seed: Seed of the samples and of what is random in a metric.

        Returns:
            ``{"metrics": [...]}``, one record per number: its name, value, N, features, reference
            split, seed, EMA flag and real-against-real floor.

        Raises:
            RequestError: A metric does not exist or does not fit the data.
        """
        records = evaluate(self, metrics, n=n, steps=steps, sampler=sampler, seed=seed)
        self.folder.add_records(records)
        return {"metrics": records}

    def figure(self, name: str) -> Figure:
        """Draw one of the run's figures.

        Args:
            name: One of :meth:`figures`.

        Returns:
            A matplotlib figure.

        Raises:
            RequestError: There is no such figure, or it does not fit this run.
        """
        from genlab.runs.gallery import draw

        return draw(self, name)

    def figures(self) -> list[str]:
        """Return the names of the figures that fit this run."""
        from genlab.runs.gallery import fitting

        return fitting(self)

    @property
    def _diffusion(self) -> DiffusionModel:
        if not isinstance(self.model, DiffusionModel):
            raise RequestError(f"{self.path} holds a density and no degradation to walk back")
        return self.model

    def _sampler(self, sampler: str | Sampler | None) -> Sampler:
        if sampler is None:
            return self._diffusion.sampler
        built: Sampler = build("sampler", sampler) if isinstance(sampler, str) else sampler
        name = sampler if isinstance(sampler, str) else type(sampler).__name__
        other = self.config.degradation.name if self.config.degradation else ""
        refuse_sampler(name, built, other, self.degradation)
        return built

    def _steps(self, steps: int | None, asked: str | Sampler | None, chosen: Sampler) -> int:
        if steps is not None:
            if steps < 1:
                raise RequestError(f"steps = {steps}: a walk has at least one step")
            return steps
        return self._diffusion.steps if asked is None else chosen.tags.steps


def model_of(parts: Parts, config: RunConfig, device: torch.device) -> Model:
    """Put built parts together to a model on a device."""
    if parts.restorer is None or parts.sampler is None:
        assert parts.density is not None  # assemble() gives one or the other
        return DensityModel(
            parts.spec, parts.density.to(device).eval(), device=device,
            conditional=config.training.conditional,
        )  # fmt: skip
    restorer = parts.restorer.to(device).eval()
    density = None if parts.prior is None else parts.prior.to(device).eval()
    prior = Prior(restorer.degradation, parts.spec, density)
    steps = config.sampling.steps or parts.sampler.tags.steps
    return DiffusionModel(
        parts.spec, restorer, prior, parts.sampler, steps=steps, device=device,
        conditional=config.training.conditional, guidance=config.sampling.guidance,
        jitter=config.training.jitter or 0.0,
    )  # fmt: skip
