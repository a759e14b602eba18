"""The page in a real browser, at the width of a desk and of a phone. Any Chromium will do; $CHROMIUM names one."""

from __future__ import annotations

import asyncio
import base64
import io

import browser
import pytest
from fabricated_release import HOSTILE, content
from PIL import Image

from synlake.report.page import render

CHROMIUM = browser.find()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None, reason="needs a Chromium: apt-get install chromium, or set CHROMIUM"
    ),
]
WIDER = """[...document.querySelectorAll("main *")].filter(e => !e.closest(".scroll, pre, svg")
  && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 120))"""


@pytest.fixture
def page(tmp_path):
    """Writes a page to a file."""

    def write(**more):
        stream = io.BytesIO()
        Image.new("RGB", (230, 56), "teal").save(stream, "JPEG")
        picture = f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"
        path = tmp_path / "report.html"
        path.write_text(render(content(picture=picture, **more)), encoding="utf-8")
        return path

    return write


def visit(path, look, *, width=1200):
    async def run():
        async with browser.opened(CHROMIUM) as tab:
            await tab.open(path, width=width)
            return await look(tab)

    return asyncio.run(run())


@pytest.mark.parametrize("width", [1200, 360])
@pytest.mark.parametrize("name", ["dog", HOSTILE, "w" * 300])
def test_it_fits_its_width_and_asks_for_nothing(page, width, name):
    path = page(name=name)

    async def look(tab):
        assert await tab.evaluate("document.documentElement.scrollWidth") <= width
        assert await tab.evaluate(WIDER) == []
        broken = "[...document.images].filter(i => i.complete && !i.naturalWidth).length"
        assert await tab.evaluate(broken) == 0
        assert tab.requests() == [path.as_uri()]
        assert tab.complaints() == []

    visit(path, look, width=width)


def test_the_keyboard_reaches_and_unfolds(page):
    async def look(tab):
        await tab.press("Tab", 9)
        assert (
            await tab.evaluate("document.activeElement.textContent") == "Skip to the contents of the release"
        )
        assert await tab.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
        for _ in range(200):
            await tab.press("Tab", 9)
            if await tab.evaluate("document.activeElement.tagName") == "SUMMARY":
                break
        unfolded = "document.activeElement.parentElement.open"
        before = await tab.evaluate(unfolded)
        await tab.press("Enter", 13)
        assert (before, await tab.evaluate(unfolded)) == (True, False)

    visit(page(), look)


def test_it_prints_what_is_folded_away(page):
    async def look(tab):
        await tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = false)")
        visible = "document.querySelector('.tree ul').checkVisibility({contentVisibilityAuto: true})"
        height = "document.querySelector('.tree').getBoundingClientRect().height"
        before = await tab.evaluate(visible), await tab.evaluate(height)
        await tab.call("Emulation.setEmulatedMedia", media="print")
        assert await tab.evaluate("matchMedia('print').matches")
        after = await tab.evaluate(visible), await tab.evaluate(height)
        assert (before[0], after[0]) == (False, True)
        assert after[1] > 2 * before[1]
        assert (await tab.pdf()).startswith(b"%PDF")

    visit(page(), look)
