"""A slow reader of HTML pages: nesting, text, attributes and what their links save."""

import csv
import io
from collections import Counter
from html.parser import HTMLParser
from urllib.parse import unquote

VOID = {"meta", "br", "link", "img", "input", "hr"}


class PageReader(HTMLParser):
    """Checks nesting; collects text, attributes and downloads."""

    prefix = ""
    """What the names of saved files begin with."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, k, v or "") for k, v in attrs]
        self.ids += [v for k, v in attrs if k == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return "\n".join(self.words)

    def data(self, name: str) -> list[dict[str, str]]:
        """Read the CSV that the link of a plot saves."""
        link = next(
            i
            for i, (_, k, v) in enumerate(self.attributes)
            if k == "download" and v == f"{self.prefix}{name}.csv"
        )
        href = self.attributes[link + 1][2]
        text = unquote(href.removeprefix("data:text/csv;charset=utf-8,"))
        return list(csv.DictReader(io.StringIO(text)))

    def check_alone(self) -> None:
        """Check that the page is whole, runs no script and loads nothing."""
        assert self.open == []
        assert len(set(self.ids)) == len(self.ids)
        for tag in ("script", "iframe", "img", "link", "object", "base", "form"):
            assert self.tags[tag] == 0, tag
        for tag, name, value in self.attributes:
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href"):
                assert value.startswith(("#", "data:text/csv")), value
