"""An indel at a gap of the chain: the answer does not depend on where the aligner put the gap.

A gap in a repeat can be written in several places, all with the same score. For a chain of
several blocks every gap is put in each of its places in turn; all indels near it, and the
haplotypes that they make, are compared.
"""

import itertools
import random
from pathlib import Path

import polars as pl
import pytest
from test_liftover_alleles import carried, flip, frame, reference

from varhouse.liftover import Lifter, Reason, read_chain
from varhouse.normalise import Status, normalise_alleles

KEY = ["contig", "pos", "ref", "alt"]


def _assemblies(rng, *, only_target=False):
    """Make a source, a target, and blocks (source start, target start, size), unflipped.

    `only_target`: no bases that only the source has, of which nothing is known without it.
    """
    unit = rng.choice(["G", "AC", "ACT", "AAG"])
    source = target = "".join(rng.choices("ACGT", k=8))
    blocks = [(0, 0, 8)]
    for _ in range(rng.choice([1, 2])):
        run = unit * rng.randint(1, 5)
        extra = rng.choice([unit * rng.randint(1, 2), "".join(rng.choices("ACGT", k=2))])
        at = rng.randint(0, len(run))
        both = rng.random() < 0.3
        other = "".join(rng.choices("ACGT", k=rng.randint(1, 2))) if both else ""
        s_gap, t_gap = rng.choice([(extra, other), (other, extra)])
        if only_target:
            s_gap, t_gap = "", extra
        tail = "".join(rng.choices("ACGT", k=rng.randint(6, 10)))
        start, to, size = blocks.pop()
        blocks.append((start, to, size + at))
        source += run[:at] + s_gap + run[at:] + tail
        target += run[:at] + t_gap + run[at:] + tail
        here = len(source) - len(tail) - len(run) + at
        there = len(target) - len(tail) - len(run) + at
        blocks.append((here, there, len(source) - here))
    return source, target, blocks


def _placements(source, target, blocks):
    """Give the blocks with every gap in all of its places."""
    choices = []
    for (s0, t0, n), (s1, t1, m) in itertools.pairwise(blocks):
        moves = [0]
        for j in range(1, n):
            if source[s1 - j] != target[t1 - j]:
                break
            moves.append(-j)
        for j in range(1, m):
            if source[s0 + n + j - 1] != target[t0 + n + j - 1]:
                break
            moves.append(j)
        choices.append(moves)
    for shifts in itertools.islice(itertools.product(*choices), 12):
        out = []
        for i, (s, t, n) in enumerate(blocks):
            front = shifts[i - 1] if i else 0
            back = shifts[i] if i < len(shifts) else 0
            out.append((s + front, t + front, n - front + back))
        if all(n > 0 for _, _, n in out):
            yield out


def _chain(path, source, target, blocks, *, reverse):
    """Write one chain; on the minus strand the target counts from its end."""
    lines = []
    for (s, t, n), (s1, t1, _) in itertools.pairwise(blocks):
        lines.append(f"{n} {s1 - s - n} {t1 - t - n}")
    lines.append(str(blocks[-1][2]))
    s0, t0 = blocks[0][0], blocks[0][1]
    s_end, t_end = blocks[-1][0] + blocks[-1][2], blocks[-1][1] + blocks[-1][2]
    path.write_text(
        f"chain 1000 s {len(source)} + {s0} {s_end} t {len(target)} {'-' if reverse else '+'} "
        f"{t0} {t_end} 1\n" + "\n".join(lines) + "\n"
    )


def _indels(rng, source, contigs):
    rows = set()
    for pos in range(1, len(source) - 4):
        ref = source[pos - 1]
        rows.add(("s", pos, ref, ref + "".join(rng.choices("ACGT", k=rng.randint(1, 2)))))
        rows.add(("s", pos, ref, ref + source[pos : pos + rng.randint(1, 3)]))
        n = rng.randint(1, 3)
        rows.add(("s", pos, source[pos - 1 : pos + n], ref))
    made = normalise_alleles(frame(sorted(rows)), contigs)
    return made.filter(pl.col("status") < Status.REF_UNCHECKED).select(KEY).unique().sort(KEY)


