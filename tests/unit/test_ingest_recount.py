"""Counts per person leave out what is a reject because it stands before."""

import json
import random
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from inprocess import ingest_here

import varhouse
from varhouse.ingest.jobs import cohortchunks, liftedrejects
from varhouse.tables.labels import Labels
from varhouse.tables.schema import REJECTS

GENOME = "".join(random.Random(3).choices("ACGT", k=400))
SEX = {"s0": "male", "s1": "female", "s2": "male", "s3": "unknown"}
HEAD = """##fileformat=VCFv4.3
##contig=<ID=chr1,length=400>
##contig=<ID=chrX,length=400>
##FORMAT=<ID=GT,Number=1,Type=String,Description="x">
"""


def write(
    path: Path, rows: list[tuple[str, int, str, str, list[str]]], names: list[str]
) -> None:
    fixed = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
    lines = ["\t".join([*fixed, *names])]
    for contig, pos, ref, alt, calls in rows:
        lines.append("\t".join([contig, str(pos), ".", ref, alt, ".", ".", ".", "GT", *calls]))
    path.write_text(HEAD + "\n".join(lines) + "\n")


def config(folder: Path, files: list[str]) -> Path:
    (folder / "ref.fa").write_text(f">chr1\n{GENOME}\n>chrX\n{GENOME}\n")
    (folder / "cohorts.tsv").write_text(f"cohort\tfiles\na\t{','.join(files)}\n")
    rows = "".join(f"a\t{s}\t{x}\n" for s, x in SEX.items())
    (folder / "samples.tsv").write_text("cohort\tsample\tsex\n" + rows)
    path = folder / "c.yaml"
    assembly = {"name": "toy", "reference": "ref.fa"}
    path.write_text(
        json.dumps({"assembly": assembly, "cohorts": "cohorts.tsv", "samples": "samples.tsv"})
    )
    return path


def slow_people(files: list[tuple[list, list[str]]]) -> dict[str, Counter[str]]:
    """Count as the glossary says: each genotype by the alleles that did not stand before."""
    seen: set[tuple] = set()
    out: dict[str, Counter[str]] = {s: Counter() for s in SEX}
    for rows, names in files:
        for contig, pos, ref, alts, calls in rows:
            keys = [(contig, pos, ref, a) for a in alts.split(",")]
            new = [k not in seen for k in keys]
            seen.update(keys)
            if not any(new):
                continue
            for name, text in zip(names, calls, strict=True):
                call = [
                    None if c == "." else int(c)
                    for c in text.lstrip("|/").replace("|", "/").split("/")
                ]
                kept = [a for a in call if a and new[a - 1]]
                for a in kept:
                    alt = alts.split(",")[a - 1]
                    ti = {ref, alt} in ({"A", "G"}, {"C", "T"})
                    out[name].update(["n_snv", "n_ti" if ti else "n_tv"])
                size = len(call)
                called = [c for c in call if c is not None]
                if contig == "chrX" and SEX[name] == "male" and size == 2 and len(called) == 1:
                    call, size = called, 1
                if None in call:
                    out[name]["n_missing"] += 1
                elif kept:
                    same = len(set(call)) == 1
                    kind = "n_hemi" if size == 1 else "n_hom_alt" if same else "n_het"
                    out[name][kind] += 1
    return out


def random_rows(rng: random.Random, n: int) -> list[tuple[str, int, str, str, list[str]]]:
    rows = []
    for contig in ("chr1", "chrX"):
        for pos in sorted(rng.choices(range(10, 40), k=n)):
            ref = GENOME[pos - 1]
            others = [b for b in "ACGT" if b != ref]
            alts = rng.sample(others, rng.choice([1, 1, 2]))
            top = len(alts)
            cells = [str(k) for k in range(top + 1)] + ["."]
            calls = [
                rng.choice(["/", "|"]).join(rng.choices(cells, k=rng.choice([1, 2, 2, 2])))
                for _ in SEX
            ]
            rows.append((contig, pos, ref, ",".join(alts), calls))
    return rows


