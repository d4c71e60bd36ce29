"""gVCFs ingested as cohorts, and their states at bases: by the store, and read slowly."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
from builders import make_fasta
from inprocess import ingest_here
from slow_states import Base, People, State, slow_states

import varhouse
from varhouse.callability.runs import absolute
from varhouse.query.opened import OpenStore

STATE = ("level", "alleles", "ploidy", "is_span", "is_unknown")


def stamped(texts: list[str], contigs: Mapping[str, int]) -> dict[str, str]:
    """Make contigs of N, with the bases that the REFs of some files say."""
    genome = {c: bytearray(b"N" * n) for c, n in contigs.items()}
    for text in texts:
        for line in text.splitlines():
            if line and line[0] != "#":
                contig, pos, _, ref = line.split("\t", 4)[:4]
                first = int(pos) - 1
                genome[contig][first : first + len(ref)] = ref.upper().encode()
    return {c: bases.decode() for c, bases in genome.items()}


def write_inputs(
    folder: Path,
    cohorts: Mapping[str, list[str]],
    genome: Mapping[str, str],
    males: frozenset[str] = frozenset(),
    **config: object,
) -> Path:
    """Write cohorts of texts and a configuration of them; return the latter."""
    folder.mkdir(exist_ok=True)
    make_fasta(folder / "ref.fa", genome)
    sheet, people = ["cohort\tfiles"], ["cohort\tsample\tsex"]
    for cohort, texts in cohorts.items():
        names = [f"{cohort}{k}.vcf" for k in range(len(texts))]
        sheet.append(f"{cohort}\t{','.join(names)}")
        for name, text in zip(names, texts, strict=True):
            (folder / name).write_text(text)
            line = next(x for x in text.splitlines() if x.startswith("#CHROM"))
            people += [
                f"{cohort}\t{s}\t{'male' if s in males else 'female'}"
                for s in line.split("\t")[9:]
            ]
    (folder / "cohorts.tsv").write_text("\n".join(sheet) + "\n")
    (folder / "samples.tsv").write_text("\n".join(people) + "\n")
    whole = {
        "assembly": {"name": "toy", "reference": "ref.fa"},
        "cohorts": "cohorts.tsv",
        "samples": "samples.tsv",
        "policy": {"unchecked_ref": "store", "max_ref_mismatch_rate": 1},
        **config,
    }
    (folder / "config.json").write_text(json.dumps(whole))
    return folder / "config.json"


def ingest(
    folder: Path,
    cohorts: Mapping[str, list[str]],
    genome: Mapping[str, str],
    *,
    chunk_records: int | None = None,
    **given: object,
) -> OpenStore:
    path = write_inputs(folder, cohorts, genome, **given)  # type: ignore[arg-type]
    ingest_here(folder / "store", path, chunk_records=chunk_records)
    return varhouse.open(folder / "store")


def stored_states(store: OpenStore, cohort: str, asked: list[Base]) -> list[State | None]:
    """Look bases up in the runs of a cohort."""
    people = store.scan("samples", cohort=cohort).select("sample", "ordinal").collect()
    ordinal = dict(people.rows())
    runs = absolute(store.scan("runs", cohort=cohort).collect())
    mine = {
        key: (frame["start"].to_numpy(), frame["end"].to_list(), frame.select(STATE).rows())
        for key, frame in runs.sort("start")
        .partition_by("sample", "contig", as_dict=True)
        .items()
    }
    out: list[State | None] = []
    for sample, contig, base in asked:
        starts, ends, states = mine.get((ordinal[sample], contig), (np.empty(0), [], []))
        k = int(np.searchsorted(starts, base, side="right")) - 1
        out.append(None if k < 0 or ends[k] < base else State(*states[k]))
    return out


def differences(
    store: OpenStore,
    cohort: str,
    text: str,
    genome: Mapping[str, str],
    people: People | None = None,
) -> tuple[int, list[tuple]]:
    """Compare a cohort of one file with its slow reading: bases compared, what differs."""
    whole = pl.col("alt_index").is_null()
    rejects = store.scan("rejects", cohort=cohort).filter(whole).collect()
    wanted = slow_states(text, genome, people, set(rejects["record"]))
    found = stored_states(store, cohort, list(wanted))
    pairs = zip(wanted.items(), found, strict=True)
    return len(wanted), [(base, want, got) for (base, want), got in pairs if want != got]
