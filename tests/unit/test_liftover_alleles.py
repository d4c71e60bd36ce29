"""Alleles from one toy assembly to another: haplotypes, the way back, each reason."""

import random
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varhouse.alleles.swap import Swapper
from varhouse.genome.reference import Reference, compile_reference
from varhouse.liftover import LiftedAlleles, Lifter, Reason, read_chain
from varhouse.liftover.vcf import COLUMNS, VcfLifter
from varhouse.normalise import Status, normalise_alleles
from varhouse.normalise.split import Splitter

KEY = ["contig", "pos", "ref", "alt"]
_FLIP = str.maketrans("ACGTN", "TGCAN")


def flip(text: str) -> str:
    return text[::-1].translate(_FLIP)


def frame(rows: list[tuple[str, int, str, str]]) -> pl.DataFrame:
    schema = {"contig": pl.String, "pos": pl.Int32, "ref": pl.String, "alt": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def reference(folder: Path, name: str, sequences: dict[str, str]) -> Reference:
    folder.mkdir(parents=True, exist_ok=True)
    fasta = folder / f"{name}.fa"
    fasta.write_text("".join(f">{c}\n{s}\n" for c, s in sequences.items()))
    return Reference(compile_reference(fasta, folder / name))


class Pair:
    """Two assemblies that differ by substitutions, gaps, strands and doubled pieces."""

    def __init__(self, folder: Path, seed: int) -> None:
        rng = random.Random(seed)
        letters = rng.choice(["AC", "ACGT", "AACAGT"])
        source = "".join(rng.choices(letters, k=rng.randint(40, 90)))
        there, back, target, at = [], [], "", 0
        pieces = []
        while at < len(source):
            size = min(rng.randint(3, 25), len(source) - at)
            pieces.append((at, size, rng.choice("++-")))
            # A gap, and now and then a piece that is taken twice.
            at += size + rng.choice([0, 0, 1, 2, 4]) - rng.choice([0] * 9 + [size // 2])
        places = []
        for start, size, strand in pieces:
            target += "".join(rng.choices(letters, k=rng.choice([0, 0, 1, 3])))
            piece = list(source[start : start + size])
            for i in range(size):
                if rng.random() < 0.08:
                    piece[i] = rng.choice("ACGT")
            text = "".join(piece)
            places.append(len(target))
            target += text if strand == "+" else flip(text)
        if rng.random() < 0.3:
            # Another source piece that leads to a part of a place that is taken.
            i = rng.randrange(len(pieces))
            size = rng.randint(1, pieces[i][1])
            pieces.append((rng.randrange(len(source) - size + 1), size, rng.choice("+-")))
            places.append(places[i] + rng.randint(0, pieces[i][1] - size))
        for number, ((start, size, strand), place) in enumerate(
            zip(pieces, places, strict=True)
        ):
            # The q side counts from its own end on the minus strand.
            q = place if strand == "+" else len(target) - place - size
            t = start if strand == "+" else len(source) - start - size
            score = rng.randint(1, 3)
            there.append(
                f"chain {score} s {len(source)} + {start} {start + size} "
                f"t {len(target)} {strand} {q} {q + size} {number}\n{size}\n"
            )
            back.append(
                f"chain {score} t {len(target)} + {place} {place + size} "
                f"s {len(source)} {strand} {t} {t + size} {number}\n{size}\n"
            )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "there.chain").write_text("\n".join(there))
        (folder / "back.chain").write_text("\n".join(back))
        self.source_text, self.target_text = source, target
        self.source = reference(folder, "source", {"s": source})
        self.target = reference(folder, "target", {"t": target})
        self.there = Lifter(
            read_chain(folder / "there.chain"),
            self.target,
            normalise_alleles,
            source=self.source,
        )
        self.back = Lifter(
            read_chain(folder / "back.chain"),
            self.source,
            normalise_alleles,
            source=self.target,
        )
        rows = []
        for _ in range(150):
            pos = rng.randrange(len(source))
            ref = source[pos : pos + rng.choice([1, 1, 1, 2, 3, 5])]
            alt = "".join(rng.choices("ACGT", k=rng.choice([1, 1, 2, 3])))
            if rng.random() < 0.4:
                # Pure indels, many in repeats.
                alt = rng.choice([ref[0], ref + ref[1:] + ref[:1], ref + rng.choice("AC")])
            if alt != ref:
                rows.append(("s", pos + 1, ref, alt))
        made = normalise_alleles(frame(rows), self.source)
        self.alleles = made.filter(pl.col("status") < Status.REF_UNCHECKED).select(KEY)


def carried(text: str, pos: int, ref: str, alt: str) -> str:
    assert text[pos - 1 : pos - 1 + len(ref)] == ref
    return text[: pos - 1] + alt + text[pos - 1 + len(ref) :]


@settings(derandomize=True, max_examples=120, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_there_and_back_returns_what_is_not_ambiguous(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    pair = Pair(tmp_path_factory.mktemp("p"), seed)
    lifted = pair.there.lift(pair.alleles).lifted
    for row in lifted.iter_rows(named=True):
        # REF is the target's, whatever was swapped.
        carried(pair.target_text, row["pos"], row["ref"], row["alt"])
    sure = lifted.filter(~pl.col("ambiguous"))
    back = pair.back.lift(sure.select(KEY))
    assert back.rejects.rows() == []
    assert back.lifted.select(KEY).rows() == [
        (c, p, r, a) for c, p, r, a in sure.select([f"source_{c}" for c in KEY]).rows()
    ]
    assert back.lifted["swapped"].to_list() == sure["swapped"].to_list()
    assert back.lifted["reverse"].to_list() == sure["reverse"].to_list()


def test_the_toy_pairs_have_something_of_everything(tmp_path: Path) -> None:
    lifted, reasons = [], set()
    for seed in range(40):
        pair = Pair(tmp_path / str(seed), seed)
        out = pair.there.lift(pair.alleles)
        lifted.append(out.lifted)
        reasons |= set(out.rejects["reason"])
    table = pl.concat(lifted)
    sure = table.filter(~pl.col("ambiguous"))
    indel = pl.col("ref").str.len_bytes() != pl.col("alt").str.len_bytes()
    assert sure.filter(indel & pl.col("reverse")).height > 50
    assert sure.filter(indel & ~pl.col("reverse")).height > 50
    assert sure.filter("swapped").height > 10
    assert table.filter("ambiguous").height > 50
    assert reasons >= {
        "no_chain",
        "ambiguous",
        "strand_mixed",
        "spans_gap",
        "ref_not_found",
        "indel_at_gap",
    }


@settings(derandomize=True, max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**9), size=st.integers(20, 80))
def test_neither_batches_nor_order_matter(
    tmp_path_factory: pytest.TempPathFactory, seed: int, size: int
) -> None:
    pair = Pair(tmp_path_factory.mktemp("p"), seed)
    rows = pair.alleles.with_row_index("i")
    whole = pair.there.lift(rows)
    parts = [pair.there.lift(rows[i : i + size]) for i in range(0, rows.height, size)]
    assert pl.concat([p.lifted for p in parts]).equals(whole.lifted)
    assert pl.concat([p.rejects for p in parts]).equals(whole.rejects)
    mixed = pair.there.lift(rows.sample(fraction=1, shuffle=True, seed=seed % 1000))
    assert mixed.lifted.sort("i").equals(whole.lifted)
    assert mixed.rejects.sort("i").equals(whole.rejects)


#               0         1         2         3
#               0123456789012345678901234567890123456789
SOURCE = {"a": "ACGTACGGTTTTACACACGATCGATCGGATCCATTGCAAC", "b": "ACGT" * 5, "x": "AAAA"}
TARGET = {
    # a[0:12] plain with C>T at 5; a[12:20] one unit of AC more before it; a[20:30] reversed.
    "t": "ACGTATGGTTTT" + "AC" + "ACACACGA" + flip("TCGATCGGAT") + "CCATTG",
    "short": "ACG",
}
CHAIN = """\
chain 9 a 40 + 0 20 t 38 + 0 22 1
12 0 2
8

chain 9 a 40 + 20 30 t 38 - 6 16 2
10

chain 5 b 20 + 0 10 t 38 + 0 10 3
10

chain 5 b 20 + 5 10 t 38 + 5 10 4
5

chain 5 b 20 + 10 14 missing 50 + 0 4 5
4

chain 5 b 20 + 14 20 short 9 + 0 6 6
6
"""


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Reference, Reference, Path]:
    folder = tmp_path_factory.mktemp("toy")
    (folder / "toy.chain").write_text(CHAIN)
    return reference(folder, "s", SOURCE), reference(folder, "t", TARGET), folder / "toy.chain"


def lift(
    toy: tuple[Reference, Reference, Path], *row: tuple[str, int, str, str], swap: bool = True
) -> LiftedAlleles:
    source, target, chain = toy
    lifter = Lifter(read_chain(chain), target, normalise_alleles, source=source, swap=swap)
    return lifter.lift(frame(list(row)))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("x", 1, "A", "C"), Reason.CONTIG_NOT_IN_CHAIN),
        (("nowhere", 1, "A", "C"), Reason.CONTIG_NOT_IN_CHAIN),
        (("a", 35, "T", "C"), Reason.NO_CHAIN),
        (("a", 0, "A", "C"), Reason.NO_CHAIN),
        (("b", 7, "G", "C"), Reason.AMBIGUOUS),
        (("a", 20, "AT", "A"), Reason.STRAND_MIXED),
        (("a", 12, "TA", "T"), Reason.SPANS_GAP),
        (("a", 30, "TC", "T"), Reason.SPANS_GAP),
        (("b", 11, "G", "C"), Reason.CONTIG_MISSING),
        (("b", 19, "G", "C"), Reason.TARGET_OUTSIDE),
        (("a", 1, "T", "C"), Reason.SOURCE_REF_MISMATCH),
        (("a", 6, "C", "G"), Reason.REF_NOT_FOUND),
        # One unit of AC less: the target has one more, so its deletion is another.
        (("a", 13, "ACA", "A"), Reason.INDEL_AT_GAP),
        (("a", 12, "T", "TAC"), Reason.INDEL_AT_GAP),
        (("a", 1, "A", "<DEL>"), Reason.SYMBOLIC),
        (("a", 1, "A", "A[b:3["), Reason.SYMBOLIC),
        (("a", 1, "A", "A."), Reason.SYMBOLIC),
        (("a", 1, "A", "Q"), Reason.ALLELE_INVALID),
        (("a", 1, "A", "a"), Reason.ALLELE_INVALID),
        (("a", 1, "", "C"), Reason.ALLELE_INVALID),
    ],
)
def test_each_reason(
    toy: tuple[Reference, Reference, Path], row: tuple[str, int, str, str], reason: Reason
) -> None:
    out = lift(toy, row)
    assert out.lifted.height == 0
    assert out.rejects.rows() == [(*row, reason.code)]


