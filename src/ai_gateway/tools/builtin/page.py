"""A web page as text for a model: what is read, with its headings, lists and links.

A scanner of its own, since pages come from strangers: the standard library's parser takes minutes for a
megabyte of `<!--`. Every step here goes forward, so the time grows with the page's length alone.
"""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urljoin

__all__ = ["page_text"]

_MARKUP = re.compile(r"<(?=[A-Za-z!?]|/[A-Za-z])")
_NAME = re.compile(r"/?[A-Za-z][^\s/>]*")
_REST = re.compile(r"""[^>"']*+(?:"[^"]*+"[^>"']*+|'[^']*+'[^>"']*+)*+>""")
_HREF = re.compile(r"""\shref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_ALT = re.compile(r"""\salt\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\n\f\xa0]+")
_HIDDEN = frozenset(("script", "style", "noscript", "template", "svg", "iframe", "object", "head", "select"))
_BLOCKS = frozenset(
    (
        *(
            "address",
            "article",
            "aside",
            "blockquote",
            "body",
            "caption",
            "dd",
            "div",
            "dl",
            "dt",
            "fieldset",
        ),
        *(
            "figcaption",
            "figure",
            "footer",
            "form",
            "header",
            "hr",
            "html",
            "legend",
            "main",
            "nav",
            "ol",
            "p",
        ),
        *("section", "table", "tbody", "tfoot", "thead", "tr", "ul"),
    )
)
_HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
_MAX_TITLE = 300
_MAX_HREF = 500
_MISJUDGED = 50
"""Unclosed quotes in tags after which quotes are no longer looked at: each costs a look at all the rest."""


def page_text(html: str, address: str) -> str:
    """The page's title and text, as light Markdown. Links are completed with `address`."""
    scanner = _Scanner(html, address)
    scanner.run()
    title = _SPACE.sub(" ", unescape(scanner.title)).strip()[:_MAX_TITLE]
    body = scanner.text()
    return f"Title: {title}\n\n{body}" if title else body


class _Scanner:
    def __init__(self, html: str, address: str) -> None:
        self._html = html
        self._lower = html.lower() if len(html.lower()) == len(html) else html
        self._address = address
        self._out: list[str] = []
        self._preformatted = 0
        self._href: str | None = None
        self._link_start = 0
        self._misjudged = 0
        self.title = ""

    def run(self) -> None:
        html, at = self._html, 0
        while True:
            found = _MARKUP.search(html, at)
            if found is None:
                break
            self._say(html[at : found.start()])
            at = self._markup(found.start())
            if at < 0:
                return
        self._say(html[at:])

    def text(self) -> str:
        lines = [line.rstrip() for line in "".join(self._out).split("\n")]
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()

    def _markup(self, start: int) -> int:
        """Where to go on after what begins at `start`; -1: it has no end."""
        html = self._html
        if html.startswith("<!--", start):
            return _after(html.find("-->", start + 4), 3)
        if html.startswith(("<!", "<?"), start):
            return _after(html.find(">", start), 1)
        name = _NAME.match(html, start + 1)
        assert name is not None, "it is what has been found"
        end = self._tag_end(name.end())
        if end < 0:
            return -1
        tag = name.group().lower()
        self._tag(tag, html[name.end() : end - 1])
        return self._skip(tag, end)

    def _tag_end(self, at: int) -> int:
        if self._misjudged < _MISJUDGED:
            rest = _REST.match(self._html, at)
            if rest is not None:
                return rest.end()
            self._misjudged += 1
        return _after(self._html.find(">", at), 1)

    def _skip(self, tag: str, end: int) -> int:
        """Past the content of a tag that shows none."""
        if tag == "title" and not self.title:
            close = self._lower.find("</title", end)
            self.title = self._html[end : close if close >= 0 else end + _MAX_TITLE][: 4 * _MAX_TITLE]
            return close
        if tag == "head":  # for its title alone
            return end
        if tag in _HIDDEN:
            return self._lower.find(f"</{tag}", end)
        return end

    def _tag(self, tag: str, attributes: str) -> None:
        name = tag.removeprefix("/")
        if name in _HEADINGS:
            self._break(2)
            if name == tag:
                self._out.append(f"{_HEADINGS[name]} ")
        elif name == "a":
            self._anchor(tag, attributes)
        elif name == "pre":
            self._break(2)
            self._preformatted = max(0, self._preformatted + (1 if name == tag else -1))
        elif name in _BLOCKS:
            self._break(1 if name == "tr" else 2)
        elif tag == "br":
            self._break(1)
        elif tag == "li":
            self._break(1)
            self._out.append("- ")
        elif tag in ("td", "th"):
            self._say(" | " if self._out and not self._out[-1].endswith("\n") else "")
        elif tag == "img":
            found = _ALT.search(attributes)
            self._say(f" {found.group(1) or found.group(2) or ''} " if found else "")

    def _anchor(self, tag: str, attributes: str) -> None:
        if self._href is not None and len(self._out) > self._link_start:
            words = "".join(self._out[self._link_start :]).strip()
            if words and "\n" not in words:
                del self._out[self._link_start :]
                self._out.append(f"[{words}]({self._href}) ")
        self._href = None
        found = _HREF.search(attributes) if tag == "a" else None
        if found is not None:
            self._href = self._completed(unescape(next(filter(None, found.groups()), "")).strip())
            self._link_start = len(self._out)

    def _completed(self, href: str) -> str | None:
        if not href or href.startswith("#") or len(href) > _MAX_HREF:
            return None
        try:
            address = urljoin(self._address, href)
        except ValueError:
            return None
        return address if address.startswith(("http://", "https://")) else None

    def _say(self, raw: str) -> None:
        if not raw:
            return
        text = unescape(raw)
        if not self._preformatted:
            text = _SPACE.sub(" ", text)
            if not self._out or self._out[-1].endswith((" ", "\n")):
                text = text.removeprefix(" ")
        if text:
            self._out.append(text)

    def _break(self, lines: int) -> None:
        if self._out and not self._out[-1].endswith("\n" * lines):
            self._out.append("\n" * lines)


def _after(found: int, length: int) -> int:
    return found + length if found >= 0 else -1
