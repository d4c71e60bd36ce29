"""A cohort as a whole: what its chunks show only together, and its own rows.

Files with different samples are added up here: a site that a file lacks is not assessed in its
people.
"""

import os
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from varhouse.files import write_json
from varhouse.frequencies.assessed import People, rejected_sites
from varhouse.frequencies.kits import Kits, kit_of_people
from varhouse.frequencies.strata import Strata, make_strata
from varhouse.genotypes.codec.digest import wrap
from varhouse.ingest.jobs.carried import write_carried
from varhouse.ingest.jobs.chunk import Place
from varhouse.ingest.jobs.chunktwice import drop_carried
from varhouse.ingest.jobs.cohortchunks import CohortChunk, load_chunks
from varhouse.ingest.jobs.cohortruns import once_each, write_callable
from varhouse.ingest.jobs.cohortsummary import absent_notes, summarise
from varhouse.ingest.jobs.flagged import look_at_people
from varhouse.ingest.jobs.growth import Grown, grow
from varhouse.ingest.jobs.holding import record_reasons
from varhouse.ingest.jobs.joinfiles import join_files
from varhouse.ingest.jobs.kitrows import callable_of_kits, kit_shards
from varhouse.ingest.jobs.liftedrejects import tell_source
from varhouse.ingest.jobs.merge import ByRuns, merge_part
from varhouse.ingest.jobs.ownrows import (
    COUNTS,
    cohort_labels,
    cohort_row,
    file_fingerprints,
    file_rows,
    sample_rows,
)
from varhouse.ingest.jobs.plan import Plan, cohort_samples, sample_groups
from varhouse.ingest.jobs.recount import Columns
from varhouse.ingest.jobs.staterows import (
    RUNS_FOLDER,
    ChunkStates,
    known_length,
    lay_runs,
)
from varhouse.ingest.jobs.tasks import (
    check_unchanged,
    file_samples,
)
from varhouse.ingest.setup.run import Run, RunCohort
from varhouse.ingest.setup.verdict import Verdict, read_verdict
from varhouse.tables.labels import Labels
from varhouse.tables.schema import COHORTS, FILES, REJECTS, SAMPLES
from varhouse.tables.shards import (
    Shard,
    read_manifest,
    write_manifest,
    write_shard,
)


def gather_cohort(run: Run, plan: Plan, name: str, tasks: list[Path], directory: Path) -> None:
    """Join the chunks of a cohort: `manifest.json`, `alleles.json` and `summary.json`.

    Parameters
    ----------
    tasks
        The `chunks.json` of every part that read chunks of the cohort.
    """
    directory.mkdir(parents=True, exist_ok=True)
    cohort = run.cohort(name)
    verdicts = [read_verdict(Path(p)) for p in plan.files[name]]
    labels = cohort_labels(run, cohort, verdicts)
    chunks = load_chunks(cohort, tasks, labels)
    group_of = {f: g for g, files in enumerate(sample_groups(verdicts)) for f in files}
    places = {
        (f, k): Place(Path(v.data), c.begin, c.end, c.record, run.limits)
        for f, v in enumerate(verdicts)
        for k, c in enumerate(v.chunks)
    }
    n_twice = drop_carried(
        chunks, group_of, places, directory, lambda f: _columns(run, name, verdicts, f)
    )
    if cohort.chain is not None:
        tell_source(run, cohort, chunks, verdicts, directory)
    summary = summarise(run, cohort, verdicts, chunks, n_twice)
    hold = record_reasons(
        run.policy, verdicts, summary["reasons"], _beyond(run, cohort, verdicts, chunks)
    )
    summary["hold"] = hold
    made = Grown()
    if not hold:
        taken = _Taken(run, cohort, verdicts, chunks, group_of, labels)
        made = (_grown if cohort.grows else _whole)(taken, summary, directory)
        summary["notes"] += absent_notes(run, cohort, verdicts, summary["n_alleles"])
        hold = summary["hold"] = look_at_people(run, cohort, made, summary, directory)
    alleles = [
        {
            "path": os.path.relpath(c.alleles, directory),
            "part": c.part,
            "span": c.info["span"],
            "rows": c.info["n_alleles"],
            "cohort": name,
        }
        for c in chunks
        if c.alleles is not None and not hold
    ]
    for verdict in verdicts:
        # Rejected records were read once more from there.
        check_unchanged(verdict)
    write_json(directory / "alleles.json", alleles)
    write_manifest(directory / "manifest.json", made.shards, made.replace, made.remove)
    write_json(directory / "summary.json", summary)


