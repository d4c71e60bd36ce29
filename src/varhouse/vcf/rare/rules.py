"""Rules of single rare records: structural variants, CIGAR, lists of phase sets.

Records are looked at one by one, but only those with a symbolic allele or a breakend, or
with a key that these rules are about. Sections 3, 4 and 5 of VCF 4.5.
"""

import re
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from varhouse.vcf.account.problems import Account
from varhouse.vcf.fields.ends import check_ends
from varhouse.vcf.header.header import Header
from varhouse.vcf.header.meta_lines import LEVELS
from varhouse.vcf.rare.localcopies import check_local_copies
from varhouse.vcf.rare.mates import MateWatch
from varhouse.vcf.rare.phaselists import phase_list_fault
from varhouse.vcf.rare.records import (
    SAMPLE_KEYS,
    RareRecord,
    hashes_of,
    mark_rows_with,
    number,
    take_apart,
)
from varhouse.vcf.rare.repeats import LISTS, check_repeats
from varhouse.vcf.text.lines import RecordBatch

Flags = npt.NDArray[np.bool_]

CLAIMS = {
    "DEL": {"D", "J", "DJ"}, "DUP": {"D", "J", "DJ"}, "CNV": {"D", "."},
    "INS": {"J", "DJ", "."}, "INV": {"J", "DJ", "."}, "BREAKEND": {"J", "."}, "": {"."},
}  # fmt: skip
"""Values of SVCLAIM for each first level of a symbolic allele (section 3)."""

