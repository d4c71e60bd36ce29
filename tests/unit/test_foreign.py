"""Ids of controlled foreign databases: found where they stand, and nowhere else."""

import gzip
import random
import re
import string
from contextlib import suppress
from pathlib import Path

import pytest

from varhouse.governance.foreign import find_foreign, load_foreign, names_resource
from varhouse.governance.model import PaperKind
from varhouse.governance.rules import load_rules

IDS = {
    "dbgap": ["phs000178", "phs000178.v11", "phs000178.v11.p8", "phs000178.v11.p8.c1",
              "PHS001234", "pht001234.v2.p1", "phv00012345", "phv00012345.v1.p1",
              "pht001234", "phd001234", "phg000123.v1", "pha002846.1", "phe000001.v1"],
    "tcga": ["TCGA-02-0001", "TCGA-02-0001-01", "TCGA-02-0001-01C", "TCGA-02-0001-01C-01D",
             "TCGA-02-0001-01C-01D-0182-01", "TCGA.A1.A0SB", "tcga-a1-a0sb-01a",
             "TCGA_A1_A0SB_01A", "TCGA-02-0001-01C-01-TS1", "TCGA-02-0001-C1",
             "TCGA-02-0001-S145", "TCGA-28-1747-01C-01W-0700-08"],
    "target": ["TARGET-20-PABGKN", "TARGET-20-PABGKN-09A-01D", "TARGET-30-PARBGP-10A"],
    "cptac": ["C3L-00001", "C3N-01234-02"],
    "gtex": ["GTEX-1117F", "GTEX-1117F-0003-SM-58Q7G", "GTEX-WFON",
             "GTEX-14BMU-0011-R10A-SM-6EGHP"],
    "topmed": ["NWD123456"],
    "aou": ["fc-aou-datasets-controlled", "aou-res-curation-output-prod", "C2022Q4R9",
            "R2023Q3R12"],
    "nda": ["NDAR_INV0A1B2C3D"],
    "ukb": ["ukb23155", "ukb23155_c1_b0_v1", "ukb12345", "UKBB", "UK_Biobank", "UK Biobank",
            "UKB_1234567"],
    "gisaid": ["EPI_ISL_402124", "epi_isl_1234567", "EPI1234567"],
    "ega": ["EGAS00001000001", "EGAD00001000001", "EGAN00001000001", "EGAF00001000001",
            "EGAC00001000001", "EGAX00001000001", "EGAZ00001000001", "EGAB00000000001",
            "EGAW00000000001"],
    "jga": ["JGAS000114", "JGAD00000000001"],
}  # fmt: skip

NOT = [
    "rs123456", "NA12878", "HG00096", "HGDP00001", "SAMN01234567", "phs12345", "phs1234567",
    "xphs000178", "TCGA", "TCGA-02", "XTCGA-02-0001", "TCGA-02-00011", "TCGA-02.0001",
    "TARGET-20", "target_regions", "TARGET-20-abcdef", "xukb23155", "ukb12", "ukbbx",
    "non_ukb", "notUKBB1", "EPI_ISL", "EPI_ISL_1", "EGAS0000100000", "EGAS000010000012",
    "SEGAS00001000001", "VEGAS00001000001", "C3L-0001", "JGA000001", "NWD12345", "nwd123456",
    "GTEX", "gtex-liver", "GTEx-Brain", "GTEX-LIV", "pht00123", "phv0001234", "phv000123456",
    "pha00284", "phd1234567", "phz001234", "TCGA-XYZ1", "TCGA-ZZ", "TARGET-XX", "EPI850K",
    "EPI450", "epi1234567", "C2022Q5R9", "c2022q4r9", "aou", "C3L-000001", "NWD1234567",
    "UKB1234567890x", "ukb-b-19953", "PRJCA000001", "HRA015470", "GRCh38", "chrUn_KI270302v1",
    "MEGA00001000001",
]  # fmt: skip


def names(**where: list[str]) -> set[tuple[str, str]]:
    return {(h.resource.name, h.where) for h in find_foreign(**where)}


@pytest.mark.parametrize(("name", "text"), [(n, t) for n, texts in IDS.items() for t in texts])
def test_ids_are_found_in_names_of_samples_and_files(name: str, text: str) -> None:
    if " " not in text:
        assert names(samples=["p1", f"x.{text}_2" if name != "ukb" else text]) == {
            (name, "sample")
        }
    assert names(paths=[f"/data/{text}/calls.vcf.gz"]) == {(name, "path")}
    assert names(paths=[f"/data/{text}.vcf.gz"]) == {(name, "path")}


@pytest.mark.parametrize("text", NOT)
def test_what_only_looks_like_an_id_is_none(text: str) -> None:
    assert names(samples=[text], paths=[f"/d/{text}.vcf"], ids=[text]) == set()
    assert names(headers=[f"##source={text}\n#CHROM\tPOS"]) == set()


