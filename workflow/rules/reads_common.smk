"""Who is called, and which files each step of that takes."""

PEOPLE = [p for p in RUN["people"] if not p["done"] and p["start"] != "gvcf"]
BY_CALLS = {p["calls"]: p for p in PEOPLE}
BY_ALIGNMENT = {p["alignment"]: p for p in PEOPLE}
BY_LANE = {
    key: lane
    for p in PEOPLE
    for key, lane in zip(p["lanes"], p["person"]["lanes"], strict=False)
}

# Alignments are kept, and until then used, in one form.
FORM = "cram" if RUN["settings"]["keep"] == "cram" else "bam"


def get_given(lanes):
    """List files of reads; a file that is only copied is not a newer one.

    The names of what is made of them tell whether they are those that were meant.
    """
    return ancient(get_nameable([f for lane in lanes for f in lane["files"]]))


def get_lane_files(wildcards):
    return get_given([BY_LANE[wildcards.lane]])


def get_person_files(wildcards):
    return get_given(BY_CALLS[wildcards.calls]["person"]["lanes"])


def get_check_files(wildcards):
    """List the files that a job reads before all work."""
    chosen = JOBS["check"][wildcards.check]
    return get_given([RUN["people"][p]["person"]["lanes"][lane] for p, lane in chosen])


def get_lanes_done(wildcards):
    """List the aligned lanes of somebody, or the alignments that he came with."""
    person = BY_ALIGNMENT[wildcards.alignment]
    if person["start"] == "alignment":
        return get_given(person["person"]["lanes"])
    return [f"lanes/{key}.bam" for key in person["lanes"]]


def get_alignment(wildcards):
    return f"finished/{BY_CALLS[wildcards.calls]['alignment']}.{FORM}"


def get_regions_done(wildcards):
    """List the called shares of somebody."""
    jobs = range(len(BY_CALLS[wildcards.calls]["jobs"]))
    return [f"regions/{wildcards.calls}/{k}" for k in jobs]


def get_people_done(wildcards):
    """List the jobs by which everybody is done."""
    return [
        f"jobs/{'reads_person' if p['whole'] else 'reads_gvcf'}/{p['calls']}.json"
        for p in PEOPLE
    ]


def get_environment(*keys):
    """Name the environment of the program that does a step, if conda makes it; else none."""
    said = RUN["settings"]
    names = [said[key] for key in keys]
    wanted = [n for n in names if said["tools"].get(n, {}).get("conda") is True]
    return f"../envs/reads-{wanted[0]}.yaml" if wanted else None


wildcard_constraints:
    lane="[0-9a-f]{16}",
    alignment="[0-9a-f]{16}",
    calls="[0-9a-f]{16}",
    check="[0-9a-f]{16}",
    batch="[0-9a-f]{16}",
