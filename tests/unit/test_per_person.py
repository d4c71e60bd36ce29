"""VCFs of one person each say what the file of all of them says."""

import json
import random
import re
from pathlib import Path

import polars as pl
import pytest
from builders import make_fasta
from inprocess import ingest_here
from verifying import verify

import varhouse
from varhouse.ingest.jobs import growcallable
from varhouse.store.reader import Store

BASES = "".join(random.Random(5).choices("ACGT", k=400))
CONTIGS = {"c1": BASES, "X": BASES[::-1], "Y": BASES[50:250]}
NAMES = ["A", "B", "C", "D", "E"]
SEXES = {"A": "male", "B": "female", "C": "male", "D": "unknown", "E": "female"}
GENOTYPES = [
    "0/0", "0/1", "1/1", "./.", ".", "0", "1", "0/.", "./1", "0|1", "1/2", "0/0/1",
]  # fmt: skip
FORMATS = ("GT:GQ:DP:AD", "GT:GQ:DP:AD", "GT:DP:GQ:AD:PL", "GT:GQ:DP", "GT", "GT:AD:PL")


def _cell(rng: random.Random, keys: list[str], n_alt: int) -> str:
    gt = rng.choice([g for g in GENOTYPES if n_alt > 1 or "2" not in g])
    depths = [str(rng.choice([0, 1, 5, 12])) for _ in range(n_alt + 1)]
    said = {
        "GT": gt,
        "GQ": rng.choice(["0", "19", "20", "99", "99", "."]),
        "DP": rng.choice(["0", "4", "5", "9", "10", "10", "30", "30", "."]),
        "AD": rng.choice([",".join(depths), ".", depths[0]]),
        "PL": ",".join(["0", "30", "300", "40", "50", "60"][: 3 if n_alt == 1 else 6]),
    }
    return ":".join(said[k] for k in keys)


def _records(rng: random.Random) -> list[list[str]]:
    """Make records of one site each: fixed columns, FORMAT, and a cell a person."""
    rows = []
    for contig, bases in CONTIGS.items():
        for pos in range(10, len(bases) - 10, 9):
            ref = bases[pos - 1 : pos + rng.choice([0, 0, 0, 3])]
            alt = "ACGT"[("ACGT".index(ref[0]) + 1) % 4] + ref[1:]
            alt = rng.choice([alt, f"{alt},<*>", ref + "ACGT"[pos % 4] * 3, "."])
            n_alt = 0 if alt == "." else alt.count(",") + 1
            keys = rng.choice(FORMATS).split(":")
            cells = [_cell(rng, keys, max(n_alt, 1)) for _ in NAMES]
            if alt == ".":
                # Nobody can have an ALT there.
                cells = [re.sub(r"^[^:]*", lambda m: m[0].replace("1", "0"), c) for c in cells]
            head = [
                contig,
                str(pos),
                ".",
                ref,
                alt,
                "50",
                rng.choice(["PASS", "LowQual"]),
                ".",
            ]
            rows.append([*head, ":".join(keys), *cells])
    return rows


def _write(path: Path, rows: list[list[str]], columns: list[int]) -> None:
    lines = ["##fileformat=VCFv4.2", '##FILTER=<ID=LowQual,Description="x">']
    lines += [f"##contig=<ID={c},length={len(b)}>" for c, b in CONTIGS.items()]
    for name, number, kind in (
        ("GT", "1", "String"), ("GQ", "1", "Integer"), ("DP", "1", "Integer"),
        ("AD", "R", "Integer"), ("PL", "G", "Integer"),
    ):  # fmt: skip
        lines.append(f'##FORMAT=<ID={name},Number={number},Type={kind},Description="x">')
    head = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
    lines.append("\t".join([*head, *(NAMES[k] for k in columns)]))
    lines += ["\t".join([*row[:9], *(row[9 + k] for k in columns)]) for row in rows]
    path.write_text("\n".join(lines) + "\n")


def _ingest(
    folder: Path, store: str, files: list[str], policy: dict, fields: list[str] | None = None
) -> Store:
    (folder / "cohorts.tsv").write_text(f"cohort\tfiles\nc\t{','.join(files)}\n")
    sheet = [
        f"c\t{n}\t{SEXES[n]}\t{'north' if k % 2 else 'south'}"
        for k, n in enumerate(NAMES)
        if f"{n}.vcf" in files or files == ["all.vcf"]
    ]
    (folder / "samples.tsv").write_text("\n".join(["cohort\tsample\tsex\tpopulation", *sheet]))
    config = {
        "assembly": {"name": "toy", "reference": "ref.fa"}, "cohorts": "cohorts.tsv",
        "samples": "samples.tsv", "strata": ["population", "sex"], "policy": policy,
    }  # fmt: skip
    if fields is not None:
        config["genotype_fields"] = fields
    (folder / "config.json").write_text(json.dumps(config))
    account = ingest_here(folder / store, folder / "config.json", chunk_records=30)
    assert not account["held_back"]
    return varhouse.open(folder / store)


