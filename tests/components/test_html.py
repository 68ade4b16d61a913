"""What a notebook gets to show: well-formed HTML with its pictures inside, and never an error."""

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
from genlab import Component, Dataset, DataSpec, Examples, PointSet, build, registry
from genlab.components.html import (
    card,
    made_up_image,
    made_up_points,
    picture,
    quiet,
    shortened,
    strip_png,
    table,
    tags_line,
)
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
    page = Page(thing._repr_html_())
    for tag, attributes in page.tags:
        assert tag != "script"
        assert not set(attributes) - {"style", "scope", "src", "alt"}
        assert (attributes.get("src") or "data:").startswith("data:")
        style = attributes.get("style") or ""
        assert not any(word in style for word in ("url", "background", "color"))
    return page


def drawn(picture: Image.Image) -> bool:
    """Whether a picture shows more than one colour or opacity."""
    pixels = np.asarray(picture.convert("RGBA")).reshape(-1, 4)
    return len(np.unique(pixels, axis=0)) > 2


def opened(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


# --- components


def names(role: str) -> list[str]:
    return [e.name for e in registry(role).entries() if e.package == "genlab"]


@pytest.mark.parametrize("name", names("degradation"))
def test_a_degradation_shows_itself_at_work(name: str) -> None:
    degradation = build("degradation", name)
    page = page_of(degradation)
    (shown,) = page.pictures()
    assert drawn(shown)
    pixels = np.asarray(shown.convert("RGBA"))
    first, last = pixels[:, :96], pixels[:, -96:]
    assert not np.array_equal(first, last)
    tags = page.text.partition("tags: ")[2].split(", ")
    assert ("stochastic" in tags) == degradation.tags.stochastic
    assert f"data: {' '.join(sorted(degradation.tags.data))}" in tags
    assert shown.width == 5 * shown.height + 4 * 4, "five times, with gaps of four pixels"


@pytest.mark.parametrize("role", ["sampler", "metric", "optimiser", "figure"])
def test_components_without_a_picture_show_what_they_are(role: str) -> None:
    for name in names(role):
        component = build(role, name)
        page = page_of(component)
        assert page.text.startswith(type(component).__name__)
        assert not page.pictures()
        assert page.cells[::3] == list(component.params)


def test_current_values_stand_beside_the_defaults() -> None:
    assert page_of(build("sampler", "ddim", eta=0.5)).cells == [
        "eta", "0.5", "0.0", "grid", "uniform", "uniform"
    ]  # fmt: skip
    assert "sigma_max 3.25 None" in " ".join(
        page_of(build("degradation", "blur", sigma_max=3.25)).cells
    )


def test_what_has_no_default_shows_a_dash() -> None:
    class Needs(Component):
        role = "needs"

        def __init__(self, *, much: float, thing: Any = None) -> None: ...

    assert page_of(Needs(much=1, thing=Thing())).cells == [
        "much",
        "1.0",
        "–",
        "thing",
        "Thing",
        "None",
    ]


class Thing:
    """Has an address, which nobody wants to read."""


@pytest.mark.parametrize(
    "name",
    [n for n in names("dataset") if n not in ("image-folder", "packed", "array", "table", "hf")],
)
def test_a_dataset_shows_examples_where_it_has_them_at_hand(name: str) -> None:
    dataset = build("dataset", name)
    page = page_of(dataset)
    in_files = name in ("mnist", "fashion-mnist", "cifar10")
    assert [drawn(shown) for shown in page.pictures()] == ([] if in_files else [True])
    assert f"{dataset.spec.kind}s of shape" in page.text
    assert (f"{dataset.spec.classes} classes" in page.text) == (dataset.spec.classes > 0)


def test_data_that_cannot_be_loaded_is_described_in_words() -> None:
    class Away(Dataset):
        """Lies elsewhere."""

        spec = DataSpec((3, 4, 5), "image", 2, ("<a>", "b"))

        def load(self, split: Any, root: Path | None = None) -> Examples:
            raise OSError("no such file")

    page = page_of(Away())
    assert page.pictures() == []
    assert "images of shape 3 × 4 × 5; 2 classes: <a>, b" in page.text


def test_series_are_described_in_words() -> None:
    page = page_of(genlab.ArrayDataset(x=torch.zeros(4, 2, 9)))
    assert page.pictures() == []
    assert "series of shape 2 × 9" in page.text


def test_to_look_at_data_downloads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    mnist = build("dataset", "mnist", download=True)
    monkeypatch.setattr(type(mnist), "load", lambda *_: pytest.fail("it was loaded"))
    assert page_of(mnist).cells == ["download", "True", "False"]


def test_points_are_drawn_for_a_degradation_of_vectors() -> None:
    class Shrink(Fade):
        tags = genlab.DegradationTags(data=frozenset({"vector"}))

    (shown,) = page_of(Shrink()).pictures()
    assert drawn(shown)
    pixels = np.asarray(shown)
    assert pixels[0, 0, 3] == 0, "what is free is transparent"
    # at t = 1 both coordinates are their mean, so that all lie on the diagonal
    correlations = []
    for part in (pixels[:, : pixels.shape[0]], pixels[:, -pixels.shape[0] :]):
        rows, columns = np.nonzero(part[..., 3])
        correlations.append(np.corrcoef(rows, columns)[0, 1])
    assert abs(correlations[0]) < 0.5
    assert correlations[1] < -0.99


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
    known = {"div", "b", "span", "table", "thead", "tbody", "tr", "th", "td"}
    assert {tag for tag, _ in page.tags} <= known
    assert "Fails <b>always</b>." in page.text
    assert "Source: nobody & <script>alert(1)</script>" in page.text
    assert page.cells == ["mood", '"><img src=x onerror=alert(1)>', "<i>sad</i>"]


def test_showing_changes_nothing() -> None:
    """Neither the component nor the global source of randomness."""
    degradation = build("degradation", "mask-gaussian")
    before, state = pickle.dumps(degradation), torch.get_rng_state()
    copied = copy.deepcopy(vars(degradation))
    assert degradation._repr_html_() == degradation._repr_html_()
    assert vars(degradation) == copied
    assert pickle.dumps(degradation) == before
    assert torch.equal(torch.get_rng_state(), state)


# --- the pieces


def test_a_card_leaves_out_what_is_empty() -> None:
    page = Page(
        card("<u>", "", table(("<u>", "v"), [("<u>", None), ("&", 3)]), quiet(""), quiet("<q>"))
    )
    assert page.text == "<u><u>v<u>None&3<q>"
    assert page.cells == ["<u>", "None", "&", "3"]
    assert [tag for tag, _ in page.tags].count("div") == 3
    assert table(("a",), []) == ""


def test_a_picture_lies_within_the_page() -> None:
    page = Page(picture(strip_png([torch.zeros(1, 2, 2)], side=2), '"quoted"'))
    (tag,) = page.tags
    assert tag[1]["alt"] == '"quoted"'
    assert page.pictures()[0].size == (2, 2)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (frozenset({"b", "a"}), "a b"),
        ("word " * 40, "word " * 15 + "[...]"),
        (torch.zeros(3, 4), "tensor of shape (3, 4)"),
        (torch.tensor(2.0), "tensor(2.)"),
        (Thing(), "Thing"),
        ([1.5, None], "[1.5, None]"),
        (" ".join("abcdefghij" for _ in range(20)), "abcdefghij " * 6 + "[...]"),
    ],
)
def test_values_are_shortened_for_reading(value: Any, text: str) -> None:
    assert shortened(value) == text


