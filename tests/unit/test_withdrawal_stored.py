"""A file comes back out of the store, and is as good as the file it was."""

import json
import random
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from builders import make_fasta
from inprocess import ingest_here

import varhouse
from varhouse.errors import StoreError
from varhouse.store.reader import Store
from varhouse.withdrawal.cut import cut_file
from varhouse.withdrawal.stored import can_restore, write_stored_file

META = """\
##fileformat=VCFv4.2
##contig=<ID=1,length=3000>
##contig=<ID=2,length=3000>
##INFO=<ID=AC,Number=A,Type=Integer,Description="x">
##INFO=<ID=AN,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=GT,Number=1,Type=String,Description="x">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="x">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="x">
"""
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT"


def bases(seed: int = 3) -> dict[str, str]:
    rng = random.Random(seed)
    return {c: "".join(rng.choice("ACGT") for _ in range(3000)) for c in "12"}


FORMS = ("GT", "GT:AD:DP:GQ:PL", "GT:DP", "DP")


def make_text(
    seed: int, people: list[str], *, gvcf: bool = False, forms: tuple[str, ...] = FORMS
) -> str:
    """Make a file with faults that an ingest rejects records and alleles for."""
    rng = random.Random(seed)
    lines = [META + "\t".join([COLUMNS, *people])]
    for contig, genome in bases().items():
        pos = 5
        while pos < 2900:
            form = "GT:DP:GQ" if gvcf else rng.choice(forms)
            ref = genome[pos - 1]
            lines.append(record(rng, contig, pos, ref, len(people), gvcf=gvcf, form=form))
            pos += rng.choice([1, 5, 12]) if not gvcf else 10
            if rng.random() < 0.04 and not gvcf:
                lines.append(lines[-1])
        if not gvcf:
            # Contigs that the reference does not have, between the others and last.
            lines += [f"no{contig}" + line[1:] for line in lines[-3:]]
    return "\n".join(lines) + "\n"


