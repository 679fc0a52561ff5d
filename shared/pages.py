"""A page that works offline: figures as data URIs, no script, no font, no link to anywhere.

A `Stage` is what there is to say and to show; the tour has one for each phase, a program's own page
has one alone.
"""

import base64
import mimetypes
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared import machine
from shared.files import write_text


@dataclass(frozen=True)
class Figure:
    """A picture, what it shows in a few words, and a paragraph on what one sees."""

    path: Path
    title: str
    caption: str

    @property
    def data_uri(self) -> str:
        """The picture itself, as a page can hold it."""
        kind = mimetypes.guess_type(self.path.name)[0]
        return f"data:{kind};base64,{base64.b64encode(self.path.read_bytes()).decode()}"


@dataclass(frozen=True)
class Quote:
    """Text as it is, every space kept, with what it is and a paragraph on what one sees.

    Attributes:
        text: shown in letters of one width, so that a table keeps its columns.
        title: what it is, in a few words.
        caption: what one sees.
    """

    text: str
    title: str
    caption: str


@dataclass(frozen=True)
class Stage:
    """What a phase or a program shows.

    Attributes:
        title: of its section.
        headline: the one line that is printed and stands first, with the accuracy or its like.
        paragraphs: what was done, before the figures.
        figures: pictures and texts, in the order of reading.
        numbers: name -> value with its unit, for the row of numbers.
        next_step: the command that a reader should type now.
    """

    title: str
    headline: str
    paragraphs: list[str]
    figures: list[Figure | Quote]
    numbers: dict[str, str]
    next_step: str


def write_page(path: Path, template: str, **values: Any) -> Path:
    """Fill a template of shared/templates and write the page.

    Args:
        path: of the page; its folder is made.
        template: file name without `.html.j2`.
        values: what the template asks for, besides `machine`, `python` and `date`.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = templates.get_template(f"{template}.html.j2").render(
        machine=machine.facts(),
        python=platform.python_version(),
        date=time.strftime("%Y-%m-%d %H:%M"),
        **values,
    )
    write_text(path, text)
    return path
