"""The search itself: candidates in order, trials, proofs, and which of those that pass is proposed."""
