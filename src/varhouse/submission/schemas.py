"""The schemas of packs: what each archive asks, and what is wrong with what we have.

A schema (`data/governance/schemas/`, JSON Schema 2020-12) says of each field what it is called
(`title`, `x-zh`), where its value comes from (`x-from`), and how sure that is (`x-certainty`).
Two keys of our own: `x-max-words`, and `x-max-years` after the day of the pack. Messages and
the table of fields in the documents follow from it: a field that is added there is asked for.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT7

from varhouse.errors import InputError
from varhouse.language import CHINESE, language
from varhouse.submission.texts import CHECK

TARGETS = ("gvm", "cnsa", "eva")
FOLDER = Path(__file__).resolve().parents[1] / "data" / "governance" / "schemas"


@dataclass(frozen=True)
class Field:
    """A field of a pack.

    Attributes
    ----------
    module, name
        Keys in the JSON.
    sources
        Where its value comes from, the first that has one.
    """

    module: str
    name: str
    title: str
    zh: str
    is_required: bool
    sources: tuple[str, ...]
    certainty: str

    @property
    def heading(self) -> str:
        """Name it in the reader's language."""
        return self.zh if language() == CHINESE else self.title


@cache
def schema_of(target: str) -> dict[str, Any]:
    """Read the schema of a target."""
    found: dict[str, Any] = json.loads((FOLDER / f"{target}.json").read_text("utf-8"))
    return found


def module_schema(target: str, module: str) -> dict[str, Any]:
    """Give the schema of an entry of a module."""
    found: dict[str, Any] = schema_of(target)["properties"][module]
    return dict(found["items"]) if found["type"] == "array" else found


@cache
def fields_of(target: str) -> tuple[Field, ...]:
    """List the fields of a target, in the order of the schema."""
    out = []
    for module in schema_of(target)["properties"]:
        of = module_schema(target, module)
        needed = set(of["required"])
        for name, field in of["properties"].items():
            out.append(
                Field(
                    module,
                    name,
                    field["title"],
                    field["x-zh"],
                    name in needed,
                    tuple(field["x-from"]),
                    field["x-certainty"],
                )
            )
    return tuple(out)


def field_of(target: str, module: str, name: str) -> Field | None:
    """Find a field."""
    return next((f for f in fields_of(target) if (f.module, f.name) == (module, name)), None)


def check(target: str, data: Mapping[str, Any], on: date) -> list[str]:
    """Say all that is wrong with the modules of a pack, each with where to enter it.

    What is wrong with many entries of a module in the same way is said once, with the number.
    """
    validator = jsonschema.Draft202012Validator(
        schema_of(target), format_checker=jsonschema.FormatChecker(["date"])
    )
    found: dict[tuple[str, str, str], list[int]] = {}
    for error in validator.iter_errors(data):
        for module, name, what in _told(error):
            row = next((p for p in error.absolute_path if isinstance(p, int)), -1)
            found.setdefault((module, name, what), []).append(row)
    for module, name, what in _own_checks(target, data, on):
        found.setdefault((module, name, what), []).append(-1)
    return [_say(target, key, rows) for key, rows in found.items()]


def _told(error: jsonschema.ValidationError) -> Iterator[tuple[str, str, str]]:
    """Say of an error which module and field it is about, and what is wrong."""
    path = [p for p in error.absolute_path if not isinstance(p, int)]
    module, name = [*map(str, path), "", ""][:2]
    if error.validator == "required" and isinstance(error.instance, dict):
        asked: list[str] = list(error.validator_value)  # type: ignore[arg-type]
        lacking = [k for k in asked if k not in error.instance]
        # jsonschema says each field by itself.
        said = next((k for k in lacking if f"'{k}'" in error.message), "")
        yield module, name or said, CHECK["missing"].say()
    elif error.validator == "oneOf":
        yield module, name, CHECK["one_of"].say()
    elif error.validator == "minItems":
        yield module, name, CHECK["missing"].say()
    else:
        values = {"value": str(error.instance)[:60]}
        allowed = error.validator_value
        if error.validator == "enum":
            allowed = ", ".join(map(str, allowed))  # type: ignore[arg-type]
        yield module, name, CHECK["value"].say(**values, allowed=str(allowed)[:200])


