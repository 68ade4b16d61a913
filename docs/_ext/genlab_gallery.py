"""The gallery, written from the experiments in ``experiments/`` and the results in ``report/results/``.

Each experiment, and each result beside them, has a page below ``gallery/``, which is written before the
documentation is read: its first lines, its command, its numbers with intervals, its figures, and its file.
``.. genlab-gallery::`` shows all of them, each with a thumbnail.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any

from docutils import nodes
from PIL import Image, ImageOps
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from genlab import registry

ROOT = Path(__file__).resolve().parents[2]
EXPERIMENTS, RESULTS = ROOT / "experiments", ROOT / "report" / "results"
PICTURES = (".png", ".gif", ".svg")
IN_FILES = ("mnist", "fashion-mnist", "cifar10")
FACES = {"restoration": 1.0, "degradations": 1.0, "density": 0.36, "samples": 0.5}
"""Figures that a thumbnail is made of, the best one first, and how much of one with panels side by side."""
HEADLINES = ("accuracy", "frechet", "nll-above-entropy", "bits-per-dim", "sliced-wasserstein")
"""Numbers that a card may show, the best one first."""
GATHERED = ROOT / "report" / "gather.toml"
SIZE = (300, 200)
RESTORE = "genlab restore RUN -n 2000 --steps 10"


@dataclass(frozen=True)
class Entry:
    """A page of the gallery.

    Args:
        name: That of the experiment, or of the folder of results.
    """

    name: str

    @cached_property
    def text(self) -> str:
        """The file of the experiment; nothing for a result beside the experiments."""
        file = EXPERIMENTS / f"{self.name}.toml"
        return file.read_text("utf-8") if file.is_file() else ""

    @cached_property
    def results(self) -> Any:
        """What was measured, or None."""
        file = RESULTS / self.name / "results.json"
        return json.loads(file.read_text("utf-8")) if file.is_file() else None

    @property
    def group(self) -> str:
        """The heading under which it stands."""
        tables = tomllib.loads(self.text)
        if not self.text:
            return "Side by side, and restored"
        if "sweep" in tables:
            return "Many runs"
        if "density" in tables:
            return "Normalizing flows"
        return "Images" if tables["dataset"] in IN_FILES else "Points of the plane"

    @property
    def summary(self) -> list[str]:
        """Its first lines."""
        comment = takewhile(lambda line: line.startswith("#"), self.text.splitlines())
        return [line.lstrip("# ") for line in comment]

    @property
    def command(self) -> str:
        """What made the results, or would; nothing where each row has a command of its own."""
        if isinstance(self.results, dict) and "command" in self.results:
            return str(self.results["command"])
        if not self.text:
            return RESTORE if isinstance(self.results, list) else ""
        verb = "sweep" if "sweep" in tomllib.loads(self.text) else "run"
        needs = any(f'dataset = "{name}"' in self.text for name in IN_FILES)
        return f"genlab {verb} {self.name}{' --data DIR' if needs else ''}"

    @property
    def elsewhere(self) -> list[str]:
        """The results that those of this experiment stand with, such as other seeds of theirs."""
        asked = tomllib.loads(GATHERED.read_text("utf-8"))
        others = {k: v for k, v in asked["seeds"].items() if k.partition("/")[0] == self.name}
        rows = [asked["rows"][self.name]] if self.name in asked["rows"] else []
        return list(dict.fromkeys([*rows, *others.values()]))

    @property
    def seeds(self) -> list[Any]:
        """The results that differ from these in the seed alone."""
        files = sorted(RESULTS.glob(f"{self.name}-seed-*/results.json"))
        return [json.loads(file.read_text("utf-8")) for file in files]

    @property
    def pictures(self) -> list[Path]:
        """Its figures."""
        found = sorted(f for f in (RESULTS / self.name).rglob("*") if f.suffix in PICTURES)
        whole = {f.with_suffix("") for f in found if f.suffix == ".png"}
        return [f for f in found if f.suffix != ".svg" or f.with_suffix("") not in whole]

    def face(self) -> Path | None:
        """Return the figure that stands for it."""
        by_name = {picture.stem: picture for picture in self.pictures if picture.suffix == ".png"}
        named = [by_name[name] for name in FACES if name in by_name]
        return next(iter([*named, *by_name.values()]), None)


def entries() -> list[Entry]:
    """Return all pages, the experiments first."""
    experiments = sorted(file.stem for file in EXPERIMENTS.glob("*.toml"))
    found = sorted(f.parent.name for f in RESULTS.glob("*/results.json"))
    beside = [n for n in found if n not in experiments and "-seed-" not in n]
    return [*map(Entry, experiments), *map(Entry, beside)]


class Gallery(SphinxDirective):
    """Show all pages with their thumbnails."""

    def run(self) -> list[nodes.Node]:
        """Return a grid of cards for each group."""
        self.env.note_reread()
        grouped: dict[str, list[Entry]] = {}
        for entry in entries():
            grouped.setdefault(entry.group, []).append(entry)
        lines: list[str] = []
        for title in sorted(grouped, key=lambda title: title != "Images"):
            lines += [title, "-" * len(title), "", ".. grid:: 2 2 3 4", "   :gutter: 2", ""]
            for entry in grouped[title]:
                lines += self.card(entry)
        lines += [".. toctree::", "   :hidden:", ""]
        lines += [f"   gallery/{entry.name}" for entry in entries()]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)

    def card(self, entry: Entry) -> Iterator[str]:
        """Yield the lines of a card."""
        yield f"   .. grid-item-card:: {entry.name}"
        yield "      :class-card: gl-card"
        yield f"      :link: gallery/{entry.name}"
        yield "      :link-type: doc"
        if face := entry.face():
            place = thumbnail(face, Path(self.env.app.outdir).parent / "thumbnails")
            yield f"      :img-top: /{os.path.relpath(place, self.env.srcdir)}"
            yield f"      :img-alt: {spoken(face.stem)} of {entry.name}"
        yield from ("", f"      {headline(entry)}", "")


def thumbnail(picture: Path, folder: Path) -> Path:
    """Write a small copy of a figure and return its file."""
    file = folder / f"{picture.parent.name}.webp"
    folder.mkdir(parents=True, exist_ok=True)
    with Image.open(picture) as image:
        flat = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    width, height = flat.size
    if width > 1.5 * height:
        panel = flat.crop((0, 0, round(FACES.get(picture.stem, 1) * width), height))
        small = ImageOps.pad(panel.convert("RGB"), SIZE, color="white")
    else:
        small = ImageOps.fit(flat.convert("RGB"), SIZE)
    small.save(file, quality=60, method=4)
    return file


def headline(entry: Entry) -> str:
    """Return one number that stands for the results, with its interval."""
    found = entry.results if isinstance(entry.results, dict) else {}
    for name in HEADLINES:
        for each in found.get("metrics", []):
            if each["name"] == name:
                return f"{spoken(name)} {number(each['value'])}{between(each.get('interval'))}"
    if "rows" in found:
        return f"{len(found['rows'])} rows"
    if entry.results:
        return ""
    return f"in {' and '.join(entry.elsewhere)}" if entry.elsewhere else "no results yet"


def page(entry: Entry) -> Iterator[str]:
    """Yield the page of an entry."""
    yield from (f".. _experiment-{entry.name}:", "", entry.name, "=" * len(entry.name), "")
    yield from entry.summary
    if entry.command:
        yield from block("sh", [entry.command])
    if entry.results is not None:
        yield from numbers(entry)
    elif entry.elsewhere:
        links = " and ".join(f":ref:`{name} <experiment-{name}>`" for name in entry.elsewhere)
        yield from (f"The results stand with those of {links}.", "")
    if entry.seeds:
        yield from other_seeds(entry)
    if entry.pictures:
        yield from ("Figures", "-------", "")
    for picture in entry.pictures:
        yield from figure(picture)
    if entry.text:
        yield from ("The file", "--------", "", *block("toml", entry.text.splitlines()))


def figure(picture: Path) -> Iterator[str]:
    """Yield a figure with its name, and the command that draws it where there is one."""
    yield f".. figure:: /../{picture.relative_to(ROOT).as_posix()}"
    yield from ("   :class: gl-plate", f"   :alt: {spoken(picture.stem)}", "")
    known = picture.stem in registry("figure").names()
    leading = f":ref:`{spoken(picture.stem)} <figure-{picture.stem}>`"
    yield from (f"   {leading if known else spoken(picture.stem)}", "")


def numbers(entry: Entry) -> Iterator[str]:
    """Yield what was measured."""
    found = entry.results
    yield from ("Numbers", "-------", "")
    if isinstance(found, list):
        yield from table(list(found[0]), ([number(row[key]) for key in found[0]] for row in found))
    elif "rows" in found:
        yield from compared(found["rows"])
    else:
        yield from measured(found)


def measured(found: dict[str, Any]) -> Iterator[str]:
    """Yield the numbers of one run, and how it was made; other samplers have a table of their own."""
    yield (
        f"{found['parameters']:,} parameters, {found['steps']:,} steps in "
        f"{found['seconds']['training'] / 60:.1f} minutes of {found['machine'].split('; ')[-1]}, on "
        f"{found['date']}."
    )
    yield ""
    own = [each for each in found["metrics"] if "sampler" not in each]
    yield from table(
        ["number", "value", "95 % interval", "real against real", "N"],
        (
            [
                linked(each["name"]), number(each["value"]), span(each.get("interval")),
                number(each.get("baseline")), number(each.get("n")),
            ]
            for each in own
        ),
    )  # fmt: skip
    others: dict[tuple[str, str, str], dict[str, str]] = {}
    for each in found["metrics"]:
        if each not in own:
            by = each["sampler"], number(each["sampling_steps"]), number(each["n"])
            said = number(each["value"]) + between(each.get("interval"))
            others.setdefault(by, {})[linked(each["name"])] = said
    if others:
        names = list(dict.fromkeys(name for row in others.values() for name in row))
        yield from ("The same run, sampled otherwise:", "")
        rows = ([*by, *(row.get(name, "") for name in names)] for by, row in others.items())
        yield from table(["sampler", "steps", "N", *names], rows)


def other_seeds(entry: Entry) -> Iterator[str]:
    """Yield the numbers of a run for each of its seeds."""
    runs = [entry.results, *entry.seeds]
    by_name = {
        each["name"]: [
            next((number(e["value"]) for e in run["metrics"] if e["name"] == each["name"]), "")
            for run in runs
        ]
        for each in entry.results["metrics"]
        if "sampler" not in each
    }
    yield from ("The same experiment with other seeds:", "")
    head = ["number", *(f"seed {run['seed']}" for run in runs)]
    yield from table(head, ([linked(name), *values] for name, values in by_name.items()))


def compared(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the numbers of many runs, the best one first, and their commands."""
    head = [
        "run",
        "sampled by",
        "Fréchet distance",
        "95 % interval",
        "real against real",
        "confidence",
        "N",
    ]
    lines = []
    for row in sorted(rows, key=lambda row: row["frechet"]):
        changed = ", ".join(
            f"{k} {v}" for k, v in row.get("parameters of the degradation", {}).items()
        )
        name = " ".join(filter(None, [row.get("degradation", row.get("name")), changed]))
        if seed := row.get("seed"):
            name += f", seed {seed}"
        name += r" \*" * ("defaults" in row)
        interval = row.get("interval") or [row[k] for k in ("low", "high") if k in row]
        lines.append(
            [
                name, f"{row['sampler']}, {row['sampling_steps']} steps", number(row["frechet"]),
                span(interval), number(row["baseline"]),
                number(row["confidence"]), number(row["n"]),
            ]
        )  # fmt: skip
    yield from table(head, lines)
    if older := {row["defaults"] for row in rows if "defaults" in row}:
        yield from (rf"\* With the defaults of an earlier version: {'; '.join(sorted(older))}.", "")
    commands = dict.fromkeys(c for row in rows for c in row.get("commands", [row.get("command")]))
    yield from (".. dropdown:: The commands", "")
    yield from (f"   {line}" for line in block("sh", commands))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a table."""
    yield from (".. list-table::", "   :header-rows: 1", "   :class: gl-numbers", "")
    for row in [head, *rows]:
        yield from (f"   {'  -' if i else '* -'} {cell}".rstrip() for i, cell in enumerate(row))
    yield ""


def block(language: str, lines: Iterable[str]) -> list[str]:
    """Return a block of code."""
    return ["", f".. code-block:: {language}", "", *(f"   {line}" for line in lines), ""]


def number(value: Any) -> str:
    """Return a number with four digits; words as they are."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def between(interval: Sequence[float] | None) -> str:
    """Return an interval in words."""
    return f" ({span(interval)})" if interval else ""


