from .choosing import find_runs as find_runs
from .index import RunSummary as RunSummary
from .run import Run as Run
