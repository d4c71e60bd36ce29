"""The end of an ingest: the commit, and the account of what came in."""

import json
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from varhouse import __version__
from varhouse.account import public_row
from varhouse.files import read_json
from varhouse.ingest.jobs.costs import total
from varhouse.ingest.jobs.joinshared import join_shared
from varhouse.ingest.jobs.once import TOLD
from varhouse.ingest.jobs.plan import Plan
from varhouse.ingest.jobs.sides import GENE_MODEL, merge_annotation
from varhouse.ingest.setup.fingerprints import wanted_fingerprint
from varhouse.ingest.setup.growing import count_files
from varhouse.ingest.setup.held import flags_basis, held_fingerprint, held_shards
from varhouse.ingest.setup.known_files import KnownFiles
from varhouse.ingest.setup.permits import anchor_of
from varhouse.ingest.setup.run import Run, annotation_of
from varhouse.ingest.setup.verdict import read_verdict
from varhouse.store.commit import commit, utc_now
from varhouse.store.ledger import Ledger
from varhouse.store.lock import TOKEN
from varhouse.store.named import without_naming
from varhouse.store.reader import open_store
from varhouse.store.releases import find_ingest
from varhouse.store.retract import ONCE, SAME_PERSON
from varhouse.tables.peopletables import SAME_PEOPLE
from varhouse.tables.schema import ACCOUNTS, GENES, INGESTS, TRANSCRIPTS, Table
from varhouse.tables.shards import Manifest, Shard, read_manifest, write_shard

LOG = logging.getLogger("varhouse.ingest")


