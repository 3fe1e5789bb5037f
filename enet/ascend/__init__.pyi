from . import ais_bench as ais_bench, om as om
