"""A withdrawal before it is carried out: what is asked for, and what was found."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from varhouse.errors import StoreError
from varhouse.ingest.setup.assembly import (
    Settled,
    check_reference,
    check_same_assembly,
    settle_assembly,
)
from varhouse.ingest.setup.known_files import KnownFiles
from varhouse.ingest.setup.settings import text_digest
from varhouse.store.ledger import WITHDRAW, Ledger
from varhouse.store.reader import Store, open_store
from varhouse.store.words import Words
from varhouse.withdrawal.files import FilePlan, plan_files
from varhouse.withdrawal.remembered import (
    Remembered,
    check_settings,
    remember,
)
from varhouse.withdrawal.select import Chosen, choose

OPERATION = WITHDRAW


@dataclass(frozen=True)
class Asked:
    """What a command asks for.

    Attributes
    ----------
    cohort
        Of whom people are taken out.
    people
        Their sample ids, as they were given.
    reason
        Kept in the ledger and the receipt.
    everywhere
        Refuse them in any cohort from now on.
    reference
        FASTA, if the one that the store was made with is gone.
    """

    cohort: str
    people: Sequence[str]
    reason: str = ""
    everywhere: bool = False
    reference: Path | None = None


@dataclass
class Withdrawal:
    """One withdrawal on its way."""

    path: Path
    base: Store
    ledger: Ledger
    asked: Asked
    chosen: Chosen
    remembered: Remembered
    settled: Settled
    files: FilePlan
    started: str
    hashes: list[str] = field(default_factory=list)

    @property
    def cohort(self) -> str:
        """The cohort that people are taken out of."""
        return self.asked.cohort

    @property
    def ingest_id(self) -> str:
        """Made of what is done and what it starts from: the same again is the same."""
        number = self.base.release + 1
        what = text_digest(number, self.cohort, *self.hashes)
        return f"{OPERATION}-{number:08d}-{what[:8]}"


def look(path: Path, asked: Asked, ledger: Ledger, started: str) -> Withdrawal:
    """Find who goes and what becomes of the files; nothing of the store is changed."""
    base = open_store(path)
    chosen = choose(base, ledger, asked.cohort, asked.people)
    if asked.reason in Words(chosen.people):
        raise StoreError(
            "--reason names somebody who is to be withdrawn", "a reason without the id"
        )
    if len(asked.reason.splitlines()) > 1:
        raise StoreError("--reason has several lines", "say why in one line")
    return look_into(path, base, asked, ledger, chosen, started)


def look_into(
    path: Path, base: Store, asked: Asked, ledger: Ledger, chosen: Chosen, started: str
) -> Withdrawal:
    """Find how the cohort of some people went in, and what becomes of its files."""
    remembered = remember(base, asked.cohort, asked.reference)
    settled = settle_assembly(path, remembered.config, base)
    config, reference = settled.config, settled.reference
    check_reference(config, reference)
    check_same_assembly(base, config.assembly, reference)
    check_settings(remembered.cohort, config, reference.digest, KnownFiles(path / "_cache"))
    cohort, limits = remembered.cohort, config.limits
    files = plan_files(base, cohort, chosen.people, ledger, limits)
    own = Withdrawal(path, base, ledger, asked, chosen, remembered, settled, files, started)
    own.hashes = sorted(map(ledger.hash, chosen.people))
    return own