def test_swapping_can_be_switched_off(toy: tuple[Reference, Reference, Path]) -> None:
    row = ("a", 6, "C", "T")
    assert lift(toy, row).lifted.select(*KEY, "swapped").rows() == [("t", 6, "T", "C", True)]
    assert lift(toy, row, swap=False).rejects["reason"].to_list() == ["swap_off"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (("a", 1, "a", "t"), ("t", 1, "A", "T", False)),
        (("a", 15, "A", "*"), ("t", 17, "A", "*", False)),
        (("a", 15, "A", "."), ("t", 17, "A", ".", False)),
        # a[20:30] TCGATCGGAT is ATCCGATCGA in the target, from 22 on.
        (("a", 21, "T", "G"), ("t", 32, "A", "C", True)),
        (("a", 23, "GAT", "CCC"), ("t", 28, "ATC", "GGG", True)),
        # The base before the indel, another on each strand.
        (("a", 25, "TC", "T"), ("t", 26, "CG", "C", True)),
        (("a", 23, "G", "GCC"), ("t", 29, "T", "TGG", True)),
    ],
)
def test_alleles_by_hand(
    toy: tuple[Reference, Reference, Path],
    row: tuple[str, int, str, str],
    expected: tuple[str, int, str, str, bool],
) -> None:
    out = lift(toy, row)
    assert out.lifted.select(*KEY, "reverse").rows() == [expected]
    assert out.lifted.select([f"source_{c}" for c in KEY]).rows() == [row]


