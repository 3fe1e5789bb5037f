from . import (
    consistency as consistency,
    console as console,
    eval_log as eval_log,
    output_files as output_files,
    results_folder as results_folder,
    summary as summary,
    throughput as throughput,
    trtexec as trtexec,
)
