"""The document around the sections of a page: one HTML file that loads nothing.

It runs no script but one that is handed in, which the page's policy names by its hash.
"""

import base64
import hashlib
from collections.abc import Sequence
from html import escape

from varhouse import __version__
from varhouse.report.style import style_sheet

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def make_document(
    title: str,
    heading: str,
    badge: str,
    lead: str,
    sections: Sequence[tuple[str, str, str]],
    *,
    style: str = "",
    script: str = "",
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
    style
        Rules of CSS behind those of all pages.
    script
        JavaScript that runs when the page is there; all must be readable without.
    """
    policy, does, code = _POLICY, "runs no script", ""
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        policy += f"; script-src 'sha256-{digest}'"
        does = "its script only sorts and filters tables"
        code = f"<script>{script}</script>"
    kept = [s for s in sections if s[2]]
    links = "".join(f'<a href="#{name}">{escape(head)}</a>' for name, head, _ in kept)
    body = "".join(
        f'<section id="{name}"><h2>{escape(head)}</h2>{text}</section>'
        for name, head, text in kept
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{escape(title)}</title>"
        f"<style>{style_sheet()}{style}</style></head><body><header>"
        f'<h1>{escape(heading)}<span class="badge">{escape(badge)}</span></h1>{lead}'
        f'<nav aria-label="sections">{links}</nav></header><main>{body}</main>'
        f"<footer>Made by varhouse {escape(__version__)}. This page loads nothing from "
        f"outside and {does}.</footer>{code}</body></html>\n"
    )
