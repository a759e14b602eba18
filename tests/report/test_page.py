from __future__ import annotations

from html.parser import HTMLParser

import pytest
from fabricated_release import HOSTILE, bare, content, sparse

from synlake.report.page import render

VOID = {"meta", "img", "link", "br", "rect", "path", "polyline"}


class Page(HTMLParser):
    """Tags, attributes and visible text of a page; faults where tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.faults: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data):
        self.text += data

    def attributes(self, name):
        return [attrs[name] for _, attrs in self.tags if name in attrs]


@pytest.mark.parametrize(
    "made", [content, bare, sparse, lambda: content(name=HOSTILE), lambda: content(n_classes=1)]
)
def test_the_page_is_whole(made):
    page = Page(render(made()))
    assert (page.faults, page.open) == ([], [])
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    links = [href for href in page.attributes("href") if href]
    assert links
    assert {href.removeprefix("#") for href in links} <= set(ids)


def test_names_are_text_wherever_they_stand():
    text = render(content(name=HOSTILE))
    page = Page(text)
    assert {"script", "iframe"} & {tag for tag, _ in page.tags} == set()
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert {src.split(":")[0] for src in page.attributes("src")} == {"data"}
    # Written out as they are in as many places as a harmless name is, so nothing lets them vanish either.
    harmless = Page(render(content(name="zyzzyva")))
    assert page.text.count(HOSTILE) == harmless.text.count("zyzzyva") > 20
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in harmless.tags]


def test_nothing_is_fetched_and_nothing_runs():
    page = Page(render(content()))
    policy = dict(p.strip().split(" ", 1) for p in page.attributes("content")[1].split(";"))
    assert policy == {"default-src": "'none'", "img-src": "data:", "style-src": "'unsafe-inline'"}
    assert [attrs for tag, attrs in page.tags if tag in ("link", "script", "iframe", "object")] == []


def test_pictures_and_charts_have_words():
    page = Page(render(content()))
    images = [attrs for tag, attrs in page.tags if tag == "img"]
    assert len(images) == 6
    assert all(attrs.get("alt") for attrs in images)
    charts = [attrs for tag, attrs in page.tags if tag == "svg"]
    assert len(charts) == 5
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in charts)


def test_what_is_not_known_is_said():
    text = render(bare())
    for words in ("was imported", "has no bytes", "in no hierarchy", "size of these images is not known"):
        assert words in text


def test_a_thousand_classes_are_a_few_megabytes():
    share = "data:image/jpeg;base64," + "A" * 2500  # what 2.5 MB leave for each of a thousand
    assert len(render(content(1000, picture=share)).encode()) < 4_000_000


def test_the_same_content_gives_the_same_page():
    assert render(content()) == render(content())
