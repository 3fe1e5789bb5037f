"""The report: one HTML file that says whether a deliverable ships and why, made of evidence and nothing else."""

from enet.report.contents import Contents, read
from enet.report.markdown import summary
from enet.report.page import compare, write

__all__ = ["Contents", "compare", "read", "summary", "write"]
