from . import (
    accuracy as accuracy,
    agreement as agreement,
    cache as cache,
    network as network,
    parity as parity,
    speed as speed,
    throughput as throughput,
)
from .base import (
    ONE_CLASS as ONE_CLASS,
    Check as Check,
    Outcome as Outcome,
    Verdict as Verdict,
    informational as informational,
    no_evidence as no_evidence,
)
from .bootstrap import paired_interval as paired_interval
from .catalogue import ASPECTS as ASPECTS, CATALOGUE as CATALOGUE, GATES as GATES, Case as Case, Plan as Plan
from .conclusion import Conclusion as Conclusion, conclude as conclude
from .relation import RELATIONS as RELATIONS
