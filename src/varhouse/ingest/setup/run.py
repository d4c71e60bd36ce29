"""A run: everything the jobs of one ingest need, written once, read by each.

`prepare` checks the configuration and finds which cohorts are new or changed; `begin`
(`begin.py`) writes `run.json` into the work folder. The id of a run follows from what it
does and from the release it starts from, so that a killed run that is started again finds
its own work.
"""

import json
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from varhouse import __version__
from varhouse.errors import ConfigError
from varhouse.files import read_json, write_json
from varhouse.filestate import file_digest, file_state, read_as_recorded
from varhouse.frequencies.kits import Kits
from varhouse.genome.contigs import Contigs, read_aliases
from varhouse.genome.haploid import HaploidRegions
from varhouse.genome.reference import Reference, cached_reference
from varhouse.ingest.setup.fingerprints import (
    SheetRows,
    cohort_fingerprint,
    file_fingerprint,
    stored_people,
    wanted_fingerprint,
)
from varhouse.ingest.setup.growing import Growth, free_numbers, plan_growth, stored_ordinals
from varhouse.ingest.setup.headers import UNREAD, read_sample_lists
from varhouse.ingest.setup.held import held_fingerprint, known_held
from varhouse.ingest.setup.kits import KITS, bed_digests, check_beds, read_cohort_kits
from varhouse.ingest.setup.known_files import KnownFiles
from varhouse.ingest.setup.settings import (
    CallableConfig,
    Policy,
    SourceConfig,
    text_digest,
)
from varhouse.ingest.setup.sizing import Jobs
from varhouse.store.commit import contigs_frame
from varhouse.store.reader import Store, open_store
from varhouse.tables.schema import FORMAT_VERSION
from varhouse.transcripts.genemodel import MODEL_FORMAT
from varhouse.vcf.text.limits import Limits

if TYPE_CHECKING:
    from varhouse.ingest.setup.config import Cohort, Config

LOG = logging.getLogger("varhouse.ingest")

SAMPLE_LISTS = "sample-lists.parquet"
"""The sample columns of the files, in the work folder."""


@dataclass
class RunCohort:
    """A cohort that this run takes in; `files` are sorted by name.

    `settings` is the digest of all that decides its rows but its files and its people, and
    `people` that of the sheet's rows about these. `lists` are the numbers of the files' lists
    of sample columns (`headers.py`), once the run has begun. A cohort of another assembly has
    a `chain` and perhaps a compiled `source_reference`. `kits` are the kits of its people,
    each with its BED.

    `numbers` are those of the files in the cohort: 0, 1, 2, ... unless the cohort grows
    (`growing.py`). Then `files` are only those that come in, `kept` the numbers of files of
    the base release that stay as they are, and `gone` of those that go.
    """

    name: str
    files: list[str]
    metadata: dict[str, str | None]
    settings: str
    people: str
    replaces: bool
    numbers: list[int] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    lists: list[int] = field(default_factory=list)
    assembly: str | None = None
    chain: str | None = None
    source_reference: str | None = None
    kits: dict[str, str] = field(default_factory=dict)

    @property
    def grows(self) -> bool:
        """Whether files of the base release stay in the cohort as they are."""
        return bool(self.kept)