@pytest.mark.parametrize(
    "line",
    [
        "##source=phs000424.v8.p2",
        "##bcftools_viewCommand=view -o x.vcf /d/phs000424.v8.p2/calls.bcf",
        '##SAMPLE=<ID=a,Description="of (phs000424)">',
        "##phs000424",
    ],
)
def test_ids_are_found_in_any_meta_line(line: str) -> None:
    header = f"##fileformat=VCFv4.3\n{line}\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    assert names(headers=["##fileformat=VCFv4.2\n#CHROM", header]) == {("dbgap", "header")}


def test_a_declaration_may_speak_of_a_database() -> None:
    info = '##INFO=<ID=AF_ukb,Number=A,Type=Float,Description="AF in UK Biobank (UKBB)">'
    assert names(headers=[info]) == set()
    assert names(headers=[info + "\n##source=UKBB export\n"]) == {("ukb", "header")}
    # Its ids are another thing.
    contig = "##contig=<ID=EPI_ISL_402124,length=29903>"
    assert names(headers=[contig]) == {("gisaid", "header")}


def test_the_line_of_columns_is_no_header() -> None:
    assert names(headers=["##x=1\n#CHROM\tPOS\tphs000178\nchr1\t1\tphs000178"]) == set()


def test_how_many_samples_is_said_and_the_terms_without_an_id() -> None:
    people = [f"NA{i:05d}" for i in range(1000)] + ["TCGA-02-0001-01C", "TCGA-02-0003-01A"]
    (hit,) = find_foreign(samples=people)
    assert (hit.n, hit.text) == (2, "TCGA-02-0001-01C")
    assert "2 sample name(s)" in hit.say("en")
    assert "2 个样本名" in hit.say("zh")
    assert "TCGA-02" not in hit.say("en")


def test_nothing_is_found_in_nothing() -> None:
    assert find_foreign() == []
    assert find_foreign(ids=[None, ""], samples=[]) == []


def test_the_table_says_terms_and_sources_in_both_languages() -> None:
    table = load_foreign()
    assert {r.name for r in table} == set(IDS)
    for r in table:
        assert r.sources
        for text in (r.title, r.terms):
            assert text.en.isascii()
            assert any("\u4e00" <= c <= "\u9fff" for c in text.zh)


def test_rules_name_databases_of_the_table_and_ask_for_a_basis() -> None:
    known = {r.name for r in load_foreign()}
    for rule in load_rules().rules:
        if "has" in rule.when and rule.when["fact"] == "foreign.resources":
            assert set(rule.when["has"]) <= known
            assert [n.kind for n in rule.needs] == [PaperKind.BASIS]


TOGETHER = "joint_calling.chr1_1M.1kg_samples.10samples.noINFO.vcf"
"""1000 Genomes exomes that were called together with TCGA's: its header names their files."""


def test_headers_of_public_files_have_no_hit(data_dir: Path) -> None:
    hits = {}
    for folder in ("cohorts", "annotation", "trio", "validity"):
        for file in sorted((data_dir / folder).rglob("*.vcf*")):
            if file.suffix in (".tbi", ".csi") or not file.is_file():
                continue
            header = header_of(file)
            people = header[-1].rstrip().split("\t")[9:] if header else []
            path = str(file.relative_to(data_dir))
            found = find_foreign(headers=["".join(header)], paths=[path], samples=people)
            if found:
                hits[file.name] = {h.resource.name for h in found}
    assert hits == {TOGETHER: {"tcga"}}


def header_of(file: Path) -> list[str]:
    """Read the lines of a header that begin with #, of a file that may be damaged."""
    with file.open("rb") as raw:
        is_gzip = raw.read(2) == b"\x1f\x8b"
    lines: list[str] = []
    opened = gzip.open if is_gzip else Path.open
    with suppress(OSError, EOFError), opened(file, "rb") as text:
        for line in text:
            if not line.startswith(b"#"):
                break
            lines.append(line.decode(errors="replace"))
    return lines


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/data/UKB/chr1.vcf.gz", "ukb"), ("UKB_chr1.vcf.gz", "ukb"), ("ukb_chr21.bcf", "ukb"),
        ("/in/dbGaP-12345/calls.vcf.gz", "dbgap"), ("/archive/dbgap/a.vcf", "dbgap"),
        ("gisaid_hcov-19.vcf", "gisaid"),
    ],
)  # fmt: skip
def test_a_folder_that_is_called_as_its_database(path: str, name: str) -> None:
    assert names(paths=[path]) == {(name, "path")}


def test_the_name_of_a_database_in_meta_lines() -> None:
    head = "##fileformat=VCFv4.2\n{}\n#CHROM\tPOS"
    for line in ("##source=dbGaP project 12", "##dbGaP_consent=c1", "##origin=GISAID"):
        assert len(names(headers=[head.format(line)])) == 1
    # dbSNP declares that it has frequencies of dbGaP; that is no data of it.
    declared = '##INFO=<ID=FREQ,Number=.,Type=String,Description="dbGaP, GISAID">'
    assert names(headers=[head.format(declared)]) == set()


