"""Finds out whether a language model treats people differently because of who they appear to be.

One item of data flows one way, and the folder listing is that way:

    suite → expand → collect → score → effects → explain → findings → report
"""

from audit.errors import AuditError, IncompleteError, InputError, MissingExtra
from audit.records import Exclusion, Finding, ModelIdentity, Prompt, Question, Run
from audit.runs import read_run

__version__ = "0.1.0"
__all__ = [
    "AuditError",
    "Exclusion",
    "Finding",
    "IncompleteError",
    "InputError",
    "MissingExtra",
    "ModelIdentity",
    "Prompt",
    "Question",
    "Run",
    "__version__",
    "read_run",
]