@dataclass(kw_only=True)
class Run:
    """One ingest. Paths are absolute.

    `annotate_all` says that the gene model is another than that of the base release,
    `annotate_sources` are the sources that are new or others; `genes_gone` and
    `gone_sources` tell what the configuration no longer has; `new_sides` says that any of
    this differs, if only for alleles to come. `held_before` are the cohorts (`cohort`,
    `reasons`) that were held back before, and of which nothing has changed since: they
    are not looked at again. `inputs` tells the SHA-256 of the files that jobs compile or
    read: by these digests, the run and what is kept of it go. `genotype_fields` are the
    FORMAT keys that are kept beside GT, sorted; None for all.
    """

    store: str
    work: str
    ingest_id: str
    base_release: int
    started: str
    assembly: str
    reference: str
    reference_digest: str
    aliases: str | None
    par: str | None
    genes: str | None
    genes_digest: str | None
    strata: list[str]
    sources: list[SourceConfig]
    source_digests: dict[str, str]
    policy: Policy
    config: dict[str, Any]
    cohorts: list[RunCohort]
    limits: Limits = field(default_factory=Limits)
    callable: CallableConfig = field(default_factory=CallableConfig)
    unchanged: list[str] = field(default_factory=list)
    held_before: list[dict[str, Any]] = field(default_factory=list)
    annotate_all: bool = False
    annotate_sources: list[str] = field(default_factory=list)
    genes_gone: bool = False
    gone_sources: list[str] = field(default_factory=list)
    new_sides: bool = False
    warnings: list[str] = field(default_factory=list)
    mane: str | None = None
    inputs: dict[str, str] = field(default_factory=dict)
    jobs: Jobs = field(default_factory=Jobs)
    genotype_fields: list[str] | None = None
    version: str = __version__

    def save(self) -> Path:
        """Write `run.json` into the work folder."""
        path = Path(self.work) / "run.json"
        write_json(path, asdict(self))
        return path

    @property
    def renews_sides(self) -> bool:
        """Whether the gene model or a source is another one than before, or gone."""
        changed = self.annotate_all or self.annotate_sources
        return bool(changed or self.genes_gone or self.gone_sources)

    @property
    def has_work(self) -> bool:
        """Whether anything differs from the base release."""
        return bool(self.cohorts) or self.renews_sides

    def open_contigs(self) -> Contigs:
        """Read the assembly's contigs: of the aliases table, else of the reference."""
        return self._aliases() or Reference(Path(self.reference)).contigs

    def _aliases(self) -> Contigs | None:
        if not self.aliases:
            return None
        with self.as_recorded(self.aliases):
            return read_aliases(Path(self.aliases))

    def as_recorded(self, *files: str) -> AbstractContextManager[object]:
        """Check that a block reads the bytes that the run was prepared with.

        Raises
        ------
        InputError
            When the block ends, if a file is another one.
        """
        return read_as_recorded([Path(f) for f in files], self.inputs)

    def open_reference(self) -> Reference:
        """Map the compiled reference into memory."""
        return Reference(Path(self.reference), self._aliases())

    def open_haploid(self) -> HaploidRegions:
        """Read where males have one copy."""
        contigs = self.open_contigs()
        if self.par is None:
            return HaploidRegions(contigs, None)
        with self.as_recorded(self.par):
            return HaploidRegions(contigs, Path(self.par))

    def samples(self) -> pl.DataFrame:
        """Read the sample sheet."""
        return pl.read_parquet(Path(self.work) / "samples.parquet", glob=False)

    @cached_property
    def _sheets(self) -> dict[str, pl.DataFrame]:
        """Rows of the sample sheet by cohort: thousands of files ask for those of one."""
        rows = self.samples().partition_by("cohort", as_dict=True)
        return {str(cohort): some for (cohort,), some in rows.items()}

    def samples_of(self, name: str) -> pl.DataFrame:
        """Give the rows of the sample sheet for a cohort."""
        found = self._sheets.get(name)
        return self.samples().clear() if found is None else found

    def cohort(self, name: str) -> RunCohort:
        """Find the cohort of a name."""
        return next(c for c in self.cohorts if c.name == name)

    def kits(self, name: str) -> Kits | None:
        """Read what the kits of a cohort cover; None of one without."""
        if not self.cohort(name).kits:
            return None
        return read_cohort_kits(Path(self.work) / KITS, name)

    def sample_lists(self, name: str) -> list[list[str]]:
        """List the sample columns of each file of a cohort, as they were at the start."""
        if name not in self._known_lists:
            lists = read_sample_lists(Path(self.work) / SAMPLE_LISTS, name)
            numbers = self.cohort(name).lists
            self._known_lists[name] = [lists[k] if k != UNREAD else [] for k in numbers]
        return self._known_lists[name]

    def ordinals(self, name: str) -> dict[str, int]:
        """Give the ordinals of the samples that come in with the files of a cohort.

        By first appearance through the files; in a cohort that grows, the least that none of
        those who stay has.
        """
        if name not in self._known_ordinals:
            cohort = self.cohort(name)
            came = dict.fromkeys(s for names in self.sample_lists(name) for s in names)
            stay = stored_ordinals(self.base(), name, cohort.kept) if cohort.grows else {}
            self._known_ordinals[name] = dict(
                zip(came, free_numbers(stay.values()), strict=False)
            )
        return self._known_ordinals[name]

    @cached_property
    def _known_lists(self) -> dict[str, list[list[str]]]:
        return {}

    @cached_property
    def _known_ordinals(self) -> dict[str, dict[str, int]]:
        return {}

    @property
    def genes_folder(self) -> str:
        """Where the compiled gene model is kept, for this and later ingests."""
        return str(Path(self.store) / "_cache" / f"genes-{(self.genes_digest or '')[:16]}")

    def base(self) -> Store:
        """Open the store as of the release that this run starts from."""
        return open_store(Path(self.store), self.base_release)