@pytest.mark.parametrize("with_source", [True, False])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_every_place_of_a_gap_gives_the_same_answer(
    tmp_path: Path, seed: int, reverse: bool, with_source: bool
) -> None:
    rng = random.Random(seed)
    source, target, blocks = _assemblies(rng, only_target=not with_source)
    contigs = reference(tmp_path, "source", {"s": source})
    other = reference(tmp_path, "target", {"t": flip(target) if reverse else target})
    alleles = _indels(rng, source, contigs)
    answers = []
    for i, placed in enumerate(_placements(source, target, blocks)):
        _chain(tmp_path / f"{i}.chain", source, target, placed, reverse=reverse)
        lifter = Lifter(
            read_chain(tmp_path / f"{i}.chain"),
            other,
            normalise_alleles,
            source=contigs if with_source else None,
        )
        rows = lifter.lift_rows(alleles)
        _check_haplotypes(rows, alleles, source, target, placed, reverse)
        good = rows["reason"] == 0
        answers.append(
            rows.select(
                "reason",
                "ambiguous",
                *(pl.when(good).then(pl.col(c)) for c in KEY),
            )
        )
    for placed in answers[1:]:
        triples = zip(alleles.rows(), answers[0].rows(), placed.rows(), strict=True)
        differ = [(k, a, b) for k, a, b in triples if _said(k, a) != _said(k, b)]
        assert not differ, (source, target, blocks, differ)


def _said(allele, answer):
    """Give an answer; a deletion that some place of a gap cuts has one of three reasons."""
    at_gap = {int(r) for r in (Reason.NO_CHAIN, Reason.SPANS_GAP, Reason.INDEL_AT_GAP)}
    if len(allele[2]) > len(allele[3]) and answer[0] in at_gap:
        return "at a gap"
    return answer


def _check_haplotypes(rows, alleles, source, target, blocks, reverse):
    """Put a lifted allele on its block: both assemblies then have the same bases there."""
    for row, (_, pos, ref, alt) in zip(rows.rows(named=True), alleles.rows(), strict=True):
        if row["reason"] or row["ambiguous"]:
            continue
        there = carried(
            flip(target) if reverse else target, row["pos"], row["ref"], row["alt"]
        )
        there = flip(there) if reverse else there
        s, t, n = next(b for b in blocks if b[0] <= pos - 1 < b[0] + b[2])
        here = carried(source, pos, ref, alt)
        grown = len(alt) - len(ref)
        assert here[s : s + n + grown] == there[t : t + n + grown]


def test_the_pairs_have_gaps_that_slide_and_indels_that_are_lifted(tmp_path: Path) -> None:
    slides = lifted = held = 0
    for seed in range(12):
        rng = random.Random(seed)
        source, target, blocks = _assemblies(rng)
        slides += len(list(_placements(source, target, blocks))) > 1
        contigs = reference(tmp_path, f"source{seed}", {"s": source})
        other = reference(tmp_path, f"target{seed}", {"t": target})
        _chain(tmp_path / "c.chain", source, target, blocks, reverse=False)
        out = Lifter(
            read_chain(tmp_path / "c.chain"), other, normalise_alleles, source=contigs
        ).lift(_indels(rng, source, contigs))
        lifted += out.lifted.height
        held += (out.rejects["reason"] == "indel_at_gap").sum()
    assert slides > 4
    assert lifted > 100
    assert held > 100


@pytest.mark.parametrize("at", [202, 203, 204])
def test_the_case_of_the_insertion_beside_a_run(tmp_path: Path, at: int) -> None:
    # Source TAGGACT, target TAGGGACT; A>AC before the run (freeseek/score 16).
    rng = random.Random(1)
    before, behind = ("".join(rng.choices("ACGT", k=200)) for _ in "12")
    source, target = before + "TAGGACT" + behind, before + "TAGGGACT" + behind
    contigs, other = (
        reference(tmp_path, "s", {"s": source}),
        reference(tmp_path, "t", {"t": target}),
    )
    _chain(
        tmp_path / "c.chain",
        source,
        target,
        [(0, 0, at), (at, at + 1, len(source) - at)],
        reverse=False,
    )
    lifter = Lifter(read_chain(tmp_path / "c.chain"), other, normalise_alleles, source=contigs)
    out = lifter.lift(frame([("s", 202, "A", "AC"), ("s", 202, "A", "AG"),
                             ("s", 201, "T", "TC"),
                             ("s", 204, "G", "GC"), ("s", 205, "A", "AG")]))  # fmt: skip
    assert out.rejects.select("pos", "alt", "reason").rows() == [
        (202, "AC", "indel_at_gap"),
        (202, "AG", "indel_at_gap"),
        (204, "GC", "indel_at_gap"),
    ]
    assert out.lifted.select(KEY).rows() == [("t", 201, "T", "TC"), ("t", 206, "A", "AG")]
