from . import console as console, results_folder as results_folder, summary as summary, throughput as throughput
from .device_timing import RecordedTiming as RecordedTiming
from .results_folder import ResultsFolder as ResultsFolder, scan as scan
from .throughput import (
    throughput_from_folder as throughput_from_folder,
    throughput_from_log as throughput_from_log,
    throughput_from_timings as throughput_from_timings,
)