def record(
    rng: random.Random, contig: str, pos: int, ref: str, n: int, *, gvcf: bool, form: str
) -> str:
    others = [b for b in "ACGT" if b != ref]
    alts = rng.sample(others, rng.choice([1, 1, 2, 3]))
    info = "AC=" + ",".join("1" for _ in alts) + ";AN=9"
    if gvcf:
        alts = [*alts[: rng.choice([0, 0, 1])], "<NON_REF>"]
        info = f"END={pos + 9}" if len(alts) == 1 else "."
    if rng.random() < 0.03 and not gvcf:
        ref = others[0] if others[0] not in alts else ref
    if rng.random() < 0.03 and not gvcf:
        alts[0] = "<"
    cells = []
    for _ in range(n):
        called = [
            str(rng.choice([0, 0, 0, 0, rng.randint(0, len(alts) - gvcf)])) for _ in "ab"
        ]
        gt = (
            rng.choice("/|").join(called)
            if rng.random() > 0.03
            else rng.choice([".", "1", "./."])
        )
        if rng.random() < 0.004 and not gvcf:
            gt = "0/9"
        values = {
            "GT": gt, "DP": str(rng.randint(0, 50)), "GQ": str(rng.randint(0, 99)),
            "AD": ",".join("7" for _ in range(len(alts) + 1)),
            "PL": ",".join("9" for _ in range((len(alts) + 1) * (len(alts) + 2) // 2)),
        }  # fmt: skip
        cells.append(":".join(values[k] for k in form.split(":")))
    qual = rng.choice([".", "30", "29.5", "1e-07"]) if rng.random() > 0.03 else "x"
    return "\t".join(
        [contig, str(pos), ".", ref, ",".join(alts), qual, "PASS", info, form, *cells]
    )


def build(folder: Path, files: list[Path], **config: Any) -> Store:
    """Ingest files as one cohort."""
    folder.mkdir(exist_ok=True)
    make_fasta(folder / "ref.fa", bases())
    row = "c\t" + ",".join(map(str, files))
    (folder / "cohorts.tsv").write_text(f"cohort\tfiles\n{row}\n")
    asked = {
        "store": "store", "assembly": "toy", "reference": "ref.fa", "cohorts": "cohorts.tsv",
        "policy": {"max_ref_mismatch_rate": 0.5, "unlisted_samples": "unknown"}, **config,
    }  # fmt: skip
    (folder / "config.yaml").write_text(json.dumps(asked))
    account = ingest_here(folder / "store", folder / "config.yaml", chunk_records=100)
    assert not account.get("held_back"), account
    return varhouse.open(folder / "store")


def digests(store: Store) -> dict[str, str]:
    """Give the digest of each table but `files`, which knows the bytes of the files."""
    return {name: d for name, d in store.table_digests().items() if name != "files"}


def about_files(store: Store) -> list[dict[str, Any]]:
    rows = store.scan("files").sort("file").collect()
    own = ["path", "mtime_ns", "bytes", "md5", "sha256", "fingerprint", "ingest_id"]
    return rows.drop(own).to_dicts()


def data_lines(path: Path) -> list[str]:
    """Give the lines of a file with QUAL as a number."""
    found = []
    for line in path.read_text().splitlines():
        cells = line.split("\t")
        if not line.startswith("#") and re.fullmatch(r"[0-9.e-]*\d", cells[5]):
            cells[5] = str(float(cells[5]))
        found.append("\t".join(cells))
    return found


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("kept", ["all", ["AD", "DP", "GQ"]])
def test_a_stored_file_is_as_good_as_the_file(seed: int, kept: Any, tmp_path: Path) -> None:
    people = ["S3", "S1", "S2", "S4"]
    source = tmp_path / "a.vcf"
    source.write_text(make_text(seed, people))
    store = build(tmp_path / "whole", [source], genotype_fields=kept)
    rejects = store.rejects().collect()
    assert rejects.filter(pl.col("alt_index").is_null())["reason"].n_unique() > 2
    assert can_restore(store, "c", 0) is None
    back = tmp_path / "back"
    back.mkdir()
    write_stored_file(store, "c", 0, back / "a.vcf")
    if kept == "all":
        assert data_lines(back / "a.vcf") == data_lines(source)
    made = []
    for name, file in (("from-source", source), ("from-store", back / "a.vcf")):
        (tmp_path / name).mkdir()
        cut_file(file, tmp_path / name / "a.vcf.gz", ["S1"])
        made.append(
            build(tmp_path / name, [tmp_path / name / "a.vcf.gz"], genotype_fields=kept)
        )
    assert digests(made[0]) == digests(made[1])
    about = [about_files(store)[0] for store in made]
    if kept != "all":
        # PL of haploid people is at fault, and was not kept.
        faults = [json.loads(row.pop("problems"))["counts"] for row in about]
        assert faults[0].pop("VH-M-007") > faults[1].pop("VH-M-007", 0)
        assert faults[0] == faults[1]
    assert about[0] == about[1]
    assert digests(made[0])["sites"] != digests(store)["sites"]


@pytest.mark.parametrize("forms", [("GT",), FORMS, None])
def test_of_several_files_the_one_that_is_asked_for_comes_back(
    tmp_path: Path, forms: tuple[str, ...] | None
) -> None:
    """Of gVCFs (no forms), and of files with GT alone, whose lines are written another way."""
    files = [tmp_path / f"{name}.vcf" for name in "ab"]
    for seed, (file, people) in enumerate(zip(files, (["A1", "A2"], ["B1"]), strict=True)):
        file.write_text(make_text(seed, people, gvcf=not forms, forms=forms or FORMS))
    store = build(tmp_path / "store", files)
    assert bool(forms) == store.blocks().collect().is_empty()
    for number, file in enumerate(files):
        assert can_restore(store, "c", number) is None
        write_stored_file(store, "c", number, tmp_path / "back.vcf")
        assert data_lines(tmp_path / "back.vcf") == data_lines(file)


def test_what_cannot_come_back_is_told(tmp_path: Path) -> None:
    source = tmp_path / "a.vcf"
    source.write_text(make_text(1, ["S1", "S2"]))
    store = build(tmp_path / "few", [source], genotype_fields=["PL"])
    assert can_restore(store, "c", 0) == (
        "FORMAT fields that count calls were not kept: AD, DP, GQ"
    )
    with pytest.raises(StoreError, match="no file 1"):
        can_restore(store, "c", 1)
    source.write_bytes(b"\xef\xbb\xbf" + make_text(1, ["S1", "S2"]).encode())
    assert "byte order mark" in (can_restore(build(tmp_path / "bom", [source]), "c", 0) or "")
    source.write_text(make_text(1, ["S1"], gvcf=True))
    policy = {"unlisted_samples": "unknown", "gvcf": "variants"}
    store = build(tmp_path / "variants", [source], policy=policy)
    assert re.search("holds .* of its .* records", can_restore(store, "c", 0) or "")


def test_a_file_that_was_lifted_over_cannot_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "a.vcf"
    source.write_text(make_text(1, ["S1", "S2"]))
    store = build(tmp_path / "store", [source])
    scan = store.scan

    def with_lifted(table: str, **filters: Any) -> pl.LazyFrame:
        return pl.LazyFrame({"file": [0]}) if table == "lifted" else scan(table, **filters)

    monkeypatch.setattr(store, "scan", with_lifted)
    assert "lifted over" in (can_restore(store, "c", 0) or "")
