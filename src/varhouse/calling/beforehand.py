"""What only a job would tell otherwise: looked at before the first job."""

from pathlib import Path

from varhouse.calling.run import CallRun
from varhouse.errors import ConfigError
from varhouse.files import read_json
from varhouse.filestate import file_digest, file_state
from varhouse.reads.knownsites import strange_sites


def check_beforehand(run: CallRun) -> None:
    """Check what is there for the jobs against the reference.

    Raises
    ------
    ConfigError
        For an index of another FASTA, and for known variants of other contigs.
    """
    problems = [_index_problem(run)]
    if run.settings.base_quality != "none":
        names = [name for name, _ in run.lengths]
        known = strange_sites([Path(f) for f in run.settings.known_sites], names)
        problems.append(known and f"calling.known_sites: {known}")
    if wrong := [text for text in problems if text]:
        raise ConfigError(wrong)


def _index_problem(run: CallRun) -> str | None:
    """Say that the folder of the index holds that of another FASTA (`reads.index`)."""
    folder, reference = Path(run.index), Path(run.reference)
    try:
        known = read_json(folder / "index.json", f"remove {folder}")
    except (FileNotFoundError, NotADirectoryError):
        return None
    if known.get("state") == list(file_state(reference)):
        return None
    if known.get("sha256") == file_digest(reference):
        return None
    return (
        f"calling.index: {folder} is the index of another FASTA ({known.get('name')}) than "
        f"{reference} is now; fix: remove that folder if nothing else uses it, or name "
        "another one (calling.index)"
    )
