"""docs/performance.md is what the bench writes from the figures beside it, and its commands exist."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bench import compare, page
from bench.__main__ import parser as command_line
from bench.aims import AIMS
from bench.options import SECTIONS
from bench.report import Report, as_json, read, table
from bench.results import DIRECT, GATEWAY, LITELLM, MACHINE, NGINX

ROOT = Path(__file__).parents[3]
TEXT = page.PAGE.read_text()
FIGURES = read(page.FIGURES.read_bytes())


def report() -> Report:
    return Report(
        environment={"cpu": "a | b"},
        rounds=2,
        quick=False,
        notes=["Portkey is left out: it could not be installed (no network)"],
        metrics={
            "chat_cpu_us": {NGINX: [10.0, 10.2], GATEWAY: [41.0, 40.0], LITELLM: [9000.0, 9100.0]},
            "chat_rps": {DIRECT: [40_000.0, 40_000.0]},
            "paced100_achieved": {LITELLM: [14.0, 15.0]},
            "foreign_busy": {MACHINE: [1.0]},
        },
    )


def test_the_page_is_what_the_bench_writes() -> None:
    _, _, rest = TEXT.partition(page.BEGIN)
    written, end, _ = rest.partition(page.END)
    assert end
    assert written.strip() == page.generated(FIGURES)


def test_the_plots_are_what_the_bench_draws() -> None:
    drawn = page.plots(FIGURES.results)
    assert {file.name for file in page.FOLDER.glob("*.svg")} == set(drawn)
    for name, text in drawn.items():
        assert (page.FOLDER / name).read_text() == text
        assert f"(performance/{name})" in TEXT


def test_the_figures_are_as_the_bench_writes_them() -> None:
    assert as_json(FIGURES) == page.FIGURES.read_bytes()


def test_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)", TEXT))
    assert named
    assert named <= targets


@pytest.mark.parametrize("parser", [command_line(), compare.parser()], ids=["bench", "bench.compare"])
def test_options_are_documented_and_exist(parser: ArgumentParser) -> None:
    said = parser.format_help()
    documents = TEXT + (ROOT / "bench" / "README.md").read_text()
    options = set(re.findall(r"(--[a-z-]+)", said)) - {"--help"}
    assert options <= set(re.findall(r"(--[a-z-]+)", documents))


def test_every_section_is_documented() -> None:
    assert {name for name in SECTIONS if f"`{name}`" not in TEXT} == set()


def test_the_page_of_a_run() -> None:
    text = page.generated(report())
    assert "| CPU a request, by nginx's | at most 5x | 4.01x (3.92x to 4.10x) | holds |" not in text
    assert "| CPU a request, by nginx's | at most 5x | 4.01x (3.92 to 4.10) | holds |" in text
    assert "| chunks delivered, 100 paced streams, % |  |  |  | 14.5 |" in text
    assert "| cpu | a / b |" in text
    assert "Portkey is left out: it could not be installed (no network)" in text


def test_the_table_of_a_run() -> None:
    text = table(report())
    assert re.search(r"CPU us a request +- +10\.1 +40\.5 +9,050\.0 +2 % +4\.01x", text)
    assert all(aim.text in text for aim in AIMS)


def test_plots_are_xml_and_name_what_they_show() -> None:
    for text in page.plots(report().results).values():
        assert "".join(ElementTree.fromstring(text).itertext()).strip()
    cpu = page.plots(report().results)["cpu-a-request.svg"]
    assert all(name in cpu for name in (NGINX, GATEWAY, LITELLM, "9,050 µs"))


def test_what_people_wrote_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = tmp_path / "performance.md"
    written.write_text(f"before\n{page.BEGIN}\nan older run\n{page.END}\nafter\n")
    monkeypatch.setattr(page, "PAGE", written)
    monkeypatch.setattr(page, "FOLDER", tmp_path / "plots")
    monkeypatch.setattr(page, "FIGURES", tmp_path / "plots" / "figures.json")
    page.write(report())
    text = written.read_text()
    assert text.startswith(f"before\n{page.BEGIN}\n")
    assert text.endswith(f"{page.END}\nafter\n")
    assert "an older run" not in text
    assert read((tmp_path / "plots" / "figures.json").read_bytes()) == report()
