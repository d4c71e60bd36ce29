"""What a pack needs and no ledger holds: who submits, how the analysis was done.

A YAML file of five mappings. What it says goes before what the ledger says; what it does not
say is looked for there and in the store.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from varhouse.errors import nearest
from varhouse.submission.mistakes import MistakesError
from varhouse.submission.texts import CHECK
from varhouse.yamltext import read_yaml

KEYS: Mapping[str, tuple[str, ...]] = {
    "submitter": ("name", "last_name", "first_name", "email", "telephone", "laboratory",
                  "centre", "address"),
    "project": ("title", "description", "release_date", "publications", "scope", "parent",
                "children", "peers", "links"),
    "sample": ("organism", "tissue", "dev_stage", "type", "disease", "phenotype",
               "population"),
    "analysis": ("title", "alias", "description", "experiment_type", "reference", "platform",
                 "software", "pipeline", "imputation", "phasing", "centre", "date", "links",
                 "run_accessions"),
    "catalogue": ("name", "url", "version", "keywords"),
}  # fmt: skip
_LISTS = {"publications", "children", "peers", "links", "software", "run_accessions",
          "keywords"}  # fmt: skip
_FLAGS = {"imputation", "phasing"}
_DATES = {"release_date", "date"}


def read_details(path: Path | None) -> dict[str, dict[str, Any]]:
    """Read the file; None: it says nothing.

    Raises
    ------
    InputError
        If it is no YAML.
    MistakesError
        If it has keys that nothing asks for, or values of another kind: all of them.
    """
    if path is None:
        return {}
    said = read_yaml(path)
    if said is None:
        return {}
    problems: list[str] = []
    out: dict[str, dict[str, Any]] = {}
    if not isinstance(said, dict):
        raise MistakesError([CHECK["no_mapping"].say(key="-")], path)
    for part, values in said.items():
        if part not in KEYS:
            problems.append(CHECK["key"].say(key=part, near=nearest(str(part), KEYS)))
            continue
        if values is None:
            continue
        if not isinstance(values, dict):
            problems.append(CHECK["no_mapping"].say(key=part))
            continue
        out[part] = {}
        for key, value in values.items():
            if key not in KEYS[part]:
                near = nearest(str(key), KEYS[part])
                problems.append(CHECK["key"].say(key=f"{part}.{key}", near=near))
            elif value is not None:
                out[part][key] = _take(f"{part}.{key}", key, value, problems)
    if problems:
        raise MistakesError(problems, path)
    return out


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == 10


def _take(place: str, key: str, value: Any, problems: list[str]) -> Any:
    """Give a value the kind of its key."""
    if key in _LISTS:
        return [str(v) for v in (value if isinstance(value, list) else [value])]
    if key in _FLAGS:
        if not isinstance(value, bool):
            problems.append(CHECK["flag"].say(key=place))
        return value
    if isinstance(value, dict | list):
        problems.append(CHECK["one_value"].say(key=place))
        return ""
    if key in _DATES and not isinstance(value, date) and not _is_day(str(value)):
        problems.append(CHECK["date"].say(key=place, value=str(value)[:40]))
    return value.isoformat() if isinstance(value, date) else str(value).strip()
