"""Coding edits at the edges of the reading frame, one at a time.

Start and stop codon, an incomplete first or last codon, unknown bases, windows of more
than 48 bases, and alleles that cross the border of the CDS or of the transcript: 1-2 % of
the coding edits, too varied for matrices. `rules.py` says what they are, `vep115.py` what
VEP 115 calls them.
"""

from dataclasses import dataclass

import numpy as np

from varhouse.consequence.edit import Edit
from varhouse.consequence.rules import terms_of_edit
from varhouse.consequence.vep115 import terms_as_vep
from varhouse.consequence.windows import Edits
from varhouse.transcripts.genemodel import NO_CODON, GeneModel, UInt8
from varhouse.transcripts.geneticcode import LETTERS, translate


@dataclass(frozen=True)
class EdgeResult:
    """Terms of one edit, and its texts when codons can be read."""

    terms: int
    codons: str | None = None
    amino_acids: str | None = None


def annotate_edge(
    model: GeneModel, edits: Edits, row: int, alt: UInt8, as_vep: bool = False
) -> EdgeResult:
    """Annotate one edit; `as_vep` gives VEP 115's terms for it."""
    edit = _make_edit(model, edits, row, int(edits.tx[row]), alt)
    terms = terms_as_vep(edit) if as_vep else terms_of_edit(edit)
    if not edit.inside:
        return EdgeResult(terms)
    ref, new = translate(edit.ref_codons, edit.code), translate(edit.alt_codons, edit.code)
    return EdgeResult(terms, _codon_text(edit), ref if ref == new else _or_dash(ref, new))


def _make_edit(model: GeneModel, edits: Edits, row: int, t: int, alt: UInt8) -> Edit:
    bases = alt[edits.alt_ptr[row] : edits.alt_ptr[row] + edits.alt_length[row]]
    if model.strand[t] < 0:
        bases = np.where(bases < 4, 3 - bases, 4)[::-1].astype(np.uint8)
    at, offset = int(model.cdna_ptr[t]), int(model.cds_offset[t])
    cdna = LETTERS[model.cdna[at : at + int(model.cdna_length[t])]].tobytes()
    codon = model.codon[model.codon_ptr[t] :][: (int(model.cds_length[t]) + 2) // 3]
    for k in np.flatnonzero(codon > NO_CODON):
        first = offset + 3 * int(k)
        cdna = cdna[:first] + cdna[first : first + 3].lower() + cdna[first + 3 :]
    if offset < 0:
        cdna, offset = b"N" * -offset + cdna, 0
    return Edit(
        cdna=cdna,
        utr=offset,
        length=int(model.cds_length[t]),
        lead=(3 - int(model.phase[t])) % 3,
        code=int(model.code[t]),
        start_known=not bool(model.start_unknown[t]) and int(model.phase[t]) == 0,
        end_known=not bool(model.end_unknown[t]),
        first=int(edits.first[row]),
        stop=int(edits.stop[row]),
        first_known=bool(edits.first_known[row]),
        stop_known=bool(edits.stop_known[row]),
        insertion=bool(edits.insertion[row]),
        alt=LETTERS[bases].tobytes(),
    )


def _or_dash(ref: str, alt: str) -> str:
    return f"{ref or '-'}/{alt or '-'}"


def _codon_text(edit: Edit) -> str:
    """`gaACtc/gatc`: changed bases in capitals, `-` for no codon."""
    at = edit.first - 3 * edit.first_codon if edit.ref_codons else 0

    def text(codons: bytes, changed: int) -> str:
        s = codons.decode().upper()
        return s[:at].lower() + s[at : at + changed] + s[at + changed :].lower()

    return _or_dash(
        text(edit.ref_codons, edit.stop - edit.first), text(edit.alt_codons, len(edit.alt))
    )
