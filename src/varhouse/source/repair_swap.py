"""Swap REF and ALT of a record, with everything of it that follows from the alleles.

Only for biallelic records of equally long alleles whose ALT is what the reference holds.
A record with a value of unknown dependence on the alleles is not touched.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.reference import Bases
from varhouse.source.lines import RecordBatch

_SWAPPED = bytes.maketrans(b"01", b"10")
_OF_ALLELES = {"CSQ", "ANN", "EFF", "LOF", "NMD", "BCSQ", "AA", "VRS_Allele_IDs"}
"""INFO keys whose values name alleles in a way of their own."""

_DOSES = {"DS", "HDS", "ADS", "EC", "AP", "AP1", "AP2"}
"""FORMAT keys that count ALT alleles, whatever Number says."""

_FREQUENCIES = {"AF"}


_UPPER = np.frombuffer(bytes(range(256)).upper(), np.uint8)


@nb.njit(cache=True, nogil=True)
def _swappable(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    sequence, pos, text, ref0, ref1, alt1, rows, upper
):
    """Mark the rows whose ALT, one of the length of REF, is the reference, REF not."""
    out = np.zeros(rows.size, np.bool_)
    for i in range(rows.size):
        k = rows[i]
        n, p, alt0 = ref1[k] - ref0[k], pos[k] - 1, ref1[k] + 1
        if alt1[k] - alt0 != n or n < 1 or p < 0 or p + n > sequence.size:
            continue
        is_ref, is_alt = True, True
        for j in range(n):
            c = sequence[p + j]
            is_ref &= upper[text[ref0[k] + j]] == c
            is_alt &= upper[text[alt0 + j]] == c
        out[i] = is_alt and not is_ref
    return out


def swappable(
    batch: RecordBatch, rows: npt.NDArray[np.int64], sequence: Bases
) -> npt.NDArray[np.int64]:
    """Give those of `rows` (of one contig) that have REF and ALT the wrong way round."""
    marks = _swappable(
        sequence, batch.pos, batch.text, batch.start[:, 3], batch.start[:, 4] - 1,
        batch.start[:, 5] - 1, rows, _UPPER,
    )  # fmt: skip
    found: npt.NDArray[np.int64] = rows[marks]
    return found


class NotSwappedError(ValueError):
    """Says why a record is left as it is."""


def swap_line(line: bytes, numbers: Mapping[tuple[str, str], str]) -> bytes:
    """Give a record with REF and ALT swapped.

    GT alleles are renumbered, phase is kept, an unphased heterozygote stays `0/1`. AC
    becomes AN - AC, AF 1 - AF; lists of Number=R and G are reversed.

    Parameters
    ----------
    line
        A record without line end, biallelic, with alleles of one length.
    numbers
        (`INFO` or `FORMAT`, key) to the Number that is declared or reserved.

    Raises
    ------
    NotSwappedError
        If a value cannot be swapped without a guess.
    """
    cells = line.split(b"\t")
    cells[3], cells[4] = cells[4], cells[3]
    cells[7] = _swap_info(cells[7], numbers)
    if len(cells) > 9:
        keys = cells[8].decode("utf-8", "replace").split(":")
        if keys == ["GT"]:
            cells[9:] = _swap_genotypes(cells[9:])
        else:
            cells[9:] = _swap_samples(cells[9:], keys, numbers)
    return b"\t".join(cells)


def _swap_info(info: bytes, numbers: Mapping[tuple[str, str], str]) -> bytes:
    if info == b".":
        return info
    fields = [f.partition(b"=") for f in info.split(b";")]
    values = {key.decode("utf-8", "replace"): value for key, _, value in fields}
    out = []
    for raw, equals, value in fields:
        key = raw.decode("utf-8", "replace")
        number = numbers.get(("INFO", key), "")
        new = value
        if key in _OF_ALLELES:
            raise NotSwappedError(f"INFO/{key} names alleles")
        if key == "AC":
            new = _rest(value, values.get("AN"))
        elif key in _FREQUENCIES:
            new = _one_minus(value)
        elif number in ("R", "G"):
            new = _reverse(value)
        elif number == "A" and value != b".":
            raise NotSwappedError(f"INFO/{key} has a value for ALT (Number=A)")
        out.append(raw + equals + new)
    return b";".join(out)


def _rest(ac: bytes, an: bytes | None) -> bytes:
    if ac == b".":
        return ac
    if an is None or not an.isdigit() or not ac.isdigit() or int(ac) > int(an):
        raise NotSwappedError("INFO/AC without a fitting AN")
    return b"%d" % (int(an) - int(ac))


def _one_minus(value: bytes) -> bytes:
    if value == b".":
        return value
    try:
        af = Decimal(value.decode("ascii"))
    except (InvalidOperation, UnicodeDecodeError) as error:
        raise NotSwappedError("INFO/AF is no number") from error
    if not 0 <= af <= 1:
        raise NotSwappedError("INFO/AF is not from 0 to 1")
    return format(1 - af, "f").encode()


def _reverse(value: bytes) -> bytes:
    return b",".join(reversed(value.split(b",")))


def _swap_genotypes(cells: list[bytes]) -> list[bytes]:
    """Renumber cells that hold GT alone: all at once."""
    text = b"\t".join(cells)
    if text.translate(None, b"01./|\t"):
        raise NotSwappedError("a GT names an ALT that is not there")
    return [_ordered(c) for c in text.translate(_SWAPPED).split(b"\t")]


def _ordered(gt: bytes) -> bytes:
    return b"0/1" if gt == b"1/0" else gt


def _swap_samples(
    cells: list[bytes], keys: list[str], numbers: Mapping[tuple[str, str], str]
) -> list[bytes]:
    turned = []
    for i, key in enumerate(keys):
        number = numbers.get(("FORMAT", key), "")
        if key in _DOSES or (number == "A" and key != "GT"):
            raise NotSwappedError(f"FORMAT/{key} counts ALT alleles")
        if number.startswith("L"):
            raise NotSwappedError(f"FORMAT/{key} is of local alleles")
        if number in ("R", "G"):
            turned.append(i)
    genotype = keys.index("GT") if "GT" in keys else -1
    out = []
    for cell in cells:
        values = cell.split(b":")
        if 0 <= genotype < len(values):
            gt = values[genotype]
            if gt.translate(None, b"01./|"):
                raise NotSwappedError("a GT names an ALT that is not there")
            values[genotype] = _ordered(gt.translate(_SWAPPED))
        for i in turned:
            if i < len(values):
                values[i] = _reverse(values[i])
        out.append(b":".join(values))
    return out
