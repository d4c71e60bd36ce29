"""A store that answers questions about alleles: the methods behind `query`, `sql`, `describe`.

They answer as the commands of these names do, through the same view.
"""

from collections.abc import Mapping, Sequence
from html import escape

import polars as pl

from varhouse.query.warm import WarmStore
from varhouse.store.errata import told_if_sealed
from varhouse.tables.schema import PolarsType

Texts = str | Sequence[str] | None


def listed(value: Texts) -> list[str]:
    """Give one text, several or none as a list."""
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def _joined(schema: Mapping[str, PolarsType], frames: list[pl.DataFrame]) -> pl.DataFrame:
    if len(frames) == 1:
        return frames[0].rechunk()
    return pl.concat([pl.DataFrame(schema=dict(schema)), *frames], rechunk=True)


class AnsweringStore(WarmStore):
    """A store at one release that can be asked."""

    def query(
        self,
        region: Texts = None,
        *,
        genes: Texts = None,
        ids: Texts = None,
        where: Texts = None,
        by: Texts = None,
        cohort: Texts = None,
        columns: Texts = None,
        table: str | None = None,
        limit: int | None = None,
    ) -> pl.DataFrame:
        """Answer as `varhouse query` does: alleles with names, consequences and frequencies.

        Parameters
        ----------
        region, genes, ids
            Which alleles; one or several each.
        where
            Conditions that must all hold (`'impact == "HIGH" and af < 0.01'`).
        by
            Kinds of groups (`province`, `cohort`): a row an allele and group that was assessed
            there, with the statistics of the group. `strata` lists them.
        cohort
            With `by`: count these cohorts, each for itself.
        columns
            Columns to give, in order; `store.describe("query")` lists them.
        table
            A table of the store instead.
        limit
            Rows at most.

        Returns
        -------
        pl.DataFrame
            A row an allele, in order of the allele key. Null is never 0: not assessed, or
            not known.

        Raises
        ------
        VarhouseError
            If a name is unknown, or the view does not show what is asked for.
        """
        from varhouse.query.answer import Answer, Question  # noqa: PLC0415
        from varhouse.query.selection import Selection  # noqa: PLC0415

        self._asked += 1
        selection = Selection(listed(region), listed(genes), listed(ids))
        asked = Question(
            selection, listed(where), listed(columns), table, limit, listed(by), listed(cohort)
        )
        with told_if_sealed(self.path, self.release):
            answer = Answer(self, asked)
            return _joined(answer.schema, list(answer.frames()))

    def sql(self, query: str) -> pl.DataFrame:
        """Run one SELECT over the tables of the release, as `varhouse sql` does.

        Raises
        ------
        UsageError
            If the query does more than read, or DuckDB refuses it.
        AccessError
            If the view does not show a table that it names.
        """
        from varhouse.query.sql import run_sql  # noqa: PLC0415

        result = run_sql(self, query)
        return pl.concat([pl.DataFrame(schema=result.schema), *result.batches], rechunk=True)

    def describe(self, what: str | None = None) -> pl.DataFrame:
        """Describe the store, a table (`totals`) or a column (`totals.af`).

        `query` describes the columns that `query` takes.

        Returns
        -------
        pl.DataFrame
            A row a table (table, rows, root, row) or column (column, type, unit,
            null_means, meaning).
        """
        from varhouse.query.describe import describe  # noqa: PLC0415

        return describe(self, what)

    def strata(self) -> pl.DataFrame:
        """List what people are counted by: stratum_by, stratum, n_people, n_cohorts.

        `n_people` is null where the view does not show it.
        """
        from varhouse.query.describe import describe_strata  # noqa: PLC0415

        return describe_strata(self)

    def __getitem__(self, table: str) -> pl.LazyFrame:
        """Scan a table by its name: `store["annotations_clinvar"]`."""
        return self.scan(table)

    def _ipython_key_completions_(self) -> list[str]:
        """List what IPython and Jupyter complete behind `store["`."""
        return self.tables

    def _repr_html_(self) -> str:
        """Show the store in a notebook: a row a table, with its rows and what a row is."""
        from varhouse.query.describe import describe_tables  # noqa: PLC0415

        name = f"{self.name}, release {self.release}, assembly {self.assembly}"
        rows = "".join(
            f"<tr><td>{escape(table)}</td>"
            f"<td style='text-align:right'>{'' if n is None else f'{n:,}'}</td>"
            f"<td>{root}</td><td style='text-align:left'>{escape(row)}</td></tr>"
            for table, n, root, row in describe_tables(self).rows()
        )
        head = "".join(f"<th>{n}</th>" for n in ("table", "rows", "root", "a row is"))
        return f"<p>{escape(name)}</p><table><tr>{head}</tr>{rows}</table>"
