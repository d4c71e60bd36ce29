"""Every rule is raised by a file that breaks it, with the severity and effect it has."""

import gzip
import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varhouse.genome.contigs import Contig, Contigs
from varhouse.genome.reference import Reference, compile_reference
from varhouse.onefile.validate import AnyContigs
from varhouse.vcf.account.rules import RULES
from varhouse.vcf.check.judged import MarkedRecords
from varhouse.vcf.check.scan import scan_file

HERE = Path(__file__).parent
COLUMNS = "#CHROM POS ID REF ALT QUAL FILTER INFO"

ELSEWHERE = {
    "test_plausibility.py": (
        "VH-F-007 VH-F-008 VH-F-009 VH-F-011 VH-F-012 VH-F-013 VH-F-014 VH-F-015 VH-F-020 "
        "VH-F-021 VH-R-001 VH-R-002 VH-R-005 VH-R-006 VH-R-007 VH-R-008 VH-R-009 VH-R-010 "
        "VH-R-011 VH-S-001 VH-S-002 VH-S-003 VH-S-004 VH-D-003"
    ),
    "test_vcf_text.py": "VH-F-002 VH-F-003",
    "test_rules.py": "VH-F-004 VH-H-005 VH-R-003 VH-R-004",
    "test_vcf_limits.py": "VH-F-010",
    "test_other_formats.py": "VH-F-017",
    "test_gvcf_faults.py": "VH-F-031 VH-F-032 VH-F-033 VH-F-034 VH-F-035 VH-F-036 "
    "VH-F-037",
    "test_gvcf_gate.py": "VH-G-005",
    "test_ingest_policy.py": "VH-D-002",
}  # fmt: skip
"""Codes that need an assembly, a sheet or a damaged file, and the tests that raise them."""


def _file(*meta, rows=(), samples=(), version=3, end="\n"):
    columns = [*COLUMNS.split(), *(["FORMAT", *samples] if samples else [])]
    lines = [f"##fileformat=VCFv4.{version}", *meta, "\t".join(columns)]
    lines += ["\t".join(row.split()) for row in rows]
    return "\n".join(lines) + end


def _site(row="1 5 . A C . . .", *more, version=3, meta=()):
    return _file(*meta, rows=(row, *more), version=version)


def _info(info, alt="C", version=3, meta=()):
    return _site(f"1 5 . A {alt} . . {info}", version=version, meta=meta)


def _sample(fmt, sample, version=3, meta=(), info=".", alt="C"):
    return _file(
        *meta,
        rows=(f"1 5 . A {alt} . . {info} {fmt} {sample}",),
        samples=("s",),
        version=version,
    )


def _meta(line, version=3):
    return _file(line, rows=("1 5 . A C . . .",), version=version)


INT = '##INFO=<ID=N,Number=1,Type=Integer,Description="n">'
TEXT = '##INFO=<ID=S,Number=1,Type=String,Description="s">'
FLAG = '##INFO=<ID=F,Number=0,Type=Flag,Description="f">'
GT = '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">'
DEPTH = '##FORMAT=<ID=X,Number=1,Type=Integer,Description="x">'

