"""REF and an ALT change places: what follows means the same of the same bases."""

import random
from itertools import combinations_with_replacement

import pytest

from varhouse.alleles.swap import Swapper, swap_genotype

FORMAT_NUMBERS = {("FORMAT", "LQ"): "LA", ("FORMAT", "LX"): "LR", ("FORMAT", "LY"): "LG",
                  ("FORMAT", "ONE"): "1", ("FORMAT", "ANY"): ".", ("FORMAT", "MOD"): "M",
                  ("FORMAT", "PP2"): "P", ("FORMAT", "XA"): "A"}  # fmt: skip


def _genotypes(alleles, ploidy):
    """Genotypes in the order of VCF 4.5, section 1.6.2, as bags of bases."""
    places = sorted(
        combinations_with_replacement(range(len(alleles)), ploidy), key=lambda g: g[::-1]
    )
    return ["".join(sorted(alleles[i] for i in g)) for g in places]


def _meaning(bases, form, cell):
    """Say what a cell tells of each base, without allele numbers."""
    values = dict(zip(form.split(":"), cell.split(":"), strict=False))
    out = {}
    local = [0, *map(int, values["LAA"].split(","))] if values.get("LAA", ".") != "." else [0]
    mine = [bases[i] for i in local]
    if "GT" in values:
        gt = values["GT"]
        out["GT"] = "".join(bases[int(c)] if c.isdigit() else c for c in gt)
        if "|" not in gt:
            out["GT"] = "".join(sorted(out["GT"]))
    for name, held in values.items():
        if held == "." or name in ("GT", "LAA"):
            continue
        listed = held.split(",")
        if name == "AD":
            out[name] = dict(zip(bases, listed, strict=True))
        elif name == "PL":
            out[name] = dict(zip(_genotypes(bases, 2), listed, strict=True))
        elif name in ("LAD", "LX"):
            out[name] = dict(zip(mine, listed, strict=True))
        elif name == "LPL":
            out[name] = dict(zip(_genotypes(mine, 2), listed, strict=True))
        elif name in ("RO", "AO"):
            found = out.setdefault("O", {})
            found |= dict(zip(bases[:1] if name == "RO" else bases[1:], listed, strict=True))
        elif name == "PGT":
            out[name] = "".join(bases[int(c)] if c.isdigit() else c for c in held)
        elif name == "LGT":
            out[name] = "".join(mine[int(c)] if c.isdigit() else c for c in held)
        elif name == "DS":
            doses = [float(x) for x in listed]
            out[name] = {
                b: round(d, 6) for b, d in zip(bases, [2 - sum(doses), *doses], strict=True)
            }
        elif name == "VAF":
            shares = [float(x) for x in listed]
            out[name] = {
                b: round(d, 6) for b, d in zip(bases, [1 - sum(shares), *shares], strict=True)
            }
        else:
            out[name] = held
    return out