def test_other_columns_and_an_empty_frame_go_through(
    toy: tuple[Reference, Reference, Path],
) -> None:
    _, target, chain = toy
    lifter = Lifter(read_chain(chain), target, normalise_alleles)
    # What is compiled for a source reference serves when there is none.
    assert not lifter._source.seq.flags.writeable
    empty = lifter.lift(frame([]).with_columns(n=pl.lit(1)))
    assert (empty.lifted.height, empty.rejects.height) == (0, 0)
    assert empty.lifted.columns[-1] == "n"
    # Without a source reference REF is not checked there, only in the target.
    out = lifter.lift(frame([("a", 6, "T", "C"), ("a", 1, "G", "C")]))
    assert out.lifted.select(KEY).rows() == [("t", 6, "T", "C")]
    assert out.rejects["reason"].to_list() == ["ref_not_found"]


def test_every_reason_has_a_word_and_a_sentence() -> None:
    assert len({r.code for r in Reason}) == len(Reason)
    assert all(r.says for r in Reason)


def put_in(text: str, start: int, size: int, allele: str) -> str:
    return text[:start] + allele + text[start + size :]


def test_haplotypes_of_records_with_several_alts_stay(tmp_path: Path) -> None:
    """Each called allele makes the same sequence in the target, whatever was exchanged."""
    seen: Counter[str] = Counter()
    for seed in range(14):
        pair = Pair(tmp_path / str(seed), seed)
        rng = random.Random(seed)
        text, target = pair.source_text, pair.target_text
        rows = []
        for i in range(80):
            pos = rng.randrange(len(text))
            ref = text[pos : pos + rng.choice([1, 1, 2, 3])]
            drawn = [
                rng.choice([ref[0], ref + ref, ref + "A", rng.choice("ACGT") + ref[1:]])
                for _ in range(rng.choice([2, 2, 3]))
            ]
            if len(ref) == 1 and rng.random() < 0.7:
                # One of them may be what the target has.
                drawn = rng.sample("ACGT", 3)
            alts = [a for a in dict.fromkeys(drawn) if a != ref]
            if alts:
                gt = "|".join(rng.choice([".", *map(str, range(len(alts) + 1))]) for _ in "ab")
                rows.append(
                    (i, "s", pos + 1, f"r{i}", ref, ",".join(alts), ".", ".", ".", f"GT\t{gt}")
                )
        records = pl.DataFrame(rows, schema=["line", *COLUMNS], orient="row")
        splitter = Splitter({}, {}, other=".")

        def split(
            info: bytes, rest: bytes, n_alt: int, splitter: Splitter = splitter
        ) -> list[tuple[bytes, bytes]]:
            keys, _, cells = rest.partition(b"\t")
            pairs = splitter.samples(keys, cells, n_alt)
            return [(info, k + b"\t" + c) for k, c in pairs]

        vcf = VcfLifter(pair.there, Swapper({}), split)
        done = vcf.block(records)
        seen.update(vcf.counts)
        for line in done.lines["line"]:
            cells = line.rstrip("\n").split("\t")
            _, source_pos, source_ref, source_alts = cells[7].split(";")[0].split(":")
            source = [source_ref, *source_alts.split("/")]
            place = pair.there.lift_rows(
                frame([("s", int(source_pos), source_ref, source[1])])
            ).row(0, named=True)
            old = [flip(a) if place["reverse"] else a for a in source]
            alleles = [cells[3], *cells[4].split(",")]
            before = next(r for r in rows if r[3] == cells[2])
            whole = [before[4], *before[5].split(",")]
            for was, now in zip(before[9][3:].split("|"), cells[9].split("|"), strict=True):
                if was == "." or whole[int(was)] not in source:
                    # An ALT that went its own way is unknown here.
                    assert now == "."
                    continue
                i = source.index(whole[int(was)])
                assert put_in(target, place["image"], len(source_ref), old[i]) == put_in(
                    target, int(cells[1]) - 1, len(cells[3]), alleles[int(now)]
                )
                seen["alleles"] += 1
    assert min(seen[n] for n in ("lifted", "reverse", "swapped", "split")) > 8
    assert seen["alleles"] > 400