CASES = {
    "VH-F-001": "PK\x03\x04 a zip",
    "VH-F-005": _file(rows=("1 5 . A C . . .",), end=""),
    "VH-F-006": _file(),
    "VH-F-016": _info("S=a\x01b", meta=(TEXT,)),
    "VH-F-030": _site(
        "1 5 . A <*> . . END=9",
        meta=('##INFO=<ID=END,Number=1,Type=Integer,Description="e">',),
    ),
    "VH-H-001": _site().replace("VCFv4.3", "VCF v4.3"),
    "VH-H-002": _site().replace("FILTER", "FILTERS"),
    "VH-H-003": _file(samples=("a", ""), rows=("1 5 . A C . . . GT 0/0 0/0",)),
    "VH-H-004": _file(samples=("a", "a"), rows=("1 5 . A C . . . GT 0/0 0/0",)),
    "VH-H-006": _meta('##INFO=<ID=AC,Number=2,Type=Integer,Description="c">'),
    "VH-H-007": _meta("##reference="),
    "VH-H-008": _meta('##INFO=<ID=N,Number=1,Type=Integer,Description="n"'),
    "VH-H-009": _meta('##ALT=<ID=DEL,Description="not "escaped">'),
    "VH-H-010": _meta('##INFO=<ID=A B,Number=1,Type=Integer,Description="n">'),
    "VH-H-011": _meta("##contig=<length=5>"),
    "VH-H-012": _meta('##INFO=<ID=N,Number=N,Type=Integer,Description="n">'),
    "VH-H-013": _meta('##FORMAT=<ID=N,Number=0,Type=Flag,Description="n">'),
    "VH-H-014": _meta("##INFO=<ID=N,Number=1,Type=Integer>"),
    "VH-H-015": _meta("##FILTER=<ID=q10,Description=low>"),
    "VH-H-016": _meta('##INFO=<ID=N,Type=Integer,Number=1,Description="n">'),
    "VH-H-017": _meta("##assembly=ftp://8080:8080/file.fa"),
    "VH-H-018": _meta('##SAMPLE=<ID=S,Mixture=N1,Description="s">', version=2),
    "VH-H-019": _meta("##PEDIGREE=<Original=Something>"),
    "VH-H-020": _meta("##META=<ID=Assay,Number=N,Type=Integer,Values=[a, b]>"),
    "VH-H-021": _file(INT, INT, rows=("1 5 . A C . . .",)),
    "VH-H-022": _meta('##INFO=<ID=F,Number=A,Type=Flag,Description="f">'),
    "VH-H-023": _meta('##ALT=<ID=XYZ:A,Description="x">'),
    "VH-H-024": _meta('##FORMAT=<ID=AD,Number=.,Type=Integer,Description="d">', version=2),
    "VH-H-025": _file(rows=("1 5 . A C . . . GT",)).replace("INFO\n", "INFO\tFORMAT\n"),
    "VH-B-001": _site("1 5 . A C . ."),
    "VH-B-002": _site("1 5 . A C . . .", "1 4 . A C . . ."),
    "VH-B-003": _site("1 5 . A C . . .", "2 4 . A C . . .", "1 9 . A C . . ."),
    "VH-B-004": _site() + "\n",
    "VH-B-005": _site("1 5x . A C . . ."),
    "VH-B-006": _site("1 5 . R C . . ."),
    "VH-B-007": _site("1 5 . A C,,G . . ."),
    "VH-B-008": _site("1 5 . A C,a . . ."),
    "VH-B-009": _site("1 5 . A C high . ."),
    "VH-B-010": _site("<1 5 . A C . . ."),
    "VH-B-011": _site("1 5 rs1; A C . . ."),
    "VH-B-012": _site("1 5 rs1;rs1 A C . . ."),
    "VH-B-013": _site("1 5 . A C . q10;0 ."),
    "VH-B-014": _site("1 5 . A C . q10;q10 ."),
    "VH-B-015": _site("1 5 . A C . q10 ."),
    "VH-B-016": _site(meta=("##contig=<ID=2>",)),
    "VH-B-017": _site("1 5 . A C,C . . ."),
    "VH-B-018": _site("1 5 . A C -1e-3 . ."),
    "VH-D-001": _site("1 5 . AT AAT,AA . . .", "1 6 . T A . . ."),
    "VH-I-001": _info("N=1;;F", meta=(INT, FLAG)),
    "VH-I-002": _info("N-1=2"),
    "VH-I-003": _info("N=1;N=1", meta=(INT,)),
    "VH-I-004": _info("N=1"),
    "VH-I-005": _info("N", meta=(INT,)),
    "VH-I-006": _info("F=x", meta=(FLAG,)),
    "VH-I-007": _info("N=1,2", meta=(INT,)),
    "VH-I-008": _info("N=1.5", meta=(INT,)),
    "VH-I-009": _info("AF=1.5"),
    "VH-I-010": _info("S=a_b", version=2, meta=(TEXT,)).replace("a_b", "a b"),
    "VH-I-011": _info("CIGAR=12MYC"),
    "VH-I-012": _info("F=1", meta=(FLAG,)),
    "VH-I-014": _info('S="a,b"', meta=(TEXT,)),
    "VH-I-013": _info(
        "AS_SB_TABLE=6,8|2,1",
        meta=('##INFO=<ID=AS_SB_TABLE,Number=1,Type=String,Description="s">',),
    ),
    "VH-M-014": _sample("GT:LAA", "0/1:2", version=5),
    "VH-M-015": _sample("GT:LAA", "1/2:2,1", version=5, alt="C,G"),
    "VH-M-016": _sample("GT:LAA", "0/2:1", version=5, alt="C,G"),
    "VH-M-001": _sample("GT::X", "0/1:1:1", meta=(GT, DEPTH)),
    "VH-M-002": _sample("GT:X*Y", "0/1:1", meta=(GT,)),
    "VH-M-003": _sample("GT:X:X", "0/1:1:1", meta=(GT, DEPTH)),
    "VH-M-004": _sample("GT:X", "0/1:1", meta=(GT,)),
    "VH-M-005": _sample("X:GT", "1:0/1", meta=(GT, DEPTH)),
    "VH-M-006": _sample("GT", "0/1:1", meta=(GT,)),
    "VH-M-007": _sample("GT:X", "0/1:1,2", meta=(GT, DEPTH)),
    "VH-M-008": _sample("GT:X", "0/1:x", meta=(GT, DEPTH)),
    "VH-M-009": _sample("GT:DP", "0/1:-1", meta=(GT,)),
    "VH-M-010": _sample("GT:S", "0/1:a_b").replace("a_b", "a b"),
    "VH-M-011": _sample("GT:X:X2", "0/1::1", meta=(GT, DEPTH)),
    "VH-M-012": _sample("GT:LAD:LAA", "0/1:3,4:1", version=5),
    "VH-M-013": _sample(
        "M6mA",
        "0.5",
        version=5,
        meta=('##FORMAT=<ID=M6mA,Number=M,Type=Float,Description="m">',),
    ),
    "VH-M-017": _sample("GT:LAA:LAD:AD", "0/1:1:3,4:3,5", version=5),
    "VH-M-018": _sample(
        "GT:RNC",
        "./.:MM",
        meta=(GT, '##FORMAT=<ID=RNC,Number=2,Type=Character,Description="r">'),
    ),
    "VH-M-019": _sample("GT:CN", "0/0:-1"),
    "VH-V-015": _sample(
        "GT:CN", "1/2:2", version=4, alt="<DEL>,<DUP>", info="SVLEN=5,9;SVCLAIM=D,D"
    ),
    "VH-V-016": _info("SVLEN=9", alt="ACC"),
    "VH-V-017": _info("SVLEN=9", alt="<DEL>"),
    "VH-V-018": _site(
        "1 5 a A A[2:5[ . . MATEID=b",
        "1 6 b A A[2:5[ . . MATEID=c",
        "1 7 c A A[2:5[ . . MATEID=b",
    ),
    "VH-G-001": _sample("GT", "0/x", meta=(GT,)),
    "VH-G-002": _sample("GT", "0/2", meta=(GT,)),
    "VH-G-003": _sample("GT", "0/1", meta=(GT,), alt="."),
    "VH-G-004": _sample("GT", "|0/1", meta=(GT,)),
    "VH-V-001": _info("SVLEN=1", alt="<ABC:D>"),
    "VH-V-002": _info("SVCLAIM=D", alt="<DEL>", version=4),
    "VH-V-003": _info("SVLEN=5", version=4),
    "VH-V-004": _info("SVLEN=5", alt="<DEL>", version=4),
    "VH-V-005": _info("SVLEN=5;SVCLAIM=D", alt="<INV>", version=4),
    "VH-V-006": _info("CIPOS=1", version=4),
    "VH-V-007": _info("SVLEN=5;CIPOS=1,2", alt="<INS>", version=4),
    "VH-V-008": _info("SVLEN=5;RUS=CAG,CA", alt="<CNV:TR>", version=4),
    "VH-V-009": _info("SVLEN=5", alt="<CNV:TR>", version=4),
    "VH-V-010": _info("SVLEN=5;RUS=CAG;RUL=2", alt="<CNV:TR>", version=4),
    "VH-V-011": _sample("GT:CICN", "0/0:-1,1", version=4),
    "VH-V-012": _sample("GT:PSL:PSO", "0|0:.,.:1,.", version=4),
    "VH-V-013": _info("END=2;SVLEN=5", alt="<INS>"),
    "VH-V-014": _info("SVTYPE=BND;MATEID=bnd_b", alt="A]1:99]"),
}
"""Code to a file that breaks its rule."""


