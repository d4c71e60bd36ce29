"""What `store verify` finds, for tests that hold an opened store."""

from varhouse.query.callablecheck import check_kits
from varhouse.store.reader import Store
from varhouse.verify import whole
from varhouse.verify.problems import Problem


def verify(store: Store) -> list[Problem]:
    """Verify the release that a store was opened at."""
    return whole.verify(store.path, store.release)


def recompute_digests(store: Store) -> dict[str, str]:
    """Digest the tables of the release that a store was opened at."""
    return whole.recompute_digests(store.path, store.release)


def check_callable(store: Store) -> list[Problem]:
    """Say what is wrong with the table callable."""
    found = [p for p in verify(store) if p.table == "callable"]
    return found + [Problem("callable", "", what) for what in check_kits(store)]


def compare_fields(store: Store) -> list[str]:
    """Say what is wrong with the table fields, whatever else is: files may be others."""
    work = whole.Verification(store.path, store.release)
    work.run()
    return [p.what for p in work.between_tables if p.table == "fields"]
