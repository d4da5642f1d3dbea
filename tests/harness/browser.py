"""Debian's Chromium, driven by Playwright; axe for accessibility."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

from tests.harness.gateway import GatewayProcess

AXE: Final = Path(__file__).resolve().parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
WAIT_MS: Final = 15_000
NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-quic",
    "--no-first-run",
)
STANDARDS: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def executable() -> str:
    """Skips the test where there is no Chromium, unless this is CI, where there must be one."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    reason = "no Chromium here (on Debian: apt-get install chromium)"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Within one module: while it runs, its event loop stands in the way of other tests' loops."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """A browser's window, and what it must not do: ask another host, break, or be refused by the CSP."""

    def __init__(
        self,
        browser: Browser,
        gateway: GatewayProcess,
        *,
        width: int = 1280,
        scheme: Literal["light", "dark"] = "light",
        storage: Any = None,
    ) -> None:
        self.url = gateway.url
        self.faults: list[str] = []
        self.context: BrowserContext = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            reduced_motion="reduce",
            storage_state=storage,
        )
        self.context.set_default_timeout(WAIT_MS)
        # The start opens by itself once; the tests that want it go there.
        self.context.add_init_script("localStorage.setItem('gw-start-seen', 'true')")
        self.page = self.window()

    def window(self) -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.faults.append(f"error on the page: {error}"))
        page.on("console", self._told)
        page.on("request", self._asked)
        return page

    def _told(self, message: ConsoleMessage) -> None:
        # An answer other than 2xx is told there as well: the tests look at what the page makes of it.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(f"console: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.url, self.url.replace("http", "ws", 1))):
            self.faults.append(f"another host: {request.url}")

    def open(self, path: str) -> Page:
        """`/admin` + `path`, once its heading is there and nothing is loading."""
        self.page.goto(f"{self.url}/admin{path}")
        self.settle()
        return self.page

    def settle(self) -> None:
        self.page.locator("h1").first.wait_for()
        self.page.get_by_label("Loading", exact=True).first.wait_for(state="detached")

    def cut_off(self) -> int:
        """Pixels by which the page is wider than the window."""
        script = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.page.evaluate(script))

    def violations(self, *rules: str) -> list[str]:
        """What axe finds serious or critical: by every rule of the standards, or by these alone."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text())
        asked = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": STANDARDS}
        found = self.page.evaluate(
            "runOnly => axe.run(document, {runOnly, resultTypes: ['violations']})", asked
        )
        return [
            f"{rule['id']}: {node['html'][:200]}"
            for rule in found["violations"]
            if rule["impact"] in ("serious", "critical")
            for node in rule["nodes"]
        ]

    def turn(self, *, width: int, scheme: Literal["light", "dark"]) -> None:
        """The same page in another size and theme."""
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme=scheme)
        expect(self.page.locator("html")).to_have_attribute("data-mantine-color-scheme", scheme)

    def close(self) -> None:
        self.context.close()
        assert not self.faults, self.faults