def span(interval: Sequence[float] | None) -> str:
    """Return the ends of an interval."""
    return " to ".join(map(number, interval or []))


def linked(name: str) -> str:
    """Return the name of a number, which leads to its metric where there is one."""
    metric = name.partition("/")[0]
    return f":ref:`{name} <metric-{metric}>`" if metric in registry("metric").names() else name


def spoken(name: str) -> str:
    """Return a name of a file in words."""
    words = {
        "frechet": "Fréchet distance",
        "nll-above-entropy": "Nats above the entropy",
        "sliced-wasserstein": "Sliced Wasserstein distance",
        "progressive-x_t": "Progressive, the states",
    }
    return words.get(name, name.replace("-", " ").capitalize())


def write(app: Sphinx) -> None:
    """Write the pages that have changed."""
    folder = Path(app.srcdir) / "gallery"
    folder.mkdir(exist_ok=True)
    wanted = {folder / f"{entry.name}.rst": "\n".join([*page(entry), ""]) for entry in entries()}
    for file in set(folder.glob("*.rst")) - set(wanted):
        file.unlink()
    for file, text in wanted.items():
        if not file.is_file() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8")


def lazily(app: Sphinx, tree: nodes.document) -> None:
    """Let pictures be fetched when they come into sight."""
    for picture in tree.findall(nodes.image):
        picture.setdefault("loading", "lazy")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive, and write the pages."""
    app.add_directive("genlab-gallery", Gallery)
    app.connect("builder-inited", write)
    app.connect("doctree-read", lazily)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
