"""The site, the README and the pictures: complete, current, and linked."""

from __future__ import annotations

import configparser
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from documentation import ROOT

import jkg_client
from jkg_client import testing

# At the end of the path, so that the installed package is tested, not this checkout.
sys.path.append(str(ROOT))

from pictures import benchmark
from pictures.__main__ import drawn
from pictures.svg import LIGHT

DOCS = ROOT / "docs"
ADDRESS = "https://github.com/jkg-client/jkg_client"
PICTURES = "https://raw.githubusercontent.com/jkg-client/jkg_client/main/"

_DIRECTIVE = re.compile(r"^\.\. auto(?:class|data|exception|function):: ([\w.]+)$", re.MULTILINE)
_TOC = re.compile(r"^```\{toctree\}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")


def listed_pages() -> list[str]:
    """Every page that a table of contents names, with its folder."""
    found: list[str] = []
    for page in DOCS.rglob("*.md"):
        folder = page.parent.relative_to(DOCS).as_posix()
        for toc in _TOC.findall(page.read_text(encoding="utf-8")):
            names = [line for line in toc.splitlines() if line and not line.startswith(":")]
            found += [name if folder == "." else f"{folder}/{name}" for name in names]
    return found


def links(page: Path) -> Iterator[str]:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    yield from (target or source for target, source in _LINK.findall(text))


def test_every_page_is_in_one_table_of_contents() -> None:
    pages = {page.relative_to(DOCS).with_suffix("").as_posix() for page in DOCS.rglob("*.md")}
    assert sorted(listed_pages()) == sorted(pages - {"index"})


def test_every_public_name_is_in_the_reference_once() -> None:
    pages = sorted((DOCS / "reference").glob("*.md"))
    named = [name for page in pages for name in _DIRECTIVE.findall(page.read_text("utf-8"))]
    public = [f"jkg_client.{name}" for name in jkg_client.__all__]
    public += [f"jkg_client.testing.{name}" for name in testing.__all__]
    assert sorted(named) == sorted(public)


def test_links_of_the_readme_work_on_other_sites_too() -> None:
    for link in links(ROOT / "README.md"):
        assert link.startswith(("https://", "#")), link
        for start in (f"{ADDRESS}/blob/main/", PICTURES):
            if link.startswith(start):
                assert (ROOT / link[len(start) :].partition("#")[0]).exists(), link


@pytest.mark.field("E8")
def test_the_package_names_its_addresses() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = config["metadata"]["project_urls"].strip().splitlines()
    urls = dict(line.split(" = ") for line in lines)
    assert set(urls) == {"Documentation", "Changelog", "Source", "Issues"}
    assert all(url.startswith(ADDRESS) for url in urls.values())


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_links_between_pages_work(page: Path) -> None:
    for link in links(page):
        path = link.partition("#")[0]
        if path and "://" not in path:
            assert (page.parent / path).exists(), link


@pytest.mark.parametrize("name", sorted(drawn()))
def test_a_picture_is_as_its_program_draws_it(name: str) -> None:
    assert (DOCS / "pictures" / name).read_text(encoding="utf-8") == drawn()[name]


def test_the_chart_shows_the_figures_of_its_page() -> None:
    names = [name for name in benchmark.CLIENTS if name != "zmq"]
    rows = [f"| {name} | 500 | {10 * n + 20} | 1 |" for n, name in enumerate(names)]
    page = "\n".join(
        ["### Round trip of `pass`", "", "| zmq | 500 | 7.25 | 1 |", *rows, "### More"]
    )
    figures = benchmark.round_trips(page)
    assert list(figures) == ["zmq", *names]
    assert figures["zmq"] == 7.25
    assert "7.25 ms" in benchmark.draw(LIGHT, page)


def test_a_client_without_a_figure_is_named() -> None:
    with pytest.raises(ValueError, match=r"no round trip of .*zmq"):
        benchmark.round_trips("### Round trip\n\n| nbclient | 500 | 4 | 1 |\n")
