rule reads_index:
    """Make the index of the reference, once and kept, and a FASTA beside it.

    The step looks whether it is there, and of this very FASTA.
    """
    output:
        job="jobs/reads_index.json",
    log:
        "logs/reads_index.log",
    priority: 5
    conda:
        get_environment("aligner")
    threads: JOBS["threads"]["reads_index"]
    resources:
        mem_mb=mem_mb("reads_index"),
        runtime=minutes("reads_index"),
    params:
        about=about("reads_index"),
    message:
        SAID
    shell:
        "varhouse stage reads_index --run run.json --threads {threads}"
        " -o {output.job} 2> {log}"