_PER_ALT = {"CIPOS": 2, "CIEND": 2, "CILEN": 2, "CICN": 2, "MEINFO": 4, "METRANS": 4}
_RARE = ("CIGAR",)
_RARE_44 = (
    *_RARE, *_PER_ALT, *LISTS, "SVLEN", "SVCLAIM", "RN", "CIRUC", "CIRB", "RUB",
)  # fmt: skip
_RARE_43 = (*_RARE, "SVLEN")
_CIGAR = re.compile(r"\.|(?:[0-9]+[MIDNSHPX=])+")
_ONLY_BASES = re.compile("[ACGTNacgtn]+")


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
        self._keys = hashes_of(keys)
        self._formats = hashes_of(SAMPLE_KEYS)
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
            mark_rows_with(batch.text, start, stop, self._keys, 59, rows)
        if self.version >= 4 and self.header.has_format:
            stop = np.minimum(batch.start[:, 9] - 1, batch.end)
            start = np.ascontiguousarray(batch.start[:, 8])
            mark_rows_with(batch.text, start, stop, self._formats, 58, rows)
        for k in np.flatnonzero(rows).tolist():
            self._check(take_apart(batch, k))
        if self.version >= 5 and self.header.has_format:
            check_local_copies(batch, self.account, self.header.samples)

    def _check(self, r: RareRecord) -> None:
        for value in r.values("CIGAR"):
            if not _CIGAR.fullmatch(value):
                r.tell(
                    self.account,
                    "VH-I-011",
                    "INFO/CIGAR is no CIGAR string",
                    "INFO/CIGAR",
                    value,
                )
        self._check_types(r)
        self._mates.take(r.ids, r.values("MATEID"), (r.line, r.contig, r.pos))
        if self.version < 4:
            self._check_differences(r)
        else:
            self._check_lengths(r)
            self._check_copies(r)
            self._check_claims(r)
            self._check_counts(r)
            check_repeats(r, self.account)
            self._check_samples(r)

    def _check_types(self, r: RareRecord) -> None:
        levels = LEVELS if self.version >= 4 else (*LEVELS, "BND")
        for alt in r.alts:
            if alt.startswith("<") and ":" in alt and alt[1:].partition(":")[0] not in levels:
                # GATK 3 wrote <*:DEL> for what is * since VCF 4.2.
                r.tell(
                    self.account,
                    "VH-V-001",
                    f"the first level of {alt[:60]} is none of {', '.join(levels)}",
                    "ALT",
                    alt,
                    severity="warning" if alt == "<*:DEL>" else None,
                )
        kind = r.info.get("SVTYPE", "")
        if kind and kind not in (*LEVELS, "BND"):
            r.tell(
                self.account,
                "VH-V-001",
                f"SVTYPE is none of {', '.join(LEVELS)}, BND",
                "INFO/SVTYPE",
                kind,
                severity="warning",
            )

    def _check_lengths(self, r: RareRecord) -> None:
        lengths = r.values("SVLEN")
        for k, alt in enumerate(r.alts):
            level = r.level(k)
            value = lengths[k] if k < len(lengths) else "."
            if level in LEVELS and (not lengths or (k < len(lengths) and value == ".")):
                r.tell(self.account, "VH-V-002", f"{alt[:60]} has no SVLEN", "INFO/SVLEN", alt)
            elif not level and value != "." and not alt.startswith("<"):
                r.tell(
                    self.account,
                    "VH-V-003",
                    f"SVLEN of {alt[:60]}, which is of bases",
                    "INFO/SVLEN",
                    value,
                )

    def _check_copies(self, r: RareRecord) -> None:
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
            r.tell(
                self.account,
                "VH-V-015",
                "FORMAT has CN, and SVLEN is not the same for all <CNV>, <DEL> and <DUP>",
                "INFO/SVLEN",
                r.info["SVLEN"],
            )

    def _check_differences(self, r: RareRecord) -> None:
        """Compare SVLEN with REF and ALT: up to 4.3 it is the difference in length.

        One more or less is that of tools that write no base before an insertion, a sign
        that of tools that write lengths: no reader trips over either. An imprecise record
        has a best estimate; what is inverted or doubled is as long as before.
        """
        values = r.values("SVLEN")
        if len(values) != len(r.alts):
            return
        for k, (alt, text) in enumerate(zip(r.alts, values, strict=True)):
            length = number(text)
            if length is None:
                continue
            level = r.level(k)
            sign = {"DEL": -1, "INS": 1, "DUP": 1}.get(level, 0)
            if not level and _ONLY_BASES.fullmatch(alt):
                difference = len(alt) - len(r.ref)
                sign = (difference > 0) - (difference < 0)
                if abs(abs(length) - abs(difference)) > 1 and self._is_difference(r):
                    r.tell(
                        self.account,
                        "VH-V-016",
                        f"ALT is {difference:+,} bases long against REF",
                        "INFO/SVLEN",
                        text,
                        severity=self._own_example(),
                    )
                    continue
                if abs(length) != abs(difference) and self._is_difference(r):
                    r.tell(
                        self.account,
                        "VH-V-017",
                        f"ALT is {difference:+,} bases long against REF",
                        "INFO/SVLEN",
                        text,
                    )
                    continue
            if length * sign < 0:
                what = "negative" if sign < 0 else "positive"
                r.tell(
                    self.account,
                    "VH-V-017",
                    f"SVLEN of {alt[:60]} is {what} up to VCF 4.3; "
                    "GATK-SV and DRAGEN write lengths",
                    "INFO/SVLEN",
                    text,
                )

    def _own_example(self) -> str | None:
        """Give the severity where the specification's own example has another SVLEN."""
        return "warning" if self.version <= 2 else None

    def _is_difference(self, r: RareRecord) -> bool:
        kind = r.info.get("SVTYPE", "")
        return "IMPRECISE" not in r.info and kind not in ("INV", "DUP", "BND", "CNV")

    def _check_claims(self, r: RareRecord) -> None:
        claims = r.values("SVCLAIM")
        for k, alt in enumerate(r.alts):
            level = r.level(k)
            if not claims:
                if level in ("DEL", "DUP"):
                    r.tell(
                        self.account,
                        "VH-V-004",
                        f"{alt[:60]} has no SVCLAIM",
                        "INFO/SVCLAIM",
                        alt,
                    )
            elif k < len(claims) and claims[k] not in CLAIMS[level]:
                allowed = ", ".join(sorted(CLAIMS[level]))
                r.tell(
                    self.account,
                    "VH-V-005",
                    f"SVCLAIM of {alt[:60]} is none of: {allowed}",
                    "INFO/SVCLAIM",
                    claims[k],
                    severity=None if level else "warning",
                )

    def _check_counts(self, r: RareRecord) -> None:
        n = max(1, len(r.alts))
        for key, each in _PER_ALT.items():
            values = r.values(key)
            if values and values != ["."] and len(values) != each * n:
                r.tell(
                    self.account,
                    "VH-V-006",
                    f"{key} has {len(values)} value(s), not {each * n} ({each} for each ALT)",
                    f"INFO/{key}",
                    r.info[key],
                )
        for key in ("CIPOS", "CIEND", "CIRUC", "CIRB"):
            self._check_interval(r, key, r.values(key))

    def _check_interval(self, r: RareRecord, key: str, values: list[str]) -> None:
        for k in range(0, len(values) - 1, 2):
            low, high = number(values[k]), number(values[k + 1])
            if (low is not None and low > 0) or (high is not None and high < 0):
                r.tell(
                    self.account,
                    "VH-V-007",
                    f"the interval {key} does not hold 0",
                    f"INFO/{key}",
                    ",".join(values[k : k + 2]),
                )

    def _check_samples(self, r: RareRecord) -> None:
        if "CICN" in r.format and "CN" not in r.format:
            r.tell(
                self.account,
                "VH-V-011",
                "FORMAT has CICN and no CN",
                "FORMAT/CICN",
                ":".join(r.format),
            )
        if "PSL" not in r.format:
            return
        for k, sample in enumerate(r.samples):
            cells = dict(zip(r.format, sample.split(":"), strict=False))
            why = phase_list_fault(cells)
            if why:
                who = self.header.samples[k] if k < len(self.header.samples) else str(k)
                r.tell(self.account, "VH-V-012", why, f"FORMAT/PSL of {who}", sample)

    def finish(self) -> None:
        """Tell what only the whole file shows."""
        self._mates.finish()
