"""What an ingest has to do: the configuration against the reference and the store.

`prepare` makes the `Run` (`run.py`), with the cohorts that are new or changed
(`changed.py`); `begin` (`begin.py`) writes it into the work folder.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from varhouse.errors import ConfigError
from varhouse.filestate import file_state
from varhouse.governed import is_governed
from varhouse.ingest.setup.assembly import (
    check_reference,
    check_same_assembly,
    holds_data,
    settle_assembly,
)
from varhouse.ingest.setup.changed import changed_cohorts, recorded_text
from varhouse.ingest.setup.held import flags_basis, known_held
from varhouse.ingest.setup.kits import check_beds
from varhouse.ingest.setup.known_files import KnownFiles
from varhouse.ingest.setup.permits import NO_RULES, Permits
from varhouse.ingest.setup.run import FOLDER, Run, RunCohort, annotation_of
from varhouse.ingest.setup.settings import SourceConfig, text_digest
from varhouse.ingest.setup.waiting import tell_waiting
from varhouse.ingest.setup.withdrawn import leave_out
from varhouse.store.reader import open_store
from varhouse.transcripts.genemodel import MODEL_FORMAT
from varhouse.vcf.text.limits import Limits

if TYPE_CHECKING:
    from varhouse.ingest.setup.config import Config


def prepare(store_path: Path, config: "Config", started: str, *, rehash: bool = False) -> Run:
    """Find what an ingest has to do; only the store's cache is written to.

    Parameters
    ----------
    rehash
        Read the sources and the gene model even where their stamps say that they are as
        they were (`known_files.py`).

    Returns
    -------
    Run
        With no cohorts when everything is in the store as it is.

    Raises
    ------
    ConfigError
        For what contradicts the reference or the store.
    """
    base = open_store(store_path)
    config = leave_out(config, store_path)
    settled = settle_assembly(store_path, config, base if holds_data(base) else None)
    config, reference = settled.config, settled.reference
    check_reference(config, reference)
    check_same_assembly(base, config.assembly, reference)
    problems, about_kits = check_beds(
        config.kits, reference, is_partial=config.policy.partial_reference
    )
    if problems:
        raise ConfigError(problems)
    known = KnownFiles(store_path / "_cache", rehash=rehash)
    digests = source_digests(config, known)
    genes = genes_digest(config, known, reference.digest)
    par = recorded_text(config.par, known, config)
    permits = Permits.of(config.policy, store_path, started)
    cohorts, unchanged, held = changed_cohorts(
        config, base, reference.digest, par, known, permits
    )
    known.save()
    refused = known_held(base)
    forgotten = sorted(set(refused) - {c.name for c in config.cohorts})
    lapsed = permits.lapsed(base) if permits else []
    annotation = annotation_of(base)
    old_sources = annotation.get("sources", {})
    gone = sorted(set(old_sources) - set(digests))
    genes_gone = bool(annotation.get("genes")) and genes is None
    warnings = [
        *settled.notes,
        *config.warnings,
        *about_kits,
        *([NO_RULES.say()] if permits is None and is_governed(store_path) else []),
        *(f"cohort {c['cohort']}: {r}" for c in lapsed for r in c["reasons"]),
        *(
            f"cohort {c!r} is held back in the store, and not in this configuration; fix: "
            f"varhouse store drop STORE --cohort {c}, if nobody waits for it"
            for c in forgotten
        ),
        *(f"sources: {n} is no longer there: its table goes" for n in gone),
        *(["genes: no longer there: consequences and genes go"] if genes_gone else []),
    ]
    flags = flags_basis(config.policy, config.people)
    identity = _identity(base.release, genes, digests, cohorts, config.limits, flags)
    ingest_id = f"{base.release + 1:06d}-{identity[:8]}"
    has_alleles = "variants" in base.tables
    work = store_path / "_staging" / ingest_id
    return Run(
        store=str(store_path),
        work=str(work),
        ingest_id=ingest_id,
        base_release=base.release,
        started=started,
        assembly=config.assembly,
        reference=str(settled.compiled),
        reference_digest=reference.digest,
        aliases=str(config.aliases) if config.aliases else None,
        par=str(config.par) if config.par else None,
        genes=str(config.genes) if config.genes else None,
        genes_digest=genes,
        mane=str(config.mane) if config.mane else None,
        strata=config.strata,
        genotype_fields=config.genotype_fields,
        sources=config.sources,
        source_digests=digests,
        policy=config.policy,
        # Files that are named later alone go in with these settings.
        config={**config.raw, FOLDER: str(config.folder)},
        limits=config.limits,
        callable=config.callable,
        people=config.people,
        cohorts=cohorts,
        unchanged=unchanged,
        held_before=held,
        annotate_all=has_alleles and genes is not None and genes != annotation.get("genes"),
        annotate_sources=[
            n for n, d in digests.items() if has_alleles and old_sources.get(n) != d
        ],
        genes_gone=genes_gone,
        gone_sources=gone,
        new_sides=(genes, digests) != (annotation.get("genes"), old_sources),
        warnings=warnings,
        settled=[c for c in unchanged if c in refused],
        lapsed=lapsed,
        waiting=tell_waiting((c.name, c.waiting) for c in config.cohorts),
        inputs={**known.told, **config.inputs},
    )


def source_digests(config: "Config", known: KnownFiles) -> dict[str, str]:
    """Digest what decides the compiled rows of each source."""
    from varhouse.sources import COMPILER  # noqa: PLC0415 - the jobs do without

    def sha256(path: str) -> str:
        return known.sha256(Path(path))

    return {
        s.name: text_digest(
            sha256(s.path), s.version, s.date, source_settings(s, sha256), COMPILER
        )
        for s in config.sources
    }


def genes_digest(config: "Config", known: KnownFiles, reference: str) -> str | None:
    """Digest what decides the gene model; None without one."""
    if not config.genes:
        return None
    pairs = [known.sha256(config.mane)] if config.mane else []
    return text_digest(known.sha256(config.genes), reference, MODEL_FORMAT, *pairs)


def _identity(
    release: int,
    genes: str | None,
    sources: dict[str, str],
    cohorts: list[RunCohort],
    limits: Limits,
    flags: str,
) -> str:
    """Digest what an ingest does and from which release it starts."""
    return text_digest(
        release,
        genes,
        sorted(sources.items()),
        # The whole state: verdicts in the work folder are those of these very bytes.
        [
            (c.name, c.settings, c.said, c.kept, c.gone, [_state(f) for f in c.files])
            + ((c.permits,) if c.permits else ())
            for c in cohorts
        ],
        limits,
        *([flags] if flags else []),
    )


# What a source's file or its release decides; the rest decides its rows.
_NOT_ROWS = ("path", "version", "date", "merged")


def source_settings(source: SourceConfig, sha256: Callable[[str], str]) -> str:
    """Digest what decides the rows of a source besides its file; not its version.

    `sha256` gives the digest of a file's bytes by its path.
    """
    said = {k: v for k, v in asdict(source).items() if k not in _NOT_ROWS}
    merged = sha256(str(Path(source.merged))) if source.merged else ""
    return text_digest(json.dumps(said, sort_keys=True, default=str), merged)


def _state(file: str) -> tuple[str, list[int]]:
    return file, file_state(Path(file))
