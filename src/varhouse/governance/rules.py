"""Rule books: what the law and the house ask, as YAML with dates and sources.

A book is a file (or several, joined) of this form; `data/governance/rules.yaml` is ours:

    version: "2026-11-30"
    extends: builtin                  of a book of your own: ours, and what follows
    definitions:
      - name: foreign_party
        when: CONDITION               (conditions.py)
    issuers: [...]                    (who gives a kind of paper, by date)
    rules:
      - id: CN-HGR-REVIEW-500
        jurisdiction: CN
        action: share                 or ingest, or a list of both
        when: CONDITION
        needs: [NEED, ...]            papers that satisfy it; none: nothing does
        effect: security_review
        from: 2023-07-01              first day; until: last day
        status: in_force              or draft, asked only where drafts are
        replaces: [ID, ...]           of a draft: what it would take the place of
        source: {law, article, url, checked}
        certainty: memory             seen, memory, assumed
        title: {en, zh}
        text: {en, zh}

A definition may have `from`, `until` and `status`, too; a draft takes the place of that of its
name, so that one which changes a word alone changes all rules that say it.
"""

from functools import cache
from pathlib import Path

from varhouse.errors import InputError
from varhouse.governance.rulesmodel import RuleBook
from varhouse.governance.rulesread import Reader

FOLDER = Path(__file__).resolve().parents[1] / "data" / "governance"
BUILTIN = FOLDER / "rules.yaml"
"""The book that comes with the package."""


@cache
def _load(path: Path, stamp: tuple[int, int]) -> RuleBook:
    del stamp
    return Reader(path, load_rules).book()


def load_rules(path: Path | str = BUILTIN) -> RuleBook:
    """Read a book; `builtin` is the one that comes with the package.

    Raises
    ------
    ConfigError
        All its mistakes, each with file, line, rule and fix.
    InputError
        If it cannot be read, or is no YAML.
    """
    file = BUILTIN if str(path) == "builtin" else Path(path)
    if not file.is_file():
        raise InputError(f"no such file of rules: {file}", "name a file, or builtin for ours")
    state = file.stat()
    return _load(file, (state.st_mtime_ns, state.st_size))
