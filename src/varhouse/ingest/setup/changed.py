"""Which cohorts of a configuration are new or changed since the base release.

By fingerprints (`fingerprints.py`): a digest of what decides the rows of a cohort. Bytes
of files are read only where stamps say that they may be others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from varhouse.filestate import file_digest, read_as_recorded
from varhouse.genome.reference import cached_reference
from varhouse.ingest.setup.fingerprints import (
    SheetRows,
    cohort_fingerprint,
    counted_columns,
    file_fingerprint,
    said_digest,
    stored_people,
    wanted_fingerprint,
)
from varhouse.ingest.setup.growing import Growth, as_they_were, count_files, plan_growth
from varhouse.ingest.setup.held import flags_basis, held_fingerprint, known_held
from varhouse.ingest.setup.kits import bed_digests
from varhouse.ingest.setup.known_files import KnownFiles
from varhouse.ingest.setup.permits import Permits
from varhouse.ingest.setup.run import RunCohort
from varhouse.ingest.setup.settings import text_digest
from varhouse.store.reader import Store
from varhouse.tables.schema import FORMAT_VERSION

if TYPE_CHECKING:
    from varhouse.ingest.setup.config import Cohort, Config


def changed_cohorts(
    config: "Config",
    base: Store,
    reference: str,
    par: str,
    digests: KnownFiles,
    permits: Permits | None = None,
) -> tuple[list[RunCohort], list[str], list[dict[str, Any]]]:
    """Sort the cohorts: those to take in, those that are in, those held back as before."""
    known, refused = _known(base), known_held(base)
    stamps_of, people_of = _stamps(base), stored_people(base)
    aliases = recorded_text(config.aliases, digests, config)
    cohorts: list[RunCohort] = []
    unchanged: list[str] = []
    held: list[dict[str, Any]] = []
    for cohort in config.cohorts:
        settings = settings_digest(config, cohort, reference, aliases, par, digests)
        wanted = _Wanted.of(config, cohort, settings)
        basis = permits.state(cohort.name, cohort.metadata) if permits else ""
        row, before = known.get(cohort.name), refused.get(cohort.name)
        growth: Growth | None = None
        if row is not None or before is not None:
            stamps = {**stamps_of.get(cohort.name, {}), **(before["stamps"] if before else {})}
            found = _bytes_of(stamps, wanted.files, digests)
            names = people_of.get(cohort.name, {})
            prints = wanted.fingerprints(found, names)
            whole = [f for f in prints if f is not None]
            if len(whole) == len(prints):
                if row == wanted.as_stored(whole, found, names):
                    unchanged.append(cohort.name)
                    continue
                growth = as_they_were(base, cohort.name, whole)
            if growth is None and row and cohort.chain is None and not cohort.kits:
                growth = plan_growth(base, cohort.name, wanted.files, prints, config.limits)
            now = wanted_fingerprint(settings, wanted.said, found)
            flags = flags_basis(config.policy, config.people)
            held_for = held_fingerprint(
                now, config.limits, config.policy.withdrawn, basis, flags
            )
            if before and before["fingerprint"] == held_for:
                held.append(_still_held(base, cohort.name, before["reasons"]))
                continue
        if growth is None:
            growth = Growth(wanted.files, list(range(len(wanted.files))), [], [])
        source = _compiled_source(base, cohort, digests)
        taken = wanted.to_take_in(growth, source, is_stored=row is not None)
        taken.permits = basis
        cohorts.append(taken)
    return cohorts, unchanged, held


@dataclass(frozen=True)
class _Wanted:
    """What the configuration says of a cohort; `files` are sorted by name.

    `counted` are the columns of the sheet that counts follow from, `sheet` all; `said` is
    the digest of what the sheets say.
    """

    cohort: "Cohort"
    settings: str
    files: list[str]
    counted: SheetRows
    sheet: SheetRows
    said: str

    @classmethod
    def of(cls, config: "Config", cohort: "Cohort", settings: str) -> "_Wanted":
        files = sorted(cohort.files, key=lambda f: (Path(f).name, f))
        rows = config.samples_of(cohort.name)
        counted = SheetRows(rows, counted_columns(config.strata, kits=bool(cohort.kits)))
        sheet = SheetRows(rows)
        said = said_digest(cohort.metadata, sheet.digest())
        return cls(cohort, settings, files, counted, sheet, said)

    def fingerprints(
        self, found: list[str], names: Mapping[str, Sequence[str]]
    ) -> list[str | None]:
        """Give the fingerprint of each file; None of one that no release has.

        Parameters
        ----------
        found
            SHA-256 of each.
        names
            The people of files of the base release, by SHA-256.
        """
        return [
            file_fingerprint(self.settings, f, s, self.counted.digest(names[s]))
            if s in names
            else None
            for f, s in zip(self.files, found, strict=True)
        ]

    def as_stored(
        self, fingerprints: list[str], found: list[str], names: Mapping[str, Sequence[str]]
    ) -> str:
        """Give the fingerprint that the cohort has in a store if nothing differs."""
        people = sorted({n for s in found for n in names[s]})
        of_these = said_digest(self.cohort.metadata, self.sheet.digest(people))
        return cohort_fingerprint(self.settings, fingerprints, of_these)

    def to_take_in(self, growth: Growth, source: str | None, *, is_stored: bool) -> RunCohort:
        """Make what the run is told of it; `source` is its own compiled reference."""
        cohort = self.cohort
        return RunCohort(
            cohort.name,
            growth.came,
            cohort.metadata,
            self.settings,
            self.said,
            is_stored and not growth.kept,
            growth.numbers,
            growth.kept,
            growth.gone,
            [],
            cohort.assembly,
            str(cohort.chain) if cohort.chain else None,
            source,
            cohort.kits,
            growth.per_person,
        )


def _still_held(base: Store, cohort: str, reasons: list[str]) -> dict[str, Any]:
    """Say of a cohort that it is held back as before, for the account."""
    return {
        "cohort": cohort,
        "reasons": reasons,
        "notes": [],
        "before": True,
        "stays": count_files(base, cohort),
    }


def _compiled_source(base: Store, cohort: "Cohort", digests: KnownFiles) -> str | None:
    """Compile the reference of a cohort of another assembly."""
    if cohort.source_reference is None:
        return None
    cache = base.path / "_cache"
    return str(cached_reference(cohort.source_reference, cache, digests.told))


def _stamp(file: str) -> tuple[str, int, int]:
    stat = Path(file).stat()
    return file, stat.st_size, stat.st_mtime_ns


def recorded_text(path: Path | None, digests: KnownFiles, config: "Config") -> str:
    """Read a small text whose digest the run records; empty without a file."""
    if path is None:
        return ""
    wanted = {str(path): digests.sha256(path), **config.inputs}
    with read_as_recorded([path], wanted):
        return path.read_text(encoding="utf-8-sig")


def settings_digest(
    config: "Config",
    cohort: "Cohort",
    reference: str,
    aliases: str,
    par: str,
    digests: KnownFiles,
) -> str:
    """Digest what decides the rows of a cohort beside its files and what the sheets say."""
    lift: list[object] = []
    if cohort.chain is not None:
        named = (cohort.chain, cohort.source_reference)
        lift = [cohort.assembly, *(digests.sha256(p) if p else None for p in named)]
    return text_digest(
        FORMAT_VERSION,
        reference,
        aliases,
        par,
        sorted(config.strata),
        config.policy.of_rows(),
        config.callable.gq,
        config.callable.dp,
        config.genotype_fields,
        *lift,
        *bed_digests(cohort.kits, config.kits),
    )


def _known(base: Store) -> dict[str, str]:
    if "cohorts" not in base.tables:
        return {}
    rows = base.scan("cohorts").select("cohort", "fingerprint").collect().rows()
    return dict(rows)


def _stamps(base: Store) -> dict[str, dict[tuple[str, int, int], str]]:
    """SHA-256 of each cohort's files by (path, bytes, modification time), as they went in."""
    if "files" not in base.tables:
        return {}
    columns = ("cohort", "path", "bytes", "mtime_ns", "sha256")
    out: dict[str, dict[tuple[str, int, int], str]] = {}
    for cohort, path, size, time, sha in base.scan("files").select(columns).collect().rows():
        out.setdefault(cohort, {})[path, size, time] = sha
    return out


def _bytes_of(
    stamps: dict[tuple[str, int, int], str], files: list[str], digests: KnownFiles
) -> list[str]:
    """SHA-256 of files as they lie there now; bytes are read only if stamps differ."""
    found = []
    for file in files:
        known = None if digests.is_other(Path(file)) else stamps.get(_stamp(file))
        found.append(_sha256(Path(file)) if known is None else known)
    return found


def _sha256(path: Path) -> str:
    """SHA-256 of a file's bytes; empty, as in its verdict, where none can be read."""
    if not path.is_file():
        return ""
    try:
        return file_digest(path)
    except OSError:
        return ""
