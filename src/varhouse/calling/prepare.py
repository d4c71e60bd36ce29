"""What a call has to do: the configuration and the reads against what is there already.

Nothing is remembered but by keys (`run.py`): somebody is done if the metrics in the folder of
results say the key of his calls, and what lies in the work folder has a key in its name. So
whatever is corrected (a file, a sex, a setting) does anew what depends on it, and only that.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from varhouse.calling.beforehand import check_beforehand
from varhouse.calling.callers import PANEL, copies_key, fasta_contigs, open_haploid
from varhouse.calling.programs import conda_programs
from varhouse.calling.run import CallRun, Jobs, RunPerson, key_of
from varhouse.calling.settings import CallConfig, Settings
from varhouse.calling.sizing import (
    THREADS,
    cut_spans,
    disk_needed,
    index_disk,
    is_whole,
    memory,
    minutes,
    share_spans,
)
from varhouse.errors import ConfigError, StoreError, VarhouseError, nearest
from varhouse.files import read_json
from varhouse.filestate import file_digest, file_state
from varhouse.genome.parmask import par_note
from varhouse.genome.reference import Reference
from varhouse.genome.shipped import find_shipped
from varhouse.ingest.jobs.about import READS_RULES
from varhouse.ingest.setup.assembly import Settled, check_reference, settle_assembly
from varhouse.reads.callregion import CallSettings
from varhouse.reads.fastq import same_reads
from varhouse.reads.model import LaneFacts, Person, path_of
from varhouse.store.reader import Store

VERSIONS = {"align": 1, "finish": 1, "call": 1}
"""Raised where a step gives other results than before, to have it done anew."""


def settle(work: Path, config: CallConfig, base: Store | None = None) -> Settled:
    """Find the assembly, the names of its contigs and its PAR; the cache of `work` is written.

    Parameters
    ----------
    base
        A store that the calls are to go into, if it holds data.
    """
    settled = settle_assembly(work, config.config, base)
    check_reference(settled.config, settled.reference)
    return settled


def begin_run(config: CallConfig, settled: Settled, work: Path, cores: int) -> CallRun:
    """Give a run in which the lanes are still to be read.

    Raises
    ------
    ConfigError
        For contigs that the FASTA does not have, and what `check_beforehand` finds.
    """
    reference = settled.reference
    own = Reference(settled.compiled).contigs
    lengths = [(c.name, int(c.length or 0)) for c in own.contigs]
    contigs = _called(config.settings, settled, lengths)
    checked = settled.config
    names = {c: reference.contigs.canonical(c) for c, _ in lengths}
    compared = any(lane.form in ("bam", "cram") for p in config.people for lane in p.lanes)
    run = CallRun(
        step="check",
        folder=str(config.folder),
        work=str(work),
        assembly=checked.assembly,
        reference=str(config.config.reference.resolve()),
        reference_digest=reference.digest,
        compiled=str(settled.compiled.resolve()),
        aliases=str(checked.aliases) if checked.aliases else None,
        par=str(checked.par) if checked.par else None,
        index=str(config.index),
        lengths=lengths,
        digests={c: reference.md5(n) for c, n in names.items() if n and compared},
        contigs=contigs,
        spans=cut_spans(contigs),
        settings=config.settings,
        people=[RunPerson(p, "reads") for p in config.people],
        raw=config.raw,
        carried=config.carried,
        base=str(config.base),
        notes=[*config.notes, *settled.notes, *settled.news],
        jobs=Jobs(),
    )
    check_beforehand(run)
    if note := par_note(Reference(settled.compiled), open_haploid(run)):
        run.notes.append(f"{Path(run.reference).name}: {note}")
    _size_jobs(run, cores)
    return run


def _size_jobs(run: CallRun, cores: int) -> None:
    """Say what jobs ask for; threads are what cores there are for each person worked at."""
    todo, jobs = run.todo, run.jobs
    total = sum(length for _, length in run.lengths)
    share = max(1, min(THREADS, cores // max(1, len(todo))))
    many = {"reads_align", "reads_finish", "reads_person", "reads_check"}
    if run.settings.caller in ("gatk", "deepvariant"):
        many.add("reads_call")
    jobs.threads = {step: share if step in many else 1 for step in READS_RULES}
    jobs.mem_mb = memory(total, share, run.settings)
    jobs.minutes = minutes(
        total,
        max((p.n_bases for p in todo), default=0),
        max((f.n_bases for p in todo for f in p.facts), default=0),
    )


def _called(
    settings: Settings, settled: Settled, lengths: Sequence[tuple[str, int]]
) -> list[tuple[str, int]]:
    """Choose the contigs that are called: those that are said, else the main ones."""
    contigs = settled.reference.contigs
    by_name = {contigs.canonical(name) or name: (name, length) for name, length in lengths}
    if settings.contigs:
        chosen = {c: contigs.canonical(c) or c for c in settings.contigs}
        wrong = [
            f"calling.contigs: the reference has no {c!r}{nearest(c, by_name)}"
            for c, name in chosen.items()
            if name not in by_name
        ]
        if wrong:
            raise ConfigError(wrong)
        wanted = set(chosen.values())
    else:
        known = find_shipped(settled.config.assembly)
        wanted = set(known.contigs.names) & set(by_name) if known is not None else set()
    return [both for name, both in by_name.items() if name in wanted or not wanted]


def prepare(run: CallRun, facts: dict[tuple[int, int], LaneFacts], cores: int) -> CallRun:
    """Find what is to be done, when all lanes were read.

    Parameters
    ----------
    facts
        Of each lane, by the numbers of the person and of the lane.

    Raises
    ------
    ConfigError
        With all that is wrong with files of reads.
    """
    wrong = [text for found in facts.values() for text in found.problems]
    lanes = [run.people[p].person.lanes[k] for p, k in facts]
    wrong += same_reads(lanes, list(facts.values()))
    if wrong:
        raise ConfigError(wrong, "in the files of reads")
    copies = copies_key(run)
    for p, person in enumerate(run.people):
        person.facts = [facts[p, k] for k in range(len(person.person.lanes))]
        run.notes += [n for f in person.facts for n in f.notes]
        person.start = _start(person)
        if person.start == "gvcf":
            continue
        files = [f for facts in person.facts for f in facts.files]
        person.mark = run.settings.duplicates == "mark" and not are_marked(files)
        _name_files(run, person, copies)
        person.done = is_done(run, person)
    todo = run.todo
    for person in todo:
        # Environments of conda are made for a rule each.
        person.whole = is_whole(person.n_bases) and not conda_programs(run.settings)
        person.jobs = [(0, len(run.spans))]
        if not person.whole:
            person.jobs = share_spans(run.spans, person.n_bases)
    run.step = "call"
    run.batch = _batch_key(run)
    _size_jobs(run, cores)
    return run


def are_marked(files: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a person's files have all their duplicates marked.

    Files that were marked one by one do not know the duplicates of each other.
    """
    return len(files) == 1 and bool(files[0].get("marked"))


