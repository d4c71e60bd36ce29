"""What a job of `varhouse call` does: it calls the steps of the room `reads` in order.

Each step makes files that appear whole under names with a key (`run.py`); one that is there
is not made again. Big files go when who needs them is done: by `temp()` of the workflow, or
here where one job does all of a person.
"""

import argparse
import logging
import os
import shutil
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import Any

from varhouse.calling.costs import CallCosts
from varhouse.calling.programs import (
    align_settings,
    find_program,
    open_index,
    other_aligner,
    other_trimmer,
)
from varhouse.calling.run import CallRun, RunPerson, load_call_run
from varhouse.files import (
    new_file,
    read_json,
    unfinished_name,
    whole_folder,
    write_json,
    write_text,
)
from varhouse.ingest.jobs.costs import cpu_seconds
from varhouse.reads.index import Index
from varhouse.reads.model import path_of
from varhouse.store.lock import TOKEN, end_with_lock

LOG = logging.getLogger("varhouse.calling")

LOCK = "lock.json"
"""In the work folder: who works there."""

CHECKED = "checked"
"""Folder of what reading the lanes' files has shown."""


class CallJob:
    """The steps of a call, for one process."""

    def __init__(self, run: CallRun, name: str, threads: int, costs: CallCosts) -> None:
        self.run, self.threads, self.costs = run, threads, costs
        self.work = Path(run.work)
        self._now = self.work / "now" / f"{name.replace('/', '-')}.txt"
        self._log = self.work / "logs" / "programs" / f"{name}.log"
        self._index: Index | None = None

    def say(self, what: str) -> None:
        """Tell the command that started the run what is going on."""
        LOG.info("%s", what)
        with suppress(OSError):
            self._now.parent.mkdir(exist_ok=True)
            write_text(self._now, what)

    def ended(self) -> None:
        """Say that nothing of this job is going on."""
        with suppress(OSError):
            self._now.unlink(missing_ok=True)

    def log(self) -> Path:
        """Give the file for what programs say: the job's own log holds only why it failed."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        return self._log

    def index(self) -> Index:
        """Make the index of the reference, or find it."""
        if self._index is None:
            self.say(f"index of {Path(self.run.reference).name}")
            with self.costs.step("index"):
                self._index = open_index(self.run)
        return self._index

    def check(self, key: str) -> None:
        """Read files of lanes; what is wrong with them, the command tells."""
        from varhouse.calling.check import check_lanes  # noqa: PLC0415 - the others do without

        chosen = self.run.jobs.check[key]
        lanes = [self.run.people[p].person.lanes[k] for p, k in chosen]
        with self.costs.step("check"):
            check_lanes(
                lanes,
                self.work / CHECKED,
                dict(self.run.lengths),
                self.run.digests,
                processes=self.threads,
            )

    def align(self, key: str) -> Path:
        """Align a lane; gives the sorted BAM."""
        from varhouse.reads.align import align_lane  # noqa: PLC0415

        out = self.work / "lanes" / f"{key}.bam"
        told = self.work / "aligned" / f"{key}.json"
        if out.exists() and told.exists():
            return out
        person, number = self.run.of_lane(key)
        lane = person.person.lanes[number]
        index = self.index()
        self.say(f"align {lane.sample} {lane.lane}")
        for folder in (out.parent, told.parent):
            folder.mkdir(parents=True, exist_ok=True)
        report, facts = told.with_suffix(".trim"), person.facts[number]
        with self.costs.step("align"):
            found = align_lane(
                lane,
                facts,
                index,
                out,
                settings=align_settings(self.run),
                threads=self.threads,
                aligner=other_aligner(self.run, lane, facts, index, self.threads),
                trimmer=other_trimmer(self.run, lane, facts, report),
                log=self.log(),
            )
        # Links by which programs were given the reads lie beside it.
        for left in told.parent.glob(f"{report.name}*"):
            left.unlink()
        write_json(told, found)
        return out

    def finish(self, person: RunPerson) -> Path:
        """Put somebody's lanes together; gives his alignments, with their index beside."""
        from varhouse.calling.callers import measure_sex  # noqa: PLC0415
        from varhouse.reads.align import read_group  # noqa: PLC0415
        from varhouse.reads.finish import finish_person  # noqa: PLC0415

        run, who = self.run, person.person
        out = self.work / "finished" / f"{person.alignment}.{run.form}"
        told = out.with_suffix(".json")
        if out.exists() and told.exists():
            # A run without `keep`, or one that was killed here, has not kept them.
            ensure_kept(run, person, out)
            return out
        if person.start == "alignment":
            inputs = [Path(f) for lane in who.lanes for f in lane.files]
        else:
            inputs = [self.align(key) for key in person.lanes]
        index = self.index()
        self.say(f"finish {who.name}")
        out.parent.mkdir(parents=True, exist_ok=True)
        said = run.settings
        plain = out if said.base_quality == "none" else out.with_suffix(f".raw{out.suffix}")
        with self.costs.step("finish"):
            found = finish_person(
                inputs,
                plain,
                fasta=index.fasta,
                sample=who.name,
                form=run.form,
                mark=person.mark,
                groups=[read_group(lane) for lane in who.lanes],
                threads=self.threads,
                longest=max((f.longest for f in person.facts), default=0) or 300,
                log=self.log(),
            )
        if plain != out:
            with self.costs.step("base_quality"):
                found["tools"] += self._recalibrate(plain, out, index)["tools"]
            for file in plain.parent.glob(f"{plain.name}*"):
                file.unlink()
        found["bytes"] = out.stat().st_size
        write_json(told, found)
        with self.costs.step("finish"):
            measure_sex(run, person, out, index.fasta)
        drop_kept(run, person)
        ensure_kept(run, person, out)
        return out

    def _recalibrate(self, plain: Path, out: Path, index: Index) -> dict[str, Any]:
        """Correct base qualities, by the package or by GATK."""
        known = [Path(f) for f in self.run.settings.known_sites]
        if self.run.settings.base_quality == "gatk":
            from varhouse.reads.othertools import recalibrate_with  # noqa: PLC0415

            program = find_program(self.run, "gatk")
            return recalibrate_with(
                program, plain, out, fasta=index.fasta, known=known, log=self.log()
            )
        from varhouse.reads.recalibrate import recalibrate  # noqa: PLC0415

        return recalibrate(
            plain,
            out,
            fasta=index.fasta,
            known=known,
            threads=self.threads,
            log=self.log(),
        )

    def call(self, person: RunPerson, job: int) -> Path:
        """Call a share of the genome of somebody; gives the folder of its regions."""
        from varhouse.calling.callers import call_span, measure_sex  # noqa: PLC0415

        folder = self.work / "regions" / person.calls / str(job)
        if folder.exists():
            return folder
        bam, index = self.finish(person), self.index()
        first, after = person.jobs[job]
        with self.costs.step("call"), whole_folder(folder) as made:
            measure_sex(self.run, person, bam, index.fasta)
            for number in range(first, after):
                span = self.run.spans[number]
                self.say(
                    f"call {person.person.name} {span.contig}:{span.start + 1:,}-{span.end:,}"
                )
                place = made / _region_name(number)
                call_span(
                    self.run,
                    person,
                    bam,
                    index.fasta,
                    span,
                    place,
                    threads=self.threads,
                    log=self.log(),
                )
        return folder

    def gvcf(self, person: RunPerson) -> None:
        """Join somebody's regions to his gVCF, and measure him; the metrics come last."""
        from varhouse.calling.callers import join_person  # noqa: PLC0415

        parts = [self.call(person, k) for k in range(len(person.jobs))]
        index = self.index()
        self.say(f"gvcf {person.person.name}")
        with self.costs.step("gvcf"):
            regions = [
                part / _region_name(number)
                for part, (first, after) in zip(parts, person.jobs, strict=True)
                for number in range(first, after)
            ]
            join_person(self.run, person, regions, index)

    def person(self, person: RunPerson) -> None:
        """Do all of somebody, and leave nothing that was needed only on the way."""
        self.gvcf(person)
        if os.environ.get(KEEP_WORK):
            return
        shutil.rmtree(self.work / "regions" / person.calls, ignore_errors=True)
        for file in (self.work / "finished").glob(f"{person.alignment}.*"):
            if file.suffix != ".json":
                file.unlink(missing_ok=True)
        for key in person.lanes:
            for file in (self.work / "lanes").glob(f"{key}.bam*"):
                file.unlink(missing_ok=True)

    def batch(self) -> None:
        """Write what is told of all together."""
        from varhouse.calling.prepare import check_people  # noqa: PLC0415
        from varhouse.calling.resultsheets import write_results  # noqa: PLC0415

        check_people(self.run)
        self.say("sheets and page")
        with self.costs.step("batch"):
            write_results(self.run)


