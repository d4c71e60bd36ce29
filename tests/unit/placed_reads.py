"""Reads of known people, written where they belong: a BAM without an aligner."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pysam

ACGT = np.frombuffer(b"ACGT", np.uint8)
PYSAM_INDEX = "import pysam, sys; pysam.index(sys.argv[1])"


def genome(rng, **lengths):
    """Make random sequences, each with a few homopolymers and short repeats."""
    out = {}
    for name, n in lengths.items():
        codes = ACGT[rng.integers(0, 4, n)]
        for at in range(300, n - 100, 700):
            unit = ACGT[rng.integers(0, 4, int(rng.integers(1, 4)))]
            run = np.tile(unit, 12)[:24]
            codes[at : at + run.size] = run
        out[name] = codes.tobytes().decode()
    return out


def write_fasta(path, sequences):
    with path.open("w") as out:
        for name, text in sequences.items():
            out.write(f">{name}\n")
            out.writelines(f"{text[i : i + 60]}\n" for i in range(0, len(text), 60))
    pysam.faidx(str(path))
    return path


def haplotype(text, variants):
    """Put variants (0-based start, REF, ALT; ascending) into a sequence.

    Gives the bases and the base of the reference that each stands at, -1 where it is inserted.
    """
    bases, places, at = [], [], 0
    for start, ref, alt in variants:
        assert text[start : start + len(ref)] == ref
        assert start >= at
        bases.append(text[at:start])
        places.extend(range(at, start))
        bases.append(alt)
        same = min(len(ref), len(alt))
        places.extend([*range(start, start + same), *[-1] * (len(alt) - same)])
        at = start + len(ref)
    bases.append(text[at:])
    places.extend(range(at, len(text)))
    return np.frombuffer("".join(bases).encode(), np.uint8), np.array(places)


def cigar(places):
    """Write how the bases of a read stand on the reference: pysam's (operation, length)."""
    out = []
    last = None
    for place in places:
        if place < 0:
            step = [(1, 1)]
        else:
            step = (
                [(2, int(place - last - 1))] if last is not None and place > last + 1 else []
            )
            step.append((0, 1))
            last = place
        for op, n in step:
            if out and out[-1][0] == op:
                out[-1] = (op, out[-1][1] + n)
            else:
                out.append((op, n))
    return out


def make_bam(
    path: Path,
    sequences: dict,
    people: dict,
    *,
    seed=1,
    depth=15,
    length=100,
    errors=0.003,
    sample="NA1",
    holes=(),
):
    """Write a BAM of single reads with an index.

    `people`: by contig haplotypes, each a list of variants; `depth` of one haplotype.
    `holes`: (contig, start, end) where no read begins.
    """
    rng = np.random.default_rng(seed)
    header = {
        "HD": {"VN": "1.6", "SO": "coordinate"},
        "SQ": [{"SN": name, "LN": len(text)} for name, text in sequences.items()],
        "RG": [{"ID": "a", "SM": sample}],
    }
    number = 0
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for c, (contig, text) in enumerate(sequences.items()):
            reads = []
            for variants in people.get(contig, []):
                bases, places = haplotype(text, variants)
                n = int(depth * bases.size / length)
                for start in rng.integers(0, max(1, bases.size - length), n):
                    place = places[start : start + length]
                    if place[0] < 0 or place[-1] < 0:
                        continue
                    if any(h == contig and a <= place[0] < b for h, a, b in holes):
                        continue
                    own = bases[start : start + length].copy()
                    wrong = rng.random(own.size) < errors
                    own[wrong] = ACGT[rng.integers(0, 4, int(wrong.sum()))]
                    reads.append((int(place[0]), own, cigar(place)))
            reads.sort(key=lambda r: r[0])
            for start, own, ops in reads:
                read = pysam.AlignedSegment(out.header)
                read.query_name = f"r{number}"
                number += 1
                read.flag = 16 if rng.random() < 0.5 else 0
                read.reference_id, read.reference_start = c, start
                read.mapping_quality, read.cigartuples = 60, ops
                read.query_sequence = own.tobytes().decode()
                read.query_qualities = pysam.qualitystring_to_array(
                    "".join(chr(33 + q) for q in rng.integers(25, 41, own.size))
                )
                read.set_tag("RG", "a")
                out.write(read)
    subprocess.run([sys.executable, "-c", PYSAM_INDEX, str(path)], check=True)
    return path