def _own_checks(
    target: str, data: Mapping[str, Any], on: date
) -> Iterator[tuple[str, str, str]]:
    for module in schema_of(target)["properties"]:
        entries = data.get(module)
        for entry in entries if isinstance(entries, list) else [entries]:
            for name, field in module_schema(target, module)["properties"].items():
                value = entry.get(name) if isinstance(entry, dict) else None
                if not isinstance(value, str):
                    continue
                most = field.get("x-max-words")
                if most and (n := count_words(value)) > most:
                    yield module, name, CHECK["words"].say(n=n, most=most)
                years = field.get("x-max-years")
                if years and (end := _as_date(value)) and end > years_after(on, years):
                    yield module, name, CHECK["years"].say(value=value, years=years)


def count_words(text: str) -> int:
    """Count words; each Chinese character is one."""
    spaced = "".join(f" {c} " if "\u4e00" <= c <= "\u9fff" else c for c in text)
    return len([w for w in spaced.split() if any(c.isalnum() for c in w)])


def _as_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def years_after(day: date, years: int) -> date:
    """Give the same day some years later; of 29 February the 28th."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def _say(target: str, key: tuple[str, str, str], rows: Sequence[int]) -> str:
    module, name, what = key
    field = field_of(target, module, name)
    title = field.heading if field else name
    where = "; ".join(source_text(s) for s in field.sources) if field else ""
    place = f"{module}.{name}" if name else module or target
    many = CHECK["rows"].say(n=len(rows)) if len(rows) > 1 else ""
    line = f"{place} ({title}): {what}{many}"
    return line + (CHECK["enter"].say(where=where) if where else "")


def source_text(source: str, code: str | None = None) -> str:
    """Say where a value comes from, in a language (default: that of the reader)."""
    kind, _, rest = source.partition(" ")
    if source.startswith("sample sheet"):
        return CHECK["from_sheet"].say(code, field=source.removeprefix("sample sheet "))
    texts = {"details": "from_details", "ledger": "from_ledger", "store": "from_store"}
    if kind not in texts:
        return CHECK["computed"].say(code)
    return CHECK[texts[kind]].say(code, field=rest)


def check_official(path: Path, data: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Ask a schema that an archive gave out, draft 7 or later.

    Other files that it names are looked for beside it; what is elsewhere is left out, and
    told.

    Returns
    -------
    tuple
        What is wrong, and the names of schemas that were not there.
    """
    try:
        official = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    absent: list[str] = []

    def retrieve(uri: str) -> Resource[Any]:
        found = json.loads((path.parent / uri.rpartition("/")[2]).read_text("utf-8"))
        return Resource.from_contents(found, default_specification=DRAFT7)

    registry: Registry[Any] = Registry(retrieve=retrieve)  # type: ignore[call-arg]
    cls = jsonschema.validators.validator_for(official)
    known = _without_absent(official, path, absent)
    try:
        errors = list(cls(known, registry=registry).iter_errors(data))
    except (Unresolvable, jsonschema.SchemaError, OSError, ValueError) as error:
        raise InputError(f"{path}: {error}") from None
    told = [
        f"{path.name}: {'/'.join(map(str, e.absolute_path))}: {e.message[:200]}"
        for e in errors
    ]
    return told, sorted(set(absent))


def _without_absent(node: Any, path: Path, absent: list[str]) -> Any:
    """Leave out references to schemas that are not beside the file, and note them."""
    if isinstance(node, list):
        return [_without_absent(n, path, absent) for n in node]
    if not isinstance(node, dict):
        return node
    ref = node.get("$ref")
    if isinstance(ref, str) and not ref.startswith("#"):
        beside = path.parent / ref.split("#")[0].rpartition("/")[2]
        if not beside.is_file():
            absent.append(ref)
            return {}
    return {k: _without_absent(v, path, absent) for k, v in node.items()}