KEEP_WORK = "VARHOUSE_KEEP_WORK"
"""Environment variable by which the command says that nothing is cleared away."""


def _region_name(number: int) -> str:
    return f"{number:06d}"


def kept_path(run: CallRun, person: RunPerson) -> Path:
    """Name the file in which somebody's alignments are kept."""
    return path_of(Path(run.folder) / run.form, person.person, f".{run.form}")


def drop_kept(run: CallRun, person: RunPerson) -> None:
    """Remove alignments of somebody from the results: they are of other reads or settings."""
    run.kept_note(person).unlink(missing_ok=True)
    for form in ("bam", "cram"):
        place = path_of(Path(run.folder) / form, person.person, f".{form}")
        for own in place.parent.glob(f"{escape(place.name)}*"):
            if own.name.removeprefix(place.name) in ("", ".bai", ".csi", ".crai"):
                own.unlink(missing_ok=True)


def is_kept(run: CallRun, person: RunPerson) -> bool:
    """Tell whether the alignments among the results are those that somebody is called from."""
    place, note = kept_path(run, person), run.kept_note(person)
    if not (note.exists() and place.exists()):
        return False
    said: dict[str, Any] = read_json(note)
    return said == {"alignment": person.alignment, "bytes": place.stat().st_size}


def ensure_kept(run: CallRun, person: RunPerson, made: Path) -> None:
    """Keep alignments that are there, if they are to be kept and are not."""
    if run.settings.keep != "none" and not is_kept(run, person):
        drop_kept(run, person)
        keep_alignment(run, person, made)