def load_run(path: Path) -> Run:
    """Read `run.json`."""
    data = read_json(path)
    data["policy"] = Policy(**data["policy"])
    data["limits"] = Limits(**data["limits"])
    data["callable"] = CallableConfig(**data["callable"])
    data["sources"] = [SourceConfig(**s) for s in data["sources"]]
    data["cohorts"] = [RunCohort(**c) for c in data["cohorts"]]
    data["jobs"] = Jobs(**data["jobs"])
    return Run(**data)


def compiled_reference(store: Path, fasta: Path) -> Path:
    """Compile the reference into the store's cache, once for each state of the FASTA."""
    return cached_reference(fasta, store / "_cache")


def check_reference(config: "Config", reference: Reference) -> None:
    """Check the FASTA against the aliases table.

    Raises
    ------
    ConfigError
        With every contradiction.
    """
    problems = reference.check(config.policy.partial_reference)
    if config.contigs is not None and not any(
        reference.length(c) for c in config.contigs.names
    ):
        problems.append(
            f"{reference.fasta_name}: none of its contigs ({', '.join(reference.unnamed[:3])})"
            " is in the aliases table"
        )
    if problems:
        raise ConfigError(problems)


def check_same_assembly(base: Store, assembly: str, reference: Reference) -> None:
    """Check that assembly, reference and aliases are those the store was made with.

    Names, positions and partitions of what is stored would change their meaning
    otherwise. Further contigs at the end, other aliases and accessions do no harm to
    the rows, but queries would not know them: they are refused too.

    Raises
    ------
    ConfigError
        Naming both assemblies, and the first contig that differs.
    """
    problems = []
    if base.assembly != assembly:
        problems.append(
            f"{base.path}: the store is of assembly {base.assembly}, the configuration of "
            f"{assembly}; fix: one store holds one assembly: use another store"
        )
    if (difference := _first_difference(base, reference)) is not None:
        problems.append(
            f"{base.path}: the reference or the aliases table is not the one that the store "
            f"was made with ({difference}); fix: use the same files, or make a new store"
        )
    if problems:
        raise ConfigError(problems)


def _first_difference(base: Store, reference: Reference) -> str | None:
    """Say what differs from the reference and the aliases of a store; None: nothing."""
    known = base.scan("contigs").sort("ordinal").collect()
    now = contigs_frame(reference.contigs, reference)
    digest = base.record.meta.get("reference")
    if known.equals(now.select(known.columns)) and digest in (None, reference.digest):
        return None
    both = known.join(now, on="contig", how="full", suffix="_now")
    other = both.filter(
        pl.any_horizontal(
            ~pl.col(c).eq_missing(pl.col(f"{c}_now")) for c in known.columns if c != "contig"
        )
    )
    names = other.select(pl.coalesce("contig", "contig_now")).to_series()
    return f"first difference: contig {names[0]}" if len(names) else "other bases"


