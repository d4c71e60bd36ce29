"""The sources of an annotation: what a caller says of them becomes compiled sources."""

import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from varhouse.cache import cached_folder
from varhouse.errors import ConfigError, InputError, UsageError
from varhouse.genome.reference import Reference
from varhouse.ingest.setup.config_form import dates_as_text, source_problems
from varhouse.sources import (
    COMPILER,
    CompiledSource,
    Normalise,
    SourceSpec,
    Target,
    compile_source,
    read_spec,
    source_faults,
    source_files,
)
from varhouse.sources.spec import format_of
from varhouse.vcf.fields.info_spans import InfoSpans
from varhouse.yamltext import read_yaml

Entry = Mapping[str, Any]
Sources = Mapping[str, str | Path | Entry] | Iterable[Entry]
"""Name of a source to its file or its entry, or entries with their names: an entry is what
stands under `sources` in the configuration of an ingest."""


def read_entries(path: Path) -> list[Entry]:
    """Read the list `sources` of a configuration; paths are taken from its folder.

    Raises
    ------
    InputError, ConfigError
        If there is no such list, or an entry is of another form.
    """
    try:
        said = dates_as_text(read_yaml(path)["sources"])
        if wrong := source_problems(said):
            raise ConfigError(wrong)
        folder = path.resolve().parent
        return [_with_paths(e, folder) for e in said if e["name"]]
    except (OSError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: no list `sources` of entries with name and path ({error})"
        ) from error


def _with_paths(entry: Entry, folder: Path) -> Entry:
    paths = {k: folder / str(entry[k]) for k in ("path", "merged") if entry.get(k)}
    return {**entry, **paths}


def list_entries(sources: Sources | None) -> list[Entry]:
    """Give the entries of sources, however they are said."""
    if sources is None:
        return []
    if not isinstance(sources, Mapping):
        return list(sources)
    return [
        file_entry(name, said) if isinstance(said, (str, Path)) else {**said, "name": name}
        for name, said in sources.items()
    ]


def file_entry(name: str, file: str | Path) -> Entry:
    """Make the entry of a source of which only the file is known: it is joined by allele.

    A BED is joined by what overlaps.

    Raises
    ------
    UsageError
        If the name is none.
    """
    if not name.isidentifier():
        raise UsageError(f"{name!r} is no name of a source", "use letters, digits and _")
    form = format_of(Path(file)) or "vcf"
    kind = "overlap" if form == "bed" else "allele"
    return {"name": name, "path": file, "kind": kind, "format": form}


def read_specs(entries: Iterable[Entry]) -> list[SourceSpec]:
    """Read entries; every mistake in them is told at once.

    Relative paths are taken from the working folder.

    Raises
    ------
    InputError
        If a file is not there.
    ConfigError
        For mistakes in the entries.
    """
    specs: dict[str, SourceSpec] = {}
    problems: list[str] = []
    for entry in entries:
        if not isinstance(entry, Mapping) or not entry.get("name"):
            problems.append(f"a source without a name: {entry!r}")
            continue
        name, path = str(entry["name"]), Path(str(entry.get("path", "")))
        if name in specs:
            problems.append(f"source {name!r} stands twice")
        if not path.is_file():
            raise InputError(f"{path}: no such file", "check the path")
        spec, found = read_spec(entry, Path())
        problems += found or source_faults(spec)
        specs[name] = spec
    if problems:
        raise ConfigError(problems)
    return list(specs.values())


def compile_sources(
    specs: list[SourceSpec], reference: Reference, normalise: Normalise, stack: ExitStack
) -> list[CompiledSource]:
    """Compile sources: into the cache, or a temporary folder that goes with the stack."""
    if not specs:
        return []
    temporary = Path(
        stack.enter_context(tempfile.TemporaryDirectory(prefix="varhouse-sources-"))
    )
    target = Target(reference.contigs, None, reference, not reference.has_aliases)
    contigs = reference.contigs.contigs
    found = []
    for spec in specs:
        files = source_files(spec)
        kept = cached_folder(
            f"source-{spec.name}", files, COMPILER, spec, reference.digest, contigs
        )
        folder = kept or temporary / spec.name
        compile_source(spec, target, folder, normalise, read_lines=InfoSpans)
        found.append(CompiledSource(folder, spec))
    return found
