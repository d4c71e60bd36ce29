"""Records on the other strand: each value is said of the same bases and reads as before."""

import random
from collections import Counter

import polars as pl
import pytest

from varhouse.alleles.swap import Swapper
from varhouse.alleles.swaprules import OTHER_STRAND, StrandRule, strand_rule_of
from varhouse.liftover.strand import Alleles, turn_info, turn_samples

_FLIP = str.maketrans("ACGTacgt", "TGCAtgca")
_ENDS = {"forward": "reverse", "reverse": "forward"}
PAIRS = {"ADF": "forward", "ADR": "reverse", "F1R2": "forward", "F2R1": "reverse"}
FREEBAYES = {"SRF": (0, "forward"), "SRR": (0, "reverse"), "SAF": (1, "forward"),
             "SAR": (1, "reverse")}  # fmt: skip


def _meaning(bases, values):
    """Say what the values of a record or cell tell of each base and strand."""
    out = {}
    for name, held in values.items():
        listed = held.split(",")
        if name in PAIRS:
            kind = "AD" if name.startswith("AD") else "F"
            out |= {(kind, b, PAIRS[name]): v for b, v in zip(bases, listed, strict=True)}
        elif name in FREEBAYES:
            is_alt, strand = FREEBAYES[name]
            mine = bases[1:] if is_alt else bases[:1]
            out |= {("S", b, strand): v for b, v in zip(mine, listed, strict=True)}
        elif name in ("DP4", "SB", "SAC"):
            places = [(b, s) for b in bases for s in ("forward", "reverse")]
            out |= {(name, *p): v for p, v in zip(places, listed, strict=True)}
        elif name == "AS_SB_TABLE":
            for b, part in zip(bases, held.split("|"), strict=True):
                first, second = part.split(",")
                out |= {(name, b, "forward"): first, (name, b, "reverse"): second}
        elif name == "BCOUNT":
            out |= {(name, b, ""): v for b, v in zip("ACGT", listed, strict=True)}
        elif name in ("AU", "CU", "GU", "TU"):
            out["U", name[0], ""] = held
        elif name == "AA":
            out[name, held.upper(), ""] = held.isupper()
        else:
            out[name, "", ""] = held
    return out


def _on_the_other_strand(meaning):
    return {
        (name, base.translate(_FLIP), _ENDS.get(strand, strand)): value
        for (name, base, strand), value in meaning.items()
    }


def _values(rng, bases):
    n = len(bases)

    def numbers(m):
        return ",".join(str(rng.randrange(1000)) for _ in range(m))

    values = {name: numbers(n) for name in PAIRS}
    values |= {
        "SRF": numbers(1),
        "SRR": numbers(1),
        "SAF": numbers(n - 1),
        "SAR": numbers(n - 1),
        "SAC": numbers(2 * n),
        "FS": "1.5",
        "SOR": "0.7",
        "AS_SB_TABLE": "|".join(numbers(2) for _ in bases),
        "BCOUNT": numbers(4),
        **{f"{b}U": numbers(2) for b in "ACGT"},
    }
    if n == 2:
        values |= {"DP4": numbers(4), "SB": numbers(4)}
    items = list(values.items())
    rng.shuffle(items)
    return dict(items)


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("swap", [False, True])
def test_values_say_the_same_of_the_same_bases_and_reads(n, swap):
    rng = random.Random(n)
    for _ in range(150):
        bases = rng.sample("ACGT", n)
        turned = [b.translate(_FLIP) for b in bases]
        lost, swapper = Counter(), Swapper({})
        k = rng.randrange(1, n)
        order = list(turned)
        if swap:
            order[0], order[k] = order[k], order[0]
        values = _values(rng, bases)
        values["AA"] = rng.choice([bases[0], bases[1].lower(), "A"])
        text = ";".join(f"{key}={value}" for key, value in values.items())
        info = turn_info(pl.Series([text]), [Alleles(bases, turned)], lost).item()
        cells = [_values(rng, bases) for _ in "12"]
        cells[1] = {key: cells[1][key] for key in cells[0]}
        rows = [":".join(cell.values()) for cell in cells]
        rest = turn_samples(pl.Series(["\t".join([":".join(cells[0]), *rows])]), lost).item()
        if swap:
            info = swapper.info(info.encode(), n - 1, k).decode()
            rest = swapper.samples(rest.encode(), n - 1, k).decode()
        now = dict(item.split("=") for item in info.split(";"))
        gone = {"SOR"} if swap else set()
        assert values.keys() - now.keys() == gone
        before = _meaning(bases, {key: v for key, v in values.items() if key in now})
        assert _meaning(order, now) == _on_the_other_strand(before)
        form, *texts = rest.split("\t")
        for cell, row in zip(cells, texts, strict=True):
            now = dict(zip(form.split(":"), row.split(":"), strict=True))
            before = _meaning(bases, {key: v for key, v in cell.items() if key in now})
            assert cell.keys() - now.keys() == gone
            assert _meaning(order, now) == _on_the_other_strand(before)
        assert not lost


