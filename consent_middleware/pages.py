"""What the pages of our own have in common, plain HTML that works without JavaScript."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from .messages import is_right_to_left

PAGE_HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    # Framing would let another site dress up our buttons; nothing else is needed by a page of forms.
    (
        "Content-Security-Policy",
        "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; style-src 'self'",
    ),
    ("Referrer-Policy", "same-origin"),
)


def notice_page(
    language: str, words: Mapping[str, str], message: str, *, styles: Iterable[str], link: str, link_text: str
) -> bytes:
    """A short page that says one thing and leads on."""
    main = f'<p role="status">{escape(words[message])}</p>\n{onward(link, words[link_text])}'
    return own_page(language, words["title"], main, styles)


def onward(path: str, text: str) -> str:
    return f'<p><a href="{escape(path)}">{escape(text)}</a></p>'


def own_page(language: str, title: str, main: str, styles: Iterable[str]) -> bytes:
    """Return a whole page of our own; ``main`` is markup, ``styles`` are addresses of style sheets."""
    direction = "rtl" if is_right_to_left(language) else "ltr"
    links = "\n".join(f'<link rel="stylesheet" href="{escape(style)}">' for style in styles)
    return f"""<!doctype html>
<html lang="{language}" dir="{direction}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{escape(title)}</title>
{links}
</head>
<body>
<main class="cm-settings">
<h1>{escape(title)}</h1>
{main}
</main>
</body>
</html>
""".encode()
