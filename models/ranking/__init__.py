"""Ranking: which of several candidates is taken, by what they did when they were run (F4). Pure."""

from models.ranking.loops import agreeing, best_loop, tied_loops
from models.ranking.order import Ranked, best, compared, passes_everything, tied

__all__ = ["Ranked", "agreeing", "best", "best_loop", "compared", "passes_everything", "tied", "tied_loops"]