def commit_run(
    run: Run,
    plan: Plan,
    manifests: list[Path],
    sides: dict[str, Any] | None = None,
    costs: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Commit what the jobs made, and what is known of the files that are held back.

    Run again after it has succeeded, it writes nothing and gives the same account.

    When every cohort is held back, the release holds that alone: its content is that of
    the release before. `sides` is what `read_sides` found; None: as in the base release.
    `costs` are those of the steps up to now (`costs.py`).

    Returns
    -------
    dict
        The account: release (None if no data was committed), cohorts, held back, and
        `recorded_in`, the release that tells of what was held back (None without).
    """
    account = {**make_account(run, plan), "stages": costs or []}
    found = [read_manifest(p) for p in manifests]
    held = {
        h["cohort"]: h["reasons"] for h in account["held_back"] if h not in run.held_before
    }
    came = [name for name in plan.files if name not in held]
    # Another release of a source may change no row: its version is news all the same.
    has_data = (
        run.renews_sides
        or run.recounts
        or (bool(came) and any(m.shards or m.replace for m in found))
    )
    if not (has_data or held or run.settled):
        return {**account, "release": None, "recorded_in": None}
    release = find_ingest(Path(run.store), run.ingest_id)
    if release is None:
        release = _commit_rows(run, plan, found, held, sides, account, has_data=has_data)
    _remember_files(run, plan)
    return _with_release(
        run, account, release, has_data=has_data, tells=bool(held or run.settled)
    )


def _remember_files(run: Run, plan: Plan) -> None:
    """Keep the state in which the files were read: the next ingest need not read them."""
    known = KnownFiles(Path(run.store) / "_cache")
    for paths in (*plan.files.values(), *plan.held_files.values()):
        for verdict in (read_verdict(Path(p)) for p in paths):
            if verdict.sha256 and verdict.state is not None:
                known.learn(Path(verdict.path), verdict.state, verdict.sha256)
    known.save()


def _reached(_point: str) -> None:
    """Do nothing: tests replace this to die at a point."""


def _commit_rows(
    run: Run,
    plan: Plan,
    found: list[Manifest],
    held: dict[str, list[str]],
    sides: dict[str, Any] | None,
    account: dict[str, Any],
    *,
    has_data: bool,
) -> int:
    """Write the rows that only the end of an ingest knows, and commit everything."""
    work = Path(run.work)
    own = _held_rows(run, plan, held, work)
    _reached("held back")
    came = [name for name in plan.files if name not in held]
    replace = [("held_back", {"cohort": name}) for name in (*held, *came, *run.unchanged)]
    meta: dict[str, Any] = {}
    if has_data:
        meta = {
            "assembly": run.assembly,
            "reference": run.reference_digest,
        }
        if sides is not None:
            meta["annotation"] = merge_annotation(run, sides)
        if run.policy.same_person == ONCE or SAME_PERSON in run.base().meta:
            meta[SAME_PERSON] = run.policy.same_person
        if _new_genes(run):
            own += _genes_shards(run, work) if run.genes else []
            replace += [("genes", {}), ("transcripts", {})]
        replace += [(f"annotations_{n}", {}) for n in run.gone_sources]
        replace += [("consequences", {})] if run.genes_gone else []
    else:
        found = []
    if account["stages"]:
        # Up to now; `varhouse store log` tells it.
        meta["event"] = total(account["stages"])
    if (anchor := anchor_of(Path(run.store), run.policy)) is not None:
        meta["governance"] = anchor
    event = meta.setdefault("event", {})
    if held:
        event["held_back"] = sorted(held)
    if has_data and _new_genes(run) and account["genes"]:
        event["genes"] = account["genes"]
    operation = "ingest" if has_data else "hold back"
    _reached("genes")
    own += _account_shards(run, account, operation, work)
    found.append(Manifest([s for s in own if s is not None], replace))
    if has_data:
        anew = [SAME_PEOPLE] if run.looks_who_is_one else []
        found.append(without_naming(run.base(), came, work / "named", passed_over=anew))
    _reached("ingests")
    release = commit(
        Path(run.store),
        join_shared(run.base(), found, work / "joined"),
        ingest_id=run.ingest_id,
        operation=operation,
        base_release=run.base_release,
        meta=meta,
        empty=_tables_of_sources(run) if has_data else (),
        token=os.environ.get(TOKEN),
    )
    _reached("committed")
    return release


def _account_shards(
    run: Run, account: dict[str, Any], operation: str, work: Path
) -> list[Shard | None]:
    """Write the account of an ingest, and what of it may be told to anybody."""
    row = {
        "ingest_id": run.ingest_id,
        "release": run.base_release + 1,
        "operation": operation,
        "started": run.started,
        "finished": utc_now(),
        "version": __version__,
        "config": json.dumps(run.config, ensure_ascii=False, default=str),
        "summary": json.dumps(account, ensure_ascii=False),
    }
    frame = pl.DataFrame([row], schema=INGESTS.polars_schema)
    withheld = [s.name for s in run.sources if not s.redistribute]
    if run.gone_sources:
        # Of one that is gone only the release before knows whether it could be told of.
        withheld += open_store(run.store, run.base_release).restricted
    told = pl.DataFrame([public_row(row, withheld)], schema=ACCOUNTS.polars_schema)
    return [
        write_shard(frame, INGESTS, work, "ingests", {}),
        write_shard(told, ACCOUNTS, work, "accounts", {}),
    ]


def _with_release(
    run: Run, account: dict[str, Any], release: int, *, has_data: bool, tells: bool
) -> dict[str, Any]:
    """Add to the account what the release says."""
    account["recorded_in"] = release if tells else None
    if not has_data:
        return {**account, "release": None}
    store = open_store(Path(run.store), release)
    pinned = store.record.tables
    account["unmatched"] = [
        s.name for s in run.sources if not pinned[f"annotations_{s.name}"].rows
    ]
    if run.genes and _new_genes(run):
        meta = json.loads((Path(run.genes_folder) / "meta.json").read_text())
        account["genes_refused"] = meta.get("refused", [])
    return {**account, "release": release, "digest": store.digest()}


def _tables_of_sources(run: Run) -> list[Table]:
    """Declare the tables of sources that may have no row, so that they are there."""
    from varhouse.ingest.jobs.annotate import open_source  # noqa: PLC0415 - slow to import

    before = run.base().record.tables
    tables = []
    for source in run.sources:
        pinned = before.get(f"annotations_{source.name}")
        if source.name in run.annotate_sources or pinned is None or not pinned.files:
            tables.append(open_source(run, source).table)
    return tables


def _held_rows(
    run: Run, plan: Plan, held: dict[str, list[str]], work: Path
) -> list[Shard | None]:
    """Write the rows of `held_back` for the cohorts that this run holds back."""
    files = {n: plan.held_files.get(n) or plan.files[n] for n in held}
    verdicts = {n: [read_verdict(Path(p)) for p in paths] for n, paths in files.items()}
    fingerprints = {
        n: held_fingerprint(
            wanted_fingerprint(
                run.cohort(n).settings,
                run.cohort(n).said,
                [*(v.sha256 for v in found), *_kept_bytes(run, n)],
            ),
            run.limits,
            run.policy.withdrawn,
            run.cohort(n).permits,
            flags_basis(run.policy, run.people),
        )
        for n, found in verdicts.items()
    }
    return held_shards(held, verdicts, fingerprints, run.ingest_id, work)


def _kept_bytes(run: Run, cohort: str) -> list[str]:
    """Give the SHA-256 of the files of a cohort that stay as they are."""
    kept = run.cohort(cohort).kept
    if not kept:
        return []
    files = run.base().scan("files", cohort=cohort).filter(pl.col("file").is_in(kept))
    return files.select("sha256").collect()["sha256"].to_list()


def _new_genes(run: Run) -> bool:
    return bool(annotation_of(run.base()).get("genes") != run.genes_digest)


def _genes_shards(run: Run, work: Path) -> list[Shard | None]:
    from varhouse.genes import (  # noqa: PLC0415 - the other jobs do without
        genes_frame,
        load_genes,
        transcripts_frame,
    )

    model = load_genes(Path(run.genes_folder))
    return [
        write_shard(genes_frame(model), GENES, work, "genes", {}),
        write_shard(transcripts_frame(model), TRANSCRIPTS, work, "transcripts", {}),
    ]


def make_account(run: Run, plan: Plan) -> dict[str, Any]:
    """Say what came in and what was held back."""
    work = Path(run.work)
    cohorts = []
    for name in plan.files:
        summary = read_json(work / "cohort" / name / "summary.json")
        # What rules only tell was known before the cohort was counted.
        told = [n for n in plan.notes.get(name, []) if n not in summary["notes"]]
        cohorts.append(summary | {"notes": [*summary["notes"], *told]})
    new = 0
    for bundle in plan.bundles:
        windows = read_json(work / "alleles" / bundle / "windows.json")
        new += sum(w["rows"] for w in windows)
    held: list[dict[str, Any]] = [
        {"cohort": name, "reasons": reasons, "notes": plan.notes.get(name, [])}
        for name, reasons in plan.held_back.items()
    ]
    held += [
        {"cohort": c["cohort"], "reasons": c["hold"], "notes": []}
        for c in cohorts
        if c["hold"]
    ]
    for h in held:
        h["stays"] = count_files(run.base(), h["cohort"])
    held += run.held_before
    return {
        "ingest_id": run.ingest_id,
        "base_release": run.base_release,
        "started": run.started,
        "version": __version__,
        "cohorts": cohorts,
        "held_back": held,
        "unchanged": run.unchanged,
        "new_alleles": new,
        "annotated_again": run.annotate_all,
        "renewed": _renewed(run, plan),
        "gone": _gone(run),
        "warnings": run.warnings,
        "waiting": run.waiting,
        "settled": run.settled,
        "lapsed": run.lapsed,
        **_same_people(work),
        "shared_samples": _shared(run, [h["cohort"] for h in held]),
        "genes": Path(run.genes).name if run.genes else None,
        "genes_digest": run.genes_digest,
        "reference_digest": run.reference_digest,
        "reference": Path(run.reference).name,
        "assembly": run.assembly,
        "sources": [{"name": s.name, "version": s.version} for s in run.sources],
    }


def _same_people(work: Path) -> dict[str, Any]:
    """Tell who is one person in several cohorts, if totals go by that."""
    told = work / "once" / TOLD
    return {"same_people": read_json(told)} if told.exists() else {}


def _renewed(run: Run, plan: Plan) -> dict[str, list[str]]:
    """Name the side tables of another gene model or source: table to partitions."""
    names = ([GENE_MODEL] if run.annotate_all else []) + run.annotate_sources
    names += sorted({n for again in plan.again.values() for n in again} - set(names))
    return {
        "consequences" if n == GENE_MODEL else f"annotations_{n}": [
            p for p, again in sorted(plan.again.items()) if n in again
        ]
        for n in names
    }


def _gone(run: Run) -> list[str]:
    genes = ["consequences", "genes", "transcripts"] if run.genes_gone else []
    return genes + [f"annotations_{n}" for n in run.gone_sources]


def _shared(run: Run, held_back: Iterable[str]) -> list[dict[str, Any]]:
    """Sample ids that stand in two cohorts of the sheet: listed, not refused."""
    sheet = run.samples().select("cohort", "sample")
    sheet = sheet.filter(~pl.col("cohort").is_in(list(held_back)))
    # The sheet may still name who was withdrawn; what is stored may not.
    ledger = Ledger.open(Path(run.store))
    for (cohort,), some in sheet.partition_by("cohort", as_dict=True).items():
        if gone := ledger.refuses(str(cohort), some["sample"].to_list()):
            is_gone = (pl.col("cohort") == cohort) & pl.col("sample").is_in(gone)
            sheet = sheet.filter(~is_gone)
    pairs = (
        sheet.join(sheet, on="sample", suffix="_2")
        .filter(pl.col("cohort") < pl.col("cohort_2"))
        .group_by("cohort", "cohort_2")
        .agg(pl.len().alias("n"), pl.col("sample").sort().head(3).alias("first"))
        .sort("cohort", "cohort_2")
    )
    return [{"cohorts": [a, b], "n": n, "first": first} for a, b, n, first in pairs.rows()]
