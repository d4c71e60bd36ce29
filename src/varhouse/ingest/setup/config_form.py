"""The form of a configuration: what its schema refuses, and what can be read all the same.

The parts that are well formed are checked further, so that all mistakes are told at once.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from varhouse.errors import ConfigError, InputError, nearest
from varhouse.yamltext import read_yaml

DATA = Path(__file__).resolve().parents[2] / "data"
_COLUMN_KEYS = ("kind", "format", "preset", "fields", "columns", "entries")
_MAPPINGS = ("assembly", "policy", "limits", "callable", "people", "nightly", "calling")


@dataclass
class Form:
    """A configuration without what its schema refuses.

    Attributes
    ----------
    said
        What is left of it.
    problems
        What is refused, one line each.
    unclear
        Names of sources of which too much is refused to look into their files.
    """

    said: dict[str, Any]
    problems: list[str] = field(default_factory=list)
    unclear: set[str] = field(default_factory=set)


def check_form(raw: dict[str, Any], *, has_sheets: bool = True) -> Form:
    """Check a configuration against its schema, and take out what that refuses.

    Parameters
    ----------
    has_sheets
        False: cohorts and assembly may be told by files alone.
    """
    form = Form(deepcopy(raw))
    schema = _schema()
    if not has_sheets:
        schema = {**schema, "required": []}
        del schema["properties"]["assembly"]["required"]
    for error in _errors(raw, schema):
        form.problems += _lines(error)
        _take_out(error, form)
    sources = form.said.get("sources")
    if isinstance(sources, list):
        whole = [e for e in sources if isinstance(e, dict) and {"name", "path"} <= e.keys()]
        form.said["sources"] = whole
    return form


def spread_assembly(raw: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Give a configuration whose `assembly` is a mapping with its `reference`, and mistakes.

    `assembly: NAME` with the key `reference` beside it is short for both in one mapping.
    """
    assembly, problems = raw.get("assembly", {} if "reference" in raw else None), []
    if isinstance(assembly, str):
        assembly = {"name": assembly}
    if not isinstance(assembly, dict):
        return raw, []
    if "reference" in raw:
        if "reference" in assembly:
            problems.append(
                "reference: assembly.reference names a FASTA, too "
                f"({raw['reference']} and {assembly['reference']}); fix: name it once"
            )
        assembly = {"reference": raw["reference"], **assembly}
    if "reference" not in assembly:
        problems.append(
            "reference: no FASTA is named; fix: reference: FASTA beside assembly, or "
            "reference in it"
        )
    said = {k: v for k, v in raw.items() if k != "reference"}
    return {**said, "assembly": assembly}, problems


def _take_out(error: jsonschema.ValidationError, form: Form) -> None:
    """Take out what an error is about: unknown keys, a source's key, or a key of the top."""
    place, unknown = list(error.path), _unknown_keys(error)
    in_source = place[:1] == ["sources"] and len(place) > 1
    if in_source and (not unknown or any(map(_is_near, unknown))):
        form.unclear.add(str(_at(form.said, place[:2]).get("name")))
    if unknown:
        holder, keys = _at(form.said, place), unknown
    elif in_source:
        holder, keys = _at(form.said, place[:2]), place[2:3]
    elif place and place[0] in _MAPPINGS and (len(place) > 1 or error.validator == "required"):
        holder, keys = _at(form.said, place[:1]), place[1:2]
    else:
        holder, keys = form.said, place[:1]
    for key in keys:
        holder.pop(key, None)


def _is_near(key: object) -> bool:
    """Tell a misspelt key without which the columns of a source cannot be judged."""
    return bool(get_close_matches(str(key), _COLUMN_KEYS, 1, 0.7))


def _at(said: Any, place: list[Any]) -> dict[Any, Any]:
    """Give the mapping at a place; an empty one where there is none, or no longer."""
    for step in place:
        try:
            said = said[step]
        except (KeyError, IndexError, TypeError):
            return {}
    return said if isinstance(said, dict) else {}


def source_problems(entries: list[Any]) -> list[str]:
    """Check the form of entries of `sources`; one line for each mistake."""
    only = {"type": "object", "properties": {"sources": _schema()["properties"]["sources"]}}
    return [text for e in _errors({"sources": entries}, only) for text in _lines(e)]


def form_problems(raw: Any, schema: str) -> list[str]:
    """Check what a YAML file says against a schema of ours; one line for each mistake.

    Parameters
    ----------
    schema
        Its name: `delivery` for `delivery.schema.yaml`.
    """
    return [text for e in _errors(raw, _schema(schema)) for text in _lines(e)]


def read_keys(path: Path) -> dict[str, Any]:
    """Read the keys of a configuration, dates as they are written.

    Raises
    ------
    ConfigError
        If there is no such file, or it is no YAML mapping.
    """
    try:
        raw = read_yaml(path)
    except FileNotFoundError as error:
        raise ConfigError([f"no such file: {path}"]) from error
    except InputError as error:
        raise ConfigError([str(error)]) from error
    if not isinstance(raw, dict):
        raise ConfigError([f"{path}: not a YAML mapping of keys"])
    keys: dict[str, Any] = dates_as_text(raw)
    return keys


def dates_as_text(value: Any) -> Any:
    """Give what YAML takes for a date as it was written: `version: 2026-11-01`."""
    if isinstance(value, dict):
        return {k: dates_as_text(v) for k, v in value.items()}
    if isinstance(value, list):
        return [dates_as_text(v) for v in value]
    return str(value) if isinstance(value, date) else value


def _schema(name: str = "config") -> Any:
    # In C where PyYAML has it: a tenth of a second of every ingest otherwise.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = (DATA / f"workflow/schemas/{name}.schema.yaml").read_text()
    return yaml.load(text, Loader=loader)


def _errors(raw: dict[str, Any], schema: Any) -> list[jsonschema.ValidationError]:
    validator = jsonschema.Draft202012Validator(schema)
    return sorted(validator.iter_errors(raw), key=lambda e: list(map(str, e.path)))


def _known_keys(error: jsonschema.ValidationError) -> list[str]:
    schema: Any = error.schema
    return list(schema.get("properties", {}))


def _unknown_keys(error: jsonschema.ValidationError) -> list[Any]:
    if error.validator != "additionalProperties" or not isinstance(error.instance, dict):
        return []
    known = _known_keys(error)
    return sorted((k for k in error.instance if str(k) not in known), key=str)


def _lines(error: jsonschema.ValidationError) -> Iterator[str]:
    """Say an error of the schema, one line for each unknown key."""
    place = ".".join(str(p) for p in error.path)
    unknown = _unknown_keys(error)
    for key in unknown:
        where = f"{place}.{key}" if place else str(key)
        yield f"unknown key {where!r}{nearest(str(key), _known_keys(error))}"
    if not unknown and error.validator == "required":
        yield f"{place + ': ' if place else ''}{error.message}"
    elif not unknown:
        said, schema = error.message, error.schema
        if error.validator == "oneOf" and isinstance(schema, dict) and "forms" in schema:
            # Else it would only say that it fits none of several forms.
            said = f"{error.instance!r} is none of these: {schema['forms']}"
        yield f"{place}: {said}" if place else said
