"""An empty file of details, with a remark at each key: made from the schemas."""

from varhouse.submission.details import KEYS
from varhouse.submission.schemas import TARGETS, Field, fields_of, source_text
from varhouse.submission.texts import ADVICE, TEMPLATE


def uses_of(place: str) -> list[tuple[str, Field]]:
    """List the fields that take a key of the details, `project.title`, with their targets."""
    wanted = f"details {place}"
    return [(t, f) for t in TARGETS for f in fields_of(t) if wanted in f.sources]


def template() -> str:
    """Write the file in the reader's language: every key is there, and says nothing yet."""
    lines = [f"# {TEMPLATE['head'].say()}", f"# {ADVICE.say()}"]
    for part, keys in KEYS.items():
        lines += ["", f"{part}:"]
        for key in keys:
            lines.append(f"  {key}:  # {_remark(f'{part}.{key}')}".rstrip())
    return "\n".join(lines) + "\n"


def _remark(place: str) -> str:
    uses = uses_of(place)
    if not uses:
        return TEMPLATE["catalogue"].say()
    field = uses[0][1]
    needed = ", ".join(dict.fromkeys(t for t, f in uses if f.is_required))
    others = dict.fromkeys(
        source_text(s) for _, f in uses for s in f.sources if not s.startswith("details ")
    )
    text = field.heading
    if needed:
        text += "; " + TEMPLATE["required"].say(targets=needed)
    if others:
        text += "; " + TEMPLATE["else"].say(sources=", ".join(others))
    return text