def _scan(path, text, **more):
    path.write_bytes(text.encode("latin-1"))
    return scan_file(path, AnyContigs(), None, hashes=False, **more).account


def test_another_count_by_habit_names_the_tool(tmp_path):
    account = _scan(tmp_path / "x.vcf", CASES["VH-M-018"])
    assert set(account.counts) <= {"VH-M-018", "VH-B-016"}
    assert "GLnexus" in account.first["VH-M-018"][0].message


def test_every_rule_has_a_case():
    elsewhere = {c: f for f, codes in ELSEWHERE.items() for c in codes.split()}
    assert set(CASES) | set(elsewhere) == set(RULES)
    for code, name in elsewhere.items():
        assert code in (HERE / name).read_text(), f"{name} does not raise {code}"


@pytest.mark.parametrize("code", sorted(CASES))
def test_a_broken_rule_is_told(tmp_path, code):
    account = _scan(tmp_path / "x.vcf", CASES[code])
    assert code in account.counts, account.counts
    problem = account.first[code][0]
    rule = RULES[code]
    if code not in ("VH-F-005", "VH-B-004"):
        assert problem.severity == rule.severity
    assert account.effects[code] == rule.ingest
    assert bool(account.reasons_to_hold(refuse_records=False)) == any(
        RULES[c].ingest == "refuse" for c in account.counts
    )
    if code == "VH-F-001":
        assert "unzip" in problem.fix, "it is said what unpacks the file"
    else:
        assert problem.fix == rule.fix
    if code[3] in "BIMGVD" and code != "VH-B-004":
        assert problem.line is not None
        assert problem.value, "the message does not show the value"