@pytest.mark.parametrize("cut", [None, 3])
def test_duplicates_count_once_for_each_person(tmp_path: Path, cut: int | None) -> None:
    """In a chunk, in another chunk, in another file with its columns in another order."""
    rng = random.Random(8)
    names = list(SEX)
    first, second = random_rows(rng, 30), random_rows(rng, 20)
    turned = names[::-1]
    write(tmp_path / "a1.vcf", first, names)
    write(tmp_path / "a2.vcf", second, turned)
    ingest_here(tmp_path / "s", config(tmp_path, ["a1.vcf", "a2.vcf"]), chunk_records=cut)
    store = varhouse.open(tmp_path / "s")
    reasons = store.scan("rejects").collect()["reason"]
    assert (reasons == "duplicate_allele").sum() > 40
    wanted = slow_people([(first, names), (second, turned)])
    rows = store.scan("samples").collect().sort("ordinal").to_dicts()
    columns = ("n_missing", "n_het", "n_hom_alt", "n_hemi", "n_snv", "n_ti", "n_tv")
    for row in rows:
        assert {c: row[c] for c in columns} == {c: wanted[row["sample"]][c] for c in columns}
    every = store.scan("frequencies").filter(stratum_by="all").collect()
    assert sum(r["n_snv"] for r in rows) == every["ac"].sum()
    assert every.height == every.select(pl.struct(store.key).n_unique()).item()


def test_contigs_that_differ_in_punctuation_alone_keep_their_counts(tmp_path: Path) -> None:
    """Their partitions are merged over files of different people, each on its own."""
    contigs = ["p-1", "p_1", "p.1", "HLA-A*01:01", "HLA-A*01_01"]
    (tmp_path / "ref.fa").write_text("".join(f">{c}\n{GENOME}\n" for c in contigs))
    head = HEAD.replace("chr1", "p-1").replace("chrX", "p_1") + "".join(
        f"##contig=<ID={c},length=400>\n" for c in contigs[2:]
    )
    wanted = {}
    for file, names in (("a1.vcf", ["s0", "s1"]), ("a2.vcf", ["s2", "s3"])):
        fixed = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
        lines = ["\t".join([*fixed, *names])]
        for k, contig in enumerate(contigs):
            pos, ref = 10 + k, GENOME[9 + k]
            alt = "A" if ref != "A" else "C"
            row = [contig, str(pos), ".", ref, alt, ".", ".", ".", "GT", "0/1", "1/1"]
            lines.append("\t".join(row))
            wanted[contig] = (pos, 6, 8)
        (tmp_path / file).write_text(head + "\n".join(lines) + "\n")
    (tmp_path / "cohorts.tsv").write_text("cohort\tfiles\na\ta1.vcf,a2.vcf\n")
    said: dict[str, object] = {
        "assembly": {"name": "toy", "reference": "ref.fa"},
        "cohorts": "cohorts.tsv",
    }
    said["policy"] = {"unlisted_samples": "unknown"}
    (tmp_path / "c.yaml").write_text(json.dumps(said))
    account = ingest_here(tmp_path / "s", tmp_path / "c.yaml")
    assert not account["held_back"]
    rows = varhouse.open(tmp_path / "s").scan("frequencies").filter(stratum_by="all").collect()
    found = {r["contig"]: (r["pos"], r["ac"], r["an"]) for r in rows.to_dicts()}
    assert rows.height == len(contigs)
    assert found == wanted


def test_rejects_of_a_lift_keep_to_their_partitions(tmp_path: Path) -> None:
    parts = ["p-1", "p_1", "HLA-A*01:01", "HLA-A*01_01"]
    lost = pl.DataFrame(
        {
            "record": range(4),
            "line": range(4),
            "contig": parts,
            "pos": [5] * 4,
            "alt_index": [None] * 4,
            "reason": ["unmapped"] * 4,
            "detail": parts,
            "text": parts,
            "part": parts,
        },
        schema_overrides=REJECTS.polars_schema,
    )
    lost.write_parquet(tmp_path / "lost.parquet")
    lift = SimpleNamespace(rejects=str(tmp_path / "lost.parquet"))
    verdict = SimpleNamespace(path="a.vcf", samples=[], lift=lift)
    labels = Labels({0: ("a.vcf", [])}, {})
    chunk = cohortchunks.CohortChunk(tmp_path, 0, 0, "p-1", {}, [], None, labels)
    run = SimpleNamespace(name="a", files=["a.vcf"], numbers=[0], ordinals=lambda _: {})
    liftedrejects.tell_source(run, run, [chunk], [verdict], tmp_path / "out")
    found = {s.partition["part"]: pl.read_parquet(s.path, glob=False) for s in chunk.extra}
    assert {part: frame["text"].to_list() for part, frame in found.items()} == {
        part: [part] for part in parts
    }
