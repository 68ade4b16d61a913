"""What files of strangers ask for is bounded, before it is read or built."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import genlab
from genlab.config import assemble, resolve
from genlab.config.bounds import bounded
from genlab.guards import most_bytes, parsed_json, parsed_toml, read_bounded, require_fits

HUGE = 10**9


def assembled(tables: dict[str, Any]) -> None:
    found = resolve(tables)
    assemble(found.config, found.dataset.spec, found.objects, device=torch.device("cpu"))


def unet(**params: Any) -> dict[str, Any]:
    return {"backbone": {"name": "unet", **params}}


def mlp(**params: Any) -> dict[str, Any]:
    return {"dataset": "moons", "backbone": {"name": "mlp", **params}}


def flow(name: str, **params: Any) -> dict[str, Any]:
    return {"dataset": "moons", "density": {"name": name, **params}}


PARAMETERS, MODULES = r"has at least [\d,.e+]+ parameters, which would take", "is made of more than"


@pytest.mark.parametrize(
    ("tables", "reason"),
    [
        (unet(channels=[800_000]), PARAMETERS),
        (unet(channels=[8, 8, 8], blocks=9999), MODULES),
        (unet(channels=[8] * 1000), "1000 levels halve images"),
        (unet(blocks=HUGE), MODULES),
        (mlp(width=HUGE), PARAMETERS),
        (mlp(width=20_000, depth=HUGE), PARAMETERS),
        (mlp(width=1, depth=HUGE), MODULES),
        (mlp(width=10**19), "cannot be built"),
        ({"backbone": {"name": "dit", "width": 2**20}}, PARAMETERS),
        ({"backbone": {"name": "conv", "width": 2**20}}, PARAMETERS),
        (flow("realnvp", couplings=HUGE), MODULES),
        (flow("realnvp", width=HUGE), PARAMETERS),
        (flow("glow", depth=HUGE), MODULES),
        (flow("spline", width=HUGE), PARAMETERS),
        ({"degradation": {"name": "blur-cascade", "steps": HUGE}}, "has at least .* numbers"),
        ({"sampling": {"count": 10**12}}, r"sampling\.count = 10+ examples .* would take"),
        ({"training": {"batch": 10**12}}, r"training\.batch = 10+ examples .* would take"),
        ({"evaluation": {"times": 1, "count": 10**12}}, r"evaluation\.count = "),
        ({"evaluation": {"times": HUGE}}, r"evaluation\.times: .* 10000"),
        ({"sampling": {"steps": HUGE}}, r"sampling\.steps: .* 100000"),
        ({"dataset": {"name": "moons", "train": HUGE}}, r"dataset\.train: .* 5000000"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_beyond_all_measure_is_not_built(tables: dict[str, Any], reason: str) -> None:
    with limit_of_modules(), pytest.raises(genlab.RequestError, match=reason) as refused:
        assembled(tables)
    assert len(str(refused.value)) <= 300


@contextmanager
def limit_of_modules() -> Iterator[None]:
    """Let a tenth of the modules be enough, so that a test need not build thousands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genlab.config.bounds._MODULES", 800)
        yield


@pytest.mark.parametrize(
    "shape", [(1, 40_000, 40_000), (10**9, 8, 8), (1, 2**40, 2**40)], ids=str
)  # fmt: skip
def test_examples_beyond_all_measure_are_refused(shape: tuple[int, ...]) -> None:
    found = resolve({})
    with pytest.raises(genlab.RequestError, match=r"16 examples of the shape .* would take"):
        assemble(
            found.config, genlab.DataSpec(shape, "image"), found.objects, device=torch.device("cpu")
        )


@pytest.mark.parametrize("shape", [(1, -8, 8), (1.5, 8, 8), ("a", "b", "c"), (1, 8), ([1], 8, 8)])
def test_what_is_no_shape_is_refused(shape: Any) -> None:
    with pytest.raises(genlab.RequestError, match="is no shape of data of the kind 'image'"):
        genlab.DataSpec(shape, "image")


def test_classes_beyond_all_measure_are_refused() -> None:
    found = resolve({"training": {"conditional": True}})
    spec = genlab.DataSpec((1, 8, 8), "image", classes=10**7)
    with pytest.raises(genlab.RequestError, match="has 10000000 classes, and at most 10000"):
        assemble(found.config, spec, found.objects, device=torch.device("cpu"))


def test_a_setting_of_the_user_allows_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENLAB_MAX_GIB", "0.05")
    with pytest.raises(genlab.RequestError, match=r"at most 0\.05 are allowed.*GENLAB_MAX_GIB=1 "):
        assembled(mlp(width=4000))
    monkeypatch.setenv("GENLAB_MAX_GIB", "2")
    require_fits("x", 1.9 * 2**30)
    assert most_bytes() == 2**31
    for wrong in ("", "much", "-1", "0", "nan", "inf"):
        monkeypatch.setenv("GENLAB_MAX_GIB", wrong)
        with pytest.raises(genlab.RequestError, match=r"GENLAB_MAX_GIB=.* is a number of GiB"):
            require_fits("x", 1)


def test_bounds_change_nothing_of_what_is_built() -> None:
    weights = []
    for _ in range(2):
        torch.manual_seed(0)
        weights.append(nn.Linear(3, 4).weight)
    torch.manual_seed(0)
    with bounded("a layer"):
        layer = nn.Linear(3, 4)
    assert torch.equal(layer.weight, weights[0])
    assert nn.Linear(2, 2).weight.shape == (2, 2), "nothing is counted any longer"


# --- texts


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 100_000,
        "a = " + "[" * 40 + "]" * 40,
        "a = " + "{a=" * 50_000,
        ".".join(["a"] * 20_000) + " = 1",
        "[" + ".".join(["a"] * 100) + "]",
        "a = [" + "1," * 200_000 + "]",
        "a = 0x" + "f" * 5000,
        "a = " + "9" * 5000,
        "a = '",
    ],
    ids=lambda text: text[:12],
)
def test_a_toml_text_is_bounded(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        parsed_toml(text)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "[" * 40 + "]" * 40, '{"a":' * 40 + "1" + "}" * 40, "9" * 5000, "{"]
)
def test_a_json_text_is_bounded(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        parsed_json(text)
    assert len(str(refused.value)) < 200


def test_texts_within_bounds_are_read() -> None:
    assert parsed_toml("a.b.c = [[1], [2]]") == {"a": {"b": {"c": [[1], [2]]}}}
    assert parsed_json('{"a": [1, {"b": null}]}') == {"a": [1, {"b": None}]}
    assert parsed_toml('"x.y" = "' + "a." * 10 + '"')["x.y"] == "a." * 10


def test_a_file_that_holds_nothing_but_size_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "sparse.toml"
    with file.open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(genlab.RequestError, match="has 1099511627776 bytes, and at most"):
        read_bounded(file)


def test_texts_of_a_run_folder_are_bounded(stranger: Path, refused: Callable[..., str]) -> None:
    whole = (stranger / "run.toml").read_text("utf-8")
    for text in (whole + "\na = " + "[" * 9999, whole + "#" * 2**19):
        (stranger / "run.toml").write_text(text, "utf-8")
        assert "run.toml" in refused("sample", stranger)
