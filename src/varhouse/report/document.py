"""The document around the sections of a page: one HTML file that loads and runs nothing."""

from collections.abc import Sequence
from html import escape

from varhouse import __version__
from varhouse.report.style import style_sheet

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def make_document(
    title: str, heading: str, badge: str, lead: str, sections: Sequence[tuple[str, str, str]]
) -> str:
    """Make an HTML document of sections; those without text are left out.

    Parameters
    ----------
    title, heading, badge
        The window's title, the first line, and what stands beside it: plain texts.
    lead
        HTML between the first line and the sections.
    sections
        Name (unique in the page), heading and HTML of each.
    """
    kept = [s for s in sections if s[2]]
    links = "".join(f'<a href="#{name}">{escape(head)}</a>' for name, head, _ in kept)
    body = "".join(
        f'<section id="{name}"><h2>{escape(head)}</h2>{text}</section>'
        for name, head, text in kept
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{escape(title)}</title>"
        f"<style>{style_sheet()}</style></head><body><header>"
        f'<h1>{escape(heading)}<span class="badge">{escape(badge)}</span></h1>{lead}'
        f'<nav aria-label="sections">{links}</nav></header><main>{body}</main>'
        f"<footer>Made by varhouse {escape(__version__)}. This page loads nothing from "
        "outside and runs no script.</footer></body></html>\n"
    )
