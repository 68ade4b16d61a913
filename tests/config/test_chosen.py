"""An object is as good as a name: what is recorded of what was handed in, and how it is built again."""

from __future__ import annotations

from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import genlab
from genlab import (
    AdamW,
    ArrayDataset,
    Backbone,
    BackboneTags,
    Component,
    DataSpec,
    Denoising,
    Metric,
    Muon,
    RequestError,
    Restorer,
    build,
)
from genlab.components.registry import Registry
from genlab.config import Chosen, choose, made, version_of
from genlab.config.chosen import class_of, with_defaults
from genlab.testing import CosineNoise, Fade
from genlab.testing.tiny import AffineFlow, Perceptron, StepDown, TwoNormals

HERE = __name__
SPEC = DataSpec((2,), "vector", 2)


class Own(nn.Module):
    """A network that takes the spec."""

    def __init__(self, spec: DataSpec | None = None) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        out: Tensor = self.layer(x)
        return out


class Sized(Backbone):
    """A backbone with a parameter.

    Args:
        spec: What the data is.
        width: How wide.
    """

    tags = BackboneTags(data=frozenset({"vector"}))

    def __init__(self, spec: DataSpec, *, width: int = 4) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return x


class Sprinkle(Fade):
    """A degradation with parameters of which one is a tensor.

    Args:
        amount: How much.
        kernel: What with.
    """

    def __init__(
        self, *, amount: float = 0.5, kernel: Any = None, folder: Path | None = None
    ) -> None:
        self.amount, self.kernel = amount, kernel


class Lines(Metric):
    """A metric.

    Args:
        factor: A factor.
    """

    def __init__(self, *, factor: float = 1.0) -> None:
        self.factor = factor

    def fit(self, train: Any, spec: Any, *, seed: int) -> None:
        return None

    def score(self, fitted: None, x: Tensor, real: Tensor) -> dict[str, float]:
        return {"Lines": self.factor}


def of_spec(spec: DataSpec) -> Sized:
    return Sized(spec, width=spec.shape[0])


