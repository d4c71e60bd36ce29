rule reads_person:
    """Somebody with few reads: all steps in one process, which costs one start."""
    input:
        reads=get_person_files,
        index=ancient("jobs/reads_index.json"),
    output:
        job="jobs/reads_person/{calls}.json",
    log:
        "logs/reads_person/{calls}.log",
    threads: JOBS["threads"]["reads_person"]
    resources:
        mem_mb=mem_mb("reads_person"),
        runtime=minutes("reads_person"),
    params:
        about=about("reads_person"),
    message:
        SAID
    shell:
        "varhouse stage reads_person --run run.json --threads {threads}"
        " --calls {wildcards.calls} -o {output.job} 2> {log}"