@pytest.mark.parametrize(
    ("info", "right", "lost"),
    [
        ("DP=9;DP4=1,2,3,4;MQ=60", "DP=9;DP4=2,1,4,3;MQ=60", ""),
        ("DP4=1,2,3;SB=0.5;DPS=3,4", "SB=0.5;DPS=4,3", "DP4"),
        ("SRF=1;SRR=2;SAF=3,4;SAR=5,6;SAP=7;SRP=8;EPP=9;RPP=1;RPL=2,3;RPR=4,5",
         "SRF=2;SRR=1;SAF=5,6;SAR=3,4;SAP=7;SRP=8;EPP=9;RPP=1;RPL=4,5;RPR=2,3", ""),
        ("SRF=1;SAF=.;SAR=.", "SAF=.;SAR=.", "SRF"),
        ("AS_SB_TABLE=1,2|3,4|5,6;FS=1;SOR=2;AS_FS=3", "AS_SB_TABLE=2,1|4,3|6,5;FS=1;SOR=2;"
         "AS_FS=3", ""),
        ("AS_SB_TABLE=1,2|3", ".", "AS_SB_TABLE"),
        ("CSQ=C|missense_variant;ANN=C|x;BCSQ=m|G|T|c|+|1A>1B|1A>C;AC=1;AN=2;AF=0.5",
         "AC=1;AN=2;AF=0.5", "CSQ ANN BCSQ"),
        ("CLNHGVS=NC_1:g.1A>C;CLNSIG=Benign;SPDI=1:0:A:C;VRS_Allele_IDs=x;RV;DB",
         "CLNSIG=Benign;DB", "CLNHGVS SPDI VRS_Allele_IDs RV"),
        ("I16=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16;VDB=0.1;RPBZ=-2;MQSBZ=1;BQBZ=3",
         "I16=2,1,4,3,5,6,7,8,9,10,11,12,13,14,15,16;VDB=0.1;BQBZ=3", "RPBZ MQSBZ"),
        ("AA=.;X=1", "AA=.;X=1", ""), ("AA=G;X=1", "AA=C;X=1", ""),
        ("AA=p.G12C;X=1", "X=1", "AA"),
    ],
)  # fmt: skip
def test_info(info, right, lost):
    removed = Counter()
    new = turn_info(pl.Series([info]), [Alleles(["A", "C"], ["T", "G"])], removed)
    assert new.to_list() == [right]
    assert removed == {f"INFO/{x} of records on the other strand": 1 for x in lost.split()}


def test_the_ancestral_allele_of_an_indel_has_its_new_anchor():
    # TAC>T at a place ..GTA.. of the other strand, left-aligned behind C: CGT>C.
    allele = Alleles(["TAC", "T"], ["CGT", "C"])
    removed = Counter()
    texts = pl.Series(["AA=TAC", "AA=t", "AA=TAG", "AA=-"])
    assert turn_info(texts, [allele] * 4, removed).to_list() == ["AA=CGT", "AA=c", ".", "AA=-"]
    assert removed == {"INFO/AA of records on the other strand": 1}
    # Not moved: REF is its own complement, whatever AA is.
    stays = Alleles(["CAT", "C"], ["ATG", "G"])
    assert turn_info(pl.Series(["AA=CAG"]), [stays], removed).to_list() == ["AA=CTG"]


def test_cells():
    removed = Counter()
    rows = [
        "GT:SB:ADF:DP\t0/1:1,2,3,4:5,6:9\t./.\t0/1:1,2,3:7,8:9",
        "GT:RD:AD:RDF:RDR:ADF:ADR\t0/1:5:4:3:2:1:0",
        "GT:AD\t0/1:3,4",
        "ADF:ADR\t1,2:3,4\t.\t5,6",
        "",
    ]
    assert turn_samples(pl.Series(rows), removed).to_list() == [
        "GT:SB:DP\t0/1:2,1,4,3:9\t./.\t0/1:.:9",
        "GT:RD:AD:RDR:RDF:ADR:ADF\t0/1:5:4:3:2:1:0",
        "GT:AD\t0/1:3,4",
        "ADR:ADF\t1,2:3,4\t.\t5,6",
        "",
    ]
    where = "of records on the other strand"
    assert removed == {f"FORMAT/ADF {where}": 1, f"FORMAT/SB of some samples {where}": 1}


def test_turned_twice_is_as_it_was():
    text = "DP4=1,2,3,4;SAF=1;SAR=2;AS_SB_TABLE=1,2|3,4;AA=T;BCOUNT=1,2,3,4;AD=1,2"
    there, back = Alleles(["A", "C"], ["T", "G"]), Alleles(["T", "G"], ["A", "C"])
    once = turn_info(pl.Series([text]), [there], Counter())
    assert once.item() != text
    assert turn_info(once, [back], Counter()).item() == text


def test_every_key_of_a_pair_has_one_partner():
    assert all(OTHER_STRAND[OTHER_STRAND[key]] == key for key in OTHER_STRAND)
    assert all(strand_rule_of("INFO", key) is StrandRule.OTHER_KEY for key in OTHER_STRAND)
    for key in ("GT", "AD", "PL", "AC", "FS", "SOR", "SAP", "ReadPosRankSum"):
        assert strand_rule_of("INFO", key) is StrandRule.KEEP
