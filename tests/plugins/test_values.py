"""Components are values: they know their parameters, which a file can hold and a repr builds again."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
import torch
from PIL import Image

from genlab import Component, RequestError, registry
from genlab.components.component import plain_params
from genlab_plugins.datasets.image_folder import ImageFolder
from genlab_plugins.degradations.blur import Blur
from genlab_plugins.samplers.ddim import DDIM

ROLES = ("degradation", "sampler", "dataset", "metric", "optimiser", "figure", "tracker", "engine")
"""Of components that are no modules, and need none to be built for."""

UNUSUAL: dict[str, dict[str, Any]] = {
    "gaussian": {"schedule": "edm", "sigma_max": 20, "rho": 4.0},
    "blur": {"sigma_max": 6, "ratio": 1e300},
    "blur-cascade": {"size": 5, "sigma": 0.8, "growth": 0.1, "boundary": "circular"},
    "blur-noise": {"sigma_blur": 4.0, "floor": 1e-9},
    "soft-blur": {"noise": 2.0, "cutoff": 0.02},
    "ink": {"epsilon": 0.1},
    "mask-box": {"carry": 7},
    "mask-dropout": {"fade": 0.1 + 0.2},
    "mask-gaussian": {"width": 30.0, "holes": 1},
    "pixelate": {"side": 2},
    "kaleidoscope": {"side": 3},
    "ddim": {"eta": 0.5, "grid": "log-snr"},
    "ddpm": {"variance": "large"},
    "euler": {"s_churn": 10.0, "s_tmax": 50.0},
    "heun": {"s_tmin": 0.05, "s_noise": 1.003, "grid": "karras"},
    "restart": {"t_low": 0.5, "t_high": 0.8, "repeats": 1},
    "cold-momentum": {"noise": 0.1},
    "mnist": {"download": True},
    "moons": {"noise": 0.1, "train": 100, "test": 10, "seed": 2**31 - 1},
    "pinwheel": {"arms": 3},
    "8-gaussians": {
        "weights": [1, 2, 3, 4, 5, 6, 7, 0],
        "covariances": [0.5, [0.3, 0.4], [[1.0, 0.5], [0.5, 1.0]], 1, 1, 1, 1, 1],
    },
    "adamw": {"lr": 1e-2},
    "muon": {"lr": 1e-2},
}
"""Parameters beside the defaults, by name."""

PACKAGES = {"hf": "datasets", "ray": "ray", "slurm": "submitit"}
"""What components of extras need that the other tests do without."""


def cases() -> list[Any]:
    """Return the class and the parameters of every case; data sets with a path are built below."""
    found = []
    for role in ROLES:
        for entry in registry(role).entries():
            if entry.package != "genlab" or entry.name in (
                "image-folder",
                "packed",
                "array",
                "table",
            ):
                continue
            for params in ({}, UNUSUAL.get(entry.name)):
                if params is not None:
                    package = PACKAGES.get(entry.name)
                    absent = package is not None and importlib.util.find_spec(package) is None
                    marks = [pytest.mark.skip(reason=f"it needs the package {package}")] * absent
                    name = f"{entry.name}{',' * bool(params)}{','.join(params)}"
                    found.append(pytest.param(entry.load(), params, id=name, marks=marks))
    return found


def again(component: Component) -> Any:
    """Evaluate a repr, with nothing but the class in reach."""
    cls = type(component)
    return eval(repr(component), {"__builtins__": {"float": float}, cls.__name__: cls})


def require_value(component: Component) -> None:
    """Require that the repr and a TOML file build it again, and that it is told from its like."""
    cls = type(component)
    copy = again(component)
    assert copy == component
    assert hash(copy) == hash(component)
    assert copy.params == component.params
    written, missing = plain_params(component)
    assert not missing
    assert cls(**tomllib.loads(tomli_w.dumps(written))) == component
    assert component != object()
    assert type(component).__name__ in repr(component)


@pytest.mark.parametrize(("cls", "params"), cases())
def test_a_component_is_what_its_repr_says(cls: type[Component], params: dict[str, Any]) -> None:
    component = cls(**params)
    require_value(component)
    if params:
        assert component != cls()
        assert set(params) <= set(component.params)
        assert repr(cls()) == f"{cls.__name__}()"


@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_is_a_value_too(tmp_path: Path, kind: type[Any]) -> None:
    for index in range(3):
        Image.new("L", (4, 4), index).save(tmp_path / f"{index}.png")
    folder = ImageFolder(path=kind(tmp_path), size=3, test_share=0.5)
    assert folder.params["path"] == tmp_path
    assert plain_params(folder)[0]["path"] == str(tmp_path)
    require_value(folder)
    assert torch.equal(again(folder).load("train").x, folder.load("train").x)


@pytest.mark.parametrize(
    ("cls", "params", "message"),
    [
        (Blur, {"sigma_max": -5}, r"Blur\.sigma_max: input should be greater than 0 \(given: -5\)"),
        (Blur, {"sigma_max": "wide"}, r"Blur\.sigma_max: .* valid number.* \(given: 'wide'\)"),
        (DDIM, {"eta": 7}, r"DDIM\.eta: input should be less than or equal to 1 \(given: 7\)"),
        (DDIM, {"grid": "unifrom"}, r"DDIM\.grid: .*'uniform'.* \(given: 'unifrom'\)"),
        (Blur, {"sigma": 3.0}, r"unknown parameter Blur\.sigma\. Did you mean 'sigma_max'\?"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line(
    cls: type[Component], params: dict[str, Any], message: str
) -> None:
    with pytest.raises(RequestError, match=message) as refusal:
        cls(**params)
    assert "\n" not in str(refusal.value)
