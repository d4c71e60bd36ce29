"""Breakends name their mates: whether these are there and name them back (5.4)."""

from dataclasses import dataclass, field

from varhouse.vcf.account.problems import Account

MATES = 200_000
"""Mates that are remembered; a file with more breakends is not checked for them."""

_Place = tuple[int, str, int | None]


@dataclass
class MateWatch:
    """Remembers who names whom, record by record; `finish` tells what never came."""

    account: Account
    _ids: set[str] = field(default_factory=set)
    _wanted: dict[str, _Place] = field(default_factory=dict)
    _named: dict[str, tuple[set[str], _Place]] = field(default_factory=dict)

    def _is_full(self) -> bool:
        return len(self._ids) + len(self._wanted) > 2 * MATES

    def take(self, ids: str, mates: list[str], place: _Place) -> None:
        """Take a record: its ID column, values of MATEID, and (line, contig, POS)."""
        if self._is_full():
            return
        own = ids.split(";")
        self._ids.update(own)
        named = {m for m in mates if m not in (".", "")}
        for mate in named:
            self._wanted.setdefault(mate, place)
        for name in own if named and own != ["."] else ():
            self._named.setdefault(name, (named, place))

    def finish(self) -> None:
        """Tell which mates are not in the file, and which name another."""
        if self._is_full():
            return
        for mate, place in self._wanted.items():
            if mate not in self._ids:
                self._tell("VH-V-014", "no record has this ID", mate, place)
        for name, (mates, place) in self._named.items():
            for mate in sorted(mates & self._named.keys()):
                if name not in self._named[mate][0]:
                    self._tell("VH-V-018", "this record names another mate", mate, place)

    def _tell(self, code: str, message: str, mate: str, place: _Place) -> None:
        line, contig, pos = place
        self.account.add(
            code,
            message,
            line=line,
            contig=contig,
            pos=pos,
            name="INFO/MATEID",
            value=mate[:200],
        )
