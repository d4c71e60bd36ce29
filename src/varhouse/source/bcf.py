"""BCF is copied to BGZF text once; every later step then reads one kind of file."""

from pathlib import Path

from varhouse.errors import InputError


def copy_bcf(path: Path, target: Path) -> Path:
    """Write a BCF file as BGZF VCF.

    Raises
    ------
    InputError
        If htslib cannot read the file to its end.
    """
    import cyvcf2  # noqa: PLC0415 - loads htslib, which only BCF needs

    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        reader = cyvcf2.VCF(str(path))
        writer = cyvcf2.Writer(str(target), reader, mode="wz")
        for record in reader:
            writer.write_record(record)
        writer.close()
        reader.close()
    except Exception as error:  # cyvcf2 raises bare Exception for anything it cannot read
        raise InputError(
            f"{path}: cut off or damaged BCF ({error})", "copy it again"
        ) from error
    return target
