"""Cohorts with gVCF: every person counts once at a base, in frequencies and in totals."""

import json
import random
from collections import defaultdict
from pathlib import Path

import polars as pl
import pytest
from builders import make_fasta
from inprocess import ingest_here
from slow_counts import COUNTS, slow_adds
from test_states import HEAD, some_gvcf
from verifying import check_callable, verify

import varhouse
from varhouse.callability.runs import absolute
from varhouse.query.opened import OpenStore
from varhouse.store.commit import commit
from varhouse.store.drop import drop_cohort
from varhouse.tables.schema import CALLABLE, KEY
from varhouse.tables.shards import Manifest, write_shard
from varhouse.tables.statistics import adding_alone, counts_of

SEX = ("male", "female", "unknown")
PAR = (20, 60)
"""Pseudo-autosomal bases of X, as BED has them."""


def some_genome(rng: random.Random) -> dict[str, str]:
    bases = {c: "".join(rng.choice("ACGT") for _ in range(250)) for c in ("c1", "X")}
    return {**bases, "c1": bases["c1"][:100] + "CA" * 30 + bases["c1"][160:], "Y": "ACGT" * 20}


def some_vcf(rng: random.Random, genome: dict[str, str], samples: list[str]) -> str:
    """Make a VCF that is none of the kind: some of the variants of a gVCF."""
    lines = some_gvcf(rng, genome, samples).splitlines()
    head = [x for x in lines if x[0] == "#"]
    rows = [x for x in lines if x[0] != "#" and "<" not in x.split("\t")[4]]
    return "\n".join(head + rows) + "\n"


