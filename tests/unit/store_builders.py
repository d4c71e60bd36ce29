"""Hand-made stores for the tests: cohorts of a few alleles, all tables filled."""

from pathlib import Path

import polars as pl

from varhouse.genome.contigs import Contig, Contigs
from varhouse.store.commit import commit, init_store
from varhouse.store.reader import open_store
from varhouse.store.retract import frequency_files, retract
from varhouse.tables.labels import Labels
from varhouse.tables.schema import (
    COHORTS,
    CONSEQUENCES,
    FILES,
    FREQUENCIES,
    GENOTYPES,
    IDS,
    INGESTS,
    REJECTS,
    SAMPLES,
    SITES,
    SPELT,
    TOTALS,
    VARIANTS,
    Table,
    annotation_table,
)
from varhouse.tables.shards import Manifest, write_shard
from varhouse.tables.statistics import made_of
from varhouse.tables.totals import CohortFile, write_totals

CONTIGS = Contigs([Contig("1", ["chr1"], length=1000), Contig("HLA-A*01:01", [], length=900)])
DEMO = annotation_table("demo", {"score": pl.Float64})
COUNTS = ("ac", "an", "n_het", "n_hom_alt", "n_hemi", "n_missing", "n_samples")

Allele = tuple[str, int, str, str]
COHORT_A: dict[Allele, int] = {
    ("1", 10, "A", "C"): 1,
    ("1", 20, "AT", "A"): 2,
    ("HLA-A*01:01", 5, "G", "T"): 1,
}
COHORT_B: dict[Allele, int] = {
    ("1", 10, "A", "C"): 3,
    ("1", 30, "G", "GA"): 1,
    ("HLA-A*01:01", 50, "C", "T"): 2,
}
COHORT_C: dict[Allele, int] = {("1", 20, "AT", "A"): 1, ("HLA-A*01:01", 7, "C", "T"): 2}


CALLS = {"people": 4, "ploidy": 2, "separator": "/", "planes": [b"\x44"]}
"""GT 0/1 0/0 0/1 0/0."""


_NORMAL = {"allele_pos": [1], "allele_ref": [""], "allele_alt": [""], "allele_extent": [""]}
"""Of the one ALT of each record, what nobody asks for."""


def new_store(path: Path) -> Path:
    init_store(path, "demo1", CONTIGS)
    return path


def fill(table: Table, rows: list[dict]) -> pl.DataFrame:
    """Make rows of a table; what a row does not say is 0, empty or null."""
    plain = {pl.String: "", pl.Boolean: True, pl.Float64: 0.0, pl.Binary: b""}
    default = {
        c.name: None
        if c.nullable
        else []
        if isinstance(c.dtype, pl.List)
        else plain.get(c.dtype, 0)
        for c in table.columns
    }
    if "an_written" in default:
        # As of every file that is no gVCF.
        rows = [{"an_written": r.get("an", 0), **r} for r in rows]
    return pl.DataFrame([{**default, **r} for r in rows], schema=table.polars_schema)


def _key(allele: Allele) -> dict:
    return {**dict(zip(SPELT, allele, strict=True)), "part": allele[0]}


def _counts(ac: int) -> dict:
    return {"ac": ac, "an": 8, "af": ac / 8, "n_het": ac, "n_samples": 4, "call_rate": 1.0}


