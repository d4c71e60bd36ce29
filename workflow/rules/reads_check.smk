rule reads_check:
    """Read files of reads once: is anything wrong with them?"""
    input:
        reads=get_check_files,
    output:
        job="jobs/reads_check/{check}.json",
    log:
        "logs/reads_check/{check}.log",
    threads: JOBS["threads"]["reads_check"]
    resources:
        mem_mb=mem_mb("reads_check"),
        runtime=minutes("reads_check"),
    params:
        about=about("reads_check"),
    message:
        SAID
    shell:
        "varhouse stage reads_check --run check.json --threads {threads}"
        " --check {wildcards.check} -o {output.job} 2> {log}"
