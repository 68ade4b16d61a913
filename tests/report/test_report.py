"""The report builds from results alone, and says what is missing or no longer true."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest

from .conftest import REPORT, ROOT

TEMPLATE = REPORT / "report.typ.jinja"


def made(text: str, folder: Path, results: object = None) -> str:
    """What a template of this text becomes."""
    from build import render
    from sources import Results

    (folder / "text.jinja").write_text(text)
    return str(render(folder / "text.jinja", results or Results(folder)))


def test_the_draft_builds(tmp_path: Path) -> None:
    from build import MOST_WORDS, build
    from sources import Results

    out = tmp_path / "draft.pdf"
    count = build(Results(REPORT / "results", draft=True), TEMPLATE, out)
    assert out.read_bytes().startswith(b"%PDF")
    assert 1500 < count <= MOST_WORDS


def test_no_number_is_typed_by_hand() -> None:
    text = TEMPLATE.read_text("utf-8")
    text = text[text.index("= Introduction") : text.index("#show bibliography")]
    prose = re.sub(r"<<.*?>>|<%.*?%>", "", text, flags=re.DOTALL)
    assert re.findall(r"\d[.,]\d+|\d+ ?%", prose) == []


@pytest.mark.parametrize(
    ("asked", "printed"),
    [
        ('value("run", "frechet")', "3.256"),
        ('value("run", "frechet", digits=1)', "3.3"),
        ('value("run", "frechet", column="baseline", digits=2)', "0.08"),
        ('value("run", "frechet", column="n", digits=0)', "5,000"),
        ('value("run", "frechet", sampler="naive", steps=10)', "2.000"),
        ('value("run", "kernel", sampler="cold")', "2.000"),
        ('value("run", "accuracy", percent=True, digits=2)', "99.29\N{NO-BREAK SPACE}%"),
        ('value("restoration", "ssim", method="cold")', "0.250"),
        ('value("degradations-compared/blur", "frechet", digits=1)', "2.5 (2.0–3.0)"),
        ('value("degradations-compared/noisy", "frechet", loss="l1", digits=1)', "60.0"),
        ('interval("run", "frechet", digits=1)', "3.1–3.4"),
        ('interval("run", "frechet", digits=1, seeds=True)', "3.1–3.4"),  # there is one
        ('seeds("again") | join(" ")', "again again-seed-1"),
        ('value("again", "frechet", digits=1, seeds=True)', "2.5"),
        ('interval("again", "frechet", seeds=True)', "-3.85–8.85"),
        ('fact("run", "steps")', "4,200"),
        ('fact("run", "seconds", "training", per=60, digits=1)', "1.5"),
        ('command("run")', "genlab run ddpm-mnist --steps 9 --seed 0 --data DIR"),
        ('command("degradations-compared/blur")', "genlab run --degradation blur"),
        ('figure("run", "loss")', "run/loss.png"),
        ('evaluations("run")[0].frechet', "20.12"),
        (
            'compared(["blur"]) | map(attribute="label") | join(" < ")',
            "blur < noisy < noisy, loss l1",  # blur has two seeds
        ),
        ('compared(["blur"])[0].numbers.frechet', "2.50 (2.00–3.00)"),
        # Student's: 12.706 standard errors for two seeds, 2.5 - 12.706 * 0.5 and 2.5 + 12.706 * 0.5
        ('"(%.2f, %.2f)" | format(*compared(["blur"])[0].interval)', "(-3.85, 8.85)"),
        ('check(value("run", "frechet") < 4, "small")', ""),
    ],
)
def test_what_may_be_asked(asked: str, printed: str, folder: Path) -> None:
    assert made(f"<< {asked} >>", folder) == printed


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ('value("runn", "frechet")', "runn/results.json"),
        ('value("run", "frechett")', "frechett"),
        ('value("run", "accuracy", column="baseline")', "'baseline'"),
        ('value("run", "kernel")', "several of sampler: cold, naive"),
        ('value("restoration", "psnr", method="cold")', "psnr"),
        ('value("restoration", "ssim")', "several of method"),
        ('value("degradations-compared/noisy", "frechet")', "several of loss"),
        ('value("degradations-compared/gravity", "frechet")', "gravity"),
        ('fact("run", "seconds", "prior")', "seconds / prior"),
        ('interval("run", "accuracy")', "there is no interval"),
        ('command("restoration")', "command"),
        ('figure("run", "samples")', "run/samples.png"),
        ('evaluations("restoration")', "evaluations"),
        ('compared(["blur", "ink"]) | length', "ink"),
    ],
)
def test_what_is_missing_is_an_error_but_in_a_draft(asked: str, said: str, folder: Path) -> None:
    from sources import ResultError, Results

    with pytest.raises(ResultError, match=re.escape(said)):
        made(f"<< {asked} >>", folder)
    results = Results(folder, draft=True)
    made(f"<< {asked} >>", folder, results)
    assert [what for what in results.missing if said in what] == results.missing != []


@pytest.mark.parametrize(
    ("asked", "options"),
    [
        ({}, ""),
        ({"objective": {"loss": "l1"}, "restorer": {"jitter": 0.04}}, ""),
        ({"objective": {"loss": "l2"}}, " --set objective.loss=l2"),
        (
            {"objective": {"weight": "min-snr"}, "degradation": "gaussian"},
            " --set objective.weight=min-snr",
        ),
        (
            {"training": {"steps": 7}, "restorer": {"jitter": 0.0}},
            " --steps 7 --set restorer.jitter=0.0",
        ),
        ({"optimiser": "adamw"}, " --optimiser adamw"),
        ({"sampler": "naive", "seed": 3}, " --sampler naive"),
    ],
)
def test_a_command_says_what_is_unusual(asked: dict[str, Any], options: str) -> None:
    from collect import command
    from genlab.config import resolve

    config = resolve({"degradation": "blur", **asked}).config
    made = f"genlab run --degradation {asked.get('degradation', 'blur')} --backbone unet --dataset digits"
    assert command(config) == f"{made}{options} --seed {asked.get('seed', 0)} --data DIR"


def test_a_command_says_which_network_an_experiment_was_given() -> None:
    from collect import command
    from genlab.config import resolve
    from genlab.runs.series import experiment_tables

    tables = {k: v for k, v in experiment_tables("ddpm-mnist").items() if k != "sweep"}
    others = {"name": "unet", "blocks": 2, "channels": [48, 96]}
    config = resolve({**tables, "experiment": "ddpm-mnist", "backbone": others}).config
    options = "--set 'backbone.channels=[48,96]' --set backbone.blocks=2"
    assert command(config) == f"genlab run ddpm-mnist {options} --seed 0 --data DIR"


def test_a_missing_number_prints_as_such(folder: Path) -> None:
    from sources import Results

    draft = Results(folder, draft=True)
    assert made('<< value("runn", "frechet") >> << command("runn") >>', folder, draft) == "?? ??"
    assert made('<< figure("runn", "loss") is none >>', folder, draft) == "True"


def test_a_statement_that_is_not_true_fails_the_build(folder: Path, tmp_path: Path) -> None:
    from build import build
    from sources import ResultError, Results

    template = tmp_path / "text.jinja"
    template.write_text('<< check(value("run", "frechet") < 1, "nearer than 1") >>')
    with pytest.raises(ResultError, match="no longer true: nearer than 1"):
        build(Results(folder), template, tmp_path / "report.pdf")
    assert not (tmp_path / "report.pdf").exists()
    draft = Results(folder, draft=True)
    build(draft, template, tmp_path / "draft.pdf")
    assert draft.untrue == ["nearer than 1"]


def test_a_missing_number_compares_as_hoped() -> None:
    from sources import Missing, Number

    one = Number(1.0, "1")
    assert one < Missing()
    assert one > Missing()
    assert Missing() <= 1.0
    assert Missing() >= one
    assert math.isnan(Missing())


def test_words_are_counted_and_too_many_refused(folder: Path, tmp_path: Path) -> None:
    from build import MOST_WORDS, build, words
    from sources import ResultError, Results

    page = "<style>a b</style><body><h2>Two words</h2><p>A <b>bold</b> word, <math><mi>x</mi></math> 1.5"
    assert words(page) == 7
    template = tmp_path / "text.jinja"
    template.write_text("word " * (MOST_WORDS + 1))
    with pytest.raises(ResultError, match="3,001 words"):
        build(Results(folder), template, tmp_path / "report.pdf")
    template.write_text(
        "#figure(table([a], [1.5]), caption: [Seen.]) $x$ @ho2020\n"
        '#bibliography(bytes("@misc{ho2020, title={T}, year={2020}}"))'
    )
    # a 1.5 | Table 1: Seen. | formula | [1] | Bibliography | [1] T, 2020.
    assert build(Results(folder), template, tmp_path / "report.pdf") == 11


def test_all_that_is_read_is_counted() -> None:
    """HTML drops layout with what stands in it: the title, captions and boxes would cost nothing."""
    import typst

    from build import counted_page
    from sources import Results

    results = Results(REPORT / "results")
    text = re.sub(
        r"<[^>]*>", " ", counted_page(TEMPLATE, results, typst.Compiler(root=results.folder))
    )
    source = TEMPLATE.read_text("utf-8")
    assert "Any degradation, undone" in text
    assert "Abstract." in text
    assert "Sampling with" in text
    numbers = re.findall(r"\b(Figure|Table)\s+\d+:", text)
    assert numbers.count("Figure") == len(re.findall(r"^#plate", source, re.MULTILINE))
    assert numbers.count("Table") == len(re.findall(r"^  table\(", source, re.MULTILINE))


def test_published_numbers_stand_beside_ours() -> None:
    from sources import Results

    results = Results(REPORT / "results")
    known = set(re.findall(r"\{(\w+),", (REPORT / "references.bib").read_text("utf-8")))
    lines = results.published()
    assert {"FlowGMM", "RealNVP", "Glow", "Cold Diffusion", "DDPM"} == {
        line["who"] for line in lines
    }
    for line in lines:
        assert line["key"] in known
        assert math.isfinite(results.value(**line["ours"]))


def test_references_can_be_found() -> None:
    entries = (REPORT / "references.bib").read_text("utf-8").split("\n@")
    assert entries
    assert [e for e in entries if not re.search(r"arXiv:\d{4}\.\d{4,5}|doi=\{10\.", e)] == []
    quoted = set(re.findall(r"@([a-z]+\d{4})\b", TEMPLATE.read_text("utf-8")))
    assert quoted == {re.search(r"\{(\w+),", e)[1] for e in entries}  # type: ignore[index]


def test_commands_of_the_report_are_there() -> None:
    """Figures that captions name are figures that genlab draws."""
    from genlab import registry

    drawn = re.findall(r'drawn\("([\w-]+)[" ]', TEMPLATE.read_text("utf-8"))
    assert drawn
    assert set(drawn) <= set(registry("figure").names())
    assert (ROOT / "experiments" / "ddpm-mnist-b.toml").is_file()


def test_the_pdf_is_what_the_results_make(tmp_path: Path) -> None:
    """A number that has changed since the report was built, or a figure whose run is gone, fails here."""
    from build import build
    from sources import Results

    built, kept = tmp_path / "report.pdf", (REPORT / "report.pdf").read_bytes()
    build(Results(REPORT / "results"), TEMPLATE, built)
    written = built.read_bytes()
    creator = re.compile(rb"/Creator\((Typst [^)]*)\)")
    if creator.findall(written) != creator.findall(kept):
        pytest.skip(f"kept: {creator.findall(kept)}, here: {creator.findall(written)}")
    assert written == kept, "nox -s report makes it anew"