def _start(person: RunPerson) -> str:
    """Say whether somebody's reads are aligned here, or were aligned already."""
    if person.person.lanes[0].form == "gvcf":
        return "gvcf"
    aligned = [any(file.get("aligned") for file in f.files) for f in person.facts]
    if all(aligned):
        return "alignment"
    if any(aligned):
        who = person.person
        raise ConfigError(
            [
                f"sample {who.name!r} (line {who.lanes[0].line}): some of the files are "
                "aligned and others are not; fix: give the sample its FASTQ or unmapped BAM "
                "in all rows, or its BAM or CRAM in all"
            ],
            "in the reads sheet",
        )
    return "reads"


def _name_files(run: CallRun, person: RunPerson, copies: str) -> None:
    """Give the files of a person keys of all that decides them.

    Parameters
    ----------
    copies
        Digest of where X, Y, MT and PAR are (`copies_key`).
    """
    who, said = person.person, run.settings
    files = [_digests(lane.files, f) for lane, f in zip(who.lanes, person.facts, strict=True)]
    person.lanes = [
        key_of(
            "align", VERSIONS["align"], run.reference_digest, lane.sample, lane.lane,
            lane.library, lane.platform, lane.form, digests, said.trim, said.adapters,
            said.aligner,
        )
        for lane, digests in zip(who.lanes, files, strict=True)
    ]  # fmt: skip
    known = []
    if said.base_quality != "none":
        known = [file_state(Path(f)) for f in said.known_sites]
    person.alignment = key_of(
        "finish", VERSIONS["finish"], run.reference_digest, who.cohort, who.name,
        person.lanes if person.start == "reads" else _aligned(who, files),
        person.start, said.duplicates, said.base_quality, known, run.form,
    )  # fmt: skip
    person.calls = key_of(
        "call", VERSIONS["call"], person.alignment, who.sex, run.contigs, copies, said.caller,
        CallSettings().as_json(), said.filters.as_json(), run.panel,
    )  # fmt: skip


def _aligned(who: Person, files: Sequence[Any]) -> list[Any]:
    """Tell apart what alignments are made of: the files, and what the sheet says of them."""
    pairs = zip(who.lanes, files, strict=True)
    return [(own, lane.lane, lane.library, lane.platform) for lane, own in pairs]


def _digests(files: Sequence[str], facts: LaneFacts) -> list[Any]:
    """Tell the bytes of a lane's files apart; by their state where nobody hashed them."""
    told = [f.get("sha256") for f in facts.files]
    if len(told) == len(files) and all(told):
        return told
    return [file_state(Path(f)) for f in files]


