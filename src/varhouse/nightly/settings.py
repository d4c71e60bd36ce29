"""What the section `nightly` of a configuration says, checked before anything is done."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from varhouse.errors import ConfigError
from varhouse.ingest.setup.config_form import check_form, read_keys, spread_assembly
from varhouse.nightly.inbox import mark_problem


@dataclass(frozen=True)
class Lift:
    """What lifts deliveries of another assembly over."""

    chain: Path
    source_reference: Path | None = None


@dataclass(frozen=True)
class Settings:
    """Where deliveries come from and go to; all paths are absolute.

    Attributes
    ----------
    raw
        The configuration of the ingest: all but `nightly` and `store`.
    base
        Folder that its relative paths are taken from.
    inbox
        Holds a folder for each delivery.
    folder
        Holds what was taken, accounts and the log; nobody else writes there.
    ready
        Name of the mark that is written into a delivery last.
    unfinished_days
        From so many days without a mark, a delivery is a fault.
    keep_days
        So many days the data of replaced, closed and duplicate deliveries are kept.
    verify
        So many stretches of a new release are compared with its sources; None: none.
    chains
        Assembly of deliveries to what lifts them over.
    """

    store: Path
    raw: dict[str, Any]
    base: Path
    inbox: Path
    folder: Path
    ready: str = "READY"
    unfinished_days: float = 3.0
    keep_days: float = 30.0
    verify: int | None = None
    chains: dict[str, Lift] = field(default_factory=dict)

    @property
    def assembly(self) -> str:
        """Name of the store's assembly; empty where the configuration names none."""
        said = spread_assembly(self.raw)[0].get("assembly")
        return str(said.get("name") or "") if isinstance(said, dict) else ""


def read_settings(path: Path) -> Settings:
    """Read the configuration of the nights.

    Raises
    ------
    ConfigError
        With every mistake of its form; what an ingest finds besides, it finds later.
    """
    raw, base = read_keys(path), path.resolve().parent
    problems = _form_problems(raw)
    if problems:
        raise ConfigError(problems)
    said = raw["nightly"]
    rest = {k: v for k, v in raw.items() if k not in ("nightly", "store")}
    chains = {
        name: Lift(
            base / lift["chain"],
            base / lift["source_reference"] if "source_reference" in lift else None,
        )
        for name, lift in (said.get("chains") or {}).items()
    }
    keys = ("ready", "unfinished_days", "keep_days", "verify")
    given = {k: said[k] for k in keys if k in said}
    settings = Settings(
        (base / raw["store"]).resolve(),
        rest,
        base,
        (base / said["inbox"]).resolve(),
        (base / said["folder"]).resolve(),
        **given,
        chains=chains,
    )
    if problems := _path_problems(settings):
        raise ConfigError(problems)
    return settings


def _form_problems(raw: dict[str, Any]) -> list[str]:
    """Say what of the form keeps a night from beginning."""
    # An ingest alone needs a cohort sheet; here deliveries make it.
    problems = check_form({"cohorts": "", **raw}).problems
    problems += [] if raw.get("store") else ["store: say which (store: DIR)"]
    if not raw.get("nightly"):
        problems.append(
            "nightly: say where deliveries lie (nightly: {inbox: DIR, folder: DIR})"
        )
    return problems


def _path_problems(settings: Settings) -> list[str]:
    problems = []
    if not settings.inbox.is_dir():
        problems.append(f"nightly.inbox: no such folder: {settings.inbox}")
    if settings.folder.exists() and not settings.folder.is_dir():
        problems.append(f"nightly.folder: not a folder: {settings.folder}")
    for key in ("unfinished_days", "keep_days"):
        # YAML has a .nan, which is neither less nor more than any limit.
        if math.isnan(getattr(settings, key)):
            problems.append(f"nightly.{key}: not a number of days")
    if problem := mark_problem(settings.ready):
        problems.append(f"nightly.ready: {problem}; fix: another name, as READY")
    # Cohort sheets separate files by commas and pass over blanks at the ends of a path.
    text = str(settings.folder)
    if "," in text or text != text.strip() or not text.isprintable():
        problems.append(
            f"nightly.folder: {text!r} holds a comma, or letters that cannot be shown; fix: "
            "name another folder"
        )
    places = {
        "nightly.inbox": settings.inbox,
        "nightly.folder": settings.folder,
        "store": settings.store,
    }
    names = list(places)
    for k, a in enumerate(names):
        for b in names[k + 1 :]:
            inner, outer = sorted((places[a], places[b]), key=lambda p: -len(p.parts))
            if inner.is_relative_to(outer):
                problems.append(
                    f"{a} and {b}: {inner} lies in {outer}; fix: name folders side by side"
                )
    for name, lift in settings.chains.items():
        for key, file in (("chain", lift.chain), ("source_reference", lift.source_reference)):
            if file is not None and not file.is_file():
                problems.append(f"nightly.chains.{name}.{key}: no such file: {file}")
    return problems
