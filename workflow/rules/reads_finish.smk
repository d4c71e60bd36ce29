rule reads_finish:
    """Put the lanes of somebody together, and mark duplicates."""
    input:
        lanes=get_lanes_done,
        index=ancient("jobs/reads_index.json"),
    output:
        job="jobs/reads_finish/{alignment}.json",
        reads=temp(f"finished/{{alignment}}.{FORM}"),
    log:
        "logs/reads_finish/{alignment}.log",
    priority: 1
    conda:
        get_environment("base_quality")
    threads: JOBS["threads"]["reads_finish"]
    resources:
        mem_mb=mem_mb("reads_finish"),
        runtime=minutes("reads_finish"),
    params:
        about=about("reads_finish"),
    message:
        SAID
    shell:
        "varhouse stage reads_finish --run run.json --threads {threads}"
        " --alignment {wildcards.alignment} -o {output.job} 2> {log}"
