"""The account of a night as one HTML page: new faults first, then what came, then trends.

It may lie where all of a data centre looks: it holds counts, names of deliveries and cohorts,
and reasons without what only insiders may see. A script is not needed, nor the network.
"""

from collections.abc import Sequence
from html import escape

from varhouse.masking import mask_text
from varhouse.nightly.account import EXIT_CODES, FAULT_KINDS, OUTCOMES, Fault, Night
from varhouse.nightly.trends import Point, draw_trends
from varhouse.nightly.words import age_of, headline, subject_of
from varhouse.quantities import plural, size, span
from varhouse.report.document import make_document
from varhouse.report.tables import Cell, facts, figure, table


def make_page(night: Night, points: Sequence[Point]) -> str:
    """Make the page of a night.

    Parameters
    ----------
    points
        Nights of the log, this one the last, for the trends.

    Returns
    -------
    str
        The document. The same account and log give the same text.
    """
    lead = f'<p class="headline">{escape(headline(night))}</p>{_tiles(night)}'
    return make_document(
        f"varhouse nightly {night.started[:10]}",
        f"varhouse nightly, {night.started.replace('T', ' ').replace('Z', ' UTC')}",
        "open: nothing about single people",
        lead,
        [
            ("new", "New faults", _faults(night, night.new_faults())),
            ("known", "Known faults, still there", _faults(night, night.known_faults())),
            ("deliveries", "Deliveries", _deliveries(night)),
            ("in", "What came in", _cohorts(night)),
            ("trends", "Trends", _trends(points)),
            ("notes", "Notes", _notes(night)),
            ("run", "This night", _run(night)),
        ],
    )


def _tiles(night: Night) -> str:
    pairs: list[tuple[str, str]] = [
        (f"{len(night.new_faults()):,}", "new faults"),
        (f"{len(night.known_faults()):,}", "known faults"),
    ]
    known = (
        (len(night.deliveries) if night.inbox_seen else None, "deliveries"),
        (night.n_cohorts, "cohorts in the store"),
        (night.n_people, "people"),
        (night.n_alleles, "alleles"),
        (night.disk.nights_left, "nights until the disk is full"),
    )
    pairs += [(f"{n:,}", label) for n, label in known if n is not None]
    if night.disk.store_free is not None:
        pairs.append((size(night.disk.store_free), "left on the disk"))
    inner = "".join(f"<li><b>{n}</b><span>{label}</span></li>" for n, label in pairs)
    return f'<ul class="facts">{inner}</ul>'


def _text(text: str) -> str:
    return escape(mask_text(text))


def _faults(night: Night, faults: Sequence[Fault]) -> str:
    """Write faults as a table: about what, since when, why and what to do."""
    if not faults:
        return ""
    heads = ("about", "since", "why, and the fix")
    rows = []
    for fault in faults:
        why = "".join(f"<p>{_text(line)}</p>" for line in fault.public)
        kind = FAULT_KINDS.get(fault.kind, fault.kind)
        rows.append(
            '<tr class="held">'
            f'<td class="name">{_text(subject_of(fault))}</td>'
            f'<td class="state" data-label="since">{escape(age_of(fault))}</td>'
            f'<td class="why" data-label="why">{why}<p class="soft">{escape(kind)}</p></td>'
            "</tr>"
        )
    head = "".join(f'<th scope="col">{h}</th>' for h in heads)
    where = f"accounts/{night.night}.json"
    return (
        f'<table class="stack"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody>'
        '</table><p class="soft">The whole reasons, which may name samples, stand in '
        f"<code>{escape(where)}</code> in the nights' folder.</p>"
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Write a table; what deliverers chose to call things steers nothing."""
    masked = [[mask_text(v) if isinstance(v, str) else v for v in row] for row in rows]
    return table(heads, masked)


def _deliveries(night: Night) -> str:
    if not night.deliveries:
        return ""
    order = {name: k for k, name in enumerate(("held", "waiting", "in", "accepted"))}
    rows = [
        (
            d.name,
            d.cohort,
            d.outcome + (f" {d.of}" if d.of else ""),
            d.since[:10] or None,
            d.date,
            None if d.n_bytes is None else size(d.n_bytes),
            d.n_files,
            d.release,
        )
        for d in sorted(night.deliveries, key=lambda d: (order.get(d.outcome, 9), d.name))
    ]
    heads = ("delivery", "cohort", "outcome", "since", "its date", "size", "files", "release")
    met = {d.outcome for d in night.deliveries}
    meanings = facts((name, text) for name, text in OUTCOMES.items() if name in met)
    return _table(heads, rows) + f"<details><summary>outcomes</summary>{meanings}</details>"


def _cohorts(night: Night) -> str:
    heads = ("cohort", "state", "people", "records", "alleles", "rejected")
    rows = [
        (
            c.cohort,
            "replaced" if c.replaces else "new",
            c.n_people,
            c.n_records,
            c.n_alleles,
            c.n_rejects,
        )
        for c in night.cohorts
    ]
    return _table(heads, rows) if rows else ""


def _trends(points: Sequence[Point]) -> str:
    drawn = draw_trends(points)
    if not drawn:
        return '<p class="soft">Trends begin with the second night.</p>'
    inner = "".join(figure(plot, styles, "nightly") for plot, styles in drawn)
    return (
        f'<p class="soft">The newest {plural(len(points), "night")} of the log.</p>'
        f'<div class="plots">{inner}</div>'
    )


def _notes(night: Night) -> str:
    return "".join(f"<p>{_text(note)}</p>" for note in night.public_notes)


def _run(night: Night) -> str:
    disk = night.disk
    before = "none" if night.base_release is None else f"{night.base_release:,}"
    release = "none" if night.release is None else f"{night.release:,}"

    def bytes_of(value: int | None) -> str:
        return "not known" if value is None else size(value)

    pairs = [
        ("exit code", f"{night.exit_code}: {EXIT_CODES.get(night.exit_code, 'unknown')}"),
        ("began, ended", f"{night.started}, {night.finished}"),
        ("time", span(night.seconds)),
        ("CPU", "" if night.cpu_seconds is None else span(night.cpu_seconds)),
        ("most memory", "" if night.peak_mb is None else size(night.peak_mb * 2**20)),
        ("release before, made", f"{before}, {release}"),
        ("digest", night.digest or ""),
        ("files of the newest release", bytes_of(disk.store_bytes)),
        ("left for the store", bytes_of(disk.store_free)),
        ("left for deliveries", bytes_of(disk.folder_free)),
        ("deliveries accepted", bytes_of(disk.accepted_bytes)),
        ("deliveries held back", bytes_of(disk.held_bytes)),
        ("store", night.store),
        ("host", night.host),
        ("varhouse", night.software),
    ]
    return facts((name, mask_text(value)) for name, value in pairs)