def test_what_breaks_no_rule_is_valid(tmp_path):
    for text in (
        _site(),
        _site(version=1),
        _info("N=1;F", meta=(INT, FLAG)),
        _sample("GT:X", "0|1:3", meta=(GT, DEPTH)),
    ):
        account = _scan(tmp_path / "x.vcf", text)
        assert account.counts == {}
        assert account.verdict == "valid"


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ('##INFO=<ID=N,Number=1,Type=Integer,Description="a, \\"b\\" > c",Source="x">', set()),
        ('##INFO=<ID=1000G,Number=0,Type=Flag,Description="">', set()),
        ("##contig=<ID=HLA-A*01:01:01:01,length=3503>", set()),
        ("##contig=<ID=*x>", {"VH-H-011"}),
        ('##contig=<ID=1,length=x,species="Homo, sapiens">', {"VH-H-009"}),
        ("##pedigreeDB=<ftp://user@host:8080/path?a=b>", set()),
        ("##pedigreeDB=http://123.0.1.2:8080/x", set()),
        ("##pedigreeDB=<>", {"VH-H-017"}),
        ("##META=<ID=Tissue,Type=String,Number=.,Values=[Blood, Breast, ?]>", {"VH-H-016"}),
        ("##PEDIGREE=<ID=Child,Father=F,Mother=M>", set()),
        ("##PEDIGREE=<ID=P,Original=Some,thing>", {"VH-H-009"}),
        ("##SAMPLE=<ID=1 A>", {"VH-H-018"}),
        ('##ALT=<ID=*,Description="other">', set()),
        ('##FILTER=<ID=0,Description="zero">', {"VH-H-010"}),
        ('##Tool=<ID=x,CommandLine="a=b, c">', set()),
        ('##Title=<"free text, with commas">', set()),
        ("##Some random plain text", {"VH-H-007"}),
        ('##FORMAT=<ID=LAD,Number=LR,Type=Integer,Description="d">', {"VH-H-012"}),
    ],
)
def test_meta_lines(tmp_path, line, codes):
    account = _scan(tmp_path / "x.vcf", _meta(line))
    assert set(account.counts) - {"VH-B-016", "VH-H-014"} == codes


def test_local_alleles_are_declared_from_4_5_on(tmp_path):
    line = '##FORMAT=<ID=LAD,Number=LR,Type=Integer,Description="d">'
    assert _scan(tmp_path / "x.vcf", _meta(line, version=5)).counts == {}


@pytest.mark.parametrize(
    ("alt", "good"),
    [
        ("C", True), ("acgtN", True), ("*", True), (".", True), ("<DEL>", True),
        ("<*>", True), ("<NON_REF>", True), ("<INS:ME:ALU>", True), ("A[2:5[", True),
        ("]2:5]A", True), ("]<ctg:1>:5]AC", True), (".[13:1[", True), ("A.", True),
        (".A", True), ("A]HLA*1:01:7]", True), ("C<ctg1>", True), ("acN<ctg:1>,G", True),
        ("<ctg1>C", False), ("C<ctg1>C", False), ("C<>", False), ("C<*>", False),
        ("R<ctg1>", False), (".<ctg1>", False), ("C<a<b>", False), ("C<ctg1", False),
        ("R", False), ("A T", False), ("<>", False), ("<A<B>", False), ("<DEL", False),
        ("[1:100[", False), ("A[1:1]", False), ("A[1[", False), ("A[:1[", False),
        ("A[1:x[", False), ("A[1:2[C", False), ("-", False), ("C,.", False), (",C", False),
        ("..", False),
    ],
)  # fmt: skip
def test_alt_alleles(tmp_path, alt, good):
    text = _site("1 5 . G @ . . .").replace("@", alt)
    assert ("VH-B-007" not in _scan(tmp_path / "x.vcf", text).counts) == good


