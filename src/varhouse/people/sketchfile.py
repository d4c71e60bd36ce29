"""Files of sketches, as a centre gives them away: Parquet, a row a person and tier.

People stand in it under names that are drawn at random (`OwnIds`): what they are called at
home stays there, in a file beside. Rows are in the order of these names, so that the order
tells nothing, either.
"""

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from varhouse.errors import InputError, UsageError
from varhouse.files import new_file
from varhouse.people.sketch import SCHEME
from varhouse.people.sketchpanel import Panel, read_told
from varhouse.people.sketchsecret import check_value

SCHEMA = {"person": pl.String, "tier": pl.String, "n_sites": pl.Int64, "sketch": pl.Binary}

_OWN = ("person", "cohort", "sample")
_NAME_BYTES = 8
"""Random bytes of a name: among a million people two are the same once in 4e7."""


@dataclass(frozen=True)
class Header:
    """What a file of sketches says of itself.

    Attributes
    ----------
    assembly
        Of the list of sites.
    panel
        Digest of the list.
    check
        Check value of the secret.
    sites, bits
        Of each tier, by its name.
    """

    assembly: str
    panel: str
    check: str
    sites: dict[str, int]
    bits: dict[str, int]

    @classmethod
    def of(cls, secret: bytes, panel: Panel) -> "Header":
        """Say what sketches by a secret and a list of sites are."""
        sites = {t.name: t.sites.height for t in panel.tiers}
        bits = {t.name: t.bits for t in panel.tiers}
        return cls(panel.assembly, panel.digest, check_value(secret), sites, bits)


class OwnIds:
    """Whom the names in files of sketches stand for: a table that stays at home.

    Parameters
    ----------
    path
        The file, tab-separated (person, cohort, sample). Who stands in it keeps the name.

    Attributes
    ----------
    known
        Cohort and sample to the name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[tuple[str, str], str] = {}
        if not path.exists():
            return
        lines = path.read_text("utf-8").splitlines()
        if not lines or tuple(lines[0].split("\t")) != _OWN:
            raise InputError(
                f"{path}: no table of own ids ({', '.join(_OWN)})", "give another file"
            )
        for number, line in enumerate(lines[1:], 2):
            cells = line.split("\t")
            if len(cells) != len(_OWN):
                raise InputError(f"{path}:{number}: {len(cells)} cells, not {len(_OWN)}")
            self.known[(cells[1], cells[2])] = cells[0]

    def names(self, cohort: str, samples: Sequence[str]) -> list[str]:
        """Give the name of each sample; new ones are drawn."""
        return [
            self.known.setdefault((cohort, s), secrets.token_hex(_NAME_BYTES)) for s in samples
        ]

    def write(self) -> None:
        """Write the table, readable by its owner alone."""
        rows = sorted((name, *who) for who, name in self.known.items())
        text = "".join("\t".join(cells) + "\n" for cells in [_OWN, *rows])
        with new_file(self.path, flush=True) as own:
            handle = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                out.write(text)


def owners(path: Path) -> pl.DataFrame:
    """Read whom names in files of sketches stand for: person, cohort, sample."""
    if not path.is_file():
        raise UsageError(f"no such file: {path}")
    rows = [(name, *who) for who, name in OwnIds(path).known.items()]
    return pl.DataFrame(rows, schema=dict.fromkeys(_OWN, pl.String), orient="row")


def named(sketches: pl.DataFrame, cohort: str, ids: OwnIds) -> pl.DataFrame:
    """Give rows of `sketch_people` the names that are drawn, as they go into a file."""
    return sketches.select(
        pl.Series("person", ids.names(cohort, sketches["sample"].to_list()), pl.String),
        "tier",
        "n_sites",
        "sketch",
    )


def write_sketches(header: Header, sketches: pl.DataFrame, path: Path) -> None:
    """Write a file of sketches (columns SCHEMA)."""
    rows = sketches.select(pl.col(n).cast(t) for n, t in SCHEMA.items())
    with new_file(path) as own:
        rows.sort("person", "tier").write_parquet(
            own, metadata={SCHEME: json.dumps(asdict(header))}
        )


def read_sketches(path: Path) -> tuple[Header, pl.DataFrame]:
    """Read a file of sketches.

    Raises
    ------
    InputError
        If it is none, or damaged.
    """
    told = read_told(path, SCHEME, "a file of sketches", "varhouse people sketch makes one")
    frame = pl.read_parquet(path)
    if dict(frame.schema) != SCHEMA:
        raise InputError(f"{path}: no file of sketches that this version knows")
    try:
        header = Header(**told)  # type: ignore[arg-type]
    except TypeError as error:
        raise InputError(f"{path}: what it says of itself is not whole") from error
    size = pl.col("tier").replace_strict(header.bits, default=None, return_dtype=pl.Int64)
    wrong = frame.filter((pl.col("sketch").bin.size() * 8).ne_missing(size))
    if wrong.height:
        raise InputError(f"{path}: {wrong.height:,} sketches have another length than it says")
    if frame.select("person", "tier").is_duplicated().any():
        raise InputError(f"{path}: a person has two sketches of a tier")
    return header, frame
