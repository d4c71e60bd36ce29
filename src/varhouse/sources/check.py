"""Look at a source before it is compiled, whether its file has what is asked of it.

Only the header of a VCF or the names of a table's columns are read: milliseconds, whatever
the source.
"""

from pathlib import Path

from varhouse.errors import VarhouseError
from varhouse.sources.entries import entry_fields
from varhouse.sources.fields import choose_fields
from varhouse.sources.spec import FieldsError, SourceSpec, check_names, in_one_line
from varhouse.sources.tables import SourceTable
from varhouse.sources.vcf import read_header


def source_faults(spec: SourceSpec) -> list[str]:
    """Find every field and column that a source's file does not have.

    Returns
    -------
    list
        One line each, with the file and the nearest names; a file that cannot be read as
        what it should be is one mistake.
    """
    try:
        check_names(Path(spec.path), _fields(spec))
    except FieldsError as error:
        found = error.problems
    except VarhouseError as error:
        found = [in_one_line(error)]
    except OSError as error:
        found = [f"{spec.path}: cannot be read ({error.strerror})"]
    else:
        return []
    return [f"sources.{spec.name}: {text}" for text in found]


def _fields(spec: SourceSpec) -> list[str]:
    """Give the columns of a source's fields."""
    path = Path(spec.path)
    if spec.format != "vcf":
        return list(SourceTable(spec).fields)
    header = read_header(path)
    if spec.entries:
        return list(entry_fields(path, header, spec.entries, spec.fields).columns)
    return [f.column for f in choose_fields(path, header, spec.fields)]
