"""A source file, read with cyvcf2, without people whom the store took out of it."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from cyvcf2 import VCF
from pysam import TabixFile

_UNSPECIFIED = {"<NON_REF>", "<*>", "."}
_CHUNK = 1 << 22


class Seen:
    """A record of a source as those see it who stayed: what cyvcf2 says, without the others.

    Parameters
    ----------
    variant
        The record.
    keep
        bool[columns]: who stayed; None: everybody.
    """

    def __init__(self, variant: Any, keep: npt.NDArray[np.bool_] | None) -> None:
        self.variant, self._keep = variant, keep
        self.is_cut = keep is not None
        self._lost: list[int] = []
        if keep is not None and variant.FORMAT and "GT" in variant.FORMAT:
            alleles = variant.genotype.array()[:, :-1]
            gone, stays = set(alleles[~keep].ravel()), set(alleles[keep].ravel())
            self._lost = [
                k
                for k, alt in enumerate(variant.ALT, 1)
                if k in gone and k not in stays and alt not in _UNSPECIFIED
            ]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.variant, name)

    @property
    def ALT(self) -> list[str]:  # noqa: N802
        """The ALTs that were not of those who left alone."""
        return [a for k, a in enumerate(self.variant.ALT, 1) if k not in self._lost]

    @property
    def is_gone(self) -> bool:
        """Whether no ALT is left of a record that had some."""
        return bool(self._lost) and not self.ALT

    def format(self, key: str) -> Any:
        """Give a FORMAT field of those who stayed."""
        found = self.variant.format(key)
        return found if found is None or self._keep is None else found[self._keep]

    @property
    def genotype(self) -> Any:
        """The genotypes of those who stayed, by the numbers of the ALTs that are left."""
        return self

    def array(self) -> npt.NDArray[np.int16]:
        """Give alleles and phase as `cyvcf2.Genotypes.array`."""
        array = self.variant.genotype.array()
        if self._keep is None:
            return np.asarray(array)
        array = array[self._keep].copy()
        alleles = array[:, :-1]
        for k in reversed(self._lost):
            alleles[alleles > k] -= 1
        return np.asarray(array)


class SourceFile:
    """A file that lies where it was read.

    Parameters
    ----------
    path
        The file.
    without, key
        Keyed hashes of the people who were taken out of it; what they are keyed by.
    """

    def __init__(self, path: Path, without: set[str], key: bytes | None) -> None:
        self.path, self.number = path, -1
        reader = VCF(str(path))
        names = list(reader.samples)
        self._declared = set(reader.seqnames)
        self._met: set[str] | None = None
        reader.close()
        self._keep: npt.NDArray[np.bool_] | None = None
        if without and key is not None:
            hashes = [hmac.new(key, n.encode(), hashlib.sha256).hexdigest() for n in names]
            self._keep = np.array([h not in without for h in hashes], np.bool_)
        self.names = [
            n for k, n in enumerate(names) if self._keep is None or bool(self._keep[k])
        ]
        self._has_index = any(Path(f"{path}{end}").exists() for end in (".tbi", ".csi"))

    def chroms(self, names: list[str]) -> list[str]:
        """Choose of the names of a contig those that records may have.

        A header need not declare a contig: where it has none of the names, all records are
        asked, once.
        """
        if found := [n for n in names if n in self._declared]:
            return found
        if self._met is None:
            if self._has_index and not self.path.name.endswith(".bcf"):
                with TabixFile(str(self.path)) as index:
                    self._met = set(index.contigs)
            else:
                reader = VCF(str(self.path))
                self._met = {v.CHROM for v in self._iterate(reader)}
                reader.close()
        return [n for n in names if n in self._met]

    @classmethod
    def find(
        cls, row: Mapping[str, Any], key: bytes | None, *, is_sample: bool
    ) -> "SourceFile | str":
        """Open the source of a row of the table files; a text says why it is not compared.

        Parameters
        ----------
        is_sample
            Size and time of the file are enough: a checksum would read all of it.
        """
        path = Path(row["path"])
        try:
            status = path.stat()
        except OSError:
            return f"its source is not there: {path}"
        if status.st_size != row["bytes"]:
            return "its source has other bytes now: not compared"
        same_time = is_sample and status.st_mtime_ns == row.get("mtime_ns")
        if not same_time and _sha256(path) != row["sha256"]:
            return "its source has other bytes now: not compared"
        without = set((row.get("without") or "").split(",")) - {""}
        if without and key is None:
            return "people were taken out of it, and the key that tells them is not there"
        try:
            return cls(path, without, key)
        except (OSError, ValueError) as error:
            return f"cyvcf2 cannot read its source: {error}"

    def records(self, chrom: str, low: int, high: int) -> Iterator[Seen]:
        """Give the records of a contig of which POS lies within some bases (1-based)."""
        reader = VCF(str(self.path))
        whole = high >= 2**31 - 1
        try:
            if self._has_index:
                region = chrom if whole else f"{chrom}:{max(low, 1)}-{high}"
                found = reader(region)
            else:
                found = (v for v in reader if chrom == v.CHROM)
            for variant in self._iterate(found):
                if whole or (low <= variant.POS and high >= variant.POS):
                    seen = Seen(variant, self._keep)
                    if not seen.is_gone:
                        yield seen
        finally:
            reader.close()

    def _iterate(self, found: Any) -> Iterator[Any]:
        """Go on to the end; what cyvcf2 cannot read is an OSError."""
        records = iter(found)
        while True:
            try:
                variant = next(records)
            except StopIteration:
                return
            except Exception as error:
                raise OSError(f"{self.path} cannot be read by cyvcf2: {error}") from error
            yield variant


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as data:
        while chunk := data.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
