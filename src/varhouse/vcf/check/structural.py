"""Rules of single rare records: structural variants, CIGAR, lists of phase sets.

Records are looked at one by one, but only those with a symbolic allele or a breakend, or
with a key that these rules are about. Sections 3, 4 and 5 of VCF 4.5.
"""

import re
from dataclasses import dataclass, field

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.vcf.account.problems import Account
from varhouse.vcf.check.localcopies import check_local_copies
from varhouse.vcf.check.mates import MateWatch
from varhouse.vcf.check.phaselists import phase_list_fault
from varhouse.vcf.fields.ends import check_ends
from varhouse.vcf.header.header import Header
from varhouse.vcf.header.keys import hash_name
from varhouse.vcf.header.meta_lines import LEVELS
from varhouse.vcf.text.lines import RecordBatch

Flags = npt.NDArray[np.bool_]

CLAIMS = {
    "DEL": {"D", "J", "DJ"}, "DUP": {"D", "J", "DJ"}, "CNV": {"D", "."},
    "INS": {"J", "DJ", "."}, "INV": {"J", "DJ", "."}, "BREAKEND": {"J", "."}, "": {"."},
}  # fmt: skip
"""Values of SVCLAIM for each first level of a symbolic allele (section 3)."""

_PER_ALT = {"CIPOS": 2, "CIEND": 2, "CILEN": 2, "CICN": 2, "MEINFO": 4, "METRANS": 4}
_REPEATS = ("RUS", "RUL", "RUC", "RB")
_RARE = ("CIGAR",)
_RARE_44 = (
    *_RARE, *_PER_ALT, *_REPEATS, "SVLEN", "SVCLAIM", "RN", "CIRUC", "CIRB", "RUB",
)  # fmt: skip
_FORMATS = {"CICN", "PSL", "PSO", "PSQ"}
_RARE_43 = (*_RARE, "SVLEN")
_CIGAR = re.compile(r"\.|(?:[0-9]+[MIDNSHPX=])+")
_UNIT = re.compile(r"\.|[ACGTUNRYSWKMBDHVacgtunryswkmbdhv]+")
_ONLY_BASES = re.compile("[ACGTNacgtn]+")
_WHOLE = re.compile(r"[0-9]+(?:\.0*)?")


