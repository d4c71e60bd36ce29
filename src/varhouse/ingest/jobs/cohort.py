"""A cohort as a whole: what its chunks show only together, and its own rows.

Left alignment can carry an allele over a cut, to where an earlier chunk holds the same
allele: the later one is then a duplicate, as it would have been in one chunk. Files with
different samples are added up here: a site that a file lacks is not assessed in its
people.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.files import read_json, write_json
from varhouse.frequencies.assessed import People, rejected_sites
from varhouse.frequencies.count import SAMPLE_COUNTS
from varhouse.frequencies.kits import Kits, kit_of_people
from varhouse.frequencies.strata import Strata, make_strata
from varhouse.genotypes.codec.digest import wrap
from varhouse.genotypes.planerows import PlaneRows
from varhouse.ingest.jobs.callrows import PIECE_BYTES
from varhouse.ingest.jobs.carried import write_carried
from varhouse.ingest.jobs.chunk import Place
from varhouse.ingest.jobs.cohortruns import once_each, write_callable
from varhouse.ingest.jobs.growth import Grown, grow
from varhouse.ingest.jobs.holding import record_reasons
from varhouse.ingest.jobs.joinfiles import join_files
from varhouse.ingest.jobs.kitrows import callable_of_kits, kit_shards
from varhouse.ingest.jobs.lifted import source_lines, source_record
from varhouse.ingest.jobs.merge import ByRuns, merge_part
from varhouse.ingest.jobs.ownrows import (
    COUNTS,
    cohort_labels,
    cohort_row,
    file_fingerprints,
    file_rows,
    joined_notes,
    sample_rows,
)
from varhouse.ingest.jobs.plan import Plan, cohort_samples, sample_groups
from varhouse.ingest.jobs.recount import Columns, HeldCalls, counted_twice
from varhouse.ingest.jobs.staterows import (
    RUNS_FOLDER,
    ChunkStates,
    known_length,
    lay_runs,
)
from varhouse.ingest.jobs.tasks import (
    PEOPLE,
    blank_alleles,
    check_unchanged,
    duplicate_rows,
    file_samples,
)
from varhouse.ingest.setup.run import Run, RunCohort
from varhouse.ingest.setup.verdict import Verdict, read_verdict
from varhouse.tables.labels import Labels
from varhouse.tables.schema import COHORTS, FILES, FREQUENCIES, KEY, REJECTS, SAMPLES, SITES
from varhouse.tables.shards import (
    Shard,
    read_manifest,
    write_frame,
    write_manifest,
    write_shard,
)


@dataclass
class _Chunk:
    """A chunk of a file; `file` is the place of that among the files that come in."""

    folder: Path
    file: int
    number: int
    part: str
    info: dict[str, Any]
    shards: list[Shard]
    alleles: Path | None
    labels: Labels
    people: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 8), np.int64))
    """Counts per sample column of all chunks of the part, which share them."""
    extra: list[Shard] = field(default_factory=list)


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
    chunks = _load(cohort, tasks, labels)
    group_of = {f: g for g, files in enumerate(sample_groups(verdicts)) for f in files}
    places = {
        (f, k): Place(Path(v.data), c.begin, c.end, c.record, run.limits)
        for f, v in enumerate(verdicts)
        for k, c in enumerate(v.chunks)
    }
    n_twice = _drop_carried(
        chunks, group_of, places, directory, lambda f: _columns(run, name, verdicts, f)
    )
    if cohort.chain is not None:
        _tell_source(run, cohort, chunks, verdicts, directory)
    summary = _summary(run, cohort, verdicts, chunks, n_twice)
    hold = record_reasons(run.policy, verdicts, summary["reasons"])
    summary["hold"] = hold
    made = Grown()
    if not hold:
        taken = _Taken(run, cohort, verdicts, chunks, group_of, labels)
        made = (_grown if cohort.grows else _whole)(taken, summary, directory)
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


@dataclass(frozen=True)
class _Taken:
    """What was taken in of a cohort; see `gather_cohort`."""

    run: Run
    cohort: RunCohort
    verdicts: list[Verdict]
    chunks: list[_Chunk]
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
        single = {
            file: ordinal[v.samples[0]]
            for file, v in enumerate(self.verdicts)
            if len(v.samples) == 1 and self.run.policy.has_runs(gvcf=v.gvcf)
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
        with_runs = _with_runs(run, verdicts)
        assessed, summary["n_alleles"] = _merge(
            cohort.name, chunks, people, with_runs, runs, rejected, directory
        )
    if people.kits is not None:
        assessed += _callable_of_kits(
            run, cohort.name, chunks, people, assessed, rejected, directory
        )
    found = [*taken.shards(), *runs, *carried, *assessed]
    shards = join_files(found, directory / "joined", labels)
    row = cohort_row(run, cohort, summary, file_fingerprints(run, cohort, verdicts))
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
    row = cohort_row(run, cohort, counts, prints)
    shard = write_shard(row, COHORTS, directory, "cohorts", {"cohort": cohort.name})
    grown.shards += [shard] if shard is not None else []
    return grown


def _load(cohort: RunCohort, tasks: list[Path], labels: Labels) -> list[_Chunk]:
    place_of = {number: k for k, number in enumerate(cohort.numbers)}
    chunks = []
    for task in tasks:
        people = task.with_name(PEOPLE)
        counts = (
            pl.read_parquet(people, columns=list(SAMPLE_COUNTS), glob=False).to_numpy()
            if people.exists()
            else np.zeros((0, len(SAMPLE_COUNTS)), np.int64)
        ).astype(np.int64)
        for info in read_json(task):
            folder = task.parent / info["folder"]
            number = int(info["folder"].rsplit("-", 1)[1])
            alleles = folder / "alleles.parquet"
            chunks.append(
                _Chunk(
                    folder,
                    place_of[info["file"]],
                    number,
                    info["part"],
                    info,
                    read_manifest(folder / "manifest.json").shards,
                    alleles if alleles.exists() else None,
                    labels,
                    counts,
                )
            )
    return sorted(chunks, key=lambda c: (c.file, c.number))


def _runs(
    run: Run,
    name: str,
    verdicts: list[Verdict],
    chunks: list[_Chunk],
    labels: Labels,
    directory: Path,
) -> list[Shard]:
    """Gather the runs of the files; those of a file that several jobs read are laid here."""
    ordinal = run.ordinals(name)
    length_of = partial(known_length, run.open_contigs(), run.open_reference())
    out: list[Shard] = []
    for file, mine in groupby(chunks, lambda c: c.file):
        own = list(mine)
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


def _drop_carried(
    chunks: list[_Chunk],
    group_of: dict[int, int],
    places: dict[tuple[int, int], Place],
    directory: Path,
    columns: Callable[[int], Columns],
) -> int:
    """Find alleles that an earlier chunk of the same people holds too; reject them."""
    n = 0
    # Thousands of files of one person each have nobody in common: no pairs to look at.
    before: dict[tuple[int, str], list[_Chunk]] = {}
    for late in chunks:
        if late.alleles is None:
            continue
        gone: list[pl.DataFrame] = []
        of_these = before.setdefault((group_of[late.file], late.part), [])
        for early in of_these:
            assert early.alleles is not None
            for contig, (low, high) in late.info["span"].items():
                span = early.info["span"].get(contig)
                if span is None or span[1] < low or high < span[0]:
                    continue
                first, last = max(low, span[0]), min(high, span[1])
                both = (
                    _between(late.alleles, contig, first, last)
                    .join(_between(early.alleles, contig, first, last), on=KEY, how="semi")
                    .collect()
                )
                if both.height:
                    gone.append(both)
        of_these.append(late)
        if gone:
            twice = pl.concat(gone).unique(["record", "alt_index"]).sort("record", "alt_index")
            n += twice.height
            place = places[late.file, late.number]
            _reject(late, twice, directory, place, columns(late.file))
    return n


def _between(path: Path, contig: str, first: int, last: int) -> pl.LazyFrame:
    return pl.scan_parquet(path, glob=False).filter(
        (pl.col("contig") == contig) & pl.col("pos").is_between(first, last)
    )


def _reject(
    chunk: _Chunk, twice: pl.DataFrame, directory: Path, place: Place, columns: Columns
) -> None:
    """Take alleles out of a chunk's shards; they become rejects."""
    assert chunk.alleles is not None
    folder = directory / f"mended-{chunk.folder.name}"
    folder.mkdir(parents=True, exist_ok=True)
    mended: list[Shard] = []
    for shard in chunk.shards:
        if shard.table not in ("frequencies", "sites", "rejects"):
            mended.append(shard)
            continue
        frame = pl.read_parquet(shard.path, glob=False)
        stem = Path(shard.path).stem
        if shard.table == "frequencies":
            frame = frame.join(twice.select(KEY), on=KEY, how="anti", maintain_order="left")
            table = FREQUENCIES
        elif shard.table == "sites":
            sites = frame
            frame = blank_alleles(frame, twice.select("record", "alt_index"))
            table = SITES
        else:
            continue
        new = write_shard(frame, table, folder, stem, shard.partition, chunk.labels)
        if new is not None:
            mended.append(new)
    rejects = [s for s in chunk.shards if s.table == "rejects"]
    lines = place.lines(twice["record"])
    rows = duplicate_rows(twice, sites, lines).with_columns(
        pl.lit(chunk.info["file"], pl.Int32).alias("file")
    )
    old = [pl.read_parquet(s.path, glob=False).select(rows.columns) for s in rejects]
    _count_once(chunk, sites, twice, pl.concat([rows.clear(), *old]), columns)
    partition = chunk.shards[0].partition
    rows = pl.concat([*old, rows])
    new = write_shard(rows, REJECTS, folder, "rejects", partition, chunk.labels)
    if new is not None:
        mended.append(new)
    kept = pl.read_parquet(chunk.alleles, glob=False).join(
        twice.select("record", "alt_index"),
        on=["record", "alt_index"],
        how="anti",
        maintain_order="left",
    )
    chunk.alleles = folder / "alleles.parquet"
    write_frame(kept, chunk.alleles)
    chunk.shards = mended
    chunk.info["n_alleles"] = kept.height
    reasons = chunk.info["reasons"]
    reasons["duplicate_allele"] = reasons.get("duplicate_allele", 0) + twice.height


