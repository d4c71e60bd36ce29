"""An ingest leaves people out who were withdrawn: `policy.withdrawn: leave_out`.

A file that holds some of them and others is cut before the ingest begins, and taken in as the
file without them. What the store says of it is of the file as it lies there, and whom it is
without: the next ingest finds it as it is.
"""

import shutil
from pathlib import Path
from typing import Any

from varhouse.filestate import unmoved
from varhouse.ingest.setup.headers import sample_names
from varhouse.ingest.setup.run import Run, RunCohort
from varhouse.ingest.setup.settings import LEAVE_OUT
from varhouse.store.layout import make_folder
from varhouse.store.ledger import Ledger
from varhouse.vcf.text.bgzf import hash_file
from varhouse.withdrawal.cut import cut_file


def leave_people_out(run: Run) -> None:
    """Cut the files of a run that hold people who were withdrawn, if its policy says so.

    They are made in its work folder, which has no `run.json` yet.

    Raises
    ------
    InputError
        If a file changes meanwhile, or cannot be read.
    """
    work = Path(run.work)
    if run.policy.withdrawn != LEAVE_OUT or (work / "run.json").exists():
        return
    ledger, folder = Ledger.open(Path(run.store)), work / "without"
    # Of an ingest that was killed before it began.
    shutil.rmtree(folder, ignore_errors=True)
    for cohort in run.cohorts:
        if ledger.concerns(cohort.name):
            _cut_cohort(run, cohort, ledger, folder / cohort.name)


def _cut_cohort(run: Run, cohort: RunCohort, ledger: Ledger, folder: Path) -> None:
    files: list[str] = []
    origins: list[dict[str, Any]] = []
    for number, file in enumerate(cohort.files):
        path = Path(file)
        names = sample_names(path, run.limits) or ()
        refused = ledger.refuses(cohort.name, names)
        if not refused or len(refused) == len(names):
            # Of one of them alone nothing would be left: it is held back.
            files.append(file)
            origins.append({})
            continue
        made = folder / str(number) / path.name
        make_folder(made.parent, Path(run.store))
        with unmoved(path) as state:
            md5, sha256 = hash_file(path)
            cut_file(path, made, set(refused), limits=run.limits)
        files.append(str(made))
        without = ",".join(sorted(map(ledger.hash, refused)))
        origins.append(
            {
                "path": file, "mtime_ns": state[1], "bytes": state[0],
                "md5": md5, "sha256": sha256, "without": without,
            }
        )  # fmt: skip
    if any(origins):
        cohort.files, cohort.origins = files, origins
        run.warnings.append(
            f"cohort {cohort.name}: people who were withdrawn are left out of "
            f"{sum(map(bool, origins)):,} file(s)"
        )
