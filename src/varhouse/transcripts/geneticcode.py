"""Genetic codes as lookup tables over codon codes.

A codon code is 16 * first + 4 * second + third base (A 0, C 1, G 2, T 3); 64 is a codon
with an unknown base or without its last bases and reads X; 65 and 66 are TGA and TAG that
are read as selenocysteine and pyrrolysine in one transcript (`RECODED`). The codes are NCBI's
(https://www.ncbi.nlm.nih.gov/Taxonomy/Utils/wprintgc.cgi), written as what differs from
the standard code.
"""

import numpy as np
import numpy.typing as npt

from varhouse.transcripts.genemodel import CODE, NO_CODON, RECODED, UInt8

LETTERS: UInt8 = np.frombuffer(b"ACGTN", np.uint8)
"""Base code to ASCII letter."""

STOP, UNKNOWN = ord("*"), ord("X")
ATG = 0 * 16 + 3 * 4 + 2

_STANDARD = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
_MITOCHONDRIAL_INVERTEBRATE = {"AGA": "S", "AGG": "S", "ATA": "M", "TGA": "W"}
_FLATWORM = {"AAA": "N", "AGA": "S", "AGG": "S", "TGA": "W"}
_DIFFERENCES: dict[int, dict[str, str]] = {
    2: {"AGA": "*", "AGG": "*", "ATA": "M", "TGA": "W"},
    3: {"ATA": "M", "CTA": "T", "CTC": "T", "CTG": "T", "CTT": "T", "TGA": "W"},
    4: {"TGA": "W"},
    5: _MITOCHONDRIAL_INVERTEBRATE,
    6: {"TAA": "Q", "TAG": "Q"},
    9: _FLATWORM,
    10: {"TGA": "C"},
    11: {},
    12: {"CTG": "S"},
    13: {"AGA": "G", "AGG": "G", "ATA": "M", "TGA": "W"},
    14: {**_FLATWORM, "TAA": "Y"},
    15: {"TAG": "Q"},
    16: {"TAG": "L"},
    21: {**_FLATWORM, "ATA": "M"},
    22: {"TCA": "*", "TAG": "L"},
    23: {"TTA": "*"},
    24: {"AGA": "S", "AGG": "K", "TGA": "W"},
    25: {"TGA": "G"},
    26: {"CTG": "A"},
}


def codon_code(codon: str) -> int:
    """Give the code of a codon of three letters; 64 when one is not A, C, G or T."""
    a, b, c = (int(CODE[ord(x)]) for x in codon)
    return NO_CODON if max(a, b, c) > 3 else 16 * a + 4 * b + c


def _table(number: int) -> UInt8:
    table = np.full(NO_CODON + 1 + len(RECODED), UNKNOWN, np.uint8)
    order = "TCAG"
    for i, letter in enumerate(_STANDARD):
        table[codon_code(order[i // 16] + order[i // 4 % 4] + order[i % 4])] = ord(letter)
    for codon, letter in _DIFFERENCES.get(number, {}).items():
        table[codon_code(codon)] = ord(letter)
    for code, (_, letter) in RECODED.items():
        table[code] = ord(letter)
    return table


AMINO_ACID: UInt8 = np.stack([_table(n) for n in range(34)])
"""uint8[34, 67]: ASCII amino acid by NCBI number of the code and codon code. Numbers
that NCBI does not use, or that are not listed here, are the standard code."""

BASES_OF: UInt8 = np.arange(AMINO_ACID.shape[1], dtype=np.uint8)
"""uint8[67]: codon code to the code of the same bases read by the genetic code."""
for _code, (_bases, _) in RECODED.items():
    BASES_OF[_code] = _bases

_BY_TEXT = {
    n: {
        bytes(LETTERS[[c >> 4, c >> 2 & 3, c & 3]]): chr(AMINO_ACID[n, c])
        for c in range(NO_CODON)
    }
    for n in range(34)
}

_RECODED_TEXT = {
    bytes(LETTERS[[c >> 4, c >> 2 & 3, c & 3]]).lower(): letter
    for c, letter in RECODED.values()
}


_STARTS: dict[int, tuple[str, ...]] = {
    2: ("ATT", "ATC", "ATA", "ATG", "GTG"),
    3: ("ATA", "ATG", "GTG"),
    4: ("TTA", "TTG", "CTG", "ATT", "ATC", "ATA", "ATG", "GTG"),
    5: ("TTG", "ATT", "ATC", "ATA", "ATG", "GTG"),
    9: ("ATG", "GTG"),
    11: ("TTG", "CTG", "ATT", "ATC", "ATA", "ATG", "GTG"),
    13: ("TTG", "ATA", "ATG", "GTG"),
    21: ("ATG", "GTG"),
    23: ("ATT", "ATG", "GTG"),
    24: ("TTG", "CTG", "ATG", "GTG"),
    25: ("TTG", "ATG", "GTG"),
}
"""Codons that start in the codes of bacteria and organelles. NCBI's lists for nuclear codes
have TTG and CTG too (1, 12, 26), which start a few transcripts, in a context of their own:
there a codon that changes keeps its start as ATG alone, as VEP and bcftools say."""

STARTS: npt.NDArray[np.bool_] = np.zeros(AMINO_ACID.shape, np.bool_)
"""bool[34, 67]: whether a codon starts, by NCBI number of the code and codon code."""
for _number in range(len(STARTS)):
    for _codon in _STARTS.get(_number, ("ATG",)):
        STARTS[_number, codon_code(_codon)] = True

BEGINS: npt.NDArray[np.bool_] = STARTS.copy()
"""bool[34, 67]: whether a codon may begin a protein where the annotation says so: also those
of one other base than ATG. Any other first codon means that the start is not there."""
for _place in range(3):
    for _base in "ACGT":
        BEGINS[:, codon_code("ATG"[:_place] + _base + "ATG"[_place + 1 :])] = True


def is_start(codon: bytes, code: int) -> bool:
    """Whether a codon of three letters starts in a genetic code."""
    return bool(STARTS[_number_of(code), codon_code(codon.decode())])


def may_begin(codon: bytes, code: int) -> bool:
    """Whether a codon of three letters may begin a protein (`BEGINS`)."""
    return bool(BEGINS[_number_of(code), codon_code(codon.decode())])


def _number_of(code: int) -> int:
    return code if 0 <= code < len(AMINO_ACID) else 1


def translate(sequence: bytes, code: int) -> str:
    """Translate a piece of CDS as VEP does.

    A codon in lower case is one of `RECODED`, read as the annotation says; where only
    some of its bases are left it is read as usual.
    Codons with other letters than ACGT are X; bases behind the last whole codon are one
    more X, except behind a lone stop.
    """
    table = _BY_TEXT[_number_of(code)]
    whole = len(sequence) // 3 * 3
    codons = [sequence[i : i + 3] for i in range(0, whole, 3)]
    if not sequence.isupper():
        codons = [c if c in _RECODED_TEXT else c.upper() for c in codons]
        table = table | _RECODED_TEXT
    peptide = "".join(table.get(c, "X") for c in codons)
    return peptide + "X" if len(sequence) > whole and peptide != "*" else peptide