@pytest.mark.parametrize(
    ("qual", "good"),
    [("10", True), ("1.5e-3", True), (".5", True), ("-0.0", True), ("inf", True),
     ("NaN", True), ("-nan", True), (".", True), ("-3", True), ("1.", False), ("e5", False),
     ("1e", False), ("0x10", False), ("1_0", False), ("PASS", False), ("--1", False)],
)  # fmt: skip
def test_quality(tmp_path, qual, good):
    account = _scan(tmp_path / "x.vcf", _site(f"1 5 . A C {qual} . ."))
    assert ("VH-B-009" not in account.counts) == good


def test_duplicates_are_found_however_they_are_written(tmp_path):
    same = ("1 123 . TAT TGT . . .", "1 124 . A G . . .")
    account = _scan(tmp_path / "x.vcf", _site(*same))
    assert account.counts == {"VH-D-001": 1}
    assert account.first["VH-D-001"][0].line == 4
    other = ("1 123 . TAT TGT . . .", "1 124 . A C . . .", "2 124 . A G . . .",
             "2 200 . A <INS> . . .", "2 200 . A <INS> . . .")  # fmt: skip
    assert "VH-D-001" not in _scan(tmp_path / "x.vcf", _site(*other)).counts


def test_a_contig_of_the_assembly_file_may_stand_between(tmp_path):
    rows = ("1 5 . A C . . .", "<1> 6 . A C . . .", "1 7 . A C . . .")
    assert _scan(tmp_path / "x.vcf", _site(*rows)).verdict == "valid"


def test_versions_differ(tmp_path):
    for version, verdict in ((2, "valid"), (3, "invalid")):
        for text in (
            _site("1 5 a;a A C . . .", version=version),
            _site("1 5 . A C . q;q .", version=version),
            _file(rows=("1 5 . A C . . .",), version=version, end=""),
        ):
            account = _scan(tmp_path / "x.vcf", text)
            assert account.verdict == verdict, account.counts


def _much_is_wrong():
    kinds = [text.split("\n") for c, text in CASES.items() if c[3] in "BIVD"]
    kinds = [lines for lines in kinds if "FORMAT" not in lines[-3]]
    rows = []
    for k in range(40):
        for lines in kinds:
            body = [ln for ln in lines if ln and not ln.startswith("#")]
            rows += [re.sub(r"^(\S+)\t5\t", rf"\1\t{k + 5}\t", ln) for ln in body]
    return _file(version=4, rows=()) + "\n".join(rows) + "\n\n\n"


def _much_is_wrong_with_samples():
    kinds = [text.split("\n") for c, text in CASES.items() if c[3] in "MGV"]
    rows = []
    for k in range(40):
        for lines in kinds:
            body = [ln for ln in lines if ln and not ln.startswith("#")]
            body = [ln for ln in body if ln.count("\t") == 9]
            rows += [re.sub(r"^(\S+)\t5\t", rf"\1\t{k + 5}\t", ln) for ln in body]
    return _file(GT, DEPTH, version=4, samples=("s",)) + "\n".join(rows) + "\n"


@pytest.mark.parametrize("make", [_much_is_wrong, _much_is_wrong_with_samples])
def test_the_account_does_not_depend_on_batches(tmp_path, make):
    text = make()
    whole = _scan(tmp_path / "x.vcf", text)
    assert len(whole.counts) > 14
    assert _scan(tmp_path / "x.vcf", text).as_json() == whole.as_json()
    for size in (60, 500, 4_000):
        pieces = _scan(tmp_path / "x.vcf", text, batch_bytes=size)
        assert pieces.as_json() == whole.as_json()
        assert pieces.errors == whole.errors


