"""Packs for archives: complete, checked, whole; and in again as they went out."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import openpyxl
import pysam
import pytest
import yaml
from builders import assert_same_records
from inprocess import ingest_here

import varhouse
from varhouse.cli import main
from varhouse.errors import AccessError, ConfigError, StoreError, UsageError
from varhouse.governance.audit import Audit
from varhouse.governance.ledger import Ledger
from varhouse.governance.model import CohortRecord, Paper, PaperKind
from varhouse.governance.rules import load_rules
from varhouse.sharing.request import Content
from varhouse.submission import packs
from varhouse.submission.details import KEYS, read_details
from varhouse.submission.document import table_of
from varhouse.submission.facts import Facts
from varhouse.submission.modules import MODULES
from varhouse.submission.packs import Order, check_links, make_pack
from varhouse.submission.packvcf import tidy_header
from varhouse.submission.schemas import (
    TARGETS,
    check,
    check_official,
    count_words,
    fields_of,
    schema_of,
    years_after,
)

TODAY = date(2026, 11, 30)
FILES = [{"name": "north.vcf.gz", "type": "vcf", "md5": "0" * 32}]
DETAILS: dict[str, dict[str, Any]] = {
    "submitter": {
        "name": "Demo Submitter", "last_name": "Submitter", "first_name": "Demo",
        "email": "data@example.org", "telephone": "+86 10 00000000", "address": "1 Demo Road",
        "laboratory": "Demo Laboratory", "centre": "Demo Hospital",
    },
    "project": {"title": "A demo", "description": "Two demo people.",
                "release_date": "2027-01-01"},
    "sample": {"type": "Normal population", "organism": "Brassica demo"},
    "analysis": {"title": "Calls", "description": "Made up.", "platform": "simulated",
                 "reference": "GWHABCD00000000", "software": ["demo"],
                 "experiment_type": "Whole genome sequencing"},
}  # fmt: skip
# As bulk files of GVM: names of an assembly's own, people as numbers, no AN.
LENGTHS = {"A01": 6000, "C09": 3000}
BULK = [
    "A01\t11\t.\t{}\t{}\t100\tPASS\tMAF=0.25;NS=3\tGT:DP\t0/1:9\t0/0:8\t./.:0",
    "A01\t40\tbna7\t{}\t{},<DEL>\t.\tPASS\tEND=44;SVLEN=.,-4\tGT:DP\t1/2:7\t0/0:.\t0/1:3",
    "A01\t90\t.\t{}\t{}\t20\tlow\t.\tGT:DP\t1|1:4\t0|1:5\t0|0:6",
    "C09\t5\t.\t{}\t{}\t.\t.\t.\tGT:DP\t0/0:1\t0/1:2\t1/1:3",
]
HEAD = """\
##fileformat=VCFv4.2
##fileDate=20190102
##source=GVM
##GATKCommandLine=<ID=X,CommandLine="-R /home/somebody/ref.fa">
##reference=file:///home/somebody/ref.fa
##contig=<ID=A01,length=6000,URL=file:///home/somebody/ref.fa>
##contig=<ID=C09,length=3000,assembly="/home/somebody/x.fa">
##FILTER=<ID=low,Description="low">
##ALT=<ID=DEL,Description="gone">
##INFO=<ID=MAF,Number=1,Type=Float,Description="minor">
##INFO=<ID=NS,Number=1,Type=Integer,Description="n">
##INFO=<ID=END,Number=1,Type=Integer,Description="end">
##INFO=<ID=SVLEN,Number=A,Type=Integer,Description="len">
##FORMAT=<ID=GT,Number=1,Type=String,Description="calls">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="depth">
##SAMPLE=<ID=bna.s1,Name=Somebody>
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tbna.s1\tbna.s2\tbna.s3
"""


def facts(**more: Any) -> Facts:
    record = CohortRecord(
        "north", accessions=("PRJCA000001", "CNP0000001"), taxon=3708,
        papers=(Paper(PaperKind.ETHICS, "EC-1"),), provinces=("110000",),
        ethnic_groups=("01",), licence="CC-BY-4.0",
    )  # fmt: skip
    values: dict[str, Any] = {
        "cohort": "north", "assembly": "DEMO", "release": 1, "record": record,
        "details": DETAILS, "row": {"assay": "wgs", "platform": "p", "caller": "c"},
        "people": [], "n_people": 2, "on": TODAY,
    }  # fmt: skip
    return Facts(**{**values, **more})


# --- what the archives ask ---


@pytest.mark.parametrize("target", TARGETS)
def test_every_required_field_has_a_source_and_is_filled(target: str) -> None:
    """Coverage of the required fields is 100 %."""
    data = MODULES[target](_with_gca(target, facts()), FILES)
    assert check(target, data, TODAY) == []
    for field in fields_of(target):
        assert field.sources, field
        assert field.certainty in ("seen", "memory")
        entries = data[field.module]
        entry = entries[0] if isinstance(entries, list) else entries
        assert not field.is_required or entry.get(field.name) not in (None, "", []), field


def _with_gca(target: str, found: Facts) -> Facts:
    """EVA takes assemblies of INSDC alone."""
    if target != "eva":
        return found
    details = {**DETAILS, "analysis": {**DETAILS["analysis"], "reference": "GCA_000001.1"}}
    details["analysis"]["reference"] = "GCA_000001405.15"
    return facts(details=details)


@pytest.mark.parametrize("target", TARGETS)
def test_each_required_field_that_is_missing_is_told(target: str) -> None:
    data = MODULES[target](_with_gca(target, facts()), FILES)
    for field in fields_of(target):
        if not field.is_required:
            continue
        broken = json.loads(json.dumps(data))
        entries = broken[field.module]
        (entries[0] if isinstance(entries, list) else entries).pop(field.name)
        told = check(target, broken, TODAY)
        assert len(told) == 1, told
        assert told[0].startswith(f"{field.module}.{field.name} ({field.title}): is missing")


@pytest.mark.parametrize("target", TARGETS)
def test_what_no_archive_asks_is_in_no_pack(target: str) -> None:
    """Modules and schema name the same fields: none is made in vain, none forgotten."""
    known = {(f.module, f.name) for f in fields_of(target)}
    people = [
        {
            "sample": "a",
            "sex": "male",
            "population": "x",
            "age": "30",
            "type": "Case-Control",
            "accession": "SAMEA1",
            "cnsa_accession": "CNS0000001",
        }
    ]
    data = MODULES[target](facts(people=people, n_people=1), FILES)
    for module, entries in data.items():
        for entry in entries if isinstance(entries, list) else [entries]:
            assert {(module, k) for k in entry} <= known


@pytest.mark.parametrize(
    ("target", "part", "key", "value", "words"),
    [
        ("gvm", "project", "description", "word " * 200, "200 words, 199 at most"),
        ("gvm", "project", "description", "字" * 200, "200 words"),
        ("gvm", "project", "release_date", "2027-02-30", "does not fit"),
        ("gvm", "submitter", "email", "nobody", "does not fit"),
        ("gvm", "sample", "type", "Cases", "Case-Control, Resistance, Normal population"),
        ("gvm", "analysis", "reference", "GRCh38", "does not fit"),
        ("gvm", "analysis", "experiment_type", "WGS", "Exome sequencing"),
        ("eva", "analysis", "reference", "GWHABCD00000000", "does not fit"),
        ("eva", "project", "release_date", "2028-12-01", "more than 2 years ahead"),
    ],
)
def test_what_does_not_fit_is_told_with_where_it_stands(
    target: str, part: str, key: str, value: str, words: str
) -> None:
    details = {**DETAILS, part: {**DETAILS[part], key: value}}
    told = check(target, MODULES[target](facts(details=details), FILES), TODAY)
    told = [t for t in told if words in t]
    assert len(told) == 1
    assert f"--details, {part}.{key}" in told[0]


def test_words_and_years() -> None:
    assert count_words("two words, 三个字 and - dashes") == 7
    assert years_after(date(2028, 2, 29), 2) == date(2030, 2, 28)
    data = MODULES["eva"](_with_gca("eva", facts()), FILES)
    data["project"]["holdDate"] = "2028-11-30"
    assert check("eva", data, TODAY) == []


def test_messages_are_chinese_for_who_reads_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VARHOUSE_LANGUAGE", "zh")
    told = check("gvm", MODULES["gvm"](facts(details={}), FILES), TODAY)
    assert any("提交者姓名" in t and "缺失" in t and "台账" in t for t in told)


def test_codes_of_the_sheet_become_names() -> None:
    person = {"sample": "a", "province": "44", "ethnic_group": "3"}
    found = facts(people=[person], n_people=1)
    sample = MODULES["gvm"](found, FILES)["samples"][0]
    assert (sample["location"], sample["ethnicity"]) == ("China: Guangdong", "Hui")
    found.province({"province": "Atlantis"})
    assert found.problems
    assert "Atlantis" in found.problems[0]


@pytest.mark.parametrize("target", TARGETS)
def test_modules_that_contradict_each_other(target: str) -> None:
    people = [{"sample": s, "accession": "SAMC000001"} for s in ("a", "a")]
    data = MODULES[target](facts(people=people, n_people=3), FILES)
    told = " ".join(check_links(target, data, None))
    assert "'a' stands twice" in told
    if target == "gvm":
        assert "3 samples, the pack has 2" in told
        assert "SAMC000001" in told
        data["files"][0]["analysis_alias"] = "other"
        assert "'other' is no analysis" in " ".join(check_links(target, data, None))
    if target == "cnsa":
        data["experiments"][0]["sample_name"] = "A"
        assert "'A' is no sample" in " ".join(check_links(target, data, None))


def test_schemas_are_schemas() -> None:
    for target in TARGETS:
        jsonschema.Draft202012Validator.check_schema(schema_of(target))


def test_an_official_schema_is_asked_too(tmp_path: Path) -> None:
    """One in the manner of EVA's: draft 7, files beside it, one that is nowhere."""
    sample = {"anyOf": [{"$ref": "beside.json"}, {"$ref": "https://x.example/far.json"}]}
    official = {
        "$schema": "http://json-schema.org/draft-07/schema#", "$async": True,
        "required": ["project"],
        "properties": {"project": {"required": ["title"]}, "sample": sample},
    }  # fmt: skip
    path = tmp_path / "official.json"
    path.write_text(json.dumps(official))
    (tmp_path / "beside.json").write_text('{"$id": "beside.json", "type": "array"}')
    assert check_official(path, {"project": {"title": "x"}, "sample": []})[0] == []
    wrong, absent = check_official(path, {"project": {}})
    assert absent == ["https://x.example/far.json"]
    assert wrong == ["official.json: project: 'title' is a required property"]