@nb.njit(cache=True, nogil=True)
def _rows_with(text, begin, end, names, separator, rows):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Mark the records with one of some keys (sorted hashes) between two columns."""
    same_as = -1
    for k in range(begin.size):
        i, e = begin[k], end[k]
        if separator == 58:
            # FORMAT repeats from line to line.
            if same_as >= 0 and e - i == end[same_as] - begin[same_as]:
                same = True
                for j in range(e - i):
                    if text[i + j] != text[begin[same_as] + j]:
                        same = False
                        break
                if same:
                    continue
            same_as = -1
        found = False
        while i < e and not found:
            j = i
            while j < e and text[j] != separator and text[j] != 61:
                j += 1
            name = hash_name(text, i, j)
            at = np.searchsorted(names, name)
            found = at < names.size and names[at] == name
            while j < e and text[j] != separator:
                j += 1
            i = j + 1
        if found:
            rows[k] = True
        elif separator == 58:
            same_as = k


def _hashes(names: tuple[str, ...] | set[str]) -> npt.NDArray[np.uint64]:
    out = []
    for name in names:
        text = np.frombuffer(name.encode(), np.uint8)
        out.append(int(hash_name(text, 0, text.size)))
    return np.array(sorted(out), np.uint64)


@dataclass
class _Record:
    """A record that is looked at one by one."""

    line: int
    contig: str
    pos: int | None
    ids: str
    ref: str
    alts: list[str]
    info: dict[str, str]
    format: list[str]
    samples: list[str]

    def values(self, key: str) -> list[str]:
        """Values of an INFO key; empty if the key is not there."""
        return self.info[key].split(",") if key in self.info else []

    def level(self, k: int) -> str:
        """First level of a symbolic allele, BREAKEND, or nothing."""
        alt = self.alts[k]
        if alt.startswith("<") and alt.endswith(">"):
            first = alt[1:-1].partition(":")[0]
            return first if first in LEVELS else ""
        return "BREAKEND" if re.search(r"[\[\]]|^\.[^.]|[^.]\.\Z", alt) else ""


@dataclass
class RareRules:
    """Checks rare records; `finish` tells which mates never came."""

    account: Account
    header: Header
    _mates: MateWatch = field(init=False)

    def __post_init__(self) -> None:
        self._mates = MateWatch(self.account)
        self.version = 3 if self.header.version is None else self.header.version
        keys = _RARE_44 if self.version >= 4 else _RARE_43
        self._keys = _hashes(keys)
        self._formats = _hashes(_FORMATS)
        self._declared = any(("INFO", k) in self.header.numbers for k in keys)

    def take(self, batch: RecordBatch, structural: Flags, *, undeclared: bool) -> None:
        """Check the records of a batch that need it.

        Parameters
        ----------
        structural
            bool[n]: has a symbolic allele or a breakend.
        undeclared
            Some INFO key of the batch is not declared, so that any may be there.
        """
        if self.version >= 5 and (undeclared or ("INFO", "END") in self.header.numbers):
            check_ends(batch, self.account)
        rows = structural.copy()
        if self._declared or undeclared:
            stop = np.minimum(batch.start[:, 8] - 1, batch.end)
            start = np.ascontiguousarray(batch.start[:, 7])
            _rows_with(batch.text, start, stop, self._keys, 59, rows)
        if self.version >= 4 and self.header.has_format:
            stop = np.minimum(batch.start[:, 9] - 1, batch.end)
            start = np.ascontiguousarray(batch.start[:, 8])
            _rows_with(batch.text, start, stop, self._formats, 58, rows)
        for k in np.flatnonzero(rows).tolist():
            self._check(self._record(batch, k))
        if self.version >= 5 and self.header.has_format:
            check_local_copies(batch, self.account, self.header.samples)

    def _record(self, batch: RecordBatch, k: int) -> _Record:
        start, end = batch.start[k], int(batch.end[k])
        head_end = min(int(start[9]) - 1, end)
        cells = (
            batch.text[start[0] : head_end].tobytes().decode("utf-8", "replace").split("\t")
        )
        names = cells[8].split(":") if len(cells) > 8 else []
        samples: list[str] = []
        if (_FORMATS & set(names)) and start[9] <= end:
            text = batch.text[start[9] : end].tobytes().decode("utf-8", "replace")
            samples = text.split("\t")
        info: dict[str, str] = {}
        for part in cells[7].split(";"):
            key, _, value = part.partition("=")
            info.setdefault(key, value)
        alts = [] if cells[4] == "." else cells[4].split(",")
        pos = int(batch.pos[k])
        return _Record(
            batch.line + k,
            cells[0],
            pos if pos >= 0 else None,
            cells[2],
            cells[3],
            alts,
            info,
            names,
            samples,
        )

    def _add(
        self,
        r: _Record,
        code: str,
        message: str,
        name: str,
        value: str,
        severity: str | None = None,
    ) -> None:
        self.account.add(
            code,
            message,
            line=r.line,
            contig=r.contig,
            pos=r.pos,
            name=name,
            value=value[:200],
            severity=severity,
        )

    def _check(self, r: _Record) -> None:
        for value in r.values("CIGAR"):
            if not _CIGAR.fullmatch(value):
                self._add(r, "VH-I-011", "INFO/CIGAR is no CIGAR string", "INFO/CIGAR", value)
        self._check_types(r)
        self._mates.take(r.ids, r.values("MATEID"), (r.line, r.contig, r.pos))
        if self.version < 4:
            self._check_differences(r)
        else:
            self._check_lengths(r)
            self._check_copies(r)
            self._check_claims(r)
            self._check_counts(r)
            self._check_repeats(r)
            self._check_samples(r)

    def _check_types(self, r: _Record) -> None:
        levels = LEVELS if self.version >= 4 else (*LEVELS, "BND")
        for alt in r.alts:
            if alt.startswith("<") and ":" in alt and alt[1:].partition(":")[0] not in levels:
                # GATK 3 wrote <*:DEL> for what is * since VCF 4.2.
                self._add(
                    r,
                    "VH-V-001",
                    f"the first level of {alt[:60]} is none of {', '.join(levels)}",
                    "ALT",
                    alt,
                    severity="warning" if alt == "<*:DEL>" else None,
                )
        kind = r.info.get("SVTYPE", "")
        if kind and kind not in (*LEVELS, "BND"):
            self._add(
                r,
                "VH-V-001",
                f"SVTYPE is none of {', '.join(LEVELS)}, BND",
                "INFO/SVTYPE",
                kind,
                severity="warning",
            )

    def _check_lengths(self, r: _Record) -> None:
        lengths = r.values("SVLEN")
        for k, alt in enumerate(r.alts):
            level = r.level(k)
            value = lengths[k] if k < len(lengths) else "."
            if level in LEVELS and (not lengths or (k < len(lengths) and value == ".")):
                self._add(r, "VH-V-002", f"{alt[:60]} has no SVLEN", "INFO/SVLEN", alt)
            elif not level and value != "." and not alt.startswith("<"):
                self._add(
                    r,
                    "VH-V-003",
                    f"SVLEN of {alt[:60]}, which is of bases",
                    "INFO/SVLEN",
                    value,
                )

    def _check_copies(self, r: _Record) -> None:
        """With FORMAT CN "all <CNV>, <DEL> and <DUP> alleles must have the same SVLEN"."""
        if "CN" not in r.format:
            return
        lengths = r.values("SVLEN")
        counted = [
            v.lstrip("-+")
            for k, v in enumerate(lengths)
            if k < len(r.alts) and r.level(k) in ("CNV", "DEL", "DUP") and v != "."
        ]
        if len(set(counted)) > 1:
            self._add(
                r,
                "VH-V-015",
                "FORMAT has CN, and SVLEN is not the same for all <CNV>, <DEL> and <DUP>",
                "INFO/SVLEN",
                r.info["SVLEN"],
            )

    def _check_differences(self, r: _Record) -> None:
        """Compare SVLEN with REF and ALT: up to 4.3 it is the difference in length.

        One more or less is that of tools that write no base before an insertion, a sign
        that of tools that write lengths: no reader trips over either. An imprecise record
        has a best estimate; what is inverted or doubled is as long as before.
        """
        values = r.values("SVLEN")
        if len(values) != len(r.alts):
            return
        for k, (alt, text) in enumerate(zip(r.alts, values, strict=True)):
            length = _number(text)
            if length is None:
                continue
            level = r.level(k)
            sign = {"DEL": -1, "INS": 1, "DUP": 1}.get(level, 0)
            if not level and _ONLY_BASES.fullmatch(alt):
                difference = len(alt) - len(r.ref)
                sign = (difference > 0) - (difference < 0)
                if abs(abs(length) - abs(difference)) > 1 and self._is_difference(r):
                    self._add(
                        r,
                        "VH-V-016",
                        f"ALT is {difference:+,} bases long against REF",
                        "INFO/SVLEN",
                        text,
                        severity=self._own_example(),
                    )
                    continue
                if abs(length) != abs(difference) and self._is_difference(r):
                    self._add(
                        r,
                        "VH-V-017",
                        f"ALT is {difference:+,} bases long against REF",
                        "INFO/SVLEN",
                        text,
                    )
                    continue
            if length * sign < 0:
                what = "negative" if sign < 0 else "positive"
                self._add(
                    r,
                    "VH-V-017",
                    f"SVLEN of {alt[:60]} is {what} up to VCF 4.3; "
                    "GATK-SV and DRAGEN write lengths",
                    "INFO/SVLEN",
                    text,
                )

    def _own_example(self) -> str | None:
        """Give the severity where the specification's own example has another SVLEN."""
        return "warning" if self.version <= 2 else None

    def _is_difference(self, r: _Record) -> bool:
        kind = r.info.get("SVTYPE", "")
        return "IMPRECISE" not in r.info and kind not in ("INV", "DUP", "BND", "CNV")

    def _check_claims(self, r: _Record) -> None:
        claims = r.values("SVCLAIM")
        for k, alt in enumerate(r.alts):
            level = r.level(k)
            if not claims:
                if level in ("DEL", "DUP"):
                    self._add(r, "VH-V-004", f"{alt[:60]} has no SVCLAIM", "INFO/SVCLAIM", alt)
            elif k < len(claims) and claims[k] not in CLAIMS[level]:
                allowed = ", ".join(sorted(CLAIMS[level]))
                self._add(
                    r,
                    "VH-V-005",
                    f"SVCLAIM of {alt[:60]} is none of: {allowed}",
                    "INFO/SVCLAIM",
                    claims[k],
                    severity=None if level else "warning",
                )

    def _check_counts(self, r: _Record) -> None:
        n = max(1, len(r.alts))
        for key, each in _PER_ALT.items():
            values = r.values(key)
            if values and values != ["."] and len(values) != each * n:
                self._add(
                    r,
                    "VH-V-006",
                    f"{key} has {len(values)} value(s), not {each * n} ({each} for each ALT)",
                    f"INFO/{key}",
                    r.info[key],
                )
        for key in ("CIPOS", "CIEND", "CIRUC", "CIRB"):
            self._check_interval(r, key, r.values(key))

    def _check_interval(self, r: _Record, key: str, values: list[str]) -> None:
        for k in range(0, len(values) - 1, 2):
            low, high = _number(values[k]), _number(values[k + 1])
            if (low is not None and low > 0) or (high is not None and high < 0):
                self._add(
                    r,
                    "VH-V-007",
                    f"the interval {key} does not hold 0",
                    f"INFO/{key}",
                    ",".join(values[k : k + 2]),
                )

    def _check_repeats(self, r: _Record) -> None:
        repeats = [alt == "<CNV:TR>" for alt in r.alts]
        if not any(repeats) and not {"RN", "RUS", "RUL", "RUC", "RB", "RUB"} & set(r.info):
            return
        if any(repeats) and "RUS" not in r.info and "RUL" not in r.info:
            self._add(r, "VH-V-009", "<CNV:TR> with neither RUS nor RUL", "INFO", "<CNV:TR>")
        given = [_number(v) or 0 for v in r.values("RN")]
        total = int(sum(given)) if given else sum(repeats)
        for key in _REPEATS:
            values = r.values(key)
            if values and values != ["."] and len(values) != total:
                self._add(
                    r,
                    "VH-V-008",
                    f"{key} has {len(values)} value(s), not {total} as RN says",
                    f"INFO/{key}",
                    r.info[key],
                )
        self._check_units(r)
        for key, of in (("CIRUC", "RUC"), ("CIRB", "RB")):
            self._check_around(r, key, of)
        if "RUB" in r.info:
            self._check_unit_bases(r)

    def _check_units(self, r: _Record) -> None:
        units, lengths = r.values("RUS"), r.values("RUL")
        for k, unit in enumerate(units):
            if not _UNIT.fullmatch(unit):
                self._add(r, "VH-V-010", "RUS is not of bases", "INFO/RUS", unit)
            elif unit != "." and k < len(lengths) and lengths[k] not in (".", str(len(unit))):
                self._add(
                    r,
                    "VH-V-010",
                    f"RUS {unit[:60]} is not {lengths[k]} long, as RUL says",
                    "INFO/RUL",
                    lengths[k],
                )

    def _check_around(self, r: _Record, key: str, of: str) -> None:
        bounds, values = r.values(key), r.values(of)
        if not bounds:
            return
        if not values:
            self._add(r, "VH-V-009", f"{key} without {of}", f"INFO/{key}", r.info[key])
        elif len(bounds) != 2 * len(values):
            self._add(
                r,
                "VH-V-008",
                f"{key} has {len(bounds)} value(s), not {2 * len(values)} (two for each {of})",
                f"INFO/{key}",
                r.info[key],
            )
        elif any(values[k // 2] == "." and b != "." for k, b in enumerate(bounds)):
            self._add(
                r, "VH-V-010", f"{key} around a missing {of}", f"INFO/{key}", r.info[key]
            )

    def _check_unit_bases(self, r: _Record) -> None:
        counts = r.values("RUC")
        if not counts:
            self._add(r, "VH-V-009", "RUB without RUC", "INFO/RUB", r.info["RUB"])
            return
        if not all(c == "." or _WHOLE.fullmatch(c) for c in counts):
            self._add(
                r, "VH-V-010", "RUB with an RUC that is not whole", "INFO/RUC", r.info["RUC"]
            )
            return
        total = int(sum(_number(c) or 0 for c in counts))
        found = len(r.values("RUB"))
        if found != total:
            self._add(
                r,
                "VH-V-008",
                f"RUB has {found} value(s), not {total} (the sum of RUC)",
                "INFO/RUB",
                r.info["RUB"],
            )

    def _check_samples(self, r: _Record) -> None:
        if "CICN" in r.format and "CN" not in r.format:
            self._add(
                r, "VH-V-011", "FORMAT has CICN and no CN", "FORMAT/CICN", ":".join(r.format)
            )
        if "PSL" not in r.format:
            return
        for k, sample in enumerate(r.samples):
            cells = dict(zip(r.format, sample.split(":"), strict=False))
            why = phase_list_fault(cells)
            if why:
                who = self.header.samples[k] if k < len(self.header.samples) else str(k)
                self._add(r, "VH-V-012", why, f"FORMAT/PSL of {who}", sample)

    def finish(self) -> None:
        """Tell what only the whole file shows."""
        self._mates.finish()


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