def prepare(store_path: Path, config: "Config", started: str, *, rehash: bool = False) -> Run:
    """Find what an ingest has to do; only the store's cache is written to.

    Parameters
    ----------
    rehash
        Read the sources and the gene model even where their stamps say that they are as
        they were (`known_files.py`).

    Returns
    -------
    Run
        With no cohorts when everything is in the store as it is.

    Raises
    ------
    ConfigError
        For what contradicts the reference or the store.
    """
    reference_dir = compiled_reference(store_path, config.reference)
    reference = Reference(reference_dir, config.contigs)
    check_reference(config, reference)
    base = open_store(store_path)
    check_same_assembly(base, config.assembly, reference)
    problems, about_kits = check_beds(
        config.kits, reference, is_partial=config.policy.partial_reference
    )
    if problems:
        raise ConfigError(problems)
    from varhouse.sources import COMPILER  # noqa: PLC0415 - the jobs do without

    known = KnownFiles(store_path / "_cache", rehash=rehash)

    def sha256(path: str) -> str:
        return known.sha256(Path(path))

    digests = {
        s.name: text_digest(
            known.sha256(Path(s.path)), s.version, s.date, source_settings(s, sha256), COMPILER
        )
        for s in config.sources
    }
    genes = None
    if config.genes:
        pairs = [known.sha256(config.mane)] if config.mane else []
        genes = text_digest(known.sha256(config.genes), reference.digest, MODEL_FORMAT, *pairs)
    par = _recorded_text(config.par, known, config)
    cohorts, unchanged, held = _changed(config, base, reference.digest, par, known)
    known.save()
    annotation = annotation_of(base)
    old_sources = annotation.get("sources", {})
    gone = sorted(set(old_sources) - set(digests))
    genes_gone = bool(annotation.get("genes")) and genes is None
    warnings = [
        *config.warnings,
        *about_kits,
        *(f"sources: {n} is no longer there: its table goes" for n in gone),
        *(["genes: no longer there: consequences and genes go"] if genes_gone else []),
    ]
    identity = text_digest(
        base.release,
        genes,
        sorted(digests.items()),
        # The whole state: verdicts in the work folder are those of these very bytes.
        [
            (c.name, c.settings, c.people, c.kept, c.gone, [_state(f) for f in c.files])
            for c in cohorts
        ],
        config.limits,
    )
    ingest_id = f"{base.release + 1:06d}-{identity[:8]}"
    has_alleles = "variants" in base.tables
    work = store_path / "_staging" / ingest_id
    return Run(
        store=str(store_path),
        work=str(work),
        ingest_id=ingest_id,
        base_release=base.release,
        started=started,
        assembly=config.assembly,
        reference=str(reference_dir),
        reference_digest=reference.digest,
        aliases=str(config.aliases) if config.aliases else None,
        par=str(config.par) if config.par else None,
        genes=str(config.genes) if config.genes else None,
        genes_digest=genes,
        mane=str(config.mane) if config.mane else None,
        strata=config.strata,
        genotype_fields=config.genotype_fields,
        sources=config.sources,
        source_digests=digests,
        policy=config.policy,
        config=config.raw,
        limits=config.limits,
        callable=config.callable,
        cohorts=cohorts,
        unchanged=unchanged,
        held_before=held,
        annotate_all=has_alleles and genes is not None and genes != annotation.get("genes"),
        annotate_sources=[
            n for n, d in digests.items() if has_alleles and old_sources.get(n) != d
        ],
        genes_gone=genes_gone,
        gone_sources=gone,
        new_sides=(genes, digests) != (annotation.get("genes"), old_sources),
        warnings=warnings,
        inputs={**known.told, **config.inputs},
    )


def source_folder(run: Run, config: SourceConfig) -> Path:
    """Give the folder of the store's cache that holds a compiled source."""
    from varhouse.sources import COMPILER  # noqa: PLC0415 - slow to import

    aliases = Path(run.aliases).read_text(encoding="utf-8-sig") if run.aliases else ""
    key = text_digest(
        COMPILER, run.source_digests[config.name], run.reference_digest, aliases, run.assembly
    )
    return Path(run.store) / "_cache" / f"source-{config.name}-{key[:16]}"