def is_done(run: CallRun, person: RunPerson) -> bool:
    """Tell whether the results of a person are there, and are of just this."""
    folder = Path(run.folder)
    told = path_of(folder / "qc", person.person, ".json")
    gvcf = path_of(folder / "gvcf", person.person, ".g.vcf.gz")
    try:
        said = read_json(told)
        size = gvcf.stat().st_size
    except (OSError, StoreError):
        return False
    is_same = (said.get("calls"), said.get("gvcf_bytes")) == (person.calls, size)
    if not is_same or not Path(f"{gvcf}.tbi").exists():
        return False
    if run.settings.keep == "none":
        return True
    kept = path_of(folder / run.form, person.person, f".{run.form}")
    # Some that lie there may be of other reads: from before alignments were kept no more, or
    # of a run that was killed before its calls were made.
    note = run.kept_note(person)
    if note.exists() and read_json(note).get("alignment") != person.alignment:
        return False
    return kept.exists() and said.get("alignment_bytes") == kept.stat().st_size


def check_people(run: CallRun) -> None:
    """Check that everybody's results are those that were asked for, whatever ran.

    Raises
    ------
    VarhouseError
        If those of somebody are missing, or of other reads or settings.
    """
    made = [p for p in run.people if p.start != "gvcf"]
    wrong = [f"{p.person.cohort}/{p.person.name}" for p in made if not is_done(run, p)]
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise VarhouseError(
            f"{run.folder}: the results of {', '.join(wrong[:5])}{more} are not of the reads "
            "and settings that were asked for",
            f"run the same command again; if it says the same, remove {run.work} first",
        )


def _batch_key(run: CallRun) -> str:
    """Digest what the sheets and the page are made of."""
    people = [(p.person.as_json(), p.start, p.calls) for p in run.people]
    sheets = {
        key: file_digest(Path(run.base) / run.raw[key])
        for key in ("cohorts", "samples", "reads")
        if run.raw.get(key)
    }
    return key_of("batch", people, run.raw, sheets, run.version)


def write_panel(run: CallRun) -> None:
    """Read the sites by which contamination is estimated, once for all jobs."""
    from varhouse.reads.panel import read_panel  # noqa: PLC0415 - most have none

    said = run.settings
    if said.sites is None:
        return
    state = file_state(Path(said.sites))
    contigs = fasta_contigs(run)
    names = [(c.name, sorted(c.aliases)) for c in contigs.contigs]
    run.panel = key_of(
        "panel", said.sites, state, said.frequency, run.reference_digest, run.contigs, names,
        copies_key(run),
    )  # fmt: skip
    kept = run.path(PANEL.format(run.panel))
    if not kept.exists():
        panel = read_panel(
            Path(said.sites),
            said.frequency,
            contigs,
            reference=Reference(Path(run.compiled)),
            haploid=open_haploid(run),
            notes=run.notes,
        )
        panel.write_parquet(kept)


def check_disk(run: CallRun, cores: int, free: int) -> str:
    """Say what disk a run needs.

    Parameters
    ----------
    free
        Bytes that are free in the folder of results.

    Raises
    ------
    VarhouseError
        If there is less.
    """
    most, stays = disk_needed(
        [p.n_bases for p in run.todo],
        cores=cores,
        keeps=run.settings.keep != "none",
        called=sum(length for _, length in run.contigs),
        index=_reference_bytes(run) if run.todo else 0,
    )
    there = sum(
        f.stat().st_size
        for kind in ("lanes", "finished", "regions")
        for f in run.path(kind).rglob("*")
        if f.is_file()
    )
    run.disk = max(0, most - there)
    text = f"{_size(run.disk)} of disk at most, of which {_size(stays)} stay"
    if free < run.disk:
        raise VarhouseError(
            f"{run.folder}: {text}; {_size(free)} are free there",
            "free some space, name another place (calling.folder), or keep no alignments "
            "(calling.keep: none)",
        )
    return text


def _reference_bytes(run: CallRun) -> int:
    """Bound the bytes of what is made of the reference, without an index that is there."""
    length = sum(n for _, n in run.lengths)
    folder, aligner = Path(run.index), run.settings.aligner
    # Compiled it has a byte a base, in the work folder; a dry run has it elsewhere.
    out = length
    aligns = any(p.start == "reads" for p in run.todo)
    made = "bwa" if aligner == "pybwa" else aligner
    if (folder / (f"{made}.json" if aligns else "index.json")).exists():
        return out
    copied = Path(run.reference).suffix in (".gz", ".bgz")
    return out + index_disk(length if aligns or copied else 0, aligner, copied=copied)


def _size(n_bytes: int) -> str:
    """Give bytes in a unit that fits."""
    for name, shift in (("TiB", 40), ("GiB", 30)):
        if n_bytes >> shift:
            return f"{n_bytes / (1 << shift):,.1f} {name}"
    return f"{n_bytes / (1 << 20):,.1f} MiB"
