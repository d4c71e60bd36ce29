rule reads_align:
    """Align a lane: adapters off, mates together, sorted."""
    input:
        reads=get_lane_files,
        index=ancient("jobs/reads_index.json"),
    output:
        job="jobs/reads_align/{lane}.json",
        bam=temp("lanes/{lane}.bam"),
    log:
        "logs/reads_align/{lane}.log",
    conda:
        get_environment("trim", "aligner")
    threads: JOBS["threads"]["reads_align"]
    resources:
        mem_mb=mem_mb("reads_align"),
        runtime=minutes("reads_align"),
    params:
        about=about("reads_align"),
    message:
        SAID
    shell:
        "varhouse stage reads_align --run run.json --threads {threads}"
        " --lane {wildcards.lane} -o {output.job} 2> {log}"
