"""A store with the questions about calls as methods: what `varhouse.open` gives."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from polars.io.plugins import register_io_source

from varhouse.errors import UsageError
from varhouse.query.answering import AnsweringStore, Texts, listed
from varhouse.store.reader import open_store
from varhouse.store.viewstores import Closed
from varhouse.tables.schema import KEY, PolarsType

if TYPE_CHECKING:
    # They load numba, which a store that is only opened does not need.
    from varhouse.query.callability import Callability
    from varhouse.query.callfields import FieldColumns
    from varhouse.query.callrows import Asked
    from varhouse.query.columns import Columns
    from varhouse.query.matrix import AlleleMatrix, DosageMatrix
    from varhouse.query.people import People


def open_asking(
    path: str | Path,
    release: str | int | None = None,
    audience: str = "controlled",
    closed: Closed | None = None,
) -> "OpenStore":
    """Open a store as `open_store` does."""
    plain = open_store(path, release, audience, closed)
    return OpenStore(plain.path, plain.meta, plain._whole, plain.view)


class OpenStore(AnsweringStore):
    """A store at one release, with its calls.

    Every table is a method that scans it, as of `Store`; the methods here answer questions
    about calls. All choose alike: `region` (`chr1:48,000-49,000`, 1-based, closed), `genes`
    and `ids` choose records, `cohort`, `samples` (names) and `people` (a condition over the
    sheets, as of `varhouse frequencies --people`) choose people; each takes one value or
    several.
    """

    @cached_property
    def _people(self) -> pl.DataFrame:
        from varhouse.query.people import describe_people  # noqa: PLC0415

        return describe_people(self)

    @cached_property
    def _kept(self) -> dict[tuple[str, ...], dict[str, PolarsType]]:
        return {}

    @cached_property
    def _callability(self) -> "dict[tuple[tuple[str, ...], str | None], Callability]":
        return {}

    @cached_property
    def _sheet(self) -> pl.DataFrame:
        """What the sheets say of people: without counts, how a cohort was made, the empty."""
        people = self._people
        left = {"ordinal", "file", *self.declaration("cohorts").names}
        left -= {"cohort", "province"}
        left |= {n for n in self.declaration("samples").names if n.startswith("n_")}
        left |= {c.name for c in people if c.null_count() == people.height}
        return people.drop(left & set(people.columns))

    @cached_property
    def _columns(self) -> "dict[str, Columns]":
        return {}

    def asked(
        self,
        region: Texts,
        genes: Texts,
        ids: Texts,
        cohort: Texts,
        samples: Texts,
        people: "str | People | None",
        where: Texts = None,
    ) -> "Asked":
        """Work out who and what is asked; cohorts without anybody asked for are left out.

        `where` are conditions as of `query` that the alleles fit.
        """
        from varhouse.query.callrows import Asked  # noqa: PLC0415
        from varhouse.query.columns import check_names, read_columns  # noqa: PLC0415
        from varhouse.query.people import choose_people  # noqa: PLC0415
        from varhouse.query.records import find_cohorts  # noqa: PLC0415
        from varhouse.query.selection import Selection  # noqa: PLC0415

        own = self._columns
        cohorts = find_cohorts(self, listed(cohort))
        for name in cohorts:
            if name not in own:
                own[name] = read_columns(self, name)
        columns = [own[name] for name in cohorts]
        if samples is not None:
            names = listed(samples)
            check_names(names, columns)
            columns = [c.named(names) for c in columns]
        if people is not None:
            known = choose_people(self, people) if isinstance(people, str) else people
            chosen = known.frame
            groups = {
                str(name): rows["ordinal"].to_list()
                for (name,), rows in chosen.group_by("cohort")
            }
            columns = [c.choose(groups.get(c.cohort, [])) for c in columns]
        selection = Selection(listed(region), listed(genes), listed(ids))
        if where:
            keys = self.query(region, genes=genes, ids=ids, where=where, columns=KEY)
            selection = Selection(keys=keys)
        return Asked([c for c in columns if c.size], selection)

    def calls(
        self,
        region: Texts = None,
        *,
        cohort: Texts = None,
        genes: Texts = None,
        ids: Texts = None,
        samples: Texts = None,
        people: str | None = None,
        fields: bool | Sequence[str] = False,
    ) -> pl.LazyFrame:
        """Scan calls, a row a record and person, block by block.

        Parameters
        ----------
        fields
            FORMAT fields to add; True: all that the store keeps of these cohorts.

        Returns
        -------
        pl.LazyFrame
            cohort, contig, pos, ref, alt (as in the file), file, record, sample, gt (byte for
            byte; null: the record has no GT). Then the fields: numbers, or lists of numbers
            where Number is not 1, as the headers declare them, others as text; null where
            there is none or it is `.`. Sorted by cohort, contig, pos, file, record and
            column.

        Raises
        ------
        VarhouseError
            If a name is unknown, or the view is public.
        """
        from varhouse.query.callrows import CALL_SCHEMA, iter_calls  # noqa: PLC0415

        asked = self.asked(region, genes, ids, cohort, samples, people)
        found = self.fields_of(asked, fields, CALL_SCHEMA)
        schema = {**CALL_SCHEMA, **found.schema}
        return _lazy(lambda: iter_calls(self, asked, found), schema)

    def block_calls(
        self,
        region: Texts = None,
        *,
        cohort: Texts = None,
        genes: Texts = None,
        ids: Texts = None,
        samples: Texts = None,
        people: str | None = None,
        fields: bool | Sequence[str] = False,
    ) -> pl.LazyFrame:
        """Scan what reference blocks of gVCFs say of people, a row a block and person.

        Takes what `calls` takes; an id chooses the blocks over the position of its allele.

        Returns
        -------
        pl.LazyFrame
            The columns of `calls`, and behind pos the last base of the block, `end`.

        Raises
        ------
        VarhouseError
            If a name is unknown, or the view is public.
        """
        from varhouse.query.blockcalls import (  # noqa: PLC0415
            BLOCK_CALL_SCHEMA,
            iter_block_calls,
        )

        asked = self.asked(region, genes, ids, cohort, samples, people)
        found = self.fields_of(asked, fields, BLOCK_CALL_SCHEMA)
        schema = {**BLOCK_CALL_SCHEMA, **found.schema}
        return _lazy(lambda: iter_block_calls(self, asked, found), schema)

    def lineage(self, cohort: Texts = None) -> pl.DataFrame:
        """Give what calls were made from, by the headers of their files.

        Parameters
        ----------
        cohort
            Names of cohorts; none: all.

        Returns
        -------
        pl.DataFrame
            A row a file of reads, a reference or a program, file by file, in the order of its
            header: cohort, file, calls (the file's name), entry, kind (`reads`, `reference`,
            `tool`), name, step, version, carrier, options, sample, lane, library, platform,
            n_reads, bytes, md5, sha256, digest. Null: the header does not say. Of files of
            `varhouse call` all is there, of those of other callers what these write
            (`##reference`, `##source`, versions and command lines).

        Raises
        ------
        VarhouseError
            If there is no such cohort, or the view is public.
        """
        from varhouse.query.records import find_cohorts  # noqa: PLC0415
        from varhouse.query.sqllineage import read_rows  # noqa: PLC0415

        names = None if cohort is None else find_cohorts(self, listed(cohort))
        return read_rows(self, names)

    def carriers(
        self,
        region: Texts = None,
        *,
        cohort: Texts = None,
        genes: Texts = None,
        ids: Texts = None,
        samples: Texts = None,
        people: str | None = None,
        where: Texts = None,
        sheet: bool = True,
        fields: bool | Sequence[str] = False,
    ) -> pl.DataFrame:
        """Find who carries alleles, across cohorts.

        Parameters
        ----------
        where
            Conditions that the alleles fit, as of `query`.
        fields
            FORMAT fields to add, as of `calls`.
        sheet
            Add what the sheets say of each carrier: sex, population and their further
            columns.

        Returns
        -------
        pl.DataFrame
            A row an allele and carrier: contig, pos, ref, alt, extent (normalised), cohort,
            sample, copies (of the allele), gt, file, record, then the fields, then the
            columns of the sheets.
        """
        from varhouse.query.callrows import CARRIER_SCHEMA, iter_carriers  # noqa: PLC0415

        asked = self.asked(region, genes, ids, cohort, samples, people, where)
        found = self.fields_of(asked, fields, CARRIER_SCHEMA)
        empty = pl.DataFrame(schema={**CARRIER_SCHEMA, **found.schema})
        rows = pl.concat([empty, *iter_carriers(self, asked, found)])
        return self.with_sheet(rows) if sheet else rows

    def histograms(
        self,
        region: Texts = None,
        *,
        cohort: Texts = None,
        genes: Texts = None,
        ids: Texts = None,
        samples: Texts = None,
        people: str | None = None,
        by_cohort: bool = False,
    ) -> pl.DataFrame:
        """Count GQ, DP, allele balance and age of people by allele, in gnomAD's bins.

        Parameters
        ----------
        by_cohort
            Give each cohort a row of its own; else they are added up.

        Returns
        -------
        pl.DataFrame
            A row an allele that files of these people hold, sorted: contig, pos, ref, alt,
            extent (normalised; those of which REF covers a base of the region), `cohort` if
            asked for, and a list of Int64 for each histogram. Of GQ and DP 20 bins from 0 to
            100 and one for larger ones, of fully called genotypes (`gq_all`, `dp_all`) and of
            those with the allele (`gq_alt`, `dp_alt`); of AD / sum of AD 20 bins from 0 to 1,
            of heterozygotes (`ab_het`); of age, from the sheet's column `age`, one bin for
            less than 30, ten to 80, one for more (`age_het`, `age_hom`). What is missing is
            in no bin, and neither are reference blocks of people without the record.
        """
        from varhouse.query.histograms import Histograms  # noqa: PLC0415

        asked = self.asked(region, genes, ids, cohort, samples, people)
        counter = Histograms(self, asked.columns, by_cohort=by_cohort)
        empty = pl.DataFrame(schema=counter.schema)
        return pl.concat([empty, *counter.frames(asked.selection)], rechunk=True)

    def callability(
        self,
        region: Texts = None,
        *,
        genes: Texts = None,
        ids: Texts = None,
        cohort: Texts = None,
        stratum_by: str | None = None,
        people: "str | People | None" = None,
    ) -> pl.DataFrame:
        """Say how many people and alleles are assessed at bases, variant or not.

        Parameters
        ----------
        cohort
            Names of cohorts, `all` for all together; by default each, then all.
        stratum_by
            One kind of stratum, `all` for everybody; None: all kinds.
        people
            A condition over the sheets: these people are counted, as one group, in place of
            strata.

        Returns
        -------
        pl.DataFrame
            A row a stretch of bases (contig, start, end; 1-based, closed) of each cohort and
            stratum: `n_people` of it, `n_not_assessed` of them, then n_samples, an and the
            other counts at a site, as in `frequencies`. Every base of the region is in a
            stretch; where nobody is assessed n_samples is 0.
        """
        from varhouse.query.callability import Callability  # noqa: PLC0415
        from varhouse.query.people import choose_people  # noqa: PLC0415
        from varhouse.query.selection import Selection  # noqa: PLC0415

        # Who is in which group is read once; a condition is read each time it is asked.
        asked = (tuple(listed(cohort)), stratum_by)
        answer = self._callability.get(asked) if people is None else None
        if answer is None:
            chosen = choose_people(self, people) if isinstance(people, str) else people
            answer = Callability(self, *asked, chosen)
        if people is None:
            self._callability[asked] = answer
        selection = Selection(listed(region), listed(genes), listed(ids))
        return pl.concat([pl.DataFrame(schema=answer.schema), *answer.frames(selection)])

    def fields_of(
        self,
        asked: "Asked",
        fields: bool | Sequence[str],
        taken: Iterable[str],
        *,
        typed: bool = True,
    ) -> "FieldColumns":
        """Work out which FORMAT fields become columns, see `callfields.choose_fields`."""
        from varhouse.query.callfields import (  # noqa: PLC0415
            FieldColumns,
            choose_fields,
            kept_fields,
        )

        if fields is False:
            return FieldColumns({})
        cohorts = tuple(asked.cohorts)
        if cohorts not in self._kept:
            self._kept[cohorts] = kept_fields(self, cohorts)
        names = None if fields is True else listed(fields)
        return choose_fields(self._kept[cohorts], names, typed=typed, taken=list(taken))

    def with_sheet(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add what the sheets say of the people of rows with cohort and sample."""
        taken = set(rows.columns) - {"cohort", "sample"}
        known = self._sheet.drop(taken, strict=False)
        return rows.join(known, on=["cohort", "sample"], how="left", maintain_order="left")

    def sheet_schema(self, taken: Sequence[str]) -> dict[str, PolarsType]:
        """Name the columns that `with_sheet` adds to rows that have others."""
        return {n: t for n, t in self._sheet.schema.items() if n not in taken}

    def dosage(
        self,
        region: Texts = None,
        *,
        cohort: str,
        genes: Texts = None,
        ids: Texts = None,
        samples: Texts = None,
        people: str | None = None,
    ) -> "DosageMatrix":
        """Count copies: people x alleles of one cohort, -1 where not fully called.

        Who has no record of an allele has 0 copies where a gVCF says that he is fully called
        at its position.
        """
        from varhouse.query.matrix import dosage_matrix  # noqa: PLC0415

        asked = self.asked(region, genes, ids, cohort, samples, people)
        return dosage_matrix(self, self._only(asked, cohort), asked.selection)

    def alleles(
        self,
        region: Texts = None,
        *,
        cohort: str,
        genes: Texts = None,
        ids: Texts = None,
        samples: Texts = None,
        people: str | None = None,
    ) -> "AlleleMatrix":
        """Give the alleles of calls: people x records x copies of one cohort, -1 missing.

        By records alone: who is in another file is missing, also where his gVCF says that he
        is called; `dosage` goes by that.
        """
        from varhouse.query.matrix import allele_matrix  # noqa: PLC0415

        asked = self.asked(region, genes, ids, cohort, samples, people)
        return allele_matrix(self, self._only(asked, cohort), asked.selection)

    def _only(self, asked: "Asked", cohort: str) -> "Columns":
        if len(asked.columns) != 1:
            raise UsageError(f"nobody of cohort {cohort!r} is asked for")
        return asked.columns[0]


def _lazy(
    frames: Callable[[], Iterator[pl.DataFrame]], schema: dict[str, PolarsType]
) -> pl.LazyFrame:
    """Make a LazyFrame of frames that are made when they are read, and again each time."""

    def source(
        columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        left = n_rows
        for frame in frames():
            if left is not None:
                frame = frame.head(left)
                left -= frame.height
            if predicate is not None:
                frame = frame.filter(predicate)
            yield frame if columns is None else frame.select(columns)
            if left == 0:
                return

    return register_io_source(source, schema=schema, explain_name="calls")
