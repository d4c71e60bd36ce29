"""Pseudo-autosomal regions that stand in a reference twice are told, with the fix."""

from pathlib import Path

import numpy as np
import pytest
from builders import make_fasta

from varhouse.genome.contigs import Contigs
from varhouse.genome.haploid import HaploidRegions
from varhouse.genome.parmask import par_note, unmasked_par
from varhouse.genome.reference import OpenedReference

BASES = np.random.default_rng(5).choice(list("ACGT"), 1000).tolist()


def sequence(*masked: tuple[int, int], letter: str = "N") -> str:
    bases = list(BASES)
    for start, end in masked:
        bases[start:end] = letter * (end - start)
    return "".join(bases)


def told(folder: Path, contigs: dict[str, str], par: str) -> tuple[list[str], str]:
    fasta, bed = make_fasta(folder / "r.fa", contigs), folder / "par.bed"
    bed.write_text(par)
    with OpenedReference(fasta) as reference:
        haploid = HaploidRegions(Contigs(reference.contigs.contigs), bed)
        found = [f"{c}:{a}-{b} {n:.2f}" for c, a, b, n in unmasked_par(reference, haploid)]
        return found, par_note(reference, haploid)


PAR = "chrX\t10\t110\nchrX\t900\t990\nchrY\t10\t110\nchrY\t800\t890\n"


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (sequence(), ["chrY:10-110 0.00", "chrY:800-890 0.00"]),
        (sequence((0, 110), (800, 1000)), []),
        (sequence((0, 110), (800, 1000), letter="n"), []),
        (sequence((10, 110)), ["chrY:800-890 0.00"]),
        (sequence((20, 30), (800, 890)), ["chrY:10-110 0.10"]),
    ],
)
def test_regions_of_y_that_hold_bases(tmp_path: Path, y: str, expected: list[str]) -> None:
    """Gaps are no mask; masked on Y alone is right."""
    found, note = told(tmp_path, {"chr1": 50, "chrX": sequence(), "chrY": y}, PAR)
    assert found == expected
    assert bool(note) == bool(expected)


def test_the_note_names_places_and_the_fix(tmp_path: Path) -> None:
    _, note = told(tmp_path, {"chrX": sequence(), "chrY": sequence((10, 110))}, PAR)
    assert "(chrY:801-890 are no N)" in note
    assert "printf 'chrY\\t800\\t890\\n' > par.bed" in note


def test_where_there_is_nothing_to_say(tmp_path: Path) -> None:
    """No Y, no X, no regions, and a Y that ends before them."""
    for number, (contigs, par) in enumerate(
        [
            ({"chr1": 50, "chrX": sequence()}, PAR),
            ({"chr1": 50, "chrY": sequence()}, PAR),
            ({"chrX": sequence(), "chrY": sequence()}, ""),
            ({"chrX": sequence(), "chrY": "ACGTA"}, PAR),
        ]
    ):
        (tmp_path / str(number)).mkdir()
        assert told(tmp_path / str(number), contigs, par) == ([], "")
