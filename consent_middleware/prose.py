"""A small document, and how it is written in HTML and in Markdown. All escaping of its text happens here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!&])")
# What would begin a list, a quotation or a heading at the start of a paragraph.
_OPENING = re.compile(r"^(\d+)([.)])|^([+=-])")


_BREAKS = re.compile(r"[ \t\r\n]+")


@dataclass(frozen=True, slots=True)
class Link:
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Code:
    """Something as machines write it, from left to right whatever the language."""

    text: str


@dataclass(frozen=True, slots=True)
class Name:
    """A proper name, which keeps its own direction."""

    text: str


Line = tuple[str | Link | Code | Name, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a section (level 1) or of what is within one (level 2)."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    line: Line


@dataclass(frozen=True, slots=True)
class Action:
    """A link that leads to where something can be done."""

    link: Link


@dataclass(frozen=True, slots=True)
class Listing:
    items: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; a cell is one line or several, of which all but the first are remarks."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[tuple[Line, ...], ...], ...]


Block = Heading | Paragraph | Action | Listing | Table


def html_of(blocks: Iterable[Block], top: int = 2) -> str:
    """Return HTML in which the sections have headings of level ``top``."""
    return "\n".join(_html_block(block, top) for block in blocks)


def markdown_of(blocks: Iterable[Block], top: int = 2) -> str:
    """Return Markdown, with tables as GitHub and most site generators read them."""
    return "\n\n".join(_markdown_block(block, top) for block in blocks) + "\n"


def _html_block(block: Block, top: int) -> str:
    match block:
        case Heading(level, text):
            rank = min(top + level - 1, 6)
            return f"<h{rank}>{escape(text)}</h{rank}>"
        case Paragraph(line):
            return f"<p>{_html_line(line)}</p>"
        case Action(link):
            return f'<p><a class="cm-action" href="{escape(link.url)}">{escape(link.text)}</a></p>'
        case Listing(items):
            return "<ul>\n" + "".join(f"<li>{_html_line(item)}</li>\n" for item in items) + "</ul>"
        case Table():
            return _html_table(block)


def _html_table(table: Table) -> str:
    """Return a table with its roles spelt out: where a style sheet turns rows into cards, browsers forget them."""
    heads = "".join(f'<th scope="col" role="columnheader">{escape(column)}</th>' for column in table.columns)
    rows = "\n".join(f'<tr role="row">{_html_cells(row, table.columns)}</tr>' for row in table.rows)
    return (
        f'<table role="table">\n<caption>{escape(table.caption)}</caption>\n'
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead>\n'
        f'<tbody role="rowgroup">\n{rows}\n</tbody>\n</table>'
    )


def _html_cells(row: tuple[tuple[Line, ...], ...], columns: tuple[str, ...]) -> str:
    name, *others = map(_html_cell, row)
    cells = (
        f'<td role="cell" data-column="{escape(c)}">{cell}</td>' for c, cell in zip(columns[1:], others, strict=True)
    )
    return f'<th scope="row" role="rowheader">{name}</th>{"".join(cells)}'


def _html_cell(lines: tuple[Line, ...]) -> str:
    first, *remarks = map(_html_line, lines)
    return first + "".join(f"<br><small>{remark}</small>" for remark in remarks)


def _html_line(line: Line) -> str:
    return "".join(map(_html_inline, line))


def _html_inline(inline: str | Link | Code | Name) -> str:
    match inline:
        case str():
            return escape(inline)
        case Link(text, url):
            return f'<a href="{escape(url)}">{escape(text)}</a>'
        case Code(text):
            return f'<code dir="ltr">{escape(text)}</code>'
        case Name(text):
            return f"<bdi>{escape(text)}</bdi>"


def _markdown_block(block: Block, top: int) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * min(top + level - 1, 6)} {_markdown_text(text)}"
        case Paragraph(line):
            return _OPENING.sub(lambda start: f"{start[1] or ''}\\{start[2] or start[3]}", _markdown_line(line))
        case Action(link):
            return _markdown_line((link,))
        case Listing(items):
            return "\n".join(f"- {_markdown_line(item)}" for item in items)
        case Table():
            return _markdown_table(block)


def _markdown_table(table: Table) -> str:
    rows = (tuple(map(_markdown_text, table.columns)), ("---",) * len(table.columns), *_markdown_rows(table))
    return f"**{_markdown_text(table.caption)}**\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _markdown_rows(table: Table) -> Iterable[tuple[str, ...]]:
    return (tuple("<br>".join(map(_markdown_line, cell)) for cell in row) for row in table.rows)


def _markdown_line(line: Line) -> str:
    return "".join(map(_markdown_inline, line))


def _markdown_inline(inline: str | Link | Code | Name) -> str:
    match inline:
        case Link(text, url):
            # Angle brackets let an address hold parentheses; of what they may not hold nothing is left unencoded.
            return f"[{_markdown_text(text)}](<{url.replace('<', '%3C').replace('>', '%3E')}>)"
        case Code(text):
            # A bar ends the cell of a table even within code.
            fence = "``" if "`" in text else "`"
            return f"{fence}{text.replace('|', chr(92) + '|')}{fence}"
        case str():
            return _markdown_text(inline)
        case Name(text):
            return _markdown_text(text)


def _markdown_text(text: str) -> str:
    return _MARKUP.sub(r"\\\1", _BREAKS.sub(" ", text))
