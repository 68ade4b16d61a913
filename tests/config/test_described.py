"""Every setting is described as it is, and found by the names that others give it."""

from __future__ import annotations

import re
from typing import Any

import pytest

import genlab
from genlab.components.foreign import called_here
from genlab.components.parameters import parameters
from genlab.config import SETTINGS, SLOTS, Setting, described_settings, resolve

TABLES = described_settings()
EVERY = [setting for table in TABLES.values() for setting in table]


def test_every_setting_is_described_once_with_a_type_and_a_meaning() -> None:
    assert set(TABLES) == {"run", *SETTINGS}
    for table, names in SETTINGS.items():
        assert [setting.name for setting in TABLES[table]] == list(names)
    assert len({setting.key for setting in EVERY}) == len(EVERY)
    assert all(setting.type and setting.meaning for setting in EVERY)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"dataset": "digits"}, None),
        ({"dataset": "moons"}, "vectors"),
        ({"dataset": "digits", "density": "realnvp"}, "a density"),
        ({"dataset": "moons", "density": "realnvp"}, "a density of vectors"),
    ],
)
def test_the_defaults_are_those_that_a_run_has(request_: dict[str, Any], words: str | None) -> None:
    flat = resolve(request_).config.flat()
    for setting in EVERY:
        kind = words.split()[-1] if words and setting.table == "sampling" else words
        described = setting.others.get(str(kind), setting.default)
        if setting.table in flat and setting.table != "restorer" and described is not None:
            assert flat[setting.table][setting.name] == described, setting.key
    assert flat["seed"] == 0
    assert flat["device"] == "auto"


def test_the_defaults_of_a_trained_prior_are_those_that_it_has() -> None:
    flat = resolve({"degradation": "blur", "prior": "realnvp"}).config.flat()
    wanted = {
        each.name: each.default for each in TABLES["prior_training"] if each.default is not None
    }
    assert flat["prior_training"] == wanted


def beyond(setting: Setting) -> list[Any]:
    """Values just beyond the bounds that a description tells, and one of a wrong type."""
    values: list[Any] = []
    for sign, number in re.findall(r"(>=?|<=?) (-?\d+(?:\.\d+)?)", setting.type):
        step = {">": 0, ">=": -1, "<": 0, "<=": 1}[sign]
        values.append(float(number) + step if "float" in setting.type else int(number) + step)
    if setting.type.startswith('"'):
        values.append("nonsense")
    return values or [object()]


BOUNDED = [each for each in EVERY if each.table and re.match(r'(int|float) |"', each.type)]


@pytest.mark.parametrize("setting", BOUNDED, ids=lambda setting: setting.key)
def test_what_lies_beyond_a_described_bound_is_refused(setting: Setting) -> None:
    for value in beyond(setting):
        request = {"degradation": "blur", "prior": "realnvp", setting.table: {setting.name: value}}
        with pytest.raises(
            genlab.RequestError, match=rf"{setting.table}.*{setting.name}|{setting.name} ="
        ):
            resolve(request)


FOREIGN = {
    "learning_rate": "optimiser.lr", "training.learning_rate": "optimiser.lr", "training.lr": "optimiser.lr",
    "optimiser.learning_rate": "optimiser.lr", "epochs": "training.epochs", "batch_size": "training.batch",
    "training.batch_size": "training.batch", "training.num_epochs": "training.epochs",
    "num_inference_steps": "sampling.steps", "sampler.steps": "sampling.steps",
    "guidance_scale": "sampling.guidance", "training.fp16": "training.precision",
    "objective.prediction_type": "restorer.prediction", "backbone.lr": "optimiser.lr",
    "training.Weight-Decay": "optimiser.weight_decay", "degradation.beta_schedule": "degradation.schedule",
    "network": "backbone", "random_state": "seed",
}  # fmt: skip


@pytest.mark.parametrize("given", FOREIGN)
def test_a_foreign_name_is_answered_with_ours(given: str) -> None:
    from genlab.config import nested

    with pytest.raises(genlab.RequestError) as caught:
        resolve(nested(given, 1))
    assert str(caught.value).endswith(f": it is called {FOREIGN[given]}")
    assert given.rpartition(".")[2] in str(caught.value)


def test_whatever_a_foreign_name_leads_to_exists() -> None:
    from genlab.components import foreign

    known = {f"{table}.{name}" for table, names in SETTINGS.items() for name in names}
    known |= {*SETTINGS, *SLOTS, "seed", "device", "data", "metrics", "figures"}
    for slot, role in SLOTS.items():
        for name in genlab.registry(role).names():
            known |= {f"{slot}.{p.name}" for p in parameters(genlab.registry(role).get(name))}
    assert set(foreign.NAMES) <= known
    assert called_here("", "batch_size") == "training.batch"
    assert called_here("training", "batch") is None
    assert called_here("", "nonsense") is None


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ({"training": {"bach": 3}}, "Did you mean 'batch'? Training has steps, epochs"),
        ({"sampling": {"zzz": 3}}, "Sampling has steps, count"),
        ({"zzz": 3}, "unknown setting 'zzz'. A run has experiment, seed"),
        ({"trainin": {"lr": 1}}, "unknown setting 'trainin'. Did you mean 'training'?"),
    ],
)
def test_a_misspelled_name_is_answered_with_what_its_table_has(
    given: dict[str, Any], answer: str
) -> None:
    with pytest.raises(genlab.RequestError, match=re.escape(answer)):
        resolve(given)
