"""Somebody's regions are called and joined, by the program that the configuration names."""

from pathlib import Path
from typing import Any

import polars as pl

from varhouse import __version__
from varhouse.calling.programs import find_program
from varhouse.calling.run import CallRun, RunPerson, key_of
from varhouse.files import read_json, write_json
from varhouse.genome.contigs import Contig, Contigs, read_aliases
from varhouse.genome.haploid import HaploidRegions
from varhouse.lineage import lineage_lines
from varhouse.reads.copies import copies_of_person
from varhouse.reads.earlier import earlier_tools
from varhouse.reads.index import Index
from varhouse.reads.model import Person, Sex, Span, Tool, path_of
from varhouse.reads.sexcheck import (
    SexByReads,
    bases_outside_par,
    reads_outside_par,
    sex_by_reads,
    sex_to_call,
)
from varhouse.reads.tools import ALTERNATIVES

PANEL = "panel-{}.parquet"
"""Sites by which contamination is estimated, in the work folder, by their key."""


def fasta_contigs(run: CallRun) -> Contigs:
    """Give the contigs that are called by their names in the FASTA, the others as aliases."""
    if not run.aliases:
        return Contigs(Contig(name, length=length) for name, length in run.contigs)
    known = read_aliases(Path(run.aliases))
    out = []
    for name, length in run.contigs:
        found = known.by_name.get(known.canonical(name) or "")
        aliases = [] if found is None else [found.name, *found.aliases]
        out.append(Contig(name, [a for a in aliases if a != name], None, length))
    return Contigs(out)


def open_haploid(run: CallRun) -> HaploidRegions:
    """Give where people have one copy, by the names that contigs have in the FASTA."""
    contigs = read_aliases(Path(run.aliases)) if run.aliases else fasta_contigs(run)
    found = HaploidRegions(contigs, Path(run.par) if run.par else None)
    names = {contigs.canonical(name) or name: name for name, _ in run.contigs}
    for kind in ("contigs", "on_y", "on_mt"):
        there = getattr(found, kind)
        setattr(found, kind, {names[c] for c in there if c in names})
    found.par = {names[c]: spans for c, spans in found.par.items() if c in names}
    return found


def copies_key(run: CallRun) -> str:
    """Digest which of the called contigs are X, Y and MT, and where the PAR are.

    Calls, the sex that reads show and the panel of contamination follow it. It is of what
    tables of names and of PAR say: another comment in them changes nothing.
    """
    found = open_haploid(run)
    kinds = [sorted(own) for own in (found.contigs, found.on_y, found.on_mt)]
    return key_of("copies", kinds, sorted((c, sorted(own)) for c, own in found.par.items()))


def known_bases(run: CallRun, fasta: Path, haploid: HaploidRegions) -> dict[str, int]:
    """Count the bases of the called contigs outside PAR, once for a reference."""
    kept = run.path(f"bases-{run.reference_digest[:16]}-{copies_key(run)}.json")
    names = [name for name, _ in run.contigs]
    if kept.exists():
        found: dict[str, int] = read_json(kept)
        if set(names) <= set(found):
            return {name: found[name] for name in names}
    found = bases_outside_par(fasta, haploid, names)
    write_json(kept, found)
    return found


def _sex_path(run: CallRun, person: RunPerson) -> Path:
    # Coverage of X and Y is compared with that of the contigs that are called.
    key = key_of("sex", copies_key(run), run.contigs)
    return run.path(f"finished/{person.alignment}-{key}.json")


def measure_sex(run: CallRun, person: RunPerson, alignments: Path, fasta: Path) -> None:
    """Tell somebody's sex by the reads on X and Y, unless that was done.

    It depends on the alignments and on where X, Y and PAR are, so it is kept by both.
    """
    kept = _sex_path(run, person)
    if kept.exists():
        return
    haploid = open_haploid(run)
    reads = read_json(run.path(f"finished/{person.alignment}.json")).get("contigs")
    counts = reads_outside_par(alignments, haploid, fasta=fasta, reads=reads)
    found = sex_by_reads(counts, known_bases(run, fasta, haploid), haploid)
    write_json(kept, found.as_json())


def called_sex(run: CallRun, person: RunPerson) -> tuple[Sex, SexByReads]:
    """Give the sex by which somebody is called, and what his reads say (`measure_sex`)."""
    found = SexByReads(**read_json(_sex_path(run, person)))
    return sex_to_call(person.person.sex, found), found


def open_panel(run: CallRun) -> pl.DataFrame | None:
    """Read the sites by which contamination is estimated; None without any."""
    if run.panel is None:
        return None
    return pl.read_parquet(run.path(PANEL.format(run.panel)), glob=False)


