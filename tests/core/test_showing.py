"""What a notebook shows: well-formed HTML with its pictures inside, and never an error."""

from __future__ import annotations

import base64
import copy
import io
import pickle
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import genlab
from genlab import Dataset, DataSpec, build, registry
from genlab.protocols import Examples
from genlab.protocols.showing import card, state_pictures, strip_png, table, values
from genlab.runs.report import number
from genlab.testing import Fade


class Page(HTMLParser):
    """Reads a piece of HTML, and insists that its tags nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.cells: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open[-1] == "td":
            self.cells.append(data)

    def pictures(self) -> list[Image.Image]:
        found = []
        for tag, attrs in self.tags:
            if tag == "img":
                start, _, coded = (attrs["src"] or "").partition(",")
                assert start == "data:image/png;base64"
                assert attrs["alt"]
                found.append(Image.open(io.BytesIO(base64.b64decode(coded))))
        return found


def page_of(thing: Any) -> Page:
    """What a notebook gets; it asks for nothing and keeps the colours of the page around it."""
    html = thing._repr_html_()
    assert not any(word in html for word in ("<script", "http:", "https:", "background", "color:"))
    return Page(html)


def drawn(picture: Image.Image) -> bool:
    """Whether a picture shows more than one colour or opacity."""
    pixels = np.asarray(picture.convert("RGBA")).reshape(-1, 4)
    return len(np.unique(pixels, axis=0)) > 2


def names(role: str) -> list[str]:
    return [e.name for e in registry(role).entries() if e.package == "genlab"]


@pytest.mark.parametrize("name", names("degradation"))
def test_a_degradation_shows_itself_at_work(name: str) -> None:
    page = page_of(build("degradation", name))
    (picture,) = page.pictures()
    assert drawn(picture)
    first, last = (
        np.asarray(picture.convert("RGBA"))[:, s] for s in (slice(112), slice(-112, None))
    )
    assert not np.array_equal(first[:, :96], last[:, -96:])
    assert "tags: " in page.text


@pytest.mark.parametrize("name", names("sampler"))
def test_a_sampler_shows_its_parameters(name: str) -> None:
    page = page_of(build("sampler", name))
    assert "grid" in page.cells
    assert "steps: " in page.text
    assert not page.pictures()


@pytest.mark.parametrize("name", [n for n in names("dataset") if n != "image-folder"])
def test_a_dataset_shows_examples_where_it_has_them_at_hand(name: str) -> None:
    dataset = build("dataset", name)
    page = page_of(dataset)
    in_files = name in ("mnist", "fashion-mnist", "cifar10")
    assert [drawn(picture) for picture in page.pictures()] == ([] if in_files else [True])
    assert f"{dataset.spec.kind}s of shape" in page.text
    if dataset.spec.classes:
        assert f"{dataset.spec.classes} classes" in page.text


def test_current_values_are_shown() -> None:
    """A value is found under its own name, another name, and in a part; else only the default is."""
    assert values(build("degradation", "blur", sigma_max=3.25))["sigma_max"] == 3.25
    assert values(build("degradation", "soft-blur", noise=0.125, sigma_max=7.5)) == {
        "noise": 0.125, "sigma_max": 7.5, "ratio": 12.0, "cutoff": 0.01,
    }  # fmt: skip
    assert values(build("sampler", "ddim", eta=0.5, grid="quadratic")) == {
        "eta": 0.5, "grid": "quadratic",
    }  # fmt: skip
    assert values(build("dataset", "circles", factor=0.75))["factor"] is ...
    cells = page_of(build("dataset", "circles", factor=0.75)).cells
    assert cells[:3] == ["factor", "–", "0.4"]


def test_points_are_drawn_for_a_degradation_of_vectors() -> None:
    class Shrink(Fade):
        tags = genlab.DegradationTags(data=frozenset({"vector"}))

    states = state_pictures(Shrink())
    assert [tuple(x.shape) for x in states] == [(600, 2)] * 5
    assert states[0].std() > states[-1].std()
    (picture,) = page_of(Shrink()).pictures()
    assert drawn(picture)
    assert picture.getpixel((0, 0))[3] == 0, "what is free is transparent"  # type: ignore[index]


class Broken(Fade):
    """Fails <b>always</b>.

    Source: nobody & <script>alert(1)</script>.
    """

    tags = genlab.DegradationTags()

    def __init__(self, *, mood: str = "<i>sad</i>") -> None:
        self.mood = mood

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        raise RuntimeError("it is only a sketch")


class Flat(Fade):
    """Forgets what shape its data has."""

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        return x_0.flatten()


@pytest.mark.parametrize("broken", [Broken, Flat])
def test_a_degradation_that_fails_has_no_picture(broken: type[Fade]) -> None:
    page = page_of(broken())
    assert page.pictures() == []
    assert broken.__name__ in page.text


def test_text_is_escaped() -> None:
    page = page_of(Broken(mood='"><img src=x onerror=alert(1)>'))
    assert {tag for tag, _ in page.tags} <= {
        "div",
        "b",
        "span",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }
    assert "Fails <b>always</b>." in page.text
    assert "<script>alert(1)</script>" in page.text
    assert page.cells == ["mood", '"><img src=x onerror=alert(1)>', "<i>sad</i>"]
    assert Page(card("<u>", table(("<u>",), [("<u>",)]))).text == "<u><u><u>"
    assert table(("a",), []) == ""


def test_data_that_cannot_be_loaded_is_described_in_words() -> None:
    class Away(Dataset):
        """Lies elsewhere."""

        spec = DataSpec((3, 4, 5), "image", 2, ("<a>", "b"))

        def load(self, split: Any, root: Path | None = None) -> Examples:
            raise OSError("no such file")

    page = page_of(Away())
    assert page.pictures() == []
    assert "images of shape 3 × 4 × 5; 2 classes: <a>, b" in page.text


def test_to_look_at_data_downloads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    mnist = build("dataset", "mnist", download=True)
    monkeypatch.setattr(type(mnist), "load", lambda *_: pytest.fail("it was loaded"))
    assert page_of(mnist).cells == ["download", "True", "False"]


def test_showing_changes_nothing() -> None:
    """Neither the component nor the global source of randomness."""
    degradation = build("degradation", "mask-gaussian")
    before, state = pickle.dumps(degradation), torch.get_rng_state()
    copied = copy.deepcopy(vars(degradation))
    assert degradation._repr_html_() == degradation._repr_html_()
    assert vars(degradation) == copied
    assert pickle.dumps(degradation) == before
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("x", "size"),
    [
        ((1, 8, 8), (112, 112)),
        ((3, 28, 14), (56, 112)),
        ((2, 500, 250), (56, 112)),
        ((1, 1, 1), (112, 112)),
    ],
)
def test_pictures_have_about_one_size(x: tuple[int, ...], size: tuple[int, int]) -> None:
    one = torch.rand(x) * 2 - 1
    assert Image.open(io.BytesIO(strip_png([one]))).size == size
    assert Image.open(io.BytesIO(strip_png([one, one]))).size == (2 * size[0] + 4, size[1])


def test_pixels_are_those_of_the_image() -> None:
    x = torch.tensor([[[-1.0, 1.0], [0.0, torch.nan]]])
    pixels = np.asarray(Image.open(io.BytesIO(strip_png([x], side=2))))
    assert pixels[..., 0].tolist() == [[0, 255], [128, 128]]
    assert (pixels[..., 3] == 255).all()


def test_a_run_shows_its_parts_and_numbers(digits_run: genlab.Run) -> None:
    page = page_of(digits_run)
    assert page.text.startswith("gaussian + unet + ddim on digits")
    assert {str(digits_run.path), "60"} <= set(page.cells)
    records = digits_run.metrics["metrics"]
    assert records
    for record in records:
        assert record["name"] in page.cells
        assert number(record["value"]) in page.cells
        assert number(record.get("floor")) in page.cells
    (picture,) = page.pictures()
    assert drawn(picture)