def write(
    folder: Path, genome: dict[str, str], cohorts: dict[str, list[str]]
) -> dict[str, tuple[str, str]]:
    """Write a configuration; returns the sex and region of each sample."""
    folder.mkdir(exist_ok=True)
    make_fasta(folder / "ref.fa", genome)
    (folder / "par.bed").write_text(f"X\t{PAR[0]}\t{PAR[1]}\n")
    sheet, people = ["cohort\tfiles"], ["cohort\tsample\tsex\tregion"]
    told = {}
    for cohort, texts in cohorts.items():
        names = [f"{cohort}{k}.vcf" for k in range(len(texts))]
        sheet.append(f"{cohort}\t{','.join(names)}")
        for name, text in zip(names, texts, strict=True):
            (folder / name).write_text(text)
            line = next(x for x in text.splitlines() if x.startswith("#CHROM"))
            for sample in line.split("\t")[9:]:
                number = int(sample[1:])
                told[sample] = SEX[number % 3], "east" if number % 2 else "west"
                people.append("\t".join([cohort, sample, *told[sample]]))
    (folder / "cohorts.tsv").write_text("\n".join(sheet) + "\n")
    (folder / "samples.tsv").write_text("\n".join(dict.fromkeys(people)) + "\n")
    config = {
        "assembly": {"name": "toy", "reference": "ref.fa", "par": "par.bed"},
        "cohorts": "cohorts.tsv",
        "samples": "samples.tsv",
        "strata": ["region"],
        "policy": {"duplicate_alleles": "reject"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    return told


def built(folder: Path, genome: dict[str, str], cohorts: dict[str, list[str]]) -> OpenStore:
    write(folder, genome, cohorts)
    ingest_here(folder / "store", folder / "config.json", chunk_records=20)
    return varhouse.open(folder / "store")


def one_copy(contig: str, pos: int) -> bool:
    return contig == "Y" or (contig == "X" and not PAR[0] < pos <= PAR[1])


def by_runs(store: OpenStore, cohort: str, told: dict) -> dict:
    """Count the people with runs at every base that they cover: (contig, pos, stratum)."""
    names = dict(
        store.scan("samples", cohort=cohort).select("ordinal", "sample").collect().rows()
    )
    out: dict = defaultdict(lambda: dict.fromkeys(COUNTS, 0))
    columns = ("contig", "sample", "start", "end", "level", "alleles", "ploidy", "is_unknown",
               "is_span")  # fmt: skip
    runs = absolute(store.scan("runs", cohort=cohort).collect())
    for contig, sample, start, end, level, called, ploidy, unknown, span in runs.select(
        columns
    ).iter_rows():
        sex, region = told[names[sample]]
        for pos in range(start, end + 1):
            adds = slow_adds(
                level, called, ploidy, unknown=unknown, span=span, sex=sex,
                one_copy=one_copy(contig, pos), on_y=contig == "Y",
            )  # fmt: skip
            for stratum in ("all", region):
                for name in COUNTS:
                    out[contig, pos, stratum][name] += adds[name]
    return out


def rows_by(store: OpenStore, table: str, **where: str) -> dict:
    """Give counts of rows by allele and stratum, 0 for null."""
    counts = [*counts_of(table)]
    frame = store.scan(table, **where).with_columns(pl.col(counts).fill_null(0)).collect()
    return {
        (tuple(row[k] for k in KEY), row["stratum"]): {n: row[n] for n in counts}
        for row in frame.iter_rows(named=True)
    }


def check_totals(store: OpenStore, told: dict, cohorts: list[str]) -> int:
    """Compare totals with what each cohort counted, of its alleles, its site, its runs."""
    frequencies = {c: rows_by(store, "frequencies", cohort=c) for c in cohorts}
    runs = {c: by_runs(store, c, told) for c in cohorts}
    totals = rows_by(store, "totals")
    lacking = 0
    alone = adding_alone("frequencies")
    for key in {key for rows in frequencies.values() for key, _ in rows}:
        contig, pos = key[:2]
        for stratum in ("all", "east", "west"):
            wanted = dict.fromkeys([*COUNTS, *alone, "n_cohorts"], 0)
            for cohort in cohorts:
                mine = frequencies[cohort]
                at_site = [
                    r for (k, s), r in mine.items() if k[:2] == key[:2] and s == stratum
                ]
                if (key, stratum) in mine:
                    found = mine[key, stratum]
                elif at_site:
                    least = {"n_missing", "n_missing_adj"}
                    found = {
                        n: min(r[n] for r in at_site) if n in least
                        else max(r[n] for r in at_site)
                        for n in COUNTS
                    }  # fmt: skip
                else:
                    found = dict(runs[cohort].get((contig, pos, stratum), {}))
                    lacking += bool(found)
                for name, n in found.items():
                    wanted[name] += n
                wanted["n_cohorts"] += found.get("n_samples", 0) > 0
            assert totals.get((key, stratum), dict.fromkeys(wanted, 0)) == wanted
    return lacking


@pytest.mark.parametrize("seed", range(3))
def test_each_person_counts_once(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    genome = some_genome(rng)
    files = [["s0"], ["s1", "s2", "s3"], ["s4"]]
    cohorts = {
        "one": [some_gvcf(rng, genome, ["s10", "s11"])],
        "many": [some_gvcf(rng, genome, names) for names in files],
        "mixed": [some_gvcf(rng, genome, ["s20"]), some_vcf(rng, genome, ["s21", "s22"])],
        "plain": [some_vcf(rng, genome, ["s30", "s31"])],
    }
    folder = tmp_path / "a"
    told = write(folder, genome, cohorts)
    store = built(folder, genome, cohorts)
    assert store.scan("held_back").collect().is_empty()
    assert verify(store) == []
    assert list(check_callable(store)) == []
    compared = 0
    for cohort in ("one", "many"):
        counted = by_runs(store, cohort, told)
        rows = rows_by(store, "frequencies", cohort=cohort)
        for (key, stratum), row in rows.items():
            assert {n: row[n] for n in COUNTS} == counted[*key[:2], stratum]
            compared += 1
    assert compared > 20
    counted = by_runs(store, "mixed", told)
    for (key, stratum), row in rows_by(store, "frequencies", cohort="mixed").items():
        more = counted[*key[:2], stratum]
        # Whoever has no runs is assessed by records of the site, with two people at most.
        assert 0 <= row["n_samples"] - more["n_samples"] <= 2
        assert row["an"] >= more["an"]
    assert check_totals(store, told, [*cohorts]) > 20


def test_the_order_of_cohorts_does_not_count(tmp_path: Path) -> None:
    """gVCF first or last, alone or with others, and what a drop leaves: the same store."""
    rng = random.Random(5)
    genome = some_genome(rng)
    cohorts = {
        "g": [some_gvcf(rng, genome, ["s0"]), some_gvcf(rng, genome, ["s1"])],
        "p": [some_vcf(rng, genome, ["s30", "s31"])],
        "h": [some_gvcf(rng, genome, ["s40"])],
    }
    whole = built(tmp_path / "whole", genome, cohorts)
    for k, order in enumerate((["g", "p", "h"], ["p", "h", "g"])):
        folder = tmp_path / f"by{k}"
        for n in range(1, 4):
            store = built(folder, genome, {c: cohorts[c] for c in order[:n]})
        assert store.table_digests() == whole.table_digests()
        assert verify(store) == []
        drop_cohort(folder / "store", order[0])
        left = varhouse.open(folder / "store")
        fresh = built(tmp_path / f"fresh{k}", genome, {c: cohorts[c] for c in order[1:]})
        assert left.table_digests() == fresh.table_digests()
        assert verify(left) == []


def test_a_contig_without_an_allele_of_the_gvcf(tmp_path: Path) -> None:
    """The totals of a partition follow who was assessed there, not who has alleles there."""
    genome = {"c1": "ACGT" * 10, "c2": "ACGT" * 10}
    contigs = "".join(f"##contig=<ID={c},length=40>\n" for c in genome)
    line = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t"
    block = HEAD + contigs + line + "s0\n" + (
        "c1\t1\t.\tA\tC,<NON_REF>\t.\t.\t.\tGT:GQ:DP:AD\t0/1:50:30:15,15,0\n"
        "c2\t1\t.\tA\t<NON_REF>\t.\t.\tEND=20\tGT:GQ:DP\t0/0:50:30\n"
        "c2\t21\t.\tA\t<NON_REF>\t.\t.\tEND=30\tGT:GQ:DP\t0/0:0:0\n"
    )  # fmt: skip
    other = HEAD + contigs + line + "s31\n" + (
        "c2\t5\t.\tA\tC\t.\t.\t.\tGT\t0/1\nc2\t25\t.\tA\tC\t.\t.\t.\tGT\t0/1\n"
        "c2\t35\t.\tG\tC\t.\t.\t.\tGT\t0/1\n"
    )  # fmt: skip
    cohorts = {"g": [block], "p": [other]}
    asked = ("pos", "ac", "an", "an_written", "n_samples", "n_missing", "n_cohorts", "an_adj")

    def totals(store: OpenStore) -> list[tuple]:
        rows = store.scan("totals", contig="c2").filter(stratum_by="all")
        return rows.select(asked).sort("pos").collect().rows()

    with_runs = [
        (5, 1, 4, 4, 2, 0, 2, 2), (25, 1, 2, 4, 2, 1, 2, 0), (35, 1, 2, 2, 1, 0, 1, None)
    ]  # fmt: skip
    for k, order in enumerate(("gp", "pg")):
        folder = tmp_path / f"{k}"
        for n in (1, 2):
            store = built(folder, genome, {c: cohorts[c] for c in order[:n]})
        assert totals(store) == with_runs
        # Its own row of another contig goes with the cohort.
        drop_cohort(folder / "store", "g")
        alone = [(p, 1, 2, 2, 1, 0, 1, None) for p in (5, 25, 35)]
        assert totals(varhouse.open(folder / "store")) == alone


def test_files_of_one_person_that_reach_over_each_other(tmp_path: Path) -> None:
    """Parts of a genome meet: at their seam a person counts once, in the better state."""
    genome = {"c1": "ACGT" * 10}
    line = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts0\n"
    head = HEAD + "##contig=<ID=c1,length=40>\n" + line
    first = head + (
        "c1\t1\t.\tA\t<NON_REF>\t.\t.\tEND=16\tGT:GQ:DP\t0/0:50:30\n"
        "c1\t17\t.\tACGT\tA,<NON_REF>\t.\t.\t.\tGT:GQ:DP:AD\t0/1:50:30:15,15,0\n"
    )
    second = head + "c1\t19\t.\tG\t<NON_REF>\t.\t.\tEND=40\tGT:GQ:DP\t0/0:50:4\n"
    store = built(tmp_path, genome, {"g": [first, second]})
    assert verify(store) == []
    assert list(check_callable(store)) == []
    runs = absolute(store.scan("runs").collect())
    assert runs.select("start", "end", "level", "is_span").rows() == [
        (1, 17, 4, False), (18, 20, 4, True), (21, 40, 3, False),
    ]  # fmt: skip
    rows = store.scan("callable").filter(stratum_by="all").collect().sort("start")
    assert rows.select("start", "end", "n_samples", "an", "an_written").rows() == [
        (1, 17, 1, 2, 2), (18, 20, 1, 2, 0), (21, 40, 1, 2, 2),
    ]  # fmt: skip


def test_rows_that_runs_do_not_count_are_found(tmp_path: Path) -> None:
    genome = {"c1": "ACGT" * 10}
    line = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts0\n"
    text = HEAD + "##contig=<ID=c1,length=40>\n" + line + (
        "c1\t5\t.\tA\tC,<NON_REF>\t.\t.\t.\tGT:GQ:DP:AD\t0/1:50:30:15,15,0\n"
        "c1\t6\t.\tC\t<NON_REF>\t.\t.\tEND=40\tGT:GQ:DP\t0/0:50:4\n"
    )  # fmt: skip
    for k, (start, end) in enumerate(((5, 5), (30, 31))):
        folder = tmp_path / str(k)
        store = built(folder, genome, {"g": [text]})
        assert verify(store) == []
        assert list(check_callable(store)) == []
        one = store.scan("callable").filter(stratum_by="all").collect()[:1].with_columns(
            pl.lit(v, pl.Int32).alias(n) for n, v in (("start", start), ("end", end))
        )  # fmt: skip
        where = {"cohort": "g", "part": "c1"}
        shard = write_shard(one, CALLABLE, folder, "bad", where)
        assert shard is not None
        path, base = folder / "store", store.release
        commit(path, [Manifest([shard])], ingest_id="bad", operation="i", base_release=base)
        store = varhouse.open(path)
        cohort = "callable: cohort g counts something else than its runs, first at c1:"
        assert [str(p)[: len(cohort)] for p in check_callable(store)] == [cohort]
        said = [str(p) for p in verify(store) if "count of their base" in str(p)]
        # Far from all alleles it is a matter of the runs alone.
        assert len(said) == (0 if k else 1)


def test_a_gvcf_and_another_file_of_one_person(tmp_path: Path) -> None:
    rng = random.Random(8)
    genome = some_genome(rng)
    cohorts = {
        "g": [some_gvcf(rng, genome, ["s0"]), some_vcf(rng, genome, ["s0"])],
        "p": [some_vcf(rng, genome, ["s30"])],
    }
    store = built(tmp_path, genome, cohorts)
    held = store.scan("held_back").collect()
    assert set(held["cohort"]) == {"g"}
    assert "g0.vcf is a gVCF, g1.vcf is none, and both hold sample s0" in held["reasons"][0]


def test_the_example_of_the_page_on_numbers(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "numbers.md").read_text()
    section = page.partition("## Called, not called, not assessed")[2].partition("\n## ")[0]
    genome = {"1": "ACGT" * 15}
    texts: dict[str, list[str]] = {}
    for line in section.partition("```text\n")[2].partition("```")[0].splitlines():
        cells = line.split()
        if line[0] != " ":
            cohort, *cells = cells
            head = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT"
            # People are known by s and a number.
            people = [f"s{ord(name[0])}{name[1:]}" for name in cells[5:]]
            texts[cohort] = [HEAD + "##contig=<ID=1,length=60>", "\t".join([head, *people])]
        else:
            pos, ref, alt, info, *rest = cells
            row = ["1", pos, ".", ref, alt, ".", ".", info, *rest]
            texts[cohort].append("\t".join(row))
    cohorts = {c: ["\n".join(lines) + "\n"] for c, lines in texts.items()}
    store = built(tmp_path, genome, cohorts)
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:2] == "| "]
    names = next(k for k, row in enumerate(rows) if row[0] == "pos")
    wanted = [tuple(None if x == "null" else int(x) for x in row) for row in rows[names + 1 :]]
    found = store.scan("totals").filter(stratum="all").select(rows[names]).sort("pos")
    assert found.collect().rows() == wanted
    assert len(wanted) == 3
    assert store.scan("frequencies", cohort="g").collect().is_empty()
