"""Lists that rules ask for by name, so that each stands in one file.

A condition says `in: {list: common_diseases}`. It is put in when a book is read, before its
digest is made: a list that changes makes another book of it.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from varhouse.yamltext import read_yaml

PEDIGREES = Path(__file__).resolve().parents[1] / "data" / "governance" / "pedigrees.yaml"
"""Definitions of important families, and common diseases that are outside."""


def disease_names(entry: Mapping[str, Any]) -> list[str]:
    """Give all names of a common disease, an entry of `excluded`.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it does not have that form.
    """
    names, others = entry["names"], entry.get("synonyms") or []
    if not isinstance(others, list):
        raise ValueError("synonyms: must be a list")
    return [str(n) for n in (names["en"], names["zh"], *others)]


@cache
def common_diseases() -> tuple[str, ...]:
    """Give the names of all common diseases that are outside."""
    return tuple(n for entry in read_yaml(PEDIGREES)["excluded"] for n in disease_names(entry))


LISTS = {"common_diseases": common_diseases}
"""Name to what gives the list."""


def with_lists(value: Any) -> Any:
    """Put the lists in place of their names, in anything that YAML holds.

    A name that is not known stays, for who checks conditions.
    """
    if isinstance(value, list):
        return [with_lists(v) for v in value]
    if not isinstance(value, dict):
        return value
    name = value.get("list")
    if len(value) == 1 and isinstance(name, str) and name in LISTS:
        return list(LISTS[name]())
    return {k: with_lists(v) for k, v in value.items()}