def _count_once(
    chunk: _Chunk,
    sites: pl.DataFrame,
    twice: pl.DataFrame,
    rejects: pl.DataFrame,
    columns: Columns,
) -> None:
    """Take the genotypes of duplicates out of a chunk's counts per person."""
    genotypes = [s.path for s in chunk.shards if s.table == "genotypes"]
    if not genotypes:
        return
    before = rejects.filter(pl.col("reason") == "duplicate_allele")
    new = twice.select("record", "alt_index")
    held = sites.join(new, on="record", how="semi").sort("record")
    alts = held["allele_alt"].list.len().to_numpy().astype(np.int64)
    # Bytes of planes: of how many records they are held at once.
    ends = np.cumsum((alts + 2) * -(-columns.male.size // 4))
    for _, part in held.group_by(pl.Series(ends // PIECE_BYTES), maintain_order=True):
        records = part["record"].to_list()
        rows = pl.scan_parquet(genotypes, glob=False).filter(pl.col("record").is_in(records))
        frame = rows.sort("record", "first").collect()
        chunk.people -= counted_twice(
            HeldCalls(
                frame["record"].unique(maintain_order=True).to_numpy(),
                PlaneRows.of(frame).genotypes(),
            ),
            part,
            new.filter(pl.col("record").is_in(records)),
            before.select("record", "alt_index"),
            columns,
        )


def _tell_source(
    run: Run,
    cohort: RunCohort,
    chunks: list[_Chunk],
    verdicts: list[Verdict],
    directory: Path,
) -> None:
    """Let the rejects of a lifted cohort have the lines and places of its own files.

    Those of the chunks have those of the lifted copy; those of the lift are added.
    """
    columns = [n for n in REJECTS.names if n not in ("cohort", "file", "part")]
    labels = cohort_labels(run, cohort, verdicts)
    for f, verdict in enumerate(verdicts):
        assert verdict.lift is not None  # what was not lifted is held back
        lost = pl.read_parquet(verdict.lift.rejects, glob=False)
        frames = [lost.select(*columns, "part")]
        for c in (c for c in chunks if c.file == f):
            frames += [
                pl.read_parquet(s.path, glob=False).select(
                    *columns, pl.lit(c.part).alias("part")
                )
                for s in c.shards
                if s.table == "rejects"
            ]
            c.shards = [s for s in c.shards if s.table != "rejects"]
        rows = pl.concat([frames[0], *(_of_source(run, cohort, f, x) for x in frames[1:])])
        rows = rows.with_columns(pl.lit(f, pl.Int32).alias("file"))
        for k, ((part,), some) in enumerate(rows.group_by("part", maintain_order=True)):
            shard = write_shard(
                some.drop("part"),
                REJECTS,
                directory,
                f"rejects-{f}-{k:05d}",
                {"cohort": cohort.name, "part": str(part)},
                labels,
            )
            mine = next((c for c in chunks if c.file == f), None)
            if shard is not None and mine is not None:
                mine.extra.append(shard)


def _of_source(run: Run, cohort: RunCohort, file: int, rows: pl.DataFrame) -> pl.DataFrame:
    """Give rejects of a lifted copy the record, line, place and text of the file."""
    records = rows.select(source_record("text")).to_series()
    if not records.len():
        return rows
    lines = source_lines(Path(cohort.files[file]), run, records)
    own = ["record", "line", "contig", "pos", "text"]
    return (
        rows.drop(own)
        .with_columns(records.alias("record"))
        .join(lines, on="record", how="left", maintain_order="left")
        .select(rows.columns)
    )


def _with_runs(run: Run, verdicts: list[Verdict]) -> frozenset[int]:
    """Give the numbers of the files that bring runs."""
    return frozenset(f for f, v in enumerate(verdicts) if run.policy.has_runs(gvcf=v.gvcf))


def _people(run: Run, name: str, verdicts: list[Verdict], group_of: dict[int, int]) -> People:
    """Say who is in the files of a cohort, and which files hold the same people."""
    ordinal = {s: i for i, s in enumerate(cohort_samples(verdicts))}
    members: list[list[int]] = [[] for _ in set(group_of.values())]
    columns = {
        file: np.array([ordinal[s] for s in verdicts[file].samples], np.int32)
        for file in group_of
    }
    with_runs = _with_runs(run, verdicts)
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
    chunks: list[_Chunk],
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


def _rejected(run: Run, name: str, chunks: list[_Chunk]) -> pl.DataFrame | None:
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
    chunks: list[_Chunk],
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


def _summary(
    run: Run,
    cohort: RunCohort,
    verdicts: list[Verdict],
    chunks: list[_Chunk],
    n_twice: int,
) -> dict[str, Any]:
    reasons: dict[str, int] = {}
    for c in chunks:
        for reason, n in c.info["reasons"].items():
            reasons[reason] = reasons.get(reason, 0) + n
    lifts = [v.lift for v in verdicts if v.lift is not None]
    for lift in lifts:
        for reason, n in lift.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + n
    names = ("lifted", "reverse", "swapped", "ambiguous", "split")
    outside = [sum(c.info["outside_kits"][k] for c in chunks) for k in (0, 1)]
    return {
        "cohort": cohort.name,
        "replaces": cohort.replaces,
        "n_files": len(verdicts),
        "n_samples": len(cohort_samples(verdicts)),
        "n_records": sum(v.n_records for v in verdicts),
        "n_alleles": sum(c.info["n_alleles"] for c in chunks),
        "n_split": sum(c.info["n_split"] for c in chunks),
        "n_moved": sum(c.info["n_moved"] for c in chunks),
        "n_uncalled": sum(c.info["n_uncalled"] for c in chunks),
        "n_carried_duplicates": n_twice,
        "n_rejects": sum(reasons.values()),
        "reasons": reasons,
        "ref_checked": {
            k: sum(v.ref_checked[k] for v in verdicts)
            for k in {k: None for v in verdicts for k in v.ref_checked}
        },
        "outside_kits": outside,
        "notes": joined_notes(verdicts) + _kit_notes(run, cohort, verdicts, outside),
        "lift": {
            "source_assembly": cohort.assembly,
            **{k: sum(getattr(lift, k) for lift in lifts) for k in names},
        }
        if cohort.chain is not None
        else None,
    }


def _kit_notes(
    run: Run, cohort: RunCohort, verdicts: list[Verdict], outside: list[int]
) -> list[str]:
    """Tell what the kits of a cohort leave out, and of which files they say nothing."""
    if not cohort.kits:
        return []
    names = [Path(v.path).name for v in verdicts if run.policy.has_runs(gvcf=v.gvcf)]
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    notes = []
    if names:
        notes.append(
            f"{', '.join(names[:3])}{more}: gVCF: the blocks say what was read, not the BED"
        )
    alleles, copies = outside
    if copies:
        notes.append(
            f"{copies:,} copies of {alleles:,} alleles lie outside of the carriers' kits: "
            "their genotypes are kept, no frequency counts them"
        )
    return notes


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


def _blocks_digests(chunks: list[_Chunk]) -> dict[int, int]:
    """Digest the fields of the reference blocks of each file that has some."""
    sums: dict[int, int] = {}
    for c in chunks:
        if c.info["n_blocks"]:
            sums[c.file] = wrap(sums.get(c.file, 0) + c.info["blocks_digest"])
    return sums
