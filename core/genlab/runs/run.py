"""A run: a folder with a model in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from genlab.components.dataset import Split
from genlab.components.registry import build
from genlab.components.sampler import Sampler
from genlab.diffusion import Label, Prior, Step, interpolate, latent_mean
from genlab.diffusion import Path as InterpolationPath
from genlab.evaluation.evaluate import Metrics
from genlab.evaluation.restoration import restore_by
from genlab.report.cards import run_card
from genlab.report.figure import Figure
from genlab.report.gallery import draw, fitting, usual_figures
from genlab.runs.export import export
from genlab.runs.measuring import measure
from genlab.runs.notebook import to_notebook
from genlab.runs.opened import OpenedRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

__all__ = ["Run"]


class Run(OpenedRun):
    """A finished or unfinished run, opened from its folder.

    Sampling needs the folder alone. Weights are the moving average.

    Args:
        path: The run folder.
        device: Where to compute.
        data: The data folder, where it is not where it was.
        checkpoint: Which weights: ``"last"``, or ``"best"`` for those that did best in the evaluations
            during training.
        components: What cannot be imported, by the place that it takes, such as ``{"degradation": Fade()}``.

    Raises:
        RequestError: The folder is no run, a component of it is not installed, or there is no such
            checkpoint.
    """

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    def _repr_html_(self) -> str:
        """Show the run in a notebook: what it is made of, its numbers, and its samples."""
        file = self.folder.figure_file("samples", ".png")
        picture = file.read_bytes() if file.is_file() else None
        title = f"{self.config.made_of} on {self.config.dataset.name}"
        return run_card(
            title, path=self.path, history=self.history, records=self.records, samples=picture
        )

    def sample(
        self,
        n: int = 64,
        *,
        steps: int | None = None,
        sampler: str | Sampler | None = None,
        prior: str | Prior | None = None,
        label: Label | None = None,
        guidance: float | None = None,
        temperature: float | None = None,
        seed: int = 0,
    ) -> Tensor:
        """Draw samples from nothing but the run; see :meth:`genlab.DiffusionModel.sample`.

        Args:
            n: How many.
            steps: Steps of a trajectory; None: those of the run.
            sampler: A sampler, or the name of one; None: the one of the run.
            prior: Where trajectories start, see :meth:`model_from`; None: the prior of the run.
            label: A class by number or name, or one for each sample; None: classes at random.
            guidance: Scale of classifier-free guidance; None: that of the run.
            temperature: Factor of the noise that a flow makes samples of; None: that of the run.
            seed: The same seed gives the same samples on the same device.

        Returns:
            Samples ``(n, *shape)``, float32 on the CPU, in the data convention.

        Raises:
            RequestError: The sampler or the prior does not fit the degradation, the run knows no classes, or
                it holds no flow, which alone takes a temperature.
        """
        model = self.model if prior is None else self.model_from(prior)
        return model.sample(
            n, seed=seed, steps=steps, sampler=_sampler(sampler), label=label, guidance=guidance,
            temperature=temperature,
        )  # fmt: skip

    def trajectory(
        self,
        n: int = 8,
        *,
        steps: int | None = None,
        sampler: str | Sampler | None = None,
        prior: str | Prior | None = None,
        label: Label | None = None,
        guidance: float | None = None,
        seed: int = 0,
    ) -> Iterator[Step]:
        """Walk ``n`` samples back and hand out every ``(t, x_t, estimate)``; see :meth:`sample`."""
        model = self.diffusion if prior is None else self.model_from(prior)
        return model.trajectory(
            n, seed=seed, steps=steps, sampler=_sampler(sampler), label=label, guidance=guidance
        )

    def restore(self, x_t: Tensor, **options: Any) -> Tensor:
        """Restore degraded data ``(B, *shape)``; see :func:`genlab.evaluation.restore_by` for the options."""
        return restore_by(self.diffusion, x_t, **options)

    def interpolate(
        self,
        a: Tensor,
        b: Tensor,
        points: int = 11,
        t: float = 0.5,
        *,
        path: InterpolationPath | None = None,
        steps: int | None = None,
        sampler: str | Sampler | None = None,
        seed: int = 0,
        even: bool = False,
    ) -> Tensor:
        """Interpolate between examples; see :func:`genlab.interpolate`."""
        return interpolate(
            self.model,
            a,
            b,
            points,
            t,
            path=path,
            steps=steps,
            sampler=_sampler(sampler),
            seed=seed,
            even=even,
        )

    def latent_mean(self, x: Tensor) -> Tensor:
        """Return the example at the mean of the latents of ``x``, as a flow decodes it."""
        return latent_mean(self.density_model, x)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the log density of data ``(B, *shape)`` in nats, ``(B,)``, where the run holds a density."""
        return self.density_model.log_prob(x)

    def classify(self, x: Tensor, *, shift: int = 0, flip: bool = False) -> Tensor:
        """Return log posteriors ``(B, classes)`` of data ``(B, *shape)``, by Bayes' rule, of a density.

        See :meth:`DensityModel.classify <genlab.DensityModel>`.

        Args:
            x: The data.
            shift: Images are moved by up to so many pixels, and the posteriors of all moves are averaged.
            flip: Whether mirror images count as well.
        """
        return self.density_model.classify(x, shift=shift, flip=flip)

    def evaluate(
        self,
        metrics: Metrics | None = None,
        *,
        n: int | None = None,
        steps: int | None = None,
        sampler: str | Sampler | None = None,
        prior: str | Prior | None = None,
        guidance: float | None = None,
        temperature: float | None = None,
        against: Split = "test",
        seed: int = 0,
    ) -> list[dict[str, Any]]:
        """Draw fresh samples, measure them, and put the numbers into ``metrics.json``.

        A number replaces one of the same name, N, sampler, steps, prior, guidance, temperature, checkpoint
        and split; see :func:`genlab.evaluate` for the records.

        Args:
            metrics: Metrics by name or as objects; None: all that suit the data and, unless it is said how
                samples are drawn, what the model itself says of unseen data.
            n: How many samples; None: as many as trustworthy numbers take.
            steps: Steps of a trajectory; None: those of the run.
            sampler: A sampler, or the name of one; None: the one of the run.
            prior: Where trajectories start, see :meth:`model_from`; None: the prior of the run.
            guidance: Scale of classifier-free guidance; None: that of the run.
            temperature: Factor of the noise that a flow makes samples of; None: that of the run.
            against: The split that is the reference: ``"train"`` where a sampler or its steps are chosen, so
                that the choice does not flatter the numbers against ``"test"``.
            seed: Seed of the samples and of what is random in a metric.

        Raises:
            RequestError: A metric does not exist or does not fit the data, or the run cannot be sampled so
                (see :meth:`sample`).
        """
        model = self.model if prior is None else self.model_from(prior)
        return measure(
            model, self.data, self.folder, metrics, n=n, steps=steps, sampler=sampler, prior=prior,
            guidance=guidance, temperature=temperature, against=against, seed=seed,
            checkpoint=self.checkpoint,
        )  # fmt: skip

    def export(
        self, path: str | Path, *, label: Label | None = None, overwrite: bool = False
    ) -> Path:
        """Write the averaged network for other programs; what it is stands in a JSON file beside it.

        Args:
            path: ``.pt2`` for a program of ``torch.export``; ``.onnx`` (extra ``onnx``); ``.safetensors`` for
                the weights; or a folder that ``diffusers.DDIMPipeline`` opens (extra ``diffusers``), for
                Gaussian noise and the backbone ``diffusers-unet``.
            label: The class that a pipeline of diffusers draws; None: none in particular.
            overwrite: Whether something that was exported there before may be replaced.

        Returns:
            The path.

        Raises:
            RequestError: Something is there, a package is missing, or the run cannot be written so.
            RunError: What would be written gives other outputs than the network.
        """
        return export(self, path, label=label, overwrite=overwrite)

    def to_notebook(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write a notebook that opens the run, shows it, and uses its model; its cells were not run.

        Args:
            path: The file, ``.ipynb``. It finds the run by the way from its own folder.
            overwrite: Whether a file that is there may be replaced.

        Returns:
            The path.

        Raises:
            RequestError: Something is there, or the path is no notebook's.
        """
        return to_notebook(self, path, overwrite=overwrite)

    def figure(self, figure: str | Figure, **options: Any) -> Drawing:
        """Draw a figure of the run, by name with its options, or as an object.

        Raises:
            RequestError: There is no such figure, or it does not fit this run.
        """
        return draw(self, figure, **options)

    def figures(self) -> list[str]:
        """Return the names of the figures that fit this run."""
        return [name for name, reason in fitting(self, usual_figures()).items() if reason is None]


def _sampler(sampler: str | Sampler | None) -> Sampler | None:
    if not isinstance(sampler, str):
        return sampler
    built: Sampler = build("sampler", sampler)
    return built