def test_tags_that_say_nothing_are_left_out() -> None:
    assert (
        Page(tags_line(genlab.DegradationTags(discrete=True))).text == "tags: discrete, data: image"
    )
    nothing = genlab.DegradationTags(data=frozenset())
    assert tags_line(nothing) == ""


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
    pixels = opened(strip_png([x], side=2))
    assert pixels[..., 0].tolist() == [[0, 255], [128, 128]]
    assert (pixels[..., 3] == 255).all()
    colours = torch.tensor([-1.0, 0.0, 1.0]).reshape(3, 1, 1).expand(3, 2, 2)
    assert opened(strip_png([colours], side=2))[0, 0].tolist() == [0, 128, 255, 255]
    assert (opened(strip_png([5 * x, x], side=2))[:, 2:6, 3] == 0).all(), "the gap is transparent"


def test_points_lie_where_they_are() -> None:
    """A point is four pixels; the second coordinate goes up; what is beyond 3 is left out."""
    for point, row, column in (((0.0, 0.0), 29, 29), ((-2.9, 2.9), 1, 1), ((2.0, -2.0), 48, 48)):
        alpha = opened(strip_png([torch.tensor([point])], side=60))[..., 3]
        rows, columns = np.nonzero(alpha)
        assert len(rows) == 4
        assert (rows.min(), columns.min()) == (
            pytest.approx(row, abs=1),
            pytest.approx(column, abs=1),
        )
    assert not opened(strip_png([torch.tensor([[3.1, 0.0]])], side=60))[..., 3].any()
    assert opened(strip_png([torch.tensor([[1.0]])], side=60))[..., 3].any(), "of one coordinate"
    twice = opened(strip_png([torch.zeros(2, 2)], side=60))[..., 3]
    assert twice.max() == 255, "two points at one place are opaque"


def test_what_is_made_up_is_made_up_well() -> None:
    image = made_up_image(16)
    assert tuple(image.shape) == (1, 16, 16)
    assert -1 <= float(image.min()) < float(image.max()) <= 1
    x = made_up_points(torch.Generator().manual_seed(0))
    torch.testing.assert_close(x.mean(0), torch.zeros(2), rtol=0, atol=1e-5)
    torch.testing.assert_close(x.std(0), torch.ones(2))


class Silent(PointSet):
    """A set of points that cannot be drawn."""

    spec = DataSpec((2,), "vector")
    has_log_prob = False
    entropy = None

    def load(self, split: Any, root: Path | None = None) -> Examples:
        return Examples(torch.full((3, 2), torch.nan))

    def draw(self, n: int, *, generator: torch.Generator) -> Examples:
        raise NotImplementedError

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        raise NotImplementedError


def test_points_that_are_no_numbers_break_nothing() -> None:
    assert len(page_of(Silent()).pictures()) == 1