def _beyond(
    run: Run, cohort: RunCohort, verdicts: list[Verdict], chunks: list[CohortChunk]
) -> list[tuple[int, str]]:
    """Find records with genotypes of more alleles than a state tells, where runs are needed.

    A cohort of one-sample files goes in without runs then, if it goes in whole: it was
    counted by records all the same.

    Returns
    -------
    list
        Of each chunk with some their number, and the file and place of the first.
    """
    some = [c for c in chunks if c.info["n_beyond"]]
    needed = [
        c for c in some if cohort.grows or run.policy.has_runs(gvcf=verdicts[c.file].gvcf)
    ]
    if len(needed) < len(some):
        cohort.per_person = False
    return [
        (c.info["n_beyond"], f"{verdicts[c.file].path}: {c.info['first_beyond']}")
        for c in needed
    ]


@dataclass(frozen=True)
class _Taken:
    """What was taken in of a cohort; see `gather_cohort`."""

    run: Run
    cohort: RunCohort
    verdicts: list[Verdict]
    chunks: list[CohortChunk]
    group_of: dict[int, int]
    labels: Labels

    def runs(self, directory: Path) -> list[Shard]:
        """Gather the runs of the files: one over each base of a person."""
        run, name, labels = self.run, self.cohort.name, self.labels
        runs = _runs(run, name, self.verdicts, self.chunks, labels, directory)
        if len(runs) > 1 and len(set(self.group_of.values())) < len(self.verdicts):
            runs = once_each(runs, labels, directory / "runs-once")
        return runs

    def carried(self, directory: Path) -> list[Shard]:
        """Write what people with runs of their own add to frequencies."""
        ordinal = self.run.ordinals(self.cohort.name)
        with_runs = _with_runs(self.run, self.cohort, self.verdicts)
        single = {
            file: ordinal[v.samples[0]]
            for file, v in enumerate(self.verdicts)
            if len(v.samples) == 1 and file in with_runs
        }
        counted = ((c.file, s) for c in self.chunks for s in c.shards)
        return write_carried(counted, single, directory / "carried")

    def shards(self) -> list[Shard]:
        """List the shards of the chunks."""
        return [s for c in self.chunks for s in (*c.shards, *c.extra)]


def _whole(taken: _Taken, summary: dict[str, Any], directory: Path) -> Grown:
    """Make all rows of a cohort; they replace those that it has in the store."""
    run, cohort, chunks, labels = taken.run, taken.cohort, taken.chunks, taken.labels
    verdicts = taken.verdicts
    assessed: list[Shard] = []
    people = _people(run, cohort.name, verdicts, taken.group_of)
    rejected = _rejected(run, cohort.name, chunks)
    runs, carried = taken.runs(directory), taken.carried(directory)
    if runs or len(people.members) > 1:
        with_runs = _with_runs(run, cohort, verdicts)
        assessed, summary["n_alleles"] = _merge(
            cohort.name, chunks, people, with_runs, runs, rejected, directory
        )
    if people.kits is not None:
        assessed += _callable_of_kits(
            run, cohort.name, chunks, people, assessed, rejected, directory
        )
    found = [*taken.shards(), *runs, *carried, *assessed]
    shards = join_files(found, directory / "joined", labels)
    prints = file_fingerprints(run, cohort, verdicts)
    row = cohort_row(run, cohort, summary, prints, cohort_samples(verdicts))
    own = [
        write_shard(row, COHORTS, directory, "cohorts", {"cohort": cohort.name}),
        *_people_and_files(taken, directory),
        *(kit_shards(run, cohort.name, directory) if people.kits is not None else []),
    ]
    shards += [s for s in own if s is not None]
    replace = [
        (table, {"cohort": cohort.name})
        for table in ("frequencies", "callable", "sites", "blocks", "lifted", "genotypes",
                      "fields", "runs", "carried", "kits", "rejects", "cohorts", "samples",
                      "files")
    ]  # fmt: skip
    return Grown(shards, replace)