# --- forms by the published definitions, made at random ---

FORMS = {
    # {6}: so many digits; <4>: so many capitals and digits.
    "dbgap": ["phs{6}", "phs{6}.v{1}.p{1}.c{1}", "phv{8}", "phv{8}.v{1}.p{1}",
              "pht{6}.v{2}.p{1}", "phd{6}", "phg{6}.v{1}", "pha{6}.{1}"],
    "tcga": ["TCGA-<2>-<4>", "TCGA-<2>-<4>-{2}A", "TCGA-<2>-<4>-{2}A-{2}D",
             "TCGA-<2>-<4>-{2}A-{2}D-<4>-{2}", "TCGA-<2>-<4>-{2}A-{2}-TS1"],
    "target": ["TARGET-{2}-<6>", "TARGET-{2}-<6>-{2}A", "TARGET-{2}-<6>-{2}A-{2}D",
               "TARGET-{2}-<6>-{2}A.1-{2}R"],
    "cptac": ["C3L-{5}", "C3N-{5}-{2}"],
    "gtex": ["GTEX-<4>", "GTEX-<5>", "GTEX-<5>-{4}-SM-<5>"],
    "topmed": ["NWD{6}"],
    "nda": ["NDAR_INV<8>", "NDARINV<8>"],
    "ukb": ["ukb{5}", "ukb{5}_c1_b0_v1", "UKB_{7}"],
    "gisaid": ["EPI_ISL_{6}", "EPI_ISL_{8}", "EPI{7}"],
    "ega": [f"EGA{kind}{{9}}{{2}}" for kind in "SDNXRZPCFB"],
    "jga": ["JGAS{6}", "JGAD{6}", "JGAN{9}"],
}  # fmt: skip


def grown(rng: random.Random, form: str) -> str:
    """Make a text of a form."""

    def some(found: re.Match[str]) -> str:
        own = string.digits if found[0][0] == "{" else string.ascii_uppercase + string.digits
        return "".join(rng.choices(own, k=int(found[1])))

    return re.sub(r"[{<](\d)[}>]", some, form)


@pytest.mark.parametrize("name", FORMS)
def test_each_form_is_found_and_what_is_longer_or_shorter_is_not(name: str) -> None:
    rng = random.Random(name)
    for form in FORMS[name]:
        for _ in range(40):
            text = grown(rng, form)
            for shown in (text, f"a_{text}", f"{text}.sorted"):
                assert names(samples=[shown]) == {(name, "sample")}, shown
            assert names(paths=[f"/x/{text}.vcf.gz"]) == {(name, "path")}, text
            assert names(ids=[text]) == {(name, "id")}, text
            head, letters = re.match(r"[A-Za-z0-9_]+", text), "xZ7"
            assert head is not None
            before = rng.choice(letters) + text
            assert names(samples=[before]) == set(), before
            if text == head[0] and name not in ("ukb", "gisaid", "jga"):
                # Of one word and of a length: a place less or more is another word.
                for other in (text[:-1], text + "7"):
                    assert names(samples=[other], paths=[other], ids=[other]) == set(), other


def test_projects_of_the_gdc_and_of_all_of_us_are_found_in_paths_alone() -> None:
    for path, name in (
        ("TCGA-BRCA/a.vcf", "tcga"), ("x/TCGA_LUAD.vcf.gz", "tcga"),
        ("TARGET-AML/a.vcf", "target"), ("CPTAC-3/a.vcf", "cptac"),
        ("ukb_app_12345/a.vcf", "ukb"), ("AllofUs/a.vcf", "aou"), ("AoU_chr1.vcf", "aou"),
    ):  # fmt: skip
        assert names(paths=[path]) == {(name, "path")}, path
    assert names(samples=["BRCA1", "TCGA-BRCA", "CPTAC-3"]) == set()
    said = '##INFO=<ID=x,Description="AF in All of Us, in UK Biobank field 23148, CPTAC-3">'
    assert names(headers=[said]) == set()
    assert names(headers=["##source=All of Us v7"]) == {("aou", "header")}
    assert names(paths=["/panel_of_all of us.vcf", "/gtex-liver.vcf", "/brca/a.vcf"]) == set()


@pytest.mark.parametrize(
    ("named", "resource"),
    [
        ("All of Us", "aou"), ("All of Us (NIH)", "aou"), ("AoU", "aou"),
        ("UK-Biobank", "ukb"), ("UKB", "ukb"), ("dbGaP", "dbgap"), ("TOPMed", "topmed"),
        ("CPTAC-3", "cptac"), ("日本基因型表型档案 JGA", "jga"),
    ],
)  # fmt: skip
def test_a_basis_names_a_database_as_people_write_it(named: str, resource: str) -> None:
    assert names_resource(["other", named], resource)
    others = {r.name for r in load_foreign()} - {resource}
    assert not any(names_resource([named], other) for other in others)
    assert not names_resource(["phs000178", "NIH", ""], resource)
