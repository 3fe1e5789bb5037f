"""Time a backend at several batch sizes: images/s, latency, and how they scale."""

from argparse import Namespace

from enet import backends, host, measure, metrics
from enet.commands.common import add_io_format, add_json, io_format_from_args, subject_from_args, write_json
from enet.options import SHOW_DEFAULT, AddOption, add_subject, batch_sizes, positive

EXAMPLE = "enet bench --backend openvino --batch-size 1,4,16"

SIZES = (1, 4, 8, 16, 32)

#: Heads of columns that are shorter than their names, so that the table fits 80 columns.
SHORT = {"ms per image": "ms/image", "MLPerf p90 ms": "MLPerf90", "variation %": "spread %"}


def add_options(add: AddOption) -> None:
    add_subject(add)
    add("--backend", default=backends.DEFAULT, **SHOW_DEFAULT)
    add_io_format(add)
    default = ",".join(map(str, SIZES))
    add("--batch-size", type=batch_sizes, default=SIZES, metavar="N[,N…]", help=f"batch sizes (default: {default})")
    least = "least time for each batch size, in seconds (default: %(default)s)"
    add("--seconds", type=positive, default=10, metavar="N", help=least)
    mlperf = "take 600 s for each batch size, and estimate the p90 as MLPerf does"
    add("--mlperf-like", action="store_true", help=mlperf)
    add_json(add)


def run(args: Namespace) -> int:
    subject = subject_from_args(args, args.data_root, args.weights)
    backends.require_precision(args.backend, args.precision)
    own = measure.TimingSettings(warmup_seconds=1.0, min_seconds=args.seconds, min_rounds=10)
    settings = measure.MLPERF if args.mlperf_like else own
    load = host.cpu_load()
    images, io_format = subject.prepared(), io_format_from_args(args, subject.io_format(args.backend))
    artifacts = [subject.artifact(args.backend, size, io_format) for size in args.batch_size]
    times = measure.race.sweep(subject, artifacts, images, settings)
    rows = {size: measure.race.timing_row(each) for size, each in times.items()}
    print(" ".join(["batch", *(f"{SHORT.get(name, name):>8}" for name in next(iter(rows.values())))]))
    for size, row in rows.items():
        values = ("too few" if value is None else f"{value:.4g}" for value in row.values())
        print(" ".join([f"{size:>5}", *(f"{value:>8}" for value in values)]))
    best = max(times, key=lambda size: times[size].images_per_second)
    print(f"best at batch {best}; {measure.race.describe_scaling(times)}")
    if load is not None and load > metrics.latency.BUSY:
        print(f"other processes used {100 * load:.0f} % of the CPU before the run: the speeds are too low")
    raw = {str(n): {"images": t.images, "rounds": t.rounds, "executions": t.executions} for n, t in times.items()}
    engine = dict(backends.get(args.backend).conditions())
    conditions = {**host.host_conditions(), "engine": engine, "busy_before": load}
    write_json({"backend": args.backend, "conditions": conditions, "rows": rows, "times": raw}, args)
    return 0