def call_span(
    run: CallRun,
    person: RunPerson,
    alignments: Path,
    fasta: Path,
    span: Span,
    out: Path,
    *,
    threads: int = 1,
    log: Path | None = None,
) -> None:
    """Call somebody in a span, into the folder `out`; what programs say goes into `log`."""
    from varhouse.reads.callregion import CallSettings, call_region  # noqa: PLC0415

    lengths = dict(run.contigs)
    sex, _ = called_sex(run, person)
    copies = copies_of_person(sex, open_haploid(run), span.contig, lengths[span.contig])
    name, said, panel = person.person.name, CallSettings(), open_panel(run)
    if run.settings.caller not in ALTERNATIVES:
        call_region(
            alignments,
            fasta,
            span,
            out,
            sample=name,
            copies=copies,
            settings=said,
            panel=panel,
            log=log,
        )
        return
    from varhouse.reads.othercallers import call_region_with  # noqa: PLC0415

    call_region_with(
        find_program(run, run.settings.caller),
        alignments,
        fasta,
        span,
        out,
        sample=name,
        copies=copies,
        settings=said,
        panel=panel,
        threads=threads,
        log=log,
    )


def join_person(run: CallRun, person: RunPerson, regions: list[Path], index: Index) -> None:
    """Join regions to the gVCF of a person, and write the metrics; these come last."""
    from varhouse.reads.gvcf import join_regions  # noqa: PLC0415
    from varhouse.reads.metrics import person_metrics  # noqa: PLC0415

    who, folder = person.person, Path(run.folder)
    finished = read_json(run.path(f"finished/{person.alignment}.json"))
    aligned = [
        read_json(run.path(f"aligned/{key}.json")) if person.start == "reads" else {}
        for key in person.lanes
    ]
    # What was done before is in the headers of the alignments.
    files = [] if person.start == "reads" else [f for lane in who.lanes for f in lane.files]
    before = {"tools": [tool.as_json() for tool in earlier_tools(files)]}
    tools = _tools(run, [before, *aligned, finished])
    pairs = zip(who.lanes, person.facts, strict=True)
    header = lineage_lines(
        who.name,
        [(lane.as_json(), facts.as_json()) for lane, facts in pairs],
        {"name": Path(run.reference).name, "digest": run.reference_digest},
        tools,
        __version__,
    )
    gvcf = path_of(folder / "gvcf", who, ".g.vcf.gz")
    told = path_of(folder / "qc", who, ".json")
    for place in (gvcf, told):
        place.parent.mkdir(parents=True, exist_ok=True)
    # Until the new ones are whole, nobody takes the old ones for them.
    told.unlink(missing_ok=True)
    counts = join_regions(
        regions,
        gvcf,
        fasta=index.fasta,
        sample=who.name,
        header=header,
        filters=run.settings.filters,
    )
    sex, by_reads = called_sex(run, person)
    lanes = [
        {"lane": lane.lane, "facts": facts.as_json(), **made}
        for lane, facts, made in zip(who.lanes, person.facts, aligned, strict=False)
    ]
    panel = None
    if run.panel is not None:
        panel = pl.concat([pl.read_parquet(r / "panel.parquet", glob=False) for r in regions])
    found = person_metrics(
        who,
        lanes,
        finished,
        counts["regions"],
        panel,
        haploid=open_haploid(run),
        sex=by_reads,
    )
    if full := sum(region["full"] for region in counts["regions"]):
        words = f"{full:,} bases with more reads than are held: some were left out there"
        found["flags"].append({"code": "depth_full", "words": words})
    found |= {
        "calls": person.calls,
        "alignment": person.alignment,
        "gvcf_bytes": gvcf.stat().st_size,
        "alignment_bytes": None if run.settings.keep == "none" else _kept_bytes(run, who),
        "called_as": sex,
        "tools": tools,
    }
    write_json(told, found)


def _kept_bytes(run: CallRun, who: Person) -> int:
    return path_of(Path(run.folder) / run.form, who, f".{run.form}").stat().st_size


def _tools(run: CallRun, made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """List the programs of all steps in order, each once."""
    every = [t for one in made for t in one.get("tools") or []]
    every += [tool.as_json() for tool in _callers(run)]
    return list({tuple(sorted(t.items())): t for t in every}.values())


def _callers(run: CallRun) -> list[Tool]:
    from varhouse.reads.callregion import CallSettings  # noqa: PLC0415

    said = CallSettings()
    if run.settings.caller in ALTERNATIVES:
        from varhouse.reads.othercallers import caller_tool  # noqa: PLC0415

        return [caller_tool(find_program(run, run.settings.caller), said)]
    import pysam.version as version  # noqa: PLC0415

    carrier = f"pysam {version.__version__}"
    return [
        Tool(
            "call", f"bcftools {name}", version.__bcftools_version__, carrier, " ".join(words)
        )
        for name, words in (
            ("mpileup", said.pileup_options()),
            ("call", said.caller_options()),
        )
    ]