# --- details ---


def test_all_mistakes_of_the_details_are_told(tmp_path: Path) -> None:
    path = tmp_path / "d.yaml"
    path.write_text(
        "submiter: {}\nproject: {titel: x, release_date: soon, title: [a]}\n"
        "analysis: {imputation: maybe, software: one}\nsample: 3\n"
    )
    with pytest.raises(ConfigError) as error:
        read_details(path)
    assert len(error.value.problems) == 6
    assert "nearest: submitter" in error.value.problems[0]
    path.write_text("project: {release_date: 2027-01-01}\nanalysis: {software: one}\n")
    found = read_details(path)
    assert found["project"]["release_date"] == "2027-01-01"
    assert found["analysis"]["software"] == ["one"]


# --- a species as GVM gives it: in, out, in again ---


@pytest.fixture(scope="module")
def bulk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make a store of a bulk file in GVM's manner, on contigs that GWH names otherwise."""
    folder = tmp_path_factory.mktemp("bulk")
    with (folder / "ref.fa").open("w") as out:
        for name, n in LENGTHS.items():
            bases = "".join("ACGT"[(i * i + i // 3) % 4] for i in range(n))
            out.write(f">{name}\n{bases}\n")
    pysam.faidx(str(folder / "ref.fa"))
    (folder / "aliases.tsv").write_text(
        "contig\talias\nA01\tGWHBDEMO00000001\nC09\tGWHBDEMO00000009\n"
    )
    _write_bulk(
        folder / "all.vcf", folder / "ref.fa", dict(zip(LENGTHS, LENGTHS, strict=True))
    )
    _ingest(folder, "store", folder / "all.vcf")
    (folder / "details.yaml").write_text(yaml.safe_dump(DETAILS))
    yield folder
    shutil.rmtree(folder)


def _write_bulk(path: Path, fasta: Path, names: dict[str, str]) -> None:
    lines = []
    with pysam.FastaFile(str(fasta)) as bases:
        for record in BULK:
            contig, pos = record.split("\t")[:2]
            ref = bases.fetch(contig, int(pos) - 1, int(pos))
            alt = "ACGT"[("ACGT".index(ref) + 1) % 4]
            lines.append(record.format(ref, alt).replace(contig, names[contig], 1) + "\n")
    head = HEAD
    for contig, name in names.items():
        head = head.replace(f"ID={contig},", f"ID={name},")
    path.write_text(head + "".join(lines))


def _ingest(folder: Path, store: str, vcf: Path) -> None:
    (folder / "cohorts.tsv").write_text(f"cohort\tfiles\tassay\nnorth\t{vcf}\tWGS\n")
    people = "".join(f"north\tbna.s{n}\tunknown\n" for n in (1, 2, 3))
    (folder / "samples.tsv").write_text(f"cohort\tsample\tsex\n{people}")
    (folder / "config.yaml").write_text(
        "assembly: {name: DEMO, reference: ref.fa, aliases: aliases.tsv}\n"
        "cohorts: cohorts.tsv\nsamples: samples.tsv\n"
    )
    told = ingest_here(folder / store, folder / "config.yaml")
    assert not told.get("held_back"), told


@pytest.mark.parametrize("target", TARGETS)
def test_packs_are_whole(bulk: Path, target: str, tmp_path: Path) -> None:
    if target == "eva":
        details = {
            **DETAILS,
            "analysis": {**DETAILS["analysis"], "reference": "GCA_000001405.15"},
        }
        (bulk / "eva.yaml").write_text(yaml.safe_dump(details))
    file = bulk / ("eva.yaml" if target == "eva" else "details.yaml")
    words = [
        "submit",
        target,
        str(bulk / "store"),
        "--cohort",
        "north",
        "--details",
        str(file),
    ]
    for name in ("one", "two"):
        assert main([*words, "-o", str(tmp_path / name)]) == 0
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
    _check_sums(tmp_path / "one")
    vcf = tmp_path / "one" / "north.vcf.gz"
    found = varhouse.validate(vcf)
    assert [str(p) for p in found.problems if p.severity == "error"] == []
    data = json.loads((tmp_path / "one" / f"{target}.json").read_text())
    assert check(target, data, TODAY) == []
    assert check_links(target, data, tmp_path / "one") == []
    book = openpyxl.load_workbook(tmp_path / "one" / f"{target}.xlsx")
    assert book.sheetnames == list(schema_of(target)["properties"])
    for sheet in book:
        text = (tmp_path / "one" / f"{sheet.title}.tsv").read_text().splitlines()
        assert [c.value for c in sheet[1]] == text[0].split("\t")
        assert sheet.max_row == len(text)
    card = json.loads((tmp_path / "one" / "catalogue.json").read_text())
    assert card["numbers"] == {"records": 5, "people": 3, "contigs": 2}
    assert yaml.safe_load((tmp_path / "one" / "CITATION.cff").read_text())["type"] == "dataset"


def _check_sums(folder: Path) -> None:
    names = set()
    for line in (folder / "md5sum.txt").read_text().splitlines():
        md5, name = line.split("  ")
        names.add(name)
        assert hashlib.md5((folder / name).read_bytes()).hexdigest() == md5
    assert names | {"md5sum.txt"} == {p.name for p in folder.iterdir()}


def test_an_aggregate_pack_holds_nobody(bulk: Path, tmp_path: Path) -> None:
    order = Order(
        bulk / "store", "gvm", "north", tmp_path / "p", details=bulk / "details.yaml"
    )
    make_pack(order)
    with pysam.VariantFile(str(tmp_path / "p" / "north.vcf.gz")) as file:
        assert list(file.header.samples) == []
        got = [(r.contig, r.pos, r.alts, r.info.get("AC"), r.info["AN"]) for r in file.fetch()]
    assert got[0][3:] == ((1,), 4)
    assert len(got) == 5
    for path in (tmp_path / "p").iterdir():
        raw = path.read_bytes()
        assert b"bna.s" not in raw
    told = json.loads((tmp_path / "p" / "gvm.json").read_text())
    assert [s["sample_name"] for s in told["samples"]] == ["north"]
    assert told["project"]["sample_number"] == 3


def test_a_bulk_file_comes_back_as_it_went_in(bulk: Path, tmp_path: Path) -> None:
    """GVM's file, pack, and a fresh store of the pack's file: same digests of all calls."""
    order = Order(
        bulk / "store", "gvm", "north", tmp_path / "p", Content.INDIVIDUAL,
        details=bulk / "details.yaml",
    )  # fmt: skip
    make_pack(order)
    vcf = tmp_path / "p" / "north.vcf.gz"
    raw = pysam.BGZFile(str(vcf)).read()
    assert b"somebody" not in raw.lower()
    told = json.loads((tmp_path / "p" / "gvm.json").read_text())
    assert [s["sample_name"] for s in told["samples"]] == ["bna.s1", "bna.s2", "bna.s3"]
    for name in ("ref.fa", "ref.fa.fai", "aliases.tsv"):
        shutil.copy(bulk / name, tmp_path)
    # A file counts by its name, so the pack's takes the name that the first one had.
    _ingest(tmp_path, "again", vcf.rename(tmp_path / "all.vcf"))
    first = varhouse.open(bulk / "store").table_digests()
    second = varhouse.open(tmp_path / "again").table_digests()
    apart = {t for t in {*first, *second} if first.get(t) != second.get(t)}
    # Of files and cohorts the bytes count; everything that was called is the same.
    assert apart <= {"files", "cohorts", "ingests", "accounts"}
    calls = {"sites", "genotypes", "frequencies", "totals", "variants", "ids", "samples"}
    assert calls <= set(first) - apart
    assert_same_records(bulk / "all.vcf", tmp_path / "all.vcf")


def test_names_of_gwh_are_names_of_the_contigs(bulk: Path, tmp_path: Path) -> None:
    for name in ("ref.fa", "ref.fa.fai", "aliases.tsv"):
        shutil.copy(bulk / name, tmp_path)
    names = {"A01": "GWHBDEMO00000001", "C09": "GWHBDEMO00000009"}
    _write_bulk(tmp_path / "all.vcf", tmp_path / "ref.fa", names)
    _ingest(tmp_path, "gwh", tmp_path / "all.vcf")
    one, two = varhouse.open(bulk / "store"), varhouse.open(tmp_path / "gwh")
    same = ("variants", "frequencies", "totals", "genotypes")
    assert [t for t in same if one.table_digests()[t] != two.table_digests()[t]] == []


def test_samples_can_be_chosen(bulk: Path, tmp_path: Path) -> None:
    order = Order(
        bulk / "store", "gvm", "north", tmp_path / "p", Content.INDIVIDUAL,
        details=bulk / "details.yaml", samples=("bna.s3",),
    )  # fmt: skip
    made = make_pack(order)
    assert made.people == 1
    with pysam.VariantFile(str(tmp_path / "p" / "north.vcf.gz")) as file:
        assert [r.info["AN"] for r in file.fetch()] == [0, 2, 2, 2]
    with pytest.raises(UsageError, match="no sample"):
        make_pack(Order(**{**vars(order), "folder": tmp_path / "q", "samples": ("BNA.S3",)}))
    assert not (tmp_path / "q").exists()


def test_what_is_missing_leaves_nothing_behind(bulk: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        make_pack(Order(bulk / "store", "gvm", "north", tmp_path / "p"))
    assert len(error.value.problems) >= 10
    with pytest.raises(StoreError, match="nearest: north"):
        make_pack(Order(bulk / "store", "gvm", "nort", tmp_path / "p"))
    assert list(tmp_path.iterdir()) == []


# --- out of a governed store ---


def test_a_governed_store_lets_packs_out_by_the_gate(bulk: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(bulk / "store", store)
    ledger = Ledger.open(store)
    ledger.add("cohort", "north", {"title": "A demo", "taxon": 3708, "tier": "T2"})
    ledger.add("recipient", "GVM", {"kind": "domestic"})
    order = Order(
        store, "gvm", "north", tmp_path / "p", Content.INDIVIDUAL,
        details=bulk / "details.yaml",
    )  # fmt: skip
    with pytest.raises(UsageError, match="--to"):
        make_pack(order)
    # No rules are entered: the gate denies what nothing allows.
    with pytest.raises(AccessError):
        make_pack(Order(**{**vars(order), "recipient": "GVM"}))
    assert not (tmp_path / "p").exists()
    ledger = Ledger.open(store)
    ledger.add("withdraw", "north", {"from": "2026-01-01", "reason": "demo"})
    with pytest.raises(StoreError, match="withdrawn"):
        make_pack(Order(**{**vars(order), "recipient": "GVM"}))


def _governed(bulk: Path, store: Path) -> Ledger:
    """Make a governed store of which the archive GVM may have everything."""
    shutil.copytree(bulk / "store", store)
    ledger = Ledger.open(store)
    book = load_rules("builtin")
    ledger.add("rules", "rules", {"file": "builtin", "digest": book.digest})
    ledger.add("small_counts", "small_counts", {"preset": "none"})
    ledger.add("cohort", "north", {"title": "A demo", "taxon": 3708, "tier": "T0"})
    ledger.add("recipient", "GVM", {"kind": "domestic"})
    for kind in ("ethics", "consent", "dac_decision", "report", "backup"):
        paper = {"kind": kind, "number": f"{kind}-1", "cohorts": "north"}
        if kind == "dac_decision":
            paper["recipients"] = "GVM"
        ledger.add("paper", "", paper)
    return ledger


def _events(store: Path) -> list[tuple[str, Any]]:
    return [(e.body["event"], e.body.get("output")) for e in Audit(store).events()]


def test_what_the_gate_lets_out_is_in_the_log(bulk: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    _governed(bulk, store)
    order = Order(
        store, "gvm", "north", tmp_path / "p", Content.INDIVIDUAL,
        details=bulk / "details.yaml", recipient="GVM", purpose="archive",
    )  # fmt: skip
    assert make_pack(order).people == 3
    digest = hashlib.sha256((tmp_path / "p" / "manifest.tsv").read_bytes()).hexdigest()
    assert _events(store)[-1] == ("shared", {"sha256": digest})
    told = json.loads((tmp_path / "p" / "gvm.json").read_text())
    assert told["project"]["title"] == "A demo" or told["project"]["access"] == "Open"


def test_a_pack_that_fails_counts_as_not_given(
    bulk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    _governed(bulk, store)
    wrong = tmp_path / "official.json"
    wrong.write_text('{"required": ["what nobody has"]}')
    order = Order(
        store, "gvm", "north", tmp_path / "p", Content.INDIVIDUAL,
        details=bulk / "details.yaml", recipient="GVM", official=wrong,
    )  # fmt: skip
    before = _events(store)
    with pytest.raises(ConfigError, match="what nobody has"):
        make_pack(order)
    assert not (tmp_path / "p").exists()
    assert _events(store) == before, "a pack that cannot be made is asked of nobody"

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("varhouse.submission.packs._fill", fail)
    with pytest.raises(OSError, match="disk is full"):
        make_pack(replace(order, official=None))
    assert not (tmp_path / "p").exists()
    assert [e[0] for e in _events(store)[len(before) :]] == ["share", "share_failed"]


def test_aggregates_of_a_governed_store_are_those_of_the_public(
    bulk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    _governed(bulk, store)
    order = Order(
        store, "gvm", "north", tmp_path / "p", details=bulk / "details.yaml", recipient="GVM"
    )
    with pytest.raises(AccessError, match="share release"):
        make_pack(order)
    assert main(["share", "release", str(store), "--role", "public"]) == 0
    assert make_pack(order).records == 5
    with pysam.VariantFile(str(tmp_path / "p" / "north.vcf.gz")) as file:
        assert next(r.info["AC"] for r in file.fetch()) == (1,)
    # The view's release 1 shows another one of the store: the gate is asked of that.
    monkeypatch.setattr(packs, "shown_release", lambda _: 77)
    with pytest.raises(StoreError, match="77"):
        make_pack(Order(**{**vars(order), "folder": tmp_path / "q", "release": "1"}))


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (b"##bcftools_viewCommand=view /home/x/a.vcf", False),
        (b"##SAMPLE=<ID=a,Name=Somebody>", False),
        (b"##PEDIGREE=<ID=a,Father=b>", False),
        (b'##INFO=<ID=X,Number=1,Type=Integer,Description="a/b">', True),
    ],
)
def test_what_a_header_keeps(line: bytes, kept: bool) -> None:
    tidy = tidy_header(b"##fileformat=VCFv4.2\n" + line + b"\n", None)
    assert (line in tidy.splitlines()) is kept


@pytest.mark.parametrize(("page", "code"), [("docs", "en"), ("docs/zh", "zh")])
def test_the_pages_list_every_field(page: str, code: str) -> None:
    """`python -m varhouse.submission.document` makes the tables."""
    text = (Path(__file__).parents[2] / page / "submission.md").read_text()
    for target in TARGETS:
        assert table_of(target, code) in text


def test_the_template_explains_every_key(tmp_path: Path) -> None:
    file = tmp_path / "submission.yaml"
    assert main(["submit", "template", str(file)]) == 0
    assert main(["submit", "template", str(file)]) == 2, "nothing is written over"
    assert not any(read_details(file).values())
    said = yaml.safe_load(file.read_text())
    assert {p: tuple(v) for p, v in said.items()} == KEYS
    wanted = {s.removeprefix("details ") for t in TARGETS for f in fields_of(t)
              for s in f.sources if s.startswith("details ")}  # fmt: skip
    known = {f"{p}.{k}" for p, keys in KEYS.items() for k in keys}
    assert wanted <= known
    assert known - wanted == {f"catalogue.{k}" for k in KEYS["catalogue"]}
    assert "telephone:  # Telephone number; required by gvm" in file.read_text()


@pytest.mark.parametrize(
    ("code", "said"), [("zh", "中有 1 处错误"), ("en", "1 mistake(s) in ")]
)
def test_mistakes_are_told_in_the_language_of_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    monkeypatch.setenv("VARHOUSE_LANGUAGE", code)
    file = tmp_path / "details.yaml"
    file.write_text("nothing: {asks: for this}\n")
    with pytest.raises(ConfigError) as caught:
        read_details(file)
    assert said in str(caught.value)
    assert str(file) in str(caught.value)