def cohort_frames(
    path: Path, cohort: str, alleles: dict[Allele, int], ingest_id: str
) -> list[tuple[Table, pl.DataFrame]]:
    """Make all rows that a cohort brings; per-allele rows only for new alleles."""
    store = open_store(path)
    known = set(store.scan("variants").select(SPELT).collect().rows())
    fresh = [_key(a) for a in alleles if a not in known]
    every = [_key(a) | {"cohort": cohort} for a in alleles]
    row = {
        "cohort": cohort,
        "n_samples": 4,
        "n_records": len(alleles),
        "n_alleles": len(alleles),
        "n_rejects": 1,
        "ingest_id": ingest_id,
    }
    file = {
        "cohort": cohort,
        "n_records": len(alleles),
        "n_samples": 4,
        "samples": [0, 1, 2, 3],
    }
    ingest = {
        "ingest_id": ingest_id,
        "config": f'{{"cohorts": ["{cohort}"]}}',
        "summary": "{}",
    }
    key_ids = [
        k | {"id": f"{k['contig']}:{k['pos']}", "kind": "spdi", "source": "computed"}
        for k in fresh
    ]
    own = [
        {**k, "id": f"rs{k['pos']}", "kind": "rs", "source": f"cohort:{cohort}"} for k in every
    ]
    for k in own:
        del k["cohort"]
    strata = [("all", "all"), ("sex", "male")]
    return [
        (VARIANTS, fill(VARIANTS, [k | {"end": k["pos"] + len(k["ref"]) - 1} for k in fresh])),
        (IDS, fill(IDS, key_ids + own)),
        (
            CONSEQUENCES,
            fill(CONSEQUENCES, [k | {"transcript_id": t} for k in fresh for t in "TU"]),
        ),
        (
            DEMO,
            fill(
                DEMO,
                [
                    k | {"score": k["pos"] / 2, "source_version": "1"}
                    for k in fresh
                    if k["pos"] != 30
                ],
            ),
        ),
        (
            FREQUENCIES,
            fill(
                FREQUENCIES,
                [
                    k | {"stratum_by": b, "stratum": s} | _counts(ac)
                    for k, ac in zip(every, alleles.values(), strict=True)
                    for b, s in strata
                ],
            ).with_columns(**made_of("frequencies")),
        ),
        (SITES, fill(SITES, [k | _NORMAL | {"record": i} for i, k in enumerate(every)])),
        (
            GENOTYPES,
            fill(GENOTYPES, [k | CALLS | {"record": i} for i, k in enumerate(every)]),
        ),
        (REJECTS, fill(REJECTS, [{"cohort": cohort, "part": "1", "reason": "demo"}])),
        (
            SAMPLES,
            fill(
                SAMPLES,
                [
                    {
                        "cohort": cohort,
                        "sample": f"{cohort}{i}",
                        "ordinal": i,
                        "n_het": (i + 1) % 2 * len(alleles),
                    }
                    for i in range(4)
                ],
            ),
        ),
        (FILES, fill(FILES, [file | {"ingest_id": ingest_id}])),
        (COHORTS, fill(COHORTS, [row])),
        (INGESTS, fill(INGESTS, [ingest])),
    ]


def labels_of(cohort: str) -> Labels:
    """Give the labels of a cohort of `cohort_frames`."""
    names = [f"{cohort}{i}" for i in range(4)]
    return Labels({0: ("", names)}, dict(enumerate(names)))


def shards_of(table: Table, frame: pl.DataFrame, work: Path) -> list:
    """Write a frame as one shard a partition."""
    if not table.partition:
        return [write_shard(frame, table, work, table.name, {})]
    groups = frame.partition_by(table.partition, as_dict=True)
    return [
        write_shard(
            f,
            table,
            work,
            f"{table.name}-{i}",
            dict(zip(table.partition, v, strict=True)),
            labels_of(str(v[0])),
        )
        for i, (v, f) in enumerate(sorted(groups.items()))
    ]


def cohort_manifest(
    path: Path, cohort: str, alleles: dict[Allele, int], ingest_id: str, work: Path
) -> Manifest:
    """Make all that the ingest of a cohort changes."""
    frames = cohort_frames(path, cohort, alleles, ingest_id)
    shards = [s for table, frame in frames for s in shards_of(table, frame, work)]
    replace: list = [
        (t.name, {"cohort": cohort}) for t, _ in frames if "cohort" in t.partition
    ]
    store = open_store(path)
    incoming = next(f for t, f in frames if t is FREQUENCIES)
    removed = retract(store, [cohort], work / "retract", incoming=incoming.lazy())
    parts = sorted({a[0] for a in alleles} | set(removed.parts))
    totals = []
    for i, part in enumerate(parts):
        new = [
            CohortFile(cohort, s.path, s.rows)
            for s in shards
            if s and s.table == "frequencies" and s.partition["part"] == part
        ]
        files = [*frequency_files(store, part, [cohort]), *new]
        totals += write_totals(part, files, work / "totals", f"totals-{i}")
    return Manifest(
        [s for s in shards if s] + removed.manifest.shards + totals,
        replace + removed.manifest.replace + [("totals", {"part": p}) for p in parts],
        removed.manifest.remove,
    )


def add_cohort(path: Path, cohort: str, alleles: dict[Allele, int], ingest_id: str) -> int:
    """Ingest a cohort."""
    base = open_store(path).release
    work = path / "_staging" / ingest_id
    manifest = cohort_manifest(path, cohort, alleles, ingest_id, work)
    return commit(
        path, [manifest], ingest_id=ingest_id, operation="ingest", base_release=base, meta={}
    )


def contents(path: Path, release: int | None = None) -> dict[str, list]:
    """Read every content row of a store, sorted: what the digest stands for."""
    store = open_store(path, release)
    found = {}
    for name in store.tables:
        table = store.declaration(name)
        columns = [c.name for c in table.columns if c.content]
        rows = store.scan(name).select(columns).collect().rows()
        if rows and table.content:
            found[name] = sorted(rows, key=repr)
    return found


__all__ = ["COUNTS", "TOTALS", "add_cohort", "cohort_manifest", "contents", "new_store"]
