"""A governed store with secrets, its views, and attempts to get the secrets out of them."""

import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from view_builders import People, govern, make_people, put_cohorts

import varhouse
from varhouse.cli import main
from varhouse.governed import view_folder
from varhouse.sharing.views import Wanted, release_view

SHARED = [f"chr1-{100 + 10 * i}-A-T" for i in range(6)] + ["chr2-50-C-G"]
TIERS = {"alphaq": "T0", "betaq": "T1", "gammaq": "T2", "omegaq": "T3", "earlyq": "T0"}
SEES = {
    "public": {"alphaq"},
    "registered": {"alphaq", "betaq"},
    "inside": {"alphaq", "betaq", "gammaq"},
}
ROLES = tuple(SEES)
OWN = {c: 770_123 + 1_000 * i for i, c in enumerate(TIERS)}
"""Position of an allele that a cohort alone has; 7 further on stands a singleton."""

K = 5


def make_cohort(name: str, n: int = 30) -> People:
    """Make a cohort with shared alleles, one of its own that many have, and a singleton."""
    people = make_people(name, n, SHARED, OWN[name])
    own = {
        f"chr2-{OWN[name]}-G-A": [1] * 14 + [0] * (n - 14),
        f"chr2-{OWN[name] + 7}-G-C": [1] + [0] * (n - 1),
    }
    return People(people.names, {**people.copies, **own})


def make_redteam_store(path: Path) -> Path:
    """Make the store, and the views of all roles."""
    put_cohorts(path, {c: make_cohort(c) for c in TIERS})
    ledger = govern(path, TIERS)
    ledger.add("cohort", "earlyq", {"embargo_until": "2999-01-01"})
    for role in ROLES:
        release_view(Wanted(path, role, on=date(2026, 12, 1)))
    return path


def secrets_of(role: str) -> list[bytes]:
    """List what a role must not get: names, alleles, papers."""
    hidden = [c for c in TIERS if c not in SEES[role]]
    found = [*hidden, *(str(OWN[c]) for c in hidden)]
    found += [str(OWN[c] + 7) for c in TIERS]
    found += [f"{c.upper()}-P{i:03d}" for c in TIERS for i in (0, 7, 29)]
    found += [f"F-{c}" for c in TIERS]
    if role != "inside":
        found += [f"PERMIT-{c}" for c in TIERS]
    return [w.encode() for w in found]


@dataclass
class Attacker:
    """Somebody with a role, who has the command and the view.

    Attributes
    ----------
    store
        The governed store's folder.
    folder
        Where he may write.
    """

    store: Path
    role: str
    folder: Path
    capfd: pytest.CaptureFixture[str]

    @property
    def view(self) -> Path:
        """The folder of his view."""
        return view_folder(self.store, self.role)

    def run(self, *words: object) -> str:
        """Run a command; give all that it says and its exit code."""
        self.capfd.readouterr()
        try:
            code = main([str(w) for w in words])
        except SystemExit as error:
            code = int(error.code or 0) if not isinstance(error.code, str) else 2
        except Exception as error:
            # A traceback is something to read, too.
            code = 1
            print(f"{type(error).__name__}: {error}")
        out, err = self.capfd.readouterr()
        return f"{out}\n{err}\nexit {code}"

    def ask(self, command: str, *words: object) -> str:
        """Run a command on the store as his role, with all that lets it pass."""
        passed = ["--to", "inside", "--purpose", "test"] if self.role == "inside" else []
        return self.run(command, self.store, *words, "--audience", self.role, *passed)

    def sql(self, query: str) -> str:
        """Ask in SQL, by way of Python, which is the same and begins faster."""
        try:
            return str(_opened(self.store, self.role).sql(query).to_dicts())
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    def numbers(self, query: str) -> list[float]:
        """Ask in SQL; give all numbers of the answer."""
        rows = _opened(self.store, self.role).sql(query).rows()
        return [float(v) for row in rows for v in row if v is not None]

    def written(self) -> bytes:
        """Give the bytes of all files in his folder."""
        return b"".join(p.read_bytes() for p in sorted(self.folder.rglob("*")) if p.is_file())


@cache
def _opened(store: Path, role: str) -> Any:
    return varhouse.open(store, audience=role)


Attempt = Callable[[Attacker], str | bytes]


class Terminal(io.StringIO):
    """A terminal, on which nothing has left yet."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def files_below(folder: Path, suffixes: Sequence[str] = ()) -> bytes:
    """Give names and bytes of files of a folder."""
    out = []
    for base, _, names in os.walk(folder):
        for name in names:
            path = Path(base) / name
            out.append(str(path.relative_to(folder)).encode())
            if not suffixes or path.suffix in suffixes:
                out.append(path.read_bytes())
    return b"\n".join(out)