def _cell(rng, n):
    """A cell with values of its own everywhere; LAA lists all ALTs or some."""

    def numbers(m):
        return ",".join(str(rng.randrange(100)) for _ in range(m))

    listed = sorted(rng.sample(range(1, n), rng.randrange(n)))
    n_local = len(listed) + 1
    mark = rng.choice("/|")
    shares = [round(rng.random() / n, 3) for _ in range(n - 1)]
    return ":".join(
        [
            mark.join(rng.choice([*map(str, range(n)), "."]) for _ in "12"),
            ",".join(map(str, listed)) or ".",
            numbers(n_local),
            numbers(n_local * (n_local + 1) // 2),
            rng.choice("/|").join(str(rng.randrange(n_local)) for _ in "12"),
            numbers(n),
            numbers(n * (n + 1) // 2),
            numbers(1),
            numbers(n - 1),
            "|".join(str(rng.randrange(n)) for _ in "12"),
            ",".join(f"{2 * s:g}" for s in shares),
            ",".join(f"{s:g}" for s in shares),
            "7",
        ]
    )


FORM = "GT:LAA:LAD:LPL:LGT:AD:PL:RO:AO:PGT:DS:VAF:GQ"


@pytest.mark.parametrize("n", [2, 3, 4])
def test_cells_say_the_same_of_the_same_bases(n):
    rng = random.Random(n)
    bases = list("ACGT")[:n]
    followed = unknown = 0
    for _ in range(300):
        k = rng.randrange(1, n)
        cells = [_cell(rng, n) for _ in range(3)]
        swapper = Swapper({})
        form, *new = (
            swapper.samples("\t".join([FORM, *cells]).encode(), n - 1, k).decode().split("\t")
        )
        assert form == FORM
        other = list(bases)
        other[0], other[k] = other[k], other[0]
        for old, cell in zip(cells, new, strict=True):
            before, after = _meaning(bases, FORM, old), _meaning(other, form, cell)
            laa = cell.split(":")[1].split(",")
            assert laa == sorted(set(laa), key=int)
            missing = before.keys() - after.keys()
            if str(k) in old.split(":")[1].split(","):
                assert not missing
                followed += 1
            else:
                # Nothing was said of the new REF: LAD and LPL cannot be known.
                assert missing == {"LAD", "LPL"}
                unknown += 1
            assert after == {x: v for x, v in before.items() if x in after}
    assert followed > 50
    assert unknown > 50


def test_the_case_of_local_alleles():
    form = b"GT:LAA:LAD:LPL:AD:VAF:AO:RO:PGT:PID:SB:PL:GP:ADS:AP"
    cells = [
        b"0|1:1:3,4:10,0,20:3,4:0.57:4:3:0|1:501_A_C:1,2,3,4:10,0,20:0.1,0.7,0.2:0.1,0.9:0.1,0.9",
        b"0/0:.:9:0:9,0:0:0:9:.:.:9,0,0,0:0,9,90:1,0,0:0,0:0,0",
        b"1/1:1:0,4:20,3,0:0,4:1:4:0:1|1:501_A_C:0,0,3,4:20,3,0:0,0.1,0.9:1,1:1,1",
    ]
    swapper = Swapper({})
    assert swapper.samples(b"\t".join([form, *cells]), 1, 1).split(b"\t") == [
        form,
        b"1|0:1:4,3:20,0,10:4,3:0.43:3:4:1|0:501_A_C:3,4,1,2:20,0,10:0.2,0.7,0.1:0.9,0.1:0.9,0.1",
        b"1/1:1:.:.:0,9:1:9:0:.:.:0,0,9,0:90,9,0:0,0,1:1,1:1,1",
        b"0/0:1:4,0:0,3,20:4,0:0:0:4:0|0:501_A_C:3,4,0,0:0,3,20:0.9,0.1,0:0,0:0,0",
    ]
    assert swapper.removed == {
        "FORMAT/LAD of some samples": 1,
        "FORMAT/LPL of some samples": 1,
    }
    info = (
        b"AC=3;AN=6;AF=0.5;MLEAC=3;MLEAF=0.6;AC_EAS=1;AN_EAS=4;AF_male=0.2;MAF=0.5;"
        b"DP4=1,2,3,4;RO=5;AO=7;AC_Hom=2;AC_Het=1;nhomalt=1;HGVS=x;AAF=0.4"
    )
    assert swapper.info(info, 1, 1) == (
        b"AC=3;AN=6;AF=0.5;AC_EAS=3;AN_EAS=4;AF_male=0.8;MAF=0.5;DP4=3,4,1,2;RO=7;AO=5;AAF=0.6"
    )
    form = b"GT:LAA:LAD:LPL"
    cells = [b"1|2:1,2:1,2,3:1,2,3,4,5,6", b"0/2:2:5,6:10,0,20", b"2/1:1,2:0,5,6:9,8,7,6,5,4"]
    assert swapper.samples(b"\t".join([form, *cells]), 2, 2).split(b"\t") == [
        form,
        b"1|0:1,2:3,2,1:6,5,3,4,2,1",
        b"0/2:2:6,5:20,0,10",
        b"0/1:1,2:6,5,0:4,5,7,6,8,9",
    ]


@pytest.mark.parametrize(
    ("gt", "k", "free", "right"),
    [
        ("0/1", 1, True, "0/1"), ("0/1", 1, False, "1/0"), ("0|1", 1, True, "1|0"),
        ("1/1", 1, True, "0/0"), ("0", 1, True, "1"), (".", 1, True, "."),
        ("./1", 1, True, "./0"),
        ("1/.", 1, True, "0/."), ("0/1/2", 2, True, "0/1/2"), ("0/0/2", 2, True, "0/2/2"),
        ("/0|1", 1, True, "/1|0"), ("|0/1", 1, True, "|1/0"), ("/1/0", 1, True, "/0/1"),
        ("1/2", 1, True, "0/2"), ("10/0", 10, True, "0/10"), ("9/10", 10, True, "0/9"),
    ],
)  # fmt: skip
def test_genotypes(gt, k, free, right):
    assert swap_genotype(gt.encode(), k, free=free).decode() == right


@pytest.mark.parametrize(
    ("info", "n_alt", "k", "right", "lost"),
    [
        ("AC=1,2;AN=10;AF=0.1,0.2", 2, 2, "AC=1,7;AN=10;AF=0.1,0.7", ""),
        ("AA=C;CSQ=C|x;ANN=y;BCSQ=z;DP=3", 1, 1, "AA=C;DP=3", "CSQ ANN BCSQ"),
        ("AS_SB_TABLE=1,2|3,4|5,6;AS_FS=1.0,2.0", 2, 1, "AS_SB_TABLE=3,4|1,2|5,6", "AS_FS"),
        ("RO=5;AO=7,8;QR=50;QA=70,80;SRF=1;SAF=2,3;CIGAR=1X,1X;TYPE=snp,snp", 2, 2,
         "RO=8;AO=7,5;QR=80;QA=70,50;SRF=3;SAF=2,1", "CIGAR TYPE"),
        ("AO=7", 1, 1, ".", "AO"), ("DP4=1,2,3,4", 2, 1, ".", "DP4"),
        ("SB=0.5", 1, 1, ".", "SB"),
        ("BaseQRankSum=1.2;MQRankSum=0;FS=3;SOR=0.7;QD=20;MQ=60", 1, 1, "FS=3;MQ=60",
         "BaseQRankSum MQRankSum SOR QD"),
        ("AC_Hom=2;AC_Het=1;nhomalt_male=1;faf95=0.1;AF_popmax=0.2;CLNSIG=x;gnomAD_AF=0.25",
         1, 1, "gnomAD_AF=0.75", "AC_Hom AC_Het nhomalt_male faf95 AF_popmax CLNSIG"),
        ("DB;H2;SOMATIC;AF=.;XA=.", 1, 1, "DB;H2;SOMATIC;AF=.;XA=.", ""),
        ("CAF=0.9,0.1;FREQ=1000G:0.9,0.1", 1, 1, "CAF=0.1,0.9", "FREQ"),
    ],
)  # fmt: skip
def test_info(info, n_alt, k, right, lost):
    swapper = Swapper({("INFO", "XA"): "A"})
    assert swapper.info(info.encode(), n_alt, k).decode() == right
    assert sorted(swapper.removed) == sorted(f"INFO/{x}" for x in lost.split())


def test_numbers_decide_for_keys_that_are_not_known():
    swapper = Swapper(FORMAT_NUMBERS)
    rest = b"GT:LAA:LX:LY:LQ:ONE:ANY:MOD:PP2:XA\t0|1:1:1,2:1,2,3:5:6:7,8:9:1,2:3"
    assert swapper.samples(rest, 1, 1) == (
        b"GT:LAA:LX:LY:LQ:ONE:ANY:MOD:PP2\t1|0:1:2,1:3,2,1:.:6:7,8:9:1,2"
    )
    assert swapper.removed == {"FORMAT/XA": 1, "FORMAT/LQ of some samples": 1}
    # Without LAA nothing says whose values they are.
    assert Swapper({}).samples(b"GT:LAD\t0/1:1,2", 1, 1) == b"GT\t0/1"


def test_tools_with_keys_of_their_own():
    varscan = Swapper({("FORMAT", "AD"): "1", ("FORMAT", "ADF"): "1"})
    assert varscan.samples(b"GT:DP:RD:AD:FREQ:RDF:ADF\t0/1:9:5:4:44%:3:2", 1, 1) == (
        b"GT:DP:RD:AD:RDF:ADF\t0/1:9:4:5:2:3"
    )
    strelka = Swapper({})
    rest = b"DP:AU:CU:GU:TU\t9:1,1:0,0:8,8:0,0"
    assert strelka.samples(rest, 1, 1) == rest
    short = Swapper({})
    assert short.samples(b"GT:AD:GQ\t0/1\t./.:1,2", 1, 1) == b"GT:AD:GQ\t0/1\t./.:2,1"
