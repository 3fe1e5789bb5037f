from .page import table as table, write as write
from .plan import Run as Run, load as load
from .results import Result as Result
from .runs import run_all as run_all
