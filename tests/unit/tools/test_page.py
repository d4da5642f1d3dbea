"""Pages as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.tools.builtin.page import page_text

ADDRESS = "https://example.com/a/b"
N = 300_000


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain", "plain"),
        ("a &lt;b&gt; &amp; &eacute; &#x41;", "a <b> & é A"),
        ("<p>one<p>two<br>three", "one\n\ntwo\nthree"),
        ("<h2>Head</h2>text", "## Head\n\ntext"),
        ("<ul><li>a<li>b</ul>c", "- a\n- b\n\nc"),
        ("a   b\n\n c", "a b c"),
        ("<pre>a\n  b</pre>c", "a\n  b\n\nc"),
        ("<table><tr><td>a<td>b<tr><td>c</table>", "a | b\nc"),
        ("<a href='x?y=1&amp;z=2'>to x</a>.", "[to x](https://example.com/a/x?y=1&z=2) ."),
        ('<a href="//other.example/">other</a>', "[other](https://other.example/)"),
        ("<a href=#top>top</a> <a href='javascript:x()'>js</a>", "top js"),
        ("<a href='http://[bad'>bad</a>", "bad"),
        ("<img src=x alt='a cat'>", "a cat"),
        ("<script>if (a < b) {}</script>seen<style>p {}</style>", "seen"),
        ("<SCRIPT>hidden</ScRiPt>seen", "seen"),
        ("<!-- <p>hidden --> seen <!doctype html> on", "seen on"),
        ('<p title="a > b">seen', "seen"),
        ('<p title="never closed>seen</p> on', "seen\n\non"),
        ("<title>The  title</title><body>text", "Title: The title\n\ntext"),
        ("<head><title>T</title><meta x></head>text", "Title: T\n\ntext"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("<script>never closed", ""),
        ("", ""),
    ],
)
def test_text(html: str, text: str) -> None:
    assert page_text(html, ADDRESS) == text


@pytest.mark.parametrize(
    "unit",
    [
        "<!--",
        "<a ",
        "<",
        "<![CDATA[",
        "<a b='",
        '<a "',
        "<!",
        "<?",
        "</a ",
        "<script>",
        "&",
        "<a href=",
        "<title>",
    ],
)
def test_a_page_that_wants_to_keep_us_busy(unit: str) -> None:
    """Some parsers take minutes for these."""
    page_text(unit * N, ADDRESS)
    page_text(f"<a {unit * N}", ADDRESS)
    page_text(f"{unit * N}'\">", ADDRESS)


@given(st.text(alphabet="<>/!-='\" aph&;\n", max_size=200))
def test_any_text_is_read(html: str) -> None:
    page_text(html, ADDRESS)