def _grown(taken: _Taken, summary: dict[str, Any], directory: Path) -> Grown:
    """Make the rows that come into a cohort, and those that change."""
    run, cohort = taken.run, taken.cohort
    own = _people_and_files(taken, directory)
    came = [*taken.shards(), *taken.runs(directory), *taken.carried(directory), *own]
    grown = grow(run, cohort, came, taken.labels, directory)
    counts = {n: grown.counts[n] + summary[n] for n in COUNTS if n != "n_alleles"}
    summary["n_alleles"] = counts["n_alleles"] = grown.counts["n_alleles"]
    summary["grown"] = grown.told
    prints = [*grown.fingerprints, *file_fingerprints(run, cohort, taken.verdicts)]
    names = {*grown.people, *cohort_samples(taken.verdicts)}
    row = cohort_row(run, cohort, counts, prints, names)
    shard = write_shard(row, COHORTS, directory, "cohorts", {"cohort": cohort.name})
    grown.shards += [shard] if shard is not None else []
    return grown


def _runs(
    run: Run,
    name: str,
    verdicts: list[Verdict],
    chunks: list[CohortChunk],
    labels: Labels,
    directory: Path,
) -> list[Shard]:
    """Gather the runs of the files; those of a file that several jobs read are laid here."""
    ordinal = run.ordinals(name)
    length_of = partial(known_length, run.open_contigs(), run.open_reference())
    with_runs = _with_runs(run, run.cohort(name), verdicts)
    out: list[Shard] = []
    for file, mine in groupby(chunks, lambda c: c.file):
        own = list(mine)
        if file not in with_runs:
            continue
        laid = own[0].folder.parent / RUNS_FOLDER / "manifest.json"
        if laid.exists():
            out += read_manifest(laid).shards
        elif any(c.info["states"] for c in own):
            states = [ChunkStates.of(c.folder.parent, c.info) for c in own]
            columns = np.array([ordinal[s] for s in verdicts[file].samples], np.int32)
            folder = directory / f"runs-{file}"
            out += lay_runs(name, states, columns, length_of, labels, folder)
    return out


def _columns(run: Run, cohort: str, verdicts: list[Verdict], file: int) -> Columns:
    """Say who stands in the sample columns of a file."""
    people = file_samples(run, cohort, verdicts[file].samples)
    return Columns(
        (people["sex"] == "male").to_numpy().astype(np.bool_),
        run.open_haploid(),
    )


def _with_runs(run: Run, cohort: RunCohort, verdicts: list[Verdict]) -> frozenset[int]:
    """Give the numbers of the files that bring runs."""
    return frozenset(
        f
        for f, v in enumerate(verdicts)
        if v.samples and run.brings_runs(cohort.name, gvcf=v.gvcf)
    )


def _people(run: Run, name: str, verdicts: list[Verdict], group_of: dict[int, int]) -> People:
    """Say who is in the files of a cohort, and which files hold the same people."""
    ordinal = {s: i for i, s in enumerate(cohort_samples(verdicts))}
    members: list[list[int]] = [[] for _ in set(group_of.values())]
    columns = {
        file: np.array([ordinal[s] for s in verdicts[file].samples], np.int32)
        for file in group_of
    }
    with_runs = _with_runs(run, run.cohort(name), verdicts)
    for file, group in group_of.items():
        # Who has runs is assessed by them, not by records of the site.
        members[group] = [] if file in with_runs else columns[file].tolist()
    kits = run.kits(name)
    return People(
        _strata(run, name, verdicts, kits),
        group_of,
        members,
        columns,
        run.open_haploid(),
        kits,
    )