def keep_alignment(run: CallRun, person: RunPerson, made: Path) -> None:
    """Give alignments their place among the results, and remember of what they are."""
    place = kept_path(run, person)
    place.parent.mkdir(parents=True, exist_ok=True)
    note = run.kept_note(person)
    # Until both are in place it is not known of what they are.
    note.unlink(missing_ok=True)
    for own in sorted(made.parent.glob(f"{made.name}*")):
        link_or_copy(own, place.with_name(place.name + own.name[len(made.name) :]))
    note.parent.mkdir(parents=True, exist_ok=True)
    write_json(note, {"alignment": person.alignment, "bytes": place.stat().st_size})


def bring_kept(run: CallRun, person: RunPerson) -> bool:
    """Take alignments that are kept as those that the calls start from, if they are the same.

    The workflow finds them where it left them, and so does nothing of what made them.
    """
    made = run.path(f"finished/{person.alignment}.{run.form}")
    if made.exists():
        return True
    place = kept_path(run, person)
    told = [made.with_suffix(".json")]
    if person.start == "reads":
        told += [run.path(f"aligned/{key}.json") for key in person.lanes]
    if not all(f.exists() for f in told) or not is_kept(run, person):
        return False
    for own in sorted(place.parent.glob(f"{escape(place.name)}*")):
        link_or_copy(own, made.with_name(made.name + own.name[len(place.name) :]))
    return True


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name, in one step; where links do not work it is copied.

    What is a link to the target itself already, is not put in its place.
    """
    if target.exists() and source.samefile(target):
        return
    own = unfinished_name(target)
    try:
        os.link(source, own)
    except OSError:
        with new_file(target) as made:
            shutil.copyfile(source, made)
        return
    own.rename(target)


def run_step(args: argparse.Namespace) -> int:
    """Do the job that the command line names, and write what it cost into its output."""
    costs = CallCosts(0.0 if args.alone else cpu_seconds())
    run = load_call_run(args.run_json)
    token = os.environ.get(TOKEN)
    if args.alone and token is not None:
        end_with_lock(Path(run.folder), token, run.path(LOCK))
    name = args.output.absolute().relative_to(run.path("jobs")).with_suffix("")
    job = CallJob(run, str(name), args.threads, costs)
    _do(job, args)
    costs.save(args.output, args.run_step)
    job.ended()
    return 0


def _do(job: CallJob, args: argparse.Namespace) -> None:
    run, step = job.run, args.run_step
    if step == "reads_index":
        job.index()
    elif step == "reads_check":
        job.check(args.check)
    elif step == "reads_align":
        job.align(args.lane)
    elif step == "reads_finish":
        job.finish(run.of_alignment(args.alignment))
    elif step == "reads_call":
        job.call(run.of_calls(args.calls), args.job)
    elif step == "reads_gvcf":
        job.gvcf(run.of_calls(args.calls))
    elif step == "reads_person":
        job.person(run.of_calls(args.calls))
    else:
        job.batch()