def descent(weights: list[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.SGD(weights, lr=0.5)


FADE, OWN, KERNEL = "genlab.testing.reference:Fade", Own(), torch.ones(2)
X = torch.zeros(4, 2)


# --- what is recorded, and what is kept

CASES: list[tuple[str, Any, Chosen, bool]] = [
    # a table, a registered class, and an object of one: a name is enough
    ("degradation", {"name": "blur", "ratio": 5}, Chosen("blur", {"ratio": 5}), False),
    ("degradation", type(build("degradation", "blur")), Chosen("blur"), False),
    (
        "degradation",
        build("degradation", "blur", sigma_max=3),
        Chosen("blur", {"sigma_max": 3.0, "ratio": 12.0, "cutoff": 0.01}),
        False,
    ),
    (
        "sampler",
        build("sampler", "ddim", eta=0.5),
        Chosen("ddim", {"eta": 0.5, "grid": "uniform"}),
        False,
    ),
    (
        "optimiser",
        Muon(lr=0.5),
        Chosen(
            "muon", {"lr": 0.5, "weight_decay": 0.0, "momentum": 0.95, "gain": 5.0, "iterations": 5}
        ),
        False,
    ),
    ("prior_optimiser", AdamW, Chosen("adamw"), False),
    ("objective", Denoising, Chosen("denoising"), False),
    (
        "dataset",
        build("dataset", "moons"),
        Chosen("moons", build("dataset", "moons").params),
        False,
    ),
    (
        "degradation",
        partial(type(build("degradation", "blur")), sigma_max=3),
        Chosen("blur", {"sigma_max": 3.0}),
        False,
    ),
    # classes of one's own, and objects of them: module:Class, with parameters
    ("degradation", Fade(), Chosen("Fade", {}, FADE), True),
    ("degradation", Fade, Chosen("Fade", {}, FADE), True),
    ("degradation", {"class": FADE}, Chosen("Fade", {}, FADE), False),
    (
        "degradation",
        Sprinkle(amount=2),
        Chosen("Sprinkle", {"amount": 2.0}, f"{HERE}:Sprinkle"),
        True,
    ),
    (
        "degradation",
        Sprinkle(folder="a"),
        Chosen("Sprinkle", {"amount": 0.5, "folder": "a"}, f"{HERE}:Sprinkle"),
        True,
    ),  # type: ignore[arg-type]
    (
        "degradation",
        partial(Sprinkle, amount=2),
        Chosen("Sprinkle", {"amount": 2.0}, f"{HERE}:Sprinkle"),
        True,
    ),
    ("sampler", StepDown(), Chosen("StepDown", {}, "genlab.testing.tiny:StepDown"), True),
    ("backbone", Sized, Chosen("Sized", {}, f"{HERE}:Sized"), True),
    ("backbone", partial(Sized, width=7), Chosen("Sized", {"width": 7}, f"{HERE}:Sized"), True),
    ("density", AffineFlow, Chosen("AffineFlow", {}, "genlab.testing.tiny:AffineFlow"), True),
    ("prior", AffineFlow, Chosen("AffineFlow", {}, "genlab.testing.tiny:AffineFlow"), True),
    ("dataset", TwoNormals, Chosen("TwoNormals", {}, "genlab.testing.tiny:TwoNormals"), True),
    ("metric", Lines(factor=2), Chosen("Lines", {"factor": 2.0}, f"{HERE}:Lines"), True),
    # what no file can hold is named
    (
        "degradation",
        Sprinkle(kernel=KERNEL),
        Chosen("Sprinkle", {"amount": 0.5}, f"{HERE}:Sprinkle", ("kernel",)),
        True,
    ),
    (
        "degradation",
        partial(Sprinkle, kernel=KERNEL),
        Chosen("Sprinkle", {}, f"{HERE}:Sprinkle", ("kernel",)),
        True,
    ),
    (
        "dataset",
        X,
        Chosen(
            "ArrayDataset",
            {"test_share": 0.1, "seed": 0},
            "genlab.components.data:ArrayDataset",
            ("x",),
        ),
        True,
    ),
    ("backbone", OWN, Chosen("Own", {}, f"{HERE}:Own", ("the object",)), True),
    ("backbone", Own, Chosen("Own", {}, f"{HERE}:Own"), True),
    ("backbone", of_spec, Chosen("of_spec", {}, f"{HERE}:of_spec"), True),
    ("optimiser", descent, Chosen("descent", {}, f"{HERE}:descent"), True),
    (
        "optimiser",
        partial(torch.optim.SGD, lr=0.5),
        Chosen("SGD", {}, "torch.optim.sgd:SGD", ("the object",)),
        True,
    ),
    ("optimiser", torch.optim.SGD, Chosen("SGD", {}, "torch.optim.sgd:SGD"), True),
]


@pytest.mark.parametrize(("slot", "given", "want", "kept"), CASES)
def test_what_is_recorded_of_what_was_given(
    slot: str, given: Any, want: Chosen, kept: bool
) -> None:
    chosen, found = choose(slot, given)
    assert (chosen.name, chosen.target, chosen.unwritten) == (
        want.name,
        want.target,
        want.unwritten,
    )
    assert dict(chosen.params) == dict(want.params)
    assert (found is not None) == kept
    assert Chosen.of_table(slot, chosen.flat()) == chosen, "and a file gives it back"


@pytest.mark.parametrize(
    ("slot", "given"), [(c[0], c[1]) for c in CASES if c[0] not in ("objective",)]
)
def test_what_is_recorded_is_built_as_it_was(slot: str, given: Any) -> None:
    """With the object at hand; and without, where a file can hold all of it."""
    chosen, found = choose(slot, given)
    context = (SPEC,) if slot in ("backbone", "density", "prior") else ()
    objects = {} if found is None else {slot: found}
    one = made(slot, chosen, objects, *context)
    if isinstance(given, Component) and not isinstance(given, nn.Module):
        assert one == given
    if chosen.unwritten or found in (Own, of_spec, descent, torch.optim.SGD):
        return
    other = made(slot, chosen, {}, *context)
    assert type(other) is type(one)
    assert getattr(other, "params", None) == getattr(one, "params", None)


def test_objectives_are_bound_to_what_is_trained_now() -> None:
    class Late(Denoising):
        """Of another module than this run's."""

    restorers = [Restorer(Perceptron(SPEC), CosineNoise()) for _ in range(2)]
    for cls, target in ((Denoising, None), (Late, Late)):
        chosen, found = choose("objective", cls(restorers[0], loss="l1"))
        assert found is target
        assert chosen.params["loss"] == "l1"
        objects = {} if found is None else {"objective": found}
        again = made("objective", chosen, objects, restorers[1])
        assert again.restorer is restorers[1]
        assert again.loss == "l1"


def test_so_is_an_objective_with_what_no_file_can_hold() -> None:
    class Weighted(Denoising):
        """Has a tensor."""

        def __init__(self, restorer: Restorer, *, kernel: Any = None, rate: float = 1.0) -> None:
            super().__init__(restorer)
            self.kernel, self.rate = kernel, rate

    restorers = [Restorer(Perceptron(SPEC), CosineNoise()) for _ in range(2)]
    for given in (
        Weighted(restorers[0], kernel=KERNEL, rate=2),
        partial(Weighted, kernel=KERNEL, rate=2),
    ):
        chosen, found = choose("objective", given)
        assert chosen.unwritten == ("kernel",)
        again = made("objective", chosen, {"objective": found}, restorers[1])
        assert again.restorer is restorers[1]
        assert (again.kernel is KERNEL, again.rate) == (True, 2.0)


def test_a_registered_class_with_what_no_file_can_hold_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Registry, "name_of", lambda self, cls: "sprinkle")
    assert choose("degradation", Sprinkle(amount=2)) == (Chosen("sprinkle", {"amount": 2.0}), None)
    given = Sprinkle(kernel=KERNEL)
    chosen, found = choose("degradation", given)
    assert (chosen.target, chosen.unwritten) == (f"{HERE}:Sprinkle", ("kernel",))
    assert found is given


def test_a_module_is_copied_so_that_the_request_gives_the_same_again() -> None:
    chosen, found = choose("backbone", OWN)
    one, other = (made("backbone", chosen, {"backbone": found}, SPEC) for _ in range(2))
    assert one is not OWN
    assert one is not other
    for p, q in zip(one.parameters(), OWN.parameters(), strict=True):
        assert torch.equal(p, q)
        assert p is not q
    flow = AffineFlow(DataSpec((1,), "vector"))
    chosen, found = choose("prior", flow)
    assert chosen.unwritten == ("weights",), "what a training begins with is in no file"
    assert found is flow
    assert made("prior", chosen, {"prior": found}, SPEC) is not flow


def test_a_module_that_a_function_makes_is_copied_too() -> None:
    shared = Sized(SPEC)
    chosen, found = choose("backbone", lambda spec: shared)
    assert made("backbone", chosen, {"backbone": found}, SPEC) is not shared


def test_functions_are_given_the_spec() -> None:
    chosen, found = choose("backbone", of_spec)
    assert made("backbone", chosen, {"backbone": found}, SPEC).width == 2
    chosen, found = choose("optimiser", descent)
    assert made("optimiser", chosen, {"optimiser": found}) is descent


def test_a_registered_module_is_known_by_its_name_but_for_its_weights() -> None:
    given = build("backbone", "mlp", SPEC, width=8, depth=1)
    chosen, found = choose("backbone", given)
    assert chosen == Chosen("mlp", {"width": 8, "depth": 1}, unwritten=("weights",))
    assert found is given
    anew = made("backbone", chosen, {}, SPEC)
    assert anew.params == given.params
    own = Chosen("Sized", {"width": 3}, f"{HERE}:Sized", ("weights",))
    assert class_of("backbone", own) is Sized, "its class can be had without them"


# --- defaults, versions, classes


def test_defaults_are_written_out() -> None:
    found = with_defaults("degradation", Chosen("blur", {"ratio": 5}), {})
    assert found == Chosen("blur", {"ratio": 5.0, "cutoff": 0.01}), "None by default is left out"
    assert with_defaults("backbone", Chosen("Sized", {}, f"{HERE}:Sized"), {}).params == {
        "width": 4
    }
    with pytest.raises(RequestError, match=r"^dataset\.path: field required$"):
        with_defaults("dataset", Chosen("image-folder"), {})
    for slot, given in (
        ("backbone", OWN),
        ("backbone", of_spec),
        ("degradation", Fade()),
        ("optimiser", torch.optim.SGD),
    ):
        chosen, obj = choose(slot, given)
        assert with_defaults(slot, chosen, {slot: obj}) is chosen
    with pytest.raises(RequestError, match=r"^degradation\.ratio: "):
        with_defaults("degradation", Chosen("blur", {"ratio": "wide"}), {})


def test_the_version_is_that_of_the_package() -> None:
    assert version_of("degradation", Chosen("blur")) == f"genlab {genlab.__version__}"
    assert version_of("prior", Chosen("gmm")) == f"genlab {genlab.__version__}"
    assert (
        version_of("optimiser", choose("optimiser", torch.optim.SGD)[0])
        == f"torch {metadata.version('torch')}"
    )
    assert version_of("degradation", Chosen("Sprinkle", {}, "__main__:Sprinkle")) == ""


def test_the_class_of_a_place() -> None:
    assert class_of("degradation", Chosen("Fade", {}, FADE)) is Fade
    assert class_of("degradation", Chosen("blur")) is type(build("degradation", "blur"))
    for given, cls in ((Fade(), Fade), (Fade, Fade)):
        assert class_of("degradation", Chosen("x"), {"degradation": given}) is cls
    assert class_of("backbone", Chosen("x"), {"backbone": of_spec}) is of_spec
    assert class_of("backbone", Chosen("x"), {"backbone": OWN}) is Own


# --- refusals


@pytest.mark.parametrize(
    ("slot", "given", "message"),
    [
        (
            "degradation",
            StepDown(),
            r"^degradation: StepDown\(\) is no degradation: it is not a genlab",
        ),
        ("degradation", StepDown, "is no degradation"),
        ("sampler", lambda: None, "is no sampler"),
        ("metric", 3, "^metric: 3 is no metric"),
        ("prior", "gmm", "^prior: 'gmm' is no density"),
        ("backbone", 3, "^backbone: 3 is no backbone"),
        ("dataset", "digits", "str is no data"),
        (
            "degradation",
            {},
            r"^degradation: a component has a name, as in degradation = \{ name = \.\.\. \}",
        ),
        ("degradation", {"name": 3}, "a component has a name"),
        (
            "dataset",
            {"name": "blur", "class": [""]},
            r"^dataset\.class = \[''\]: a class is told as text",
        ),
        ("dataset", {"name": "blur", "unwritten": 3}, r"^dataset\.unwritten = 3: it lists words"),
        ("dataset", {"name": "blur", "unwritten": [3]}, r"^dataset\.unwritten = \[3\]: it lists"),
        ("degradation", partial(Fade, amount=3), r"unknown parameter Fade\.amount"),
        ("degradation", partial(StepDown), "is no degradation"),
    ],
)
def test_what_fits_no_place_is_refused(slot: str, given: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        choose(slot, given)


@pytest.mark.parametrize(
    ("slot", "chosen", "message"),
    [
        (
            "degradation",
            Chosen("X", {}, "no_such_module_at_all:X"),
            r'cannot be imported \(No.*hand .*\{"degradation": \.\.\.\}\), or call python -m genlab',
        ),
        ("degradation", Chosen("X", {}, f"{HERE}:NoSuchThing"), r"cannot be imported.*\.\.\.\}\)$"),
        (
            "degradation",
            Chosen("X", {}, "genlab.testing.tiny:StepDown"),
            r"genlab\.testing\.tiny:StepDown is not a subclass of genlab\.Degradation: hand it in",
        ),
        (
            "degradation",
            Chosen("X", {}, "os:system"),
            r"os:system is not a subclass of genlab\.Degradation",
        ),
        (
            "degradation",
            Chosen("S", {}, f"{HERE}:Sprinkle", ("kernel",)),
            r"the degradation S has kernel, which no file holds: hand it in",
        ),
        (
            "metric",
            Chosen("M", {}, "no_such_module_at_all:M"),
            r'components=\{"metrics": \[\.\.\.\]\}',
        ),
        (
            "backbone",
            Chosen("Own", {}, f"{HERE}:Own", ("the object",)),
            "has the object, which no file holds",
        ),
    ],
)
def test_what_cannot_be_had_again_is_asked_for(slot: str, chosen: Chosen, message: str) -> None:
    for refused in (lambda: class_of(slot, chosen), lambda: made(slot, chosen, {}, SPEC)):
        with pytest.raises(RequestError, match=message):
            refused()


def test_a_function_that_fails_is_named() -> None:
    def needs_more(spec: DataSpec, width: int) -> nn.Module:
        raise AssertionError

    chosen, found = choose("backbone", needs_more)
    with pytest.raises(
        RequestError, match=r"^the backbone 'needs_more' cannot be built: .*missing 1 required"
    ):
        made("backbone", chosen, {"backbone": found}, SPEC)


def test_a_flat_table_names_the_class_and_what_is_missing() -> None:
    assert Chosen("blur", {"ratio": 5}).flat() == {"name": "blur", "ratio": 5}
    assert Chosen("F", {"a": 1}, "m:F").flat() == {"class": "m:F", "a": 1}
    assert Chosen("F", {}, "m:F", ("x",)).flat() == {"class": "m:F", "unwritten": ["x"]}
    mlp = Chosen("mlp", {"width": 3}, unwritten=("weights",))
    assert mlp.flat() == {"name": "mlp", "unwritten": ["weights"], "width": 3}
    assert Chosen.of_table("backbone", mlp.flat()) == mlp
    nested = Chosen.of_table("degradation", {"class": "m:outer.<locals>.F"})
    assert nested.name == "F"


def test_examples_are_a_data_set() -> None:
    chosen, found = choose("dataset", {"train": X, "test": X})
    assert isinstance(found, ArrayDataset)
    assert chosen.unwritten == ("x", "test")