@pytest.mark.parametrize(
    "adj", [{}, {"gq": 0}, {"dp": 0, "dp_haploid": 0, "ab": 0}], ids=["gnomad", "depth", "gq"]
)
def test_files_of_one_person_each_count_as_the_file_of_all(tmp_path: Path, adj: dict) -> None:
    """Where each has a record of each site, who is called, and called well, is the same."""
    make_fasta(tmp_path / "ref.fa", CONTIGS)
    rows = _records(random.Random(f"{adj}"))
    _write(tmp_path / "all.vcf", rows, list(range(len(NAMES))))
    for k, name in enumerate(NAMES):
        _write(tmp_path / f"{name}.vcf", rows, [k])
    joint = _ingest(tmp_path, "joint", ["all.vcf"], {"adj": adj})
    apart = _ingest(tmp_path, "apart", [f"{n}.vcf" for n in NAMES], {"adj": adj})
    assert apart.scan("files").select("has_runs").collect()["has_runs"].all()
    assert not joint.scan("files").select("has_runs").collect()["has_runs"].any()
    for table in ("frequencies", "totals"):
        wanted, found = (s.scan(table).collect() for s in (joint, apart))
        assert wanted.height > 300
        assert wanted["an_adj"].sum() > 50
        assert found.equals(wanted), found.filter(
            pl.any_horizontal(~pl.col(c).eq_missing(wanted[c]) for c in found.columns)
        )
    assert [str(p) for p in verify(apart)] == []


def test_breakends_beside_the_ends_of_a_contig(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """POS 0 and the one behind the last base are no bases, but people are called there."""
    make_fasta(tmp_path / "ref.fa", CONTIGS)
    cells = ["GT", "0/1", "0/0", "1/1", "./.", "0/1"]
    rows = [
        ["c1", str(pos), ".", ref, alt, "50", "PASS", f"SVTYPE={kind}", *cells]
        for pos, ref, alt, kind in (
            (0, "N", "]X:20]N", "BND"),
            (1, BASES[0], "<INS>", "INS"),
            (len(BASES) + 1, "N", "N]X:30]", "BND"),
        )
    ]
    _write(tmp_path / "all.vcf", rows, list(range(len(NAMES))))
    for k, name in enumerate(NAMES):
        _write(tmp_path / f"{name}.vcf", rows, [k])
    policy = {"unchecked_ref": "store"}
    joint = _ingest(tmp_path, "joint", ["all.vcf"], policy)
    apart = _ingest(tmp_path, "apart", [f"{n}.vcf" for n in NAMES], policy)
    wanted, found = (s.scan("frequencies").collect() for s in (joint, apart))
    everybody = wanted.filter(stratum_by="all")
    assert everybody["pos"].to_list() == [0, 1, len(BASES) + 1]
    assert everybody.select("ac", "an", "n_samples").unique().rows() == [(4, 8, 5)]
    assert found.equals(wanted)
    assert [str(p) for p in verify(apart)] == []
    # Somebody goes and comes, with few rows at once.
    monkeypatch.setattr(growcallable, "ROWS_AT_ONCE", 2)
    for names in (NAMES[:-1], NAMES):
        grown = _ingest(tmp_path, "apart", [f"{n}.vcf" for n in names], policy)
        rows = grown.scan("frequencies").filter(stratum_by="all").collect()
        assert rows["pos"].to_list() == [0, 1, len(BASES) + 1]
        assert [str(p) for p in verify(grown)] == []
    assert grown.digest() == apart.digest()


@pytest.mark.parametrize("fields", [[], ["GQ", "DP"]])
def test_quality_is_unknown_where_its_fields_are_not_kept(
    tmp_path: Path, fields: list[str]
) -> None:
    """As of a file of all: what is read to tell states of gVCFs does not make it known."""
    make_fasta(tmp_path / "ref.fa", CONTIGS)
    rows = _records(random.Random(3))
    _write(tmp_path / "all.vcf", rows, list(range(len(NAMES))))
    for k, name in enumerate(NAMES):
        _write(tmp_path / f"{name}.vcf", rows, [k])
    joint = _ingest(tmp_path, "joint", ["all.vcf"], {}, fields)
    apart = _ingest(tmp_path, "apart", [f"{n}.vcf" for n in NAMES], {}, fields)
    wanted, found = (s.scan("frequencies").collect() for s in (joint, apart))
    assert wanted["an_adj"].null_count() == wanted.height
    assert found.equals(wanted)