def _merge(
    name: str,
    chunks: list[CohortChunk],
    people: People,
    with_runs: frozenset[int],
    runs: list[Shard],
    rejected: pl.DataFrame | None,
    directory: Path,
) -> tuple[list[Shard], int]:
    """Add the frequencies of files with different samples, or with runs, up.

    Returns
    -------
    tuple
        Shards of the table callable, and the number of distinct alleles.
    """
    callable_folder = directory / "callable"
    assessed = write_callable(name, runs, people.strata, people.haploid, callable_folder)
    n = 0
    # Folders are numbered: names made of contigs could be the same for two of them.
    for k, part in enumerate(dict.fromkeys(c.part for c in chunks)):
        mine = [c for c in chunks if c.part == part]
        shards = [(c.file, s) for c in mine for s in c.shards]
        by_runs = ByRuns(with_runs, [s.path for s in assessed if s.partition["part"] == part])
        folder = directory / f"merged-{k:05d}"
        merged, found = merge_part(name, shards, people, by_runs, folder, rejected)
        for c in mine:
            c.shards = [s for s in c.shards if s.table != "frequencies"]
        mine[0].extra += merged
        n += found
    return assessed, n


def _rejected(run: Run, name: str, chunks: list[CohortChunk]) -> pl.DataFrame | None:
    """Find where records of people with kits were rejected: nothing is assumed there.

    Of a cohort that is lifted over rejects have places of the other assembly.
    """
    cohort = run.cohort(name)
    if not cohort.kits or cohort.chain is not None:
        return None
    paths = [s.path for c in chunks for s in c.shards if s.table == REJECTS.name]
    return rejected_sites(paths, run.open_contigs().canonical)


def _callable_of_kits(
    run: Run,
    name: str,
    chunks: list[CohortChunk],
    people: People,
    assessed: list[Shard],
    rejected: pl.DataFrame | None,
    directory: Path,
) -> list[Shard]:
    """Count the people of a cohort with kits at every base, beside those with runs."""
    assert people.kits is not None
    contigs = run.open_contigs()
    of_part: dict[str, list[str]] = {c.part: [] for c in chunks}
    covered = set(people.kits.intervals["contig"])
    for contig in (c for c in contigs.names if c in covered):
        of_part.setdefault(contigs.part(contig), []).append(contig)
    out = []
    for k, (part, names) in enumerate(of_part.items()):
        mine = [c for c in chunks if c.part == part]
        out += callable_of_kits(
            {"cohort": name, "part": part},
            names,
            [s for c in mine for s in (*c.shards, *c.extra)],
            people,
            [s.path for s in assessed if s.partition["part"] == part],
            directory / f"callable-{k:05d}",
            rejected,
        )
    return out


def _strata(run: Run, name: str, verdicts: list[Verdict], kits: Kits | None) -> Strata:
    """Sort the people of a cohort into groups; those of gVCFs have no kit."""
    people = file_samples(run, name, cohort_samples(verdicts))
    kit = kit_of_people(people, kits)
    if kit is not None:
        told = {s for v in verdicts if run.policy.has_runs(gvcf=v.gvcf) for s in v.samples}
        kit = pl.select(
            pl.when(people["sample"].is_in(sorted(told))).then(-1).otherwise(kit)
        ).to_series()
    return make_strata(people, run.strata, kit)


def _people_and_files(taken: _Taken, directory: Path) -> list[Shard]:
    """Write the rows of the samples and files that come in."""
    run, cohort, verdicts = taken.run, taken.cohort, taken.verdicts
    counted = ((c.file, c.people) for c in {id(c.people): c for c in taken.chunks}.values())
    rows = {
        SAMPLES: sample_rows(run, cohort, verdicts, counted),
        FILES: file_rows(run, cohort, verdicts, _blocks_digests(taken.chunks)),
    }
    partition = {"cohort": cohort.name}
    made = (
        write_shard(frame, table, directory, table.name, partition, taken.labels)
        for table, frame in rows.items()
    )
    return [shard for shard in made if shard is not None]


def _blocks_digests(chunks: list[CohortChunk]) -> dict[int, int]:
    """Digest the fields of the reference blocks of each file that has some."""
    sums: dict[int, int] = {}
    for c in chunks:
        if c.info["n_blocks"]:
            sums[c.file] = wrap(sums.get(c.file, 0) + c.info["blocks_digest"])
    return sums
