"""How much of rare alleles a person may ask: a budget of evidence, spent allele by allele.

Each answer that an allele is there tells a little about who is in the cohort, the more the
rarer it is. Of an allele of frequency f in N people it is by chance that nobody holds it with
D_N = (1 - f)^(2 N); the answer yes costs `-ln(1 - D_N)`, the evidence that it gives against
somebody who holds it and is said not to be there (Raisaro et al., J Am Med Inform Assoc 2017,
24:799, equation 3). Who has spent `-ln(chance)` could tell a member from others with false
positives of that chance. There the method keeps a budget for each person of the data; here a
principal has one for all, which is stricter: as if one person held all that he asks for.

An allele that was paid for costs nothing more, and one whose cost is above what is left is
answered as if it was not there. What costs less than a millionth of the budget is free.

What is spent is kept in the private folder of the governance, a file a role and principal:
records of 24 bytes (16 of the keyed hash of the allele, the cost as a double), only added to,
under a lock. A record that was cut off by a crash is taken away by the next writer. Records
are not flushed to the disk one by one: a power cut may give a few answers back.

It stands in the way of who asks through varhouse, in a reading room whose account alone may
read the store. Who holds a copy of a view, or may read its files, is not held back.
"""

import fcntl
import hashlib
import math
import os
import pwd
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from varhouse.errors import ConfigError
from varhouse.governance.audit import Audit
from varhouse.governance.chain import refusals
from varhouse.governance.personkey import PersonKey, make_private_folder
from varhouse.governed import private_folder
from varhouse.language import Text

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

EVENT = "budget_spent"
"""Event of the audit log: the first answer that somebody did not get, a role and principal."""

FREE = 1e-6
"""Share of the budget below which an answer is free."""

_RECORD = np.dtype([("allele", "V16"), ("cost", "<f8")])
_REFUSED = bytes(16)
"""In place of an allele: from here on answers were refused."""

SPENT = Text(
    "some rare alleles are left out: the budget of {principal} as {role} is spent "
    "({spent:.2f} of {total:.2f})",
    "部分罕见等位基因未予回答:{principal} 以角色 {role} 查询的预算已用尽"
    "({spent:.2f} / {total:.2f})",
)
WRONG = Text(
    "budget: {found}: chance must be a number above 0 and below 1, the chance of false "
    "positives up to which membership may be told",
    "budget: {found}:chance 须为 0 与 1 之间的数,即可判断成员身份的假阳性率上限",
)


@dataclass(frozen=True)
class Allowance:
    """What a role may spend.

    Attributes
    ----------
    chance
        Of false positives at which the budget is spent.
    """

    chance: float

    @property
    def total(self) -> float:
        """The budget, a natural logarithm."""
        return -math.log(self.chance)


def parse_allowance(found: Any) -> Allowance | None:
    """Read `budget` of a role in the policy of small counts; None: it has none.

    Raises
    ------
    ConfigError
        If it is anything but `{chance: NUMBER}`.
    """
    if found is None:
        return None
    chance = found.get("chance") if isinstance(found, Mapping) and len(found) == 1 else None
    if isinstance(chance, bool) or not isinstance(chance, int | float) or not 0 < chance < 1:
        raise ConfigError([WRONG.say(found=found)])
    return Allowance(float(chance))


def cost_of(ac: Floats, an: Floats) -> Floats:
    """Give what answers cost: `-ln(1 - (1 - ac / an)^an)`.

    Parameters
    ----------
    ac, an
        As they are shown; NaN: masked, or not assessed. What shows no copies costs nothing,
        as no answer yes is given; nor does what is masked, where the row says no more than
        that the view masks it.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        absent = an * np.log1p(-np.minimum(ac / an, 1 - 1e-12))
        cost = -np.log(-np.expm1(absent))
    return np.where((ac > 0) & (an > 0), cost, 0.0)


def principal() -> str:
    """Name who asks: the user of the system, or who became another one by sudo.

    By the number of the user, never by variables that he can set: `SUDO_UID` is read only
    where the process runs as root, who could be anybody anyway.
    """
    own = os.getuid()
    asked = os.environ.get("SUDO_UID", "")
    uid = int(asked) if own == 0 and re.fullmatch(r"[0-9]{1,9}", asked) else own
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid:{uid}"


class Budget:
    """The budget of a principal in a role.

    Parameters
    ----------
    store
        The governed store.
    role
        The role as which he asks.
    allowance
        What it may spend.
    who
        The principal (default: who runs this).
    """

    def __init__(
        self, store: Path, role: str, allowance: Allowance, who: str | None = None
    ) -> None:
        self.store, self.role, self.allowance = store, role, allowance
        self.who = principal() if who is None else who
        name = hashlib.sha256(self.who.encode()).hexdigest()[:32]
        self.file = private_folder(store) / "budget" / f"{role}-{name}"
        self._key = PersonKey(store)

    def spend(self, alleles: Sequence[str], costs: Floats) -> Bools:
        """Pay for answers, in their order; give which may be given.

        Parameters
        ----------
        alleles
            What tells each allele; the same allele twice costs once.
        costs
            By `cost_of`.

        Raises
        ------
        AccessError
            If the file cannot be written: then nothing may be answered.
        """
        total = self.allowance.total
        allowed = np.ones(len(alleles), dtype=bool)
        asked = np.flatnonzero(costs > total * FREE)
        if not asked.size:
            return allowed
        hashes = self._key.hash_people([alleles[int(i)] for i in asked])
        with self._records() as (file, records):
            paid = {r["allele"].tobytes() for r in records}
            spent = float(records["cost"].sum())
            new: list[tuple[bytes, float]] = []
            for i, text in zip(asked, hashes, strict=True):
                name = bytes.fromhex(text)[:16]
                if name in paid:
                    continue
                if spent + costs[i] > total:
                    allowed[i] = False
                    continue
                paid.add(name)
                spent += float(costs[i])
                new.append((name, float(costs[i])))
            first = not allowed.all() and _REFUSED not in paid
            if first:
                new.append((_REFUSED, 0.0))
            file.write(np.array(new, dtype=_RECORD).tobytes())
        if first:
            Audit(self.store).note(EVENT, role=self.role, principal=self.who, total=total)
        return allowed

    def spent(self) -> float:
        """Tell how much was spent."""
        try:
            raw = self.file.read_bytes()
        except FileNotFoundError:
            return 0.0
        whole = raw[: len(raw) // _RECORD.itemsize * _RECORD.itemsize]
        return float(np.frombuffer(whole, _RECORD)["cost"].sum())

    def say(self) -> str:
        """Say that it is spent, in the language of the reader."""
        return SPENT.say(
            principal=self.who, role=self.role, spent=self.spent(), total=self.allowance.total
        )

    @contextmanager
    def _records(self) -> "Iterator[tuple[BinaryIO, npt.NDArray[Any]]]":
        make_private_folder(self.store)
        with refusals(self.file):
            self.file.parent.mkdir(mode=0o700, exist_ok=True)
            handle = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(handle, "r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                raw = file.read()
                whole = len(raw) // _RECORD.itemsize * _RECORD.itemsize
                if whole < len(raw):
                    file.truncate(whole)
                    file.seek(whole)
                yield file, np.frombuffer(raw[:whole], _RECORD)
