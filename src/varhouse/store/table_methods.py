"""A method for each table of a store, so that completion and type checkers know them."""

from abc import abstractmethod

import polars as pl

from varhouse.errors import StoreError, nearest
from varhouse.store.pruning import Wanted

_FEW_ROWS = 10_000


class TableMethods:
    """Scans of the tables, by their names; `test_store_reader.py` compares them with those.

    A region is written as `chr1:48,000-49,000` (1-based, closed; the contig by any of its
    names); `part` and `cohort` take one value or a list. Rows and columns:
    docs/store-format.md.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """What messages call the store."""

    @property
    @abstractmethod
    def release(self) -> int:
        """Number of the release."""

    @abstractmethod
    def table(self, name: str, region: str | None = None, **partition: Wanted) -> pl.LazyFrame:
        """Scan a table by its name."""

    def annotations(
        self, source: str, region: str | None = None, *, part: Wanted = None
    ) -> pl.LazyFrame:
        """Scan what a source says: the table `annotations_SOURCE`."""
        return self.table(f"annotations_{source}", region, part=part)

    def frequencies(
        self,
        region: str | None = None,
        *,
        cohort: Wanted = None,
        part: Wanted = None,
        stratum_by: str | None = None,
    ) -> pl.LazyFrame:
        """Scan the frequencies, of one kind of stratum if it is given.

        A row is of an allele that the cohort holds. What a cohort counted at the site of an
        allele of others, the overview of `varhouse query` and the table totals have; who is
        assessed at any base says `OpenStore.callability`.
        """
        frame = self.table("frequencies", region, cohort=cohort, part=part)
        if stratum_by is not None:
            known = self.values("frequencies", "stratum_by", stratum_by)
            if stratum_by not in known:
                raise StoreError(
                    f"release {self.release} of {self.name} has no strata by {stratum_by!r}"
                    f"{nearest(stratum_by, known)}"
                )
            frame = frame.filter(pl.col("stratum_by") == stratum_by)
        return frame

    def values(self, table: str, column: str, wanted: str) -> list[str]:
        """List the values of a column that has few of them, sorted.

        The first rows have all kinds of strata in most stores; the whole column is read
        only if `wanted` is not among theirs.
        """
        rows = self.table(table).select(column)
        for some in (rows.head(_FEW_ROWS), rows):
            found: list[str] = some.unique().collect()[column].drop_nulls().sort().to_list()
            if wanted in found:
                break
        return found

    def variants(self, region: str | None = None, *, part: Wanted = None) -> pl.LazyFrame:
        """Scan the distinct alleles."""
        return self.table("variants", region, part=part)

    def ids(self, region: str | None = None, *, part: Wanted = None) -> pl.LazyFrame:
        """Scan the names of alleles."""
        return self.table("ids", region, part=part)

    def genes(self, region: str | None = None) -> pl.LazyFrame:
        """Scan the genes."""
        return self.table("genes", region)

    def transcripts(self, region: str | None = None) -> pl.LazyFrame:
        """Scan the transcripts."""
        return self.table("transcripts", region)

    def contigs(self) -> pl.LazyFrame:
        """Scan the contigs of the assembly."""
        return self.table("contigs")

    def consequences(self, region: str | None = None, *, part: Wanted = None) -> pl.LazyFrame:
        """Scan the consequences of alleles on transcripts."""
        return self.table("consequences", region, part=part)

    def totals(self, region: str | None = None, *, part: Wanted = None) -> pl.LazyFrame:
        """Scan the frequencies over all cohorts."""
        return self.table("totals", region, part=part)

    def callable(
        self, region: str | None = None, *, cohort: Wanted = None, part: Wanted = None
    ) -> pl.LazyFrame:
        """Scan what cohorts with gVCF counted at every base: rows that add up."""
        return self.table("callable", region, cohort=cohort, part=part)

    def sites(
        self, region: str | None = None, *, cohort: Wanted = None, part: Wanted = None
    ) -> pl.LazyFrame:
        """Scan the records of the cohorts."""
        return self.table("sites", region, cohort=cohort, part=part)

    def blocks(
        self, region: str | None = None, *, cohort: Wanted = None, part: Wanted = None
    ) -> pl.LazyFrame:
        """Scan the reference records of gVCF files."""
        return self.table("blocks", region, cohort=cohort, part=part)

    def lifted(
        self, region: str | None = None, *, cohort: Wanted = None, part: Wanted = None
    ) -> pl.LazyFrame:
        """Scan where lifted records come from."""
        return self.table("lifted", region, cohort=cohort, part=part)

    def genotypes(
        self, region: str | None = None, *, cohort: Wanted = None, part: Wanted = None
    ) -> pl.LazyFrame:
        """Scan the genotypes."""
        return self.table("genotypes", region, cohort=cohort, part=part)

    def fields(
        self, region: str | None = None, *, cohort: Wanted = None, part: Wanted = None
    ) -> pl.LazyFrame:
        """Scan the blocks of the other FORMAT fields (`genotypes.codec.blocks.decode`)."""
        return self.table("fields", region, cohort=cohort, part=part)

    def kits(
        self, region: str | None = None, *, cohort: Wanted = None, part: Wanted = None
    ) -> pl.LazyFrame:
        """Scan the intervals that capture kits cover."""
        return self.table("kits", region, cohort=cohort, part=part)

    def runs(
        self, region: str | None = None, *, cohort: Wanted = None, part: Wanted = None
    ) -> pl.LazyFrame:
        """Scan people's runs of states; rows of lists (`callability.runs.absolute`)."""
        return self.table("runs", region, cohort=cohort, part=part)

    def carried(
        self, region: str | None = None, *, cohort: Wanted = None, part: Wanted = None
    ) -> pl.LazyFrame:
        """Scan what single people of gVCFs add to the frequencies of the alleles they hold."""
        return self.table("carried", region, cohort=cohort, part=part)

    def cohorts(self, *, cohort: Wanted = None) -> pl.LazyFrame:
        """Scan the cohorts."""
        return self.table("cohorts", cohort=cohort)

    def samples(self, *, cohort: Wanted = None) -> pl.LazyFrame:
        """Scan the samples."""
        return self.table("samples", cohort=cohort)

    def files(self, *, cohort: Wanted = None) -> pl.LazyFrame:
        """Scan the files of the cohorts."""
        return self.table("files", cohort=cohort)

    def held_back(self, *, cohort: Wanted = None) -> pl.LazyFrame:
        """Scan the files that were held back."""
        return self.table("held_back", cohort=cohort)

    def rejects(
        self, region: str | None = None, *, cohort: Wanted = None, part: Wanted = None
    ) -> pl.LazyFrame:
        """Scan the rejects."""
        return self.table("rejects", region, cohort=cohort, part=part)

    def ingests(self) -> pl.LazyFrame:
        """Scan the accounts of the ingests, whole."""
        return self.table("ingests")

    def accounts(self) -> pl.LazyFrame:
        """Scan the accounts of the ingests, as anybody may see them."""
        return self.table("accounts")

    def sample_qc(self, *, cohort: Wanted = None) -> pl.LazyFrame:
        """Scan what the calls of the samples say of their quality, with flags."""
        return self.table("sample_qc", cohort=cohort)

    def sample_contigs(self, *, cohort: Wanted = None) -> pl.LazyFrame:
        """Scan the genotypes of the samples by contig."""
        return self.table("sample_contigs", cohort=cohort)

    def related(self, *, cohort: Wanted = None) -> pl.LazyFrame:
        """Scan the pairs of samples that are related, by their calls or by the sheet."""
        return self.table("related", cohort=cohort)

    def trios(self, *, cohort: Wanted = None) -> pl.LazyFrame:
        """Scan the children with parents by the sheet, and their Mendelian errors."""
        return self.table("trios", cohort=cohort)

    def ancestry(self, *, cohort: Wanted = None) -> pl.LazyFrame:
        """Scan where the samples are on axes of ancestry."""
        return self.table("ancestry", cohort=cohort)

    def ancestry_axes(self, *, cohort: Wanted = None) -> pl.LazyFrame:
        """Scan the axes of ancestry of the cohorts."""
        return self.table("ancestry_axes", cohort=cohort)

    def ancestry_loadings(
        self, region: str | None = None, *, cohort: Wanted = None
    ) -> pl.LazyFrame:
        """Scan the SNVs that axes of ancestry are made of, with their weights."""
        return self.table("ancestry_loadings", region, cohort=cohort)

    def same_people(self, *, cohort: Wanted = None) -> pl.LazyFrame:
        """Scan the samples of people who stand in the store more than once."""
        return self.table("same_people", cohort=cohort)

    def people_made(self, *, cohort: Wanted = None) -> pl.LazyFrame:
        """Scan what the tables of people are made from, a row a cohort."""
        return self.table("people_made", cohort=cohort)

    def frequencies_once(
        self, region: str | None = None, *, cohort: Wanted = None, part: Wanted = None
    ) -> pl.LazyFrame:
        """Scan the counts of cohorts without people who count elsewhere in totals."""
        return self.table("frequencies_once", region, cohort=cohort, part=part)

    def callable_once(
        self, region: str | None = None, *, cohort: Wanted = None, part: Wanted = None
    ) -> pl.LazyFrame:
        """Scan what is counted at any base without people who count elsewhere in totals."""
        return self.table("callable_once", region, cohort=cohort, part=part)
