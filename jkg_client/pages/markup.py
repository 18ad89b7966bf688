"""Inspects HTML quickly, without a parser. Each function takes linear time."""

from __future__ import annotations

import html as entities
import itertools
import re

from ..protocol.stepwise import slices
from ..protocol.terminal import strip_ansi

_BLOCKS = frozenset(
    {
        *("article", "blockquote", "body", "br", "center", "dd", "div", "dl", "dt", "footer"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr", "html", "li", "ol"),
        *("p", "pre", "section", "ul"),
    }
)
_UNSEEN = frozenset({"style", "title"})
_INLINE = _UNSEEN | {
    *("!doctype", "a", "abbr", "b", "cite", "code", "del", "em", "font", "i", "ins", "kbd"),
    *("link", "mark", "meta", "progress", "q", "s", "samp", "small", "span", "strong", "sub"),
    *("sup", "tt", "u", "var"),
}
"""Tags of plain text. HTML with other tags, such as tables or images, shows more than text."""

# The lengths are limited, because html.unescape would turn any number of digits into an integer.
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")

_INVISIBLE = re.compile(r"\s*<(?:(script|style|title|!--)|(?:link|meta)\b)[^>]*>?")

_ID = re.compile(r"""\bid\s?=\s?["']([^"'<>\s]{4,100})["']""")

_LONGEST_TEXT = 2**21
"""Longest HTML that is shown as text, in characters."""

_MOST_IDS = 32
"""Number of ids of a page that are searched for in a script."""


def text_of(html: str, plain: str) -> str | None:
    """The text to show instead of ``html``. None if the HTML shows more than text.

    The HTML may only repeat the text ``plain`` in fonts and colours, or ``plain`` may be the source
    of the HTML. A progress bar is text, too: no page is needed to see how far it was.
    Longer HTML is always a page: to split it into words would stop all other threads.
    """
    shown = _running_text(html) if len(html) <= _LONGEST_TEXT else None
    if shown is None:
        return None
    is_bar = "<progress" in html.lower()
    if plain.lstrip().startswith("<") and (is_bar or plain.strip() == html.strip()):
        lines = (" ".join(line.split()) for line in shown.split("\n"))
        return "\n".join(filter(None, lines))
    return plain if is_bar or _only_repeats(html, shown, plain) else None


def _only_repeats(html: str, shown: str, plain: str) -> bool:
    words, said = shown.split(), strip_ansi(plain).split()
    if not said:
        return not words and "<pre" in html
    # A link to a file shows only the name of the file, but the text has its whole path.
    return words == said or (len(words) == len(said) == 1 and said[0].endswith(f"/{words[0]}"))


def shows_nothing(html: str) -> bool:
    """Whether ``html`` is blank, or consists only of scripts and styles."""
    text = lowered(html)
    place = 0
    while True:
        found = _INVISIBLE.match(text, place)
        if found is None:
            return not text[place:].strip()
        place = found.end()
        if found[1]:
            end = text.find("-->" if found[1] == "!--" else f"</{found[1]}", found.start(1))
            place = text.find(">", end) + 1 if end >= 0 else 0
            if not place:
                return True  # no end tag: a browser hides everything after it


def has_scripts(html: str) -> bool:
    """Whether ``html`` contains a script."""
    return "<script" in lowered(html)


def loads(html: str, library: str) -> bool:
    """Whether ``html`` itself loads a library, from an address that contains its name."""
    tags = (piece.partition(">")[0] for piece in lowered(html).split("<script")[1:])
    return any("src" in tag and library.lower() in tag for tag in tags)


def lowered(html: str) -> str:
    """``html`` in lower case."""
    return "".join([part.lower() for part in slices(html)])


def mentions_id_of(script: str, html: str) -> bool:
    """Whether ``script`` mentions the id of an element of ``html``."""
    ids = (found[1] for found in _ID.finditer(html))
    return any(one in script for one in itertools.islice(ids, _MOST_IDS))


def _running_text(html: str) -> str | None:
    """The text of ``html``. None if it has tags that ordinary text does not have."""
    first, *pieces = html.split("<")
    texts = [first]
    is_unseen = False
    for piece in pieces:
        tag, _, text = piece.partition(">")
        words = tag.lower().strip("/").split(None, 1)
        name = words[0] if words else ""
        is_comment = name.startswith("!--")
        if not (name in _BLOCKS or name in _INLINE or is_comment):
            return None
        if name in _UNSEEN:
            is_unseen = not tag.startswith("/")
        if not is_unseen:
            texts.append(f"\n{text}" if name in _BLOCKS else text)
    return _ENTITY.sub(lambda found: entities.unescape(found[0]), "".join(texts))
