"""An account of what is wrong with a file: all problems counted, the first few kept.

The rules are in `varhouse.vcf.account.rules`. A problem of severity `error` makes a file
invalid; what an ingest does with the file is another question, answered by
`Account.reasons_to_hold`.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from varhouse.vcf.account.rules import RULES, Rule

__all__ = ["RULES", "SHOWN", "Account", "Problem", "Rule"]

SHOWN = 5
"""Problems of one code that are shown; the others are counted."""

_GRAVITY = {"note": 0, "reject": 1, "refuse": 2}


@dataclass(frozen=True)
class Problem:
    """One problem, in the form of `varhouse validate --json`."""

    file: str
    line: int | None
    contig: str | None
    pos: int | None
    code: str
    severity: str
    field: str | None
    value: str | None
    message: str
    fix: str

    def __str__(self) -> str:
        where = self.file + (f":{self.line}" if self.line is not None else "")
        if self.contig is not None:
            where += f"  {self.contig}:{self.pos if self.pos is not None else '?'}"
        what = f"{self.severity} {self.code}"
        shown = "" if self.value is None else f"  {self.value[:60]!r}"
        return f"{where}  {what}  {self.field or ''}{shown}  {self.message}"


@dataclass
class Account:
    """Problems of a file, grouped by code: all counted, the first few kept.

    Attributes
    ----------
    counts
        Code to number of problems.
    first
        Code to the first problems, at most `SHOWN`, errors before warnings.
    errors_by_code
        Code to number of problems that are errors.
    effects
        Code to what an ingest does because of it, the gravest of its problems.
    """

    file: str
    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, list[Problem]] = field(default_factory=dict)
    errors_by_code: dict[str, int] = field(default_factory=dict)
    effects: dict[str, str] = field(default_factory=dict)

    def add(
        self,
        code: str,
        message: str,
        *,
        line: int | None = None,
        contig: str | None = None,
        pos: int | None = None,
        name: str | None = None,
        value: str | None = None,
        count: int = 1,
        severity: str | None = None,
        ingest: str | None = None,
        fix: str | None = None,
    ) -> None:
        """Count a problem, and keep it while there are few of its code.

        `severity`, `ingest` and `fix` differ from the rule's where the version of the file,
        the place of the problem or what the file is decides.
        """
        rule = RULES[code]
        severity = severity or rule.severity
        self.counts[code] = self.counts.get(code, 0) + count
        if severity == "error":
            self.errors_by_code[code] = self.errors_by_code.get(code, 0) + count
        effect = ingest or rule.ingest
        if _GRAVITY[effect] >= _GRAVITY[self.effects.get(code, "note")]:
            self.effects[code] = effect
        kept = self.first.setdefault(code, [])
        problem = Problem(
            self.file,
            _plain(line),
            contig,
            _plain(pos),
            code,
            severity,
            name,
            value,
            message,
            fix or rule.fix,
        )
        if len(kept) < SHOWN:
            kept.append(problem)
        elif severity == "error" and kept[-1].severity != "error":
            kept[-1] = problem
        else:
            return
        kept.sort(key=lambda p: p.severity != "error")

    def more(self, code: str, count: int, *, severity: str | None = None) -> None:
        """Count more problems of a code that has been added before, without showing them."""
        self.counts[code] += count
        if (severity or RULES[code].severity) == "error":
            self.errors_by_code[code] = self.errors_by_code.get(code, 0) + count

    def join(self, other: "Account") -> None:
        """Add what another account of the same file has, in the order of its lines."""
        for code, count in other.counts.items():
            self.counts[code] = self.counts.get(code, 0) + count
            effects = (other.effects[code], self.effects.get(code, "note"))
            self.effects[code] = max(effects, key=_GRAVITY.__getitem__)
            kept = [*self.first.get(code, []), *other.first[code]]
            kept.sort(key=lambda p: (p.severity != "error", p.line or 0))
            self.first[code] = kept[:SHOWN]
        for code, count in other.errors_by_code.items():
            self.errors_by_code[code] = self.errors_by_code.get(code, 0) + count

    def recoded(self, code: str, addition: str) -> "Account":
        """Give the same problems as those of one code, with an addition to what they say."""
        out = Account(self.file)
        for old, kept in sorted(self.first.items()):
            first = [replace(p, code=code, message=p.message + addition) for p in kept]
            errors = self.errors_by_code.get(old, 0)
            mine = Account(self.file, {code: self.counts[old]}, {code: first})
            mine.effects[code] = RULES[code].ingest
            if errors:
                mine.errors_by_code[code] = errors
            out.join(mine)
        return out

    def keep_only(self, code: str) -> None:
        """Forget the problems of all other codes."""
        for kept in (self.counts, self.first, self.errors_by_code, self.effects):
            for other in kept.keys() - {code}:
                del kept[other]

    def room(self, code: str) -> int:
        """How many more problems of a code would be kept."""
        return SHOWN - len(self.first.get(code, []))

    def problems(self) -> Iterator[Problem]:
        """Yield the kept problems, by code."""
        for code in sorted(self.first):
            yield from self.first[code]

    @property
    def errors(self) -> int:
        """Number of errors."""
        return sum(self.errors_by_code.values())

    @property
    def warnings(self) -> int:
        """Number of warnings."""
        return sum(self.counts.values()) - self.errors

    @property
    def verdict(self) -> str:
        """Say `valid` or `invalid`: `invalid` with at least one error."""
        return "invalid" if self.errors else "valid"

    def errors_in_file(self) -> int:
        """Count errors for which an ingest refuses the file as a whole."""
        return sum(n for c, n in self.errors_by_code.items() if self.effects[c] == "refuse")

    def reasons_to_hold(self, *, refuse_records: bool) -> list[str]:
        """Say why an ingest holds the file back; empty if it goes in.

        This is the policy, not the verdict: an invalid file goes in when its faults are
        only noted, and a valid one that may be cut off (VH-F-005) does not. Codes with
        the effect `refuse` always hold the file back; those with `reject` hold it back
        only with `refuse_records` (`policy.record_fault: refuse`) and only as errors,
        otherwise the records at fault are rejected one by one; `note` never does.
        """
        out = []
        for code, n in sorted(self.counts.items()):
            effect, errors = self.effects[code], self.errors_by_code.get(code, 0)
            if effect == "refuse" or (effect == "reject" and refuse_records and errors):
                kept = self.first[code][0]
                more = f" (and {n - 1:,} more like it)" if n > 1 else ""
                out.append(f"{kept}{more}; fix: {kept.fix}")
        return out

    def as_json(self) -> dict[str, Any]:
        """Give counts and kept problems as plain data."""
        return {"counts": self.counts, "first": [asdict(p) for p in self.problems()]}


def _plain(number: int | None) -> int | None:
    """Make a number of an array a number that JSON can hold."""
    return None if number is None else int(number)
