"""The state of a store, for people: a line or two for each question."""

from collections.abc import Iterator, Mapping
from typing import TextIO

from varhouse.ingest.progress import Progress
from varhouse.masking import say
from varhouse.nightly.words import age_of, subject_of
from varhouse.quantities import seconds_between, size, span
from varhouse.status.find import Disk, Status
from varhouse.status.nights import Nights, Waiting
from varhouse.status.work import (
    DONE,
    ENDED,
    KEPT_WORK,
    LEFT,
    RUNNING,
    WORKING,
    WorkFolder,
    Writer,
)
from varhouse.store.sizes import Folder

_PARTS_SHOWN = 4
_LABEL = 11
_TO_COME = "the first night makes the store"


def print_status(status: Status, out: TextIO) -> None:
    """Print the state of a store."""
    said = ""
    for label, text in _lines(status):
        say(f"{'' if label == said else label:<{_LABEL}}{text}", out)
        said = label


def _lines(status: Status) -> Iterator[tuple[str, str]]:
    yield "store", f"{status.store}, assembly {status.assembly or 'not known yet'}"
    yield "release", _release(status)
    for text in _running(status):
        yield "running", text
    for text in _work(status):
        yield "work", text
    for text in _held(status):
        yield "held back", text
    if status.nights is not None:
        yield from _nights(
            status.nights, status.now, {h.cohort: h.reasons for h in status.held}
        )
    for text in _disk(status.disk):
        yield "disk", text
    for needed in status.attention:
        # What is held back or at fault was said with its fix.
        if needed.kind not in ("held back", "fault"):
            yield "to do", f"{needed.text}; fix: {needed.fix}"


def _release(status: Status) -> str:
    newest = status.release
    if newest is None:
        is_made = status.writer is not None
        return f"none yet: {'the store is being made' if is_made else _TO_COME}"
    tags = f" [{', '.join(newest.tags)}]" if newest.tags else ""
    age = span(seconds_between(newest.time, status.now))
    return (
        f"{newest.number}{tags} of {newest.time}, {age} ago: {newest.cohorts:,} cohorts, "
        f"{newest.people:,} people, {newest.alleles:,} alleles"
    )


def _running(status: Status) -> Iterator[str]:
    writer = status.writer
    work = status.work or []
    if writer is not None:
        yield _writer(writer, status.now)
    elif not any(f.state == WORKING for f in work):
        yield "nothing"
    for folder in work:
        if folder.state == WORKING:
            yield from _progress(folder.progress, writer, status.now)


def _work(status: Status) -> Iterator[str]:
    """Say which work folders lie there in which nobody works."""
    if status.work is None:
        yield "no permission to look into _staging"
        return
    for folder in status.work:
        if folder.state != WORKING:
            yield _idle(folder)


def _writer(writer: Writer, now: str) -> str:
    age = span(seconds_between(writer.since, now))
    text = (
        f"{writer.command} (process {writer.pid} of {writer.user} on {writer.host}), since "
        f"{writer.since}, {age}"
    )
    if writer.state == ENDED:
        return f"{text}; it has died"
    if writer.state == RUNNING:
        return text
    return f"{text}; whether it lives can be seen on that host only"


def _idle(folder: WorkFolder) -> str:
    jobs = _jobs(folder.progress)
    return f"ingest {folder.ingest_id} {_IDLE[folder.state]}" + (f", {jobs}" if jobs else "")


_IDLE = {
    KEPT_WORK: "kept by --keep-work",
    LEFT: "failed or was killed",
    DONE: "has made its release; the folder goes with the next ingest",
}


def _jobs(progress: Progress) -> str:
    if progress.jobs is None:
        return ""
    return f"{progress.jobs_done:,} of {progress.jobs:,} jobs done"


def _progress(progress: Progress, writer: Writer | None, now: str) -> Iterator[str]:
    said = [_jobs(progress)]
    if progress.files is not None:
        said.append(f"{progress.files_done:,} of {progress.files:,} files read")
    if progress.records:
        rate = ""
        seconds = seconds_between(writer.since, now) if writer else 0
        if seconds > 0:
            rate = f" ({progress.records / seconds:,.0f} records/s)"
        said.append(f"{progress.records:,} records{rate}")
    if text := ", ".join(s for s in said if s):
        yield text
    if progress.now:
        more = len(progress.now) - _PARTS_SHOWN
        yield f"now {', '.join(progress.now[:_PARTS_SHOWN])}" + (
            f" and {more} more" if more > 0 else ""
        )


def _held(status: Status) -> Iterator[str]:
    if not status.held:
        yield (
            "nothing"
            if status.held_in_full
            else "something: which cohort it is, no account for everybody says"
        )
    for held in status.held:
        since = f" since {held.since} (release {held.release})" if held.since else ""
        yield f"{held.cohort}{since}"
        for reason in held.reasons:
            yield f"  {reason}"
    if not status.held_in_full:
        yield "whole reasons: no permission for controlled/"


def _nights(
    nights: Nights, now: str, held: Mapping[str, list[str]]
) -> Iterator[tuple[str, str]]:
    if nights.writer is not None:
        yield "night", _writer(nights.writer, now)
    if not nights.is_readable:
        yield "night", f"no permission to read {nights.folder}"
    elif nights.last is None:
        yield "night", "none has ended yet"
    else:
        last = nights.last
        age = span(seconds_between(last.finished, now))
        yield "night", f"last ended {last.finished}, {age} ago, exit {last.exit_code}"
        yield "night", f"  {last.said}"
    for fault in nights.faults:
        about = f"{subject_of(fault)} [{age_of(fault)}]"
        if fault.cohort and held.get(fault.cohort) == fault.reasons:
            yield "faults", f"{about}: held back, see there"
            continue
        yield "faults", about
        for reason in fault.reasons:
            yield "faults", f"  {reason}"
    if nights.waiting is None:
        yield "inbox", f"no permission to look into {nights.inbox}"
        return
    if not nights.waiting:
        yield "inbox", "nothing waits"
    for delivery in nights.waiting:
        yield "inbox", f"{delivery.name}: {_waits(delivery)}"


def _waits(delivery: Waiting) -> str:
    if not delivery.is_ready:
        return f"no ready mark yet, last changed {delivery.since}"
    if delivery.held:
        return f"held back by the last night, marked {delivery.since}"
    return f"ready since {delivery.since}"


def _disk(disk: Disk) -> Iterator[str]:
    yield (
        f"tables {size(disk.open)} open, {size(disk.controlled)} controlled; "
        f"work folders {_folder(disk.staging)}, cache {_folder(disk.cache)}"
    )
    files = "" if disk.left.files is None else f" and {disk.left.files:,} files"
    yield f"left {size(disk.left.bytes)}{files}"
    found = disk.forecast
    if found.nights is None or found.bytes_a_night is None:
        yield f"nights until it is full: {found.why}"
        return
    yield (
        f"grows by {size(found.bytes_a_night)} a night, {size(found.bytes_a_release or 0)} a "
        f"release (mean of {found.releases}): full in about {found.nights:,} night(s)"
    )


def _folder(found: Folder | None) -> str:
    if found is None:
        return "not permitted to look"
    return f"{'at least ' if found.is_least else ''}{size(found.bytes)}"
