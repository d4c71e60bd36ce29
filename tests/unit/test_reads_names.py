"""Names of reads as sequencers and archives give them."""

import pytest

from varhouse.reads.names import (
    KINDS,
    described_mate,
    long_reads_of,
    pair_key,
    platform_of,
    recognise,
    unit_of,
)

NAMES = [
    # name, kind, platform, flow cell and lane, mate in the description, name of the pair
    ("A00488:61:HMLGNDSXX:4:1101:1940:1000 2:N:0:CTG+ATA", "illumina", "ILLUMINA",
     "A00488:61:HMLGNDSXX:4", 2, "A00488:61:HMLGNDSXX:4:1101:1940:1000"),
    ("NS500207:7:H02W0AFXX:1:11101:8987:1064", "illumina", "ILLUMINA",
     "NS500207:7:H02W0AFXX:1", 0, "NS500207:7:H02W0AFXX:1:11101:8987:1064"),
    ("M1:58:000000000-AW0NA:1:1101:11070:1384 1:Y:18:7", "illumina", "ILLUMINA",
     "M1:58:000000000-AW0NA:1", 1, "M1:58:000000000-AW0NA:1:1101:11070:1384"),
    ("SIM:1:FCX:1:15:6329:1045:GATTACT+GTCTTAAC 3:N:0:A", "illumina", "ILLUMINA",
     "SIM:1:FCX:1", 3, "SIM:1:FCX:1:15:6329:1045:GATTACT+GTCTTAAC"),
    ("A00180:28:HC3F5DRXX:2:2110:27453:21981_1:N:0:ATT+GGC", "illumina", "ILLUMINA",
     "A00180:28:HC3F5DRXX:2", 0, "A00180:28:HC3F5DRXX:2:2110:27453:21981"),
    ("HWUSI-EAS100R:6:73:941:1973#0/1", "illumina-old", "ILLUMINA",
     "HWUSI-EAS100R:6", 0, "HWUSI-EAS100R:6:73:941:1973#0"),
    ("V300012345L1C001R0010000001/1", "mgi", "DNBSEQ",
     "V300012345L1", 0, "V300012345L1C001R0010000001"),
    ("CL100072652L2C001R001_12/2", "mgi", "DNBSEQ",
     "CL100072652L2", 0, "CL100072652L2C001R001_12"),
    ("V300017009_8AL2C001R0030001805", "mgi", "DNBSEQ",
     "V300017009_8AL2", 0, "V300017009_8AL2C001R0030001805"),
    ("E200003777L1C001R00100888074 1:N:0:ACGT", "mgi", "DNBSEQ",
     "E200003777L1", 1, "E200003777L1C001R00100888074"),
    ("MGI2000:3:V350012345:2:10101:22:7 1:N:0:A", "mgi", "DNBSEQ",
     "MGI2000:3:V350012345:2", 1, "MGI2000:3:V350012345:2:10101:22:7"),
    ("AV223003:FFS-18:2140948523:1:10102:0293:0058 1:N:0:A", "element", "ELEMENT",
     "AV223003:FFS-18:2140948523:1", 1, "AV223003:FFS-18:2140948523:1:10102:0293:0058"),
    ("PLT-04:APP-0289::1:10102:0562:0050", "element", "ELEMENT",
     "PLT-04:APP-0289::1", 0, "PLT-04:APP-0289::1:10102:0562:0050"),
    ("B05:000:FC2:4:1:272670:483", "singular", "SINGULAR",
     "B05:000:FC2:4", 0, "B05:000:FC2:4:1:272670:483"),
    ("004733_1-X0003-1345904491", "ultima", "ULTIMA", "", 0, "004733_1-X0003-1345904491"),
    ("ZEWTM:10130:07001", "ion", "IONTORRENT", "", 0, "ZEWTM:10130:07001"),
    ("SRR001666.1 071112_SLXA:5:1:817:345 length=36", "archive", "ILLUMINA",
     "SRR001666", 0, "SRR001666.1"),
    ("SRR7.12.2 12 length=150", "archive", "", "SRR7", 0, "SRR7.12"),
    ("ERR194146.9 HSQ1008:141:D0CC8ACXX:7:1101:1204:1984/1", "archive", "ILLUMINA",
     "ERR194146", 0, "ERR194146.9"),
    ("DRR1.7 V300012345L1C001R0010000001 length=100", "archive", "DNBSEQ",
     "DRR1", 0, "DRR1.7"),
    # The archive repeats the description for both mates.
    ("CRR012345.8 A00:1:F:1:1:1:1 1:N:0:A", "archive", "ILLUMINA", "CRR012345", 0,
     "CRR012345.8"),
    ("read17/2", "", "", "", 0, "read17"),
    ("read17.2", "", "", "", 0, "read17.2"),
    ("", "", "", "", 0, ""),
]  # fmt: skip


@pytest.mark.parametrize("row", NAMES, ids=[row[0][:24] for row in NAMES])
def test_names_are_recognised(row: tuple[str, str, str, str, int, str]) -> None:
    name, kind, platform, unit, mate, key = row
    raw = name.encode()
    assert recognise(raw) is KINDS[kind]
    assert platform_of(raw) == platform
    assert unit_of(raw).decode() == unit
    assert described_mate(raw) == mate
    assert pair_key(raw).decode() == key
    assert long_reads_of(raw) is None


@pytest.mark.parametrize(
    ("name", "platform"),
    [
        ("m64136_200621_234916/18/ccs", "PACBIO"),
        ("m84001_230101_000000_s1/7/0_900", "PACBIO"),
        ("SRR9.1 m64136_200621_234916/18/ccs length=12000", "PACBIO"),
        ("bd8655fb-383c-45cc-bff3-eb1dc86533e0 runid=1", "ONT"),
        ("ERR5.1 bd8655fb-383c-45cc-bff3-eb1dc86533e0 runid=1", "ONT"),
    ],
)
def test_long_reads_are_told(name: str, platform: str) -> None:
    kind = long_reads_of(name.encode())
    assert kind is not None
    assert kind.platform == platform
