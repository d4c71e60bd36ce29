"""A run: everything the jobs of one ingest need, written once, read by each.

`prepare` (`prepare.py`) makes it of the configuration and the store; `begin` (`begin.py`)
writes `run.json` into the work folder. The id of a run follows from what it
does and from the release it starts from, so that a killed run that is started again finds
its own work.
"""

from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from varhouse import __version__
from varhouse.files import read_json, write_json
from varhouse.filestate import read_as_recorded
from varhouse.frequencies.kits import Kits
from varhouse.genome.contigs import Contigs, read_aliases
from varhouse.genome.haploid import HaploidRegions
from varhouse.genome.reference import Reference
from varhouse.ingest.setup.growing import free_numbers, stored_ordinals
from varhouse.ingest.setup.headers import UNREAD, read_sample_lists
from varhouse.ingest.setup.kits import KITS, read_cohort_kits
from varhouse.ingest.setup.settings import (
    CallableConfig,
    Policy,
    SourceConfig,
    text_digest,
)
from varhouse.ingest.setup.sizing import Jobs
from varhouse.people.settings import PeopleSettings
from varhouse.store.reader import Store, open_store
from varhouse.store.retract import ONCE, counts_once
from varhouse.vcf.text.limits import Limits

SAMPLE_LISTS = "sample-lists.parquet"
"""The sample columns of the files, in the work folder."""


FOLDER = "folder"
"""Key of the recorded configuration: the folder that its relative paths begin at."""


@dataclass
class RunCohort:
    """A cohort that this run takes in; `files` are sorted by name.

    `settings` is the digest of all that decides its rows but its files and what the sheets
    say, and `said` that of what they say of it and its people. `lists` are the numbers of the
    files' lists of sample columns (`headers.py`), once the run has begun. A cohort of another
    assembly has a `chain` and perhaps a compiled `source_reference`. `kits` are the kits of
    its people, each with its BED.

    `numbers` are those of the files in the cohort: 0, 1, 2, ... unless the cohort grows
    (`growing.py`). Then `files` are only those that come in, `kept` the numbers of files of
    the base release that stay as they are, and `gone` of those that go.

    `per_person` says that each file is of one person who has no other: then files that are no
    gVCFs bring runs, too (decision 0039), and people come and go alone.

    `origins` tells of files that were made in place of others, as people were taken out of
    those (`varhouse.withdrawal`), what the table `files` says of them: path, time, checksums
    and `without`, a mapping a file. Empty in any other ingest.
    """

    name: str
    files: list[str]
    metadata: dict[str, str | None]
    settings: str
    said: str
    replaces: bool
    numbers: list[int] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    lists: list[int] = field(default_factory=list)
    assembly: str | None = None
    chain: str | None = None
    source_reference: str | None = None
    kits: dict[str, str] = field(default_factory=dict)
    per_person: bool = False
    origins: list[dict[str, Any]] = field(default_factory=list)
    permits: str = ""
    """What the rules answer follows from apart from its files (`permits.Permits.state`)."""

    @property
    def taken(self) -> dict[str, Any]:
        """What a later withdrawal has to know of how the cohort went in."""
        how = ("settings", "assembly", "chain", "source_reference", "kits")
        return {name: getattr(self, name) for name in how}

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
    are not looked at again. `waiting` are the people who have no file yet
    (`varhouse.ingest.setup.waiting.tell_waiting`), `settled` the cohorts that are in as they
    are, and of which the base release still tells that they were held back, `lapsed` the
    cohorts (`cohort`, `reasons`) that are in and that rules would not let in today. `inputs`
    tells the SHA-256 of the files that jobs compile or read: by these digests, the run and
    what is kept of it go. `genotype_fields` are the FORMAT keys that are kept beside GT,
    sorted; None for all.
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
    waiting: list[dict[str, Any]] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    lapsed: list[dict[str, Any]] = field(default_factory=list)
    mane: str | None = None
    inputs: dict[str, str] = field(default_factory=dict)
    jobs: Jobs = field(default_factory=Jobs)
    genotype_fields: list[str] | None = None
    people: PeopleSettings = field(default_factory=PeopleSettings)
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
    def looks_who_is_one(self) -> bool:
        """Whether totals count a person once, or did before."""
        return self.policy.same_person == ONCE or counts_once(self.base())

    @property
    def recounts(self) -> bool:
        """Whether people of several cohorts are counted in totals otherwise than before."""
        base = self.base()
        is_other = counts_once(base) != (self.policy.same_person == ONCE)
        return is_other and base.file_frame("totals").height > 0

    @property
    def has_work(self) -> bool:
        """Whether anything differs from the base release."""
        return bool(self.cohorts or self.settled) or self.renews_sides or self.recounts

    def open_contigs(self) -> Contigs:
        """Read the assembly's contigs: of the aliases table, else of the reference."""
        return self._contigs

    # Once for all files of a job.
    @cached_property
    def _contigs(self) -> Contigs:
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
        return self._bases

    @cached_property
    def _bases(self) -> Reference:
        return Reference(Path(self.reference), self._aliases())

    def open_haploid(self) -> HaploidRegions:
        """Read where males have one copy."""
        return self._haploid

    @cached_property
    def _haploid(self) -> HaploidRegions:
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

    def brings_runs(self, name: str, *, gvcf: bool) -> bool:
        """Tell whether a file of a cohort says by itself which bases were assessed."""
        return self.policy.has_runs(gvcf=gvcf) or self.cohort(name).per_person

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
    data["people"] = PeopleSettings.of(data["people"])
    return Run(**data)


def source_folder(run: Run, config: SourceConfig) -> Path:
    """Give the folder of the store's cache that holds a compiled source."""
    from varhouse.sources import COMPILER  # noqa: PLC0415 - slow to import

    aliases = Path(run.aliases).read_text(encoding="utf-8-sig") if run.aliases else ""
    key = text_digest(
        COMPILER, run.source_digests[config.name], run.reference_digest, aliases, run.assembly
    )
    return Path(run.store) / "_cache" / f"source-{config.name}-{key[:16]}"


def annotation_of(base: Store) -> dict[str, Any]:
    """Give what a release is annotated with, as digests (`sides.merge_annotation`)."""
    found: dict[str, Any] = base.record.meta.get("annotation", {})
    return found
