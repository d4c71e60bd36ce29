"""The extent of symbolic alleles: one text for one event, another for another."""

import pytest

from varhouse.alleles.extent import (
    Alt,
    canonical_breakend,
    parse_details,
    parse_extent,
    read_extent,
)
from varhouse.query.openinfo import write_open

CONTIGS = {"5": "chr5", "chr5": "chr5", "chr1": "chr1", "1": "chr1", "HLA-A*01:01": "h"}


def extent(alt: str, info: str, ref_size: int = 1, which: Alt = Alt(1, 1, own=True)) -> str:  # noqa: B008
    return read_extent(alt, info.encode(), ("chr1", 100, ref_size), which, CONTIGS.get)


@pytest.mark.parametrize(
    ("alt", "infos", "wanted"),
    [
        ("<DEL>", ["END=140", "SVLEN=-40", "SVLEN=40", "END=140;SVLEN=-40",
                   "SVLEN=40;X=1;END=140", "END=140;SVLEN=.", "CIPOS=-5,5;END=140",
                   "CIEND=-9,9;END=140;SVLEN=-40", "XEND=7;END=140"], "40"),
        ("<DEL>", ["END=190", "SVLEN=-90"], "90"),
        ("<DEL>", [".", "END=100", "END=.", "SVLEN=x", "SVLEN=99999999999", "END=99",
                   "XSVLEN=-40", "SVLEN=5000000000", "SVLEN=-40,-50"], "."),
        ("<DUP:TANDEM>", ["END=140", "SVLEN=40", "SVLEN=-40"], "40"),
        # Two copies more: as VCF 4.1 to 4.3 may be read. What differs is told apart.
        ("<DUP>", ["END=140;SVLEN=80"], "80/SPAN=40"),
        # The difference in length of an inversion is 0 up to VCF 4.3.
        ("<INV>", ["END=140", "END=140;SVLEN=0", "SVLEN=40"], "40"),
        # An insertion ends where it begins, whatever END says.
        ("<INS>", ["SVLEN=40", "SVLEN=40;END=100", "END=101;SVLEN=40"], "40"),
        ("<INS:ME:ALU>", [".", "END=100", "END=140"], "."),
        ("<CNV>", ["END=140", "END=140;CN=."], "40"),
        ("<CNV>", ["END=140;CN=3", "SVLEN=40;CN=3.0", "CN=3e0;END=140"], "40/CN=3"),
        ("<CNV>", ["CN=0.5"], "./CN=0.5"),
        ("<DUP>", ["END=140;CN=3"], "40"),
        ("<CN2>", ["END=140;CN=3"], "40"),
        ("<CNV:TR>", ["SVLEN=40;RUS=cag;RUC=12.0", "END=140;RUC=12;RUS=CAG;RN=1"],
         "40/RUS=CAG/RUC=12"),
        ("<TRA>", ["CHR2=5;END=77", "CHR2=chr5;POS2=77;SVLEN=9"], "./CHR2=chr5/POS2=77"),
        ("<INV>", ["CHR2=1;END=140"], "40"),
        ("A", ["END=140;SVLEN=-40"], ""), ("*", ["END=140"], ""), ("<*>", ["END=140"], ""),
        ("<NON_REF>", ["END=140"], ""), ("G]chr5:9]", ["SVLEN=3"], ""), ("C<c1>", ["."], ""),
    ],
)  # fmt: skip
def test_one_event_has_one_text(alt: str, infos: list[str], wanted: str) -> None:
    assert {info: extent(alt, info) for info in infos} == dict.fromkeys(infos, wanted)


def test_each_alt_has_its_own() -> None:
    info = "END=190;SVLEN=-40,.,90;CN=1,2,3"
    found = [extent("<CNV>", info, which=Alt(k, 3, own=True)) for k in (1, 2, 3)]
    assert found == ["40/CN=1", "90/CN=2", "90/CN=3"]
    copies = [extent("<DUP>", info, which=Alt(k, 3, True, copies=True)) for k in (1, 3)]
    assert copies == ["40/CN=1", "90/CN=3"]
    repeats = "SVLEN=30,30;RN=2,1;RUS=CAG,TG,CAG;RB=30,14,12"
    both = [extent("<CNV:TR>", repeats, which=Alt(k, 2, own=True)) for k in (1, 2)]
    assert both == ["30/RUS=CAG,TG/RB=30,14", "30/RUS=CAG/RB=12"]
    assert extent("<DEL>", ".", ref_size=5) == "4"


@pytest.mark.parametrize(
    ("alt", "text", "info"),
    [
        ("<DEL>", "40", "END=140;SVLEN=-40"),
        ("<DUP>", "40", "END=140;SVLEN=40"),
        ("<DUP>", "80/SPAN=40", "END=140;SVLEN=80"),
        ("<INV>", "40", "END=140"),
        ("<INS>", "40", "SVLEN=40"),
        ("<INS>", ".", None),
        ("<DEL>", ".", None),
        ("<CNV>", "40/CN=3", "END=140;CN=3"),
        ("<DEL>", "80/SPAN=40", "END=140;SVLEN=-80"),
        ("<CNV:TR>", "30/RUS=CAG,TG/RUC=10,7", "END=130;RUS=CAG,TG;RUC=10,7;RN=2"),
        ("<TRA>", "./CHR2=chr5/POS2=77/CT=3to5", "CHR2=chr5;POS2=77;CT=3to5"),
    ],
)
def test_info_comes_back(alt: str, text: str, info: str | None) -> None:
    assert write_open(100, alt, text) == info
    assert extent(alt, info or ".") == text


def test_parts_are_read() -> None:
    assert parse_extent("80/SPAN=40/CN=2") == (80, 40)
    assert parse_extent("./CN=2") == (None, None)
    assert parse_extent("") == (None, None)
    assert parse_details("80/SPAN=40/CN=2/CHR2=a%2Fb") == {"CN": "2", "CHR2": "a/b"}


@pytest.mark.parametrize(
    ("alt", "wanted"),
    [
        ("]5:77]a", "]chr5:77]A"),
        ("g[chr5:77[", "G[chr5:77["),
        ("[1:7[tt", "[chr1:7[TT"),
        ("G]HLA-A*01:01:5]", "G]h:5]"),
        ("G[zz:5[", "G[zz:5["),
        ("G]<ctg>:5]", "G]<ctg>:5]"),
        (".a", ".A"),
        ("a.", "A."),
        ("<DEL>", "<DEL>"),
        ("*", "*"),
        (".", "."),
    ],
)
def test_mates_have_canonical_names(alt: str, wanted: str) -> None:
    assert canonical_breakend(alt, CONTIGS.get) == wanted
