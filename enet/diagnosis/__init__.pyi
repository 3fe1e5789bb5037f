from .diagnose import diagnose as diagnose
from .hypotheses import HYPOTHESES as HYPOTHESES, Hypothesis as Hypothesis
from .result import Diagnosis as Diagnosis, Finding as Finding
from .trials import Row as Row