def test_copy_number_likelihoods_are_as_many_as_copy_numbers(tmp_path):
    for declared in ((), ('##FORMAT=<ID=CNL,Number=G,Type=Float,Description="l">',)):
        for version in (3, 4, 5):
            text = _sample("GT:CNL", "./.:-1,-2,0,-5", version=version, meta=(GT, *declared))
            assert "VH-M-007" not in _scan(tmp_path / "x.vcf", text).counts


def test_blanks_in_info_values(tmp_path):
    for version in range(1, 6):
        text = _info("S=a@b", version=version, meta=(TEXT,)).replace("@", " ")
        account = _scan(tmp_path / "x.vcf", text)
        assert set(account.counts) == ({"VH-I-010"} if version < 3 else set())


def test_a_format_of_nothing_is_legal(tmp_path):
    assert _scan(tmp_path / "x.vcf", _sample(".", ".")).counts == {}


def test_local_alleles_may_be_none(tmp_path):
    laa = '##FORMAT=<ID=LAA,Number=.,Type=Integer,Description="a">'
    account = _scan(tmp_path / "x.vcf", _sample("GT:LAA", "0/0:", meta=(GT, laa), version=5))
    assert account.verdict == "valid"


def test_another_declaration_has_other_values(tmp_path):
    # GATK 2 and 3 wrote SB as a score; up to 4.2 GP is phred-scaled (section 1.4.2).
    score = '##INFO=<ID=SB,Number=1,Type=Float,Description="Strand Bias">'
    for version in (1, 2, 3):
        account = _scan(tmp_path / "x.vcf", _info("SB=-3.5", version=version, meta=(score,)))
        assert account.verdict == "valid", account.counts
    phred = '##FORMAT=<ID=GP,Number=G,Type=Float,Description="p">'
    for version, codes in ((1, set()), (2, set()), (3, {"VH-M-009"})):
        text = _sample("GT:GP", "0/1:30,0,45.5", version=version, meta=(GT, phred))
        assert set(_scan(tmp_path / "x.vcf", text).counts) == codes


LAA = '##FORMAT=<ID=LAA,Number=.,Type=Integer,Description="a">'
LAD = '##FORMAT=<ID=LAD,Number=LR,Type=Integer,Description="d">'


@pytest.mark.parametrize(
    ("keys", "cells", "codes"),
    [
        ("GT:LAA:LAD", "0/1:1:3,4", set()), ("LAA:LAD", "1:3,4", set()),
        ("GT:LAA", "0/1:1", set()), ("GT:LAD", "0/1:3,4", {"VH-M-012"}),
        ("GT:X:LAA:LAD", "0/1:2:1:3,4", {"VH-M-012"}), ("LAD:LAA", "3,4:1", {"VH-M-012"}),
        ("GT:M27551C", "0/1:0.5", set()), ("X:M27551C", "1:0.5", {"VH-M-013"}),
    ],
)  # fmt: skip
def test_local_alleles_and_modifications_lean_on_other_keys(tmp_path, keys, cells, codes):
    modified = '##FORMAT=<ID=M27551C,Number=M,Type=Float,Description="m">'
    meta = (GT, DEPTH, LAA, LAD, modified)
    account = _scan(tmp_path / "x.vcf", _sample(keys, cells, meta=meta, version=5))
    assert set(account.counts) == codes


@pytest.mark.parametrize("rest", ["", ":7"])
@pytest.mark.parametrize("version", [1, 2, 3, 4, 5])
def test_a_leading_phase_mark_is_new_in_4_4(tmp_path, version, rest):
    for gt, always in (("/0/1", set()), ("|1", set()), ("|0/2", {"VH-G-002"})):
        text = _sample("GT:X" if rest else "GT", gt + rest, meta=(GT, DEPTH), version=version)
        account = _scan(tmp_path / "x.vcf", text)
        wanted = always or ({"VH-G-004"} if version < 4 else set())
        assert set(account.counts) == wanted
        assert not account.reasons_to_hold(refuse_records=True) or always


def test_a_modification_names_its_base(tmp_path):
    for name, codes in (("M76792C", set()), ("MM", {"VH-H-012"})):
        line = f'##FORMAT=<ID={name},Number=M,Type=Float,Description="m">'
        assert set(_scan(tmp_path / "x.vcf", _meta(line, version=5)).counts) == codes


