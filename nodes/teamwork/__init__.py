"""Team: the turns of its workers, the queue in which their branches are merged, and what of both is under way."""
