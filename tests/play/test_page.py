"""The page of ``genlab play``, used as a user does: in a real browser."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

import pytest

GREY = """image => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  return [...context.getImageData(0, 0, canvas.width, canvas.height).data].filter((_, i) => i % 4 == 0);
}"""
"""The grey levels of an image, row by row."""

COLOURED = """([square, colour]) => {
  const pixels = square.getContext("2d").getImageData(0, 0, square.width, square.height).data;
  let found = 0;
  for (let i = 0; i < pixels.length; i += 4)
    found += Math.abs(pixels[i] - colour[0]) + Math.abs(pixels[i + 1] - colour[1])
      + Math.abs(pixels[i + 2] - colour[2]) < 60 && pixels[i + 3] > 200;
  return found;
}"""
"""How many pixels of a square have a colour."""

FALLING, DROPPED = (0x3B, 0x82, 0xC4), (0xE0, 0x7B, 0x39)


def source(page: Any, alt: str) -> str:
    """What an image shows, once it shows something."""
    image = page.get_by_alt_text(alt, exact=True)
    page.wait_for_function(
        "image => image.src.startsWith('data:image/png')", arg=image.element_handle()
    )
    return str(image.get_attribute("src"))


def changed(page: Any, alt: str, before: str) -> str:
    """What an image shows after something else."""
    image = page.get_by_alt_text(alt, exact=True)
    page.wait_for_function(
        "([image, before]) => image.src != before", arg=[image.element_handle(), before]
    )
    return str(image.get_attribute("src"))


def draw_a_one(page: Any) -> None:
    """Draw an upright stroke with the mouse."""
    box = page.locator(".play-pad").bounding_box()
    page.mouse.move(box["x"] + 110, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 112, box["y"] + 190, steps=6)
    page.mouse.up()


def slide(page: Any, name: str, key: str, times: int = 1) -> None:
    """Move a slider by keyboard."""
    slider = page.get_by_role("slider", name=name)
    for _ in range(times):
        before = slider.get_attribute("aria-valuenow")
        slider.locator("[tabindex='0']").press(key)
        page.wait_for_function(
            "([slider, before]) => slider.ariaValueNow != before",
            arg=[slider.element_handle(), before],
        )


def shows(page: Any, place: int, colour: tuple[int, int, int], least: int) -> None:
    """Wait until a square has some pixels of a colour."""
    square = page.locator(".play-square").nth(place).element_handle()
    page.wait_for_function(f"given => ({COLOURED})(given) >= {least}", arg=[square, list(colour)])


def generate_tab(look: Any, run: str) -> Any:
    page = look.open(f"/run?run={run}")
    page.get_by_role("tab", name="Generate").click()
    page.get_by_text("t = 0.00").wait_for()
    return page


def test_a_drawn_digit_is_degraded_and_restored(look: Any) -> None:
    page = look.open("/run?run=digits")
    test_image = source(page, "restored")
    example = source(page, "example")
    draw_a_one(page)
    example = changed(page, "example", example)
    restored = changed(page, "restored", test_image)
    grey = page.get_by_alt_text("example", exact=True).evaluate(GREY)
    columns = [sum(grey[x::8]) for x in range(8)]
    assert len(grey) == 64
    assert max(columns[2:6]) == max(columns) > 8 * 100, "an upright stroke, in the middle"
    assert sum(columns[:2]) + sum(columns[6:]) == 0
    slide(page, "degraded to t", "ArrowRight")
    page.get_by_text("0.51").wait_for()
    restored = changed(page, "restored", restored)
    slide(page, "degraded to t", "PageDown", 6)
    page.get_by_text("0.00").wait_for()
    changed(page, "restored", restored)
    assert source(page, "degraded") == source(page, "restored") == source(page, "example")


def test_a_digit_can_be_drawn_by_keyboard(look: Any) -> None:
    page = look.open("/run?run=digits")
    before = source(page, "example")
    source(page, "restored")
    page.locator(".play-pad").focus()
    for key in ["ArrowUp"] * 8 + ["Space"] + ["ArrowDown"] * 16 + ["Space"]:
        page.keyboard.press(key)
    changed(page, "example", before)
    grey = page.get_by_alt_text("example", exact=True).evaluate(GREY)
    assert sum(max(grey[8 * y : 8 * y + 8]) > 200 for y in range(8)) >= 6


def test_a_sampler_restores_too(look: Any) -> None:
    page = look.open("/run?run=digits")
    before = source(page, "restored")
    page.get_by_label("restored by").click()
    page.get_by_role("option", name="ddim, step by step").click()
    changed(page, "restored", before)


def test_samples_form_and_their_way_can_be_looked_at(look: Any) -> None:
    page = generate_tab(look, "digits")
    ends = [source(page, f"sample {k}") for k in range(1, 17)]
    assert len(set(ends)) == 16
    slide(page, "state on the way", "PageDown")  # ten states, of which the run has fewer
    noise = changed(page, "sample 1", ends[0])
    page.get_by_text("t = 1.00").wait_for()
    page.get_by_role("button", name="estimate of x_0").click()
    changed(page, "sample 1", noise)
    page.get_by_role("button", name="Next seed").click()
    changed(page, "sample 1", ends[0])
    assert page.get_by_label("seed").input_value() == "1"


def test_a_class_and_another_prior(look: Any) -> None:
    page = generate_tab(look, "blur")
    before = source(page, "sample 2")
    for field, option in (("class", "3"), ("prior", "test images")):
        page.get_by_label(field).click()
        page.get_by_role("option", name=option, exact=True).click()
        page.get_by_role("button", name="Generate", exact=True).click()
        before = changed(page, "sample 2", before)


def test_from_one_sample_to_another_and_what_they_resemble(look: Any) -> None:
    page = generate_tab(look, "digits")
    page.locator("button.play-tile").nth(1).click()
    nearest = source(page, "training image nearest to A")
    page.locator("button.play-tile").nth(6).click()
    source(page, "training image nearest to B")
    first = source(page, "on the path, point 1")
    assert len({source(page, f"on the path, point {k}") for k in range(1, 10)}) > 5
    slide(page, "mixed at t", "ArrowRight")
    changed(page, "on the path, point 1", first)
    page.locator("button.play-tile").nth(1).click()
    page.get_by_text("From A to B").wait_for(state="hidden")
    changed(page, "training image nearest to A", nearest)


def test_runs_are_chosen_and_compared(look: Any) -> None:
    page = look.open("/")
    names = page.locator(".play-run a").all_inner_texts()
    assert {"digits", "blur", "circles", "moons", "damaged"} <= set(names)
    compare = page.get_by_role("button", name="Compare marked runs")
    assert compare.is_disabled()
    for name in ("digits", "blur"):
        page.get_by_role("checkbox", name=f"compare {name}").click()
    compare.click()
    page.get_by_text("Where they differ").wait_for()
    rows = {
        row.split("\t")[0]: row.split("\t")[1:]
        for row in page.locator(".play-table tr").all_inner_texts()
    }
    assert dict(zip(rows[""], rows["degradation"], strict=True)) == {
        "digits": "gaussian",
        "blur": "blur",
    }
    assert "[" in rows["classifier-confidence/confidence"][0], "with an interval"
    source(page, "sample of digits 1")
    source(page, "sample of blur 1")
    page.locator(".play-chart canvas, .play-chart svg").first.wait_for()


def test_a_training_can_be_watched(look: Any) -> None:
    out = look.served.folder / "live"
    command = [sys.executable, "-m", "genlab", "run", "--dataset", "moons", "--steps", "100000",
               "--no-measure", "--no-figures", "--out", str(out), "--set", "backbone.width=16",
               "--set", "training.batch=16"]  # fmt: skip
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as training:
        try:
            wait_for(look.page, out / "metrics.jsonl")
            page = look.open("/run?run=live")
            training_tab = page.get_by_role("tab", name="Training and numbers")
            if training_tab.count():  # there is a checkpoint already
                training_tab.click()
            page.get_by_text("running: training").wait_for()
            steps = page.get_by_text(" steps", exact=False).and_(page.locator(".play-quiet")).last
            before = steps.inner_text()
            page.wait_for_function(
                "([label, before]) => label.innerText != before",
                arg=[steps.element_handle(), before],
            )
            page.locator(".play-chart canvas, .play-chart svg").first.wait_for()
        finally:
            training.terminate()
    page.get_by_text("interrupted").wait_for()


def wait_for(page: Any, file: Any) -> None:
    for _ in range(600):
        if file.is_file():
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{file} does not come")


def test_points_fall_and_are_dropped(look: Any) -> None:
    page = look.open("/run?run=circles")
    shows(page, 0, FALLING, 200)
    page.get_by_text("with the ideal restorer of the training points").wait_for()
    shows(page, 1, FALLING, 200)
    square = page.locator(".play-square").first
    square.click(position={"x": 60, "y": 80})
    shows(page, 0, DROPPED, 40)
    square.press("ArrowRight")
    square.press("Enter")
    shows(page, 0, DROPPED, 40)


def test_both_spaces_of_a_flow_show_a_point(look: Any) -> None:
    page = look.open("/run?run=moons")
    shows(page, 0, FALLING, 100)
    page.locator(".play-square").nth(1).click(position={"x": 200, "y": 200})
    page.get_by_text("log p(x)").wait_for()
    page.get_by_role("button", name="density").click()
    page.get_by_role("button", name="samples").click()


@pytest.mark.parametrize(
    ("path", "said"),
    [("/run?run=damaged", "last.safetensors"), ("/run?run=nothing", "unknown run 'nothing'"),
     ("/run", "unknown run"), ("/compare?run=damaged&run=moons", "last.safetensors")],
)  # fmt: skip
def test_what_is_wrong_is_a_message(look: Any, path: str, said: str) -> None:
    page = look.open(path)
    page.locator(".play-message", has_text=said).first.wait_for()
    assert "Traceback" not in page.content()


@pytest.mark.parametrize("look", [390], indirect=True)
@pytest.mark.parametrize(
    "path", ["/", "/run?run=digits", "/run?run=circles", "/run?run=moons", "/compare?run=digits&run=blur"]
)  # fmt: skip
def test_a_phone_shows_all_of_it(look: Any, path: str) -> None:
    page = look.open(path)
    page.wait_for_timeout(1000)
    for tab in page.get_by_role("tab").all():
        tab.click()
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_light_and_dark(look: Any) -> None:
    page = look.open("/")
    ground = "getComputedStyle(document.body).backgroundColor"
    page.get_by_role("button", name="switch to light").click()
    page.get_by_role("button", name="switch to dark").wait_for()
    light = page.evaluate(ground)
    page.get_by_role("button", name="switch to dark").click()
    page.wait_for_function(f"before => {ground} != before", arg=light)
    page.get_by_role("button", name="that of the system").click()


def test_a_name_of_elsewhere_does_not_lead_here(served: Any) -> None:
    asked = urllib.request.Request(served.address, headers={"Host": "elsewhere.example"})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(asked, timeout=30)