def test_against_an_assembly(tmp_path):
    (tmp_path / "r.fa").write_text(">c1\nACGTACGTAC\n>c2\nACGT\n")
    contigs = Contigs([Contig("c1", [], None, 10), Contig("c2", [], None, 1000)])
    reference = Reference(compile_reference(tmp_path / "r.fa", tmp_path / "r"), contigs)
    path = tmp_path / "x.vcf.gz"
    rows = ("c1 5 . A C . . .", "c1 11 . A C . . .", "c1 12 . A C . . .", "c2 50 . A C . . .")
    path.write_bytes(gzip.compress(_file("##contig=<ID=c1,length=99>", rows=rows).encode()))
    account = scan_file(path, contigs, reference, hashes=False).account
    found = {c: (RULES[c].severity, account.effects[c]) for c in account.counts}
    assert found == {
        "VH-F-004": ("warning", "note"),
        "VH-H-005": ("warning", "note"),
        "VH-B-016": ("warning", "note"),
        "VH-R-003": ("error", "reject"),
        "VH-R-004": ("warning", "reject"),
        "VH-R-005": ("error", "refuse"),
    }
    # A rejected record holds a file back only when the policy says so; a warning never.
    assert len(account.reasons_to_hold(refuse_records=False)) == 1
    assert len(account.reasons_to_hold(refuse_records=True)) == 2


def test_errors_come_before_warnings(tmp_path):
    # A blank line at the end is harmless, one between records is not.
    account = _scan(tmp_path / "x.vcf", _site() + "\n")
    assert (account.verdict, account.effects["VH-B-004"]) == ("valid", "note")
    text = _site("1 5 . A C . . .") + "\n" + "1\t6\t.\tA\tC\t.\t.\t.\n"
    account = _scan(tmp_path / "x.vcf", text)
    assert account.first["VH-B-004"][0].severity == "error"
    assert (account.verdict, account.effects["VH-B-004"]) == ("invalid", "refuse")


@given(st.sampled_from(sorted(CASES)), st.integers(0, 2**32))
@settings(max_examples=150, derandomize=True, deadline=None)
def test_a_spoilt_file_gets_a_verdict(tmp_path_factory, code, seed):
    rng = random.Random(seed)
    data = bytearray(CASES[code].encode())
    tokens = [
        b"\t",
        b"\n",
        b",",
        b";",
        b":",
        b"=",
        b"<",
        b">",
        b'"',
        b".",
        b"\0",
        b"\xff",
        b"[",
        b"/",
        b"9" * 20,
        b"-",
        b"SVLEN=",
        b"RN=",
        b"1e999",
        b"\\",
        b"",
    ]
    for _ in range(rng.randint(1, 10)):
        at = rng.randint(0, len(data))
        data[at : at + rng.choice((0, 1, 3, 20))] = rng.choice(tokens)
    path = tmp_path_factory.mktemp("spoilt") / "x.vcf"
    path.write_bytes(data)
    account = scan_file(path, AnyContigs(), None, hashes=False).account
    assert account.verdict in ("valid", "invalid")
    assert sum(account.counts.values()) == account.errors + account.warnings
    for code_found, kept in account.first.items():
        assert 1 <= len(kept) <= min(5, account.counts[code_found])


class _Calls(MarkedRecords):
    """A taker that wants genotypes and fields, and so lets them be read with the check."""

    wants_calls = True
    wants_fields = None


@pytest.mark.parametrize("code", CASES)
def test_an_account_is_the_same_for_those_who_read_on(tmp_path, code):
    text = CASES[code]
    told = _scan(tmp_path / "x.vcf", text)
    assert _scan(tmp_path / "x.vcf", text, taker=_Calls()).as_json() == told.as_json()


def test_an_account_with_gt_behind_other_keys_is_the_same_for_those_who_read_on(tmp_path):
    rows = ["AD:GT\t3:0/x", "GT\t0/x", "GT\t0/1:7", "GT:AD\t0/9:a", "GT\t.", "AD\t3,x"]
    head = _sample("GT", "0/1", meta=(GT,)).splitlines()
    fixed = head[-1].split("\t")[:8]
    lines = ["\t".join([fixed[0], str(100 + k), *fixed[2:], r]) for k, r in enumerate(rows)]
    text = "\n".join([*head[:-1], *lines]) + "\n"
    told = _scan(tmp_path / "x.vcf", text)
    assert {"VH-G-001", "VH-G-002"} <= set(told.counts)
    assert _scan(tmp_path / "x.vcf", text, taker=_Calls()).as_json() == told.as_json()