def _changed(
    config: "Config", base: Store, reference: str, par: str, digests: KnownFiles
) -> tuple[list[RunCohort], list[str], list[dict[str, Any]]]:
    """Sort the cohorts: those to take in, those that are in, those held back as before."""
    known, refused = _known(base), known_held(base)
    stamps_of, people_of = _stamps(base), stored_people(base)
    aliases = _recorded_text(config.aliases, digests, config)
    cohorts: list[RunCohort] = []
    unchanged: list[str] = []
    held: list[dict[str, Any]] = []
    for cohort in config.cohorts:
        files = sorted(cohort.files, key=lambda f: (Path(f).name, f))
        settings = _settings(config, cohort, reference, aliases, par, digests)
        sheet = SheetRows(config.samples_of(cohort.name))
        row, before = known.get(cohort.name), refused.get(cohort.name)
        growth: Growth | None = None
        if row is not None or before is not None:
            stamps = {**stamps_of.get(cohort.name, {}), **(before["stamps"] if before else {})}
            found = _bytes_of(stamps, files, digests)
            names = people_of.get(cohort.name, {})
            prints = [
                file_fingerprint(settings, f, s, sheet.digest(names[s]))
                if s in names
                else None
                for f, s in zip(files, found, strict=True)
            ]
            whole = [f for f in prints if f is not None]
            if len(whole) == len(files) and row == cohort_fingerprint(settings, whole):
                unchanged.append(cohort.name)
                continue
            if row is not None and cohort.chain is None and not cohort.kits:
                growth = plan_growth(base, cohort.name, files, prints, config.limits)
            wanted = wanted_fingerprint(settings, sheet.digest(), found)
            if before and before["fingerprint"] == held_fingerprint(wanted, config.limits):
                held.append(
                    {
                        "cohort": cohort.name,
                        "reasons": before["reasons"],
                        "notes": [],
                        "before": True,
                        "stays": growth.before if growth else 0,
                    }
                )
                continue
        if growth is None:
            growth = Growth(files, list(range(len(files))), [], [])
        cohorts.append(
            RunCohort(
                cohort.name,
                growth.came,
                cohort.metadata,
                settings,
                sheet.digest(),
                row is not None and not growth.kept,
                growth.numbers,
                growth.kept,
                growth.gone,
                [],
                cohort.assembly,
                str(cohort.chain) if cohort.chain else None,
                _compiled_source(base, cohort, digests),
                cohort.kits,
            )
        )
    return cohorts, unchanged, held


def _compiled_source(base: Store, cohort: "Cohort", digests: KnownFiles) -> str | None:
    """Compile the reference of a cohort of another assembly."""
    if cohort.source_reference is None:
        return None
    cache = base.path / "_cache"
    return str(cached_reference(cohort.source_reference, cache, digests.told))


# What a source's file or its release decides; the rest decides its rows.
_NOT_ROWS = ("path", "version", "date", "merged")


def source_settings(source: SourceConfig, sha256: Callable[[str], str]) -> str:
    """Digest what decides the rows of a source besides its file; not its version.

    `sha256` gives the digest of a file's bytes by its path.
    """
    said = {k: v for k, v in asdict(source).items() if k not in _NOT_ROWS}
    merged = sha256(str(Path(source.merged))) if source.merged else ""
    return text_digest(json.dumps(said, sort_keys=True, default=str), merged)


def annotation_of(base: Store) -> dict[str, Any]:
    """Give what a release is annotated with, as digests (`sides.merge_annotation`)."""
    found: dict[str, Any] = base.record.meta.get("annotation", {})
    return found


def _stamp(file: str) -> tuple[str, int, int]:
    stat = Path(file).stat()
    return file, stat.st_size, stat.st_mtime_ns


def _state(file: str) -> tuple[str, list[int]]:
    return file, file_state(Path(file))


def _recorded_text(path: Path | None, digests: KnownFiles, config: "Config") -> str:
    """Read a small text whose digest the run records; empty without a file."""
    if path is None:
        return ""
    wanted = {str(path): digests.sha256(path), **config.inputs}
    with read_as_recorded([path], wanted):
        return path.read_text(encoding="utf-8-sig")


def _settings(
    config: "Config",
    cohort: "Cohort",
    reference: str,
    aliases: str,
    par: str,
    digests: KnownFiles,
) -> str:
    """Digest what decides the rows of a cohort beside its files and its people."""
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
        asdict(config.policy),
        config.callable.gq,
        config.callable.dp,
        sorted((k, v) for k, v in cohort.metadata.items() if v is not None),
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
