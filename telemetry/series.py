"""Series of ``/metrics``: what each is called, what it says, its labels and its buckets; ``deploy/`` is tested by them.

A label has values that are known beforehand, or goes through ``Metrics``, which keeps their number bounded.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3_600)
ANSWER_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
"""Of the API; 0.5 is the goal of docs/slo.md."""
WAITING = (10, 60, 300, 900, 3_600, 4 * 3_600, 12 * 3_600, 24 * 3_600, 72 * 3_600)
TOKENS = (16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576)
MONEY = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 100)
OLDER_THAN_HOURS = (1, 4, 24, 72)
"""Ages by which questions that wait are counted."""

ENDED = ("delivered", "nothing_to_do", "rejected", "failed")
"""How a run ends, but for one that somebody ended."""

Happening = Literal["lease_lost", "job_rescued", "round_failed", "witness_failed"]
"""``lease_lost``: a run went to another process while this one worked on it. ``job_rescued``: the job of a worker that
went silent was given to others. ``round_failed``: maintenance could not do
its round. ``witness_failed``: the audit got no checkpoint."""

HISTOGRAMS: Mapping[str, tuple[str, Sequence[str], Sequence[float]]] = {
    "gen_ai_client_inference_duration_seconds": (
        "Time one answer of a model took",
        ("gen_ai_request_model", "error_type"),
        SECONDS,
    ),
    "gen_ai_client_inference_time_to_first_chunk_seconds": (
        "Time until the first part of an answer",
        ("gen_ai_request_model",),
        SECONDS,
    ),
    "gen_ai_client_inference_usage_input_tokens": ("Tokens of a prompt", ("gen_ai_request_model",), TOKENS),
    "gen_ai_client_inference_usage_output_tokens": ("Tokens of an answer", ("gen_ai_request_model",), TOKENS),
    "gen_ai_invoke_agent_duration_seconds": (
        "Time one visit of a node took",
        ("gen_ai_agent_name", "error_type"),
        SECONDS,
    ),
    "gen_ai_execute_tool_duration_seconds": ("Time one tool took", ("gen_ai_tool_name",), SECONDS),
    "signoff_sandbox_exec_duration_seconds": (
        "Time one command took; ended: exit, signal, timeout, oom, cancelled, or lost",
        ("ended",),
        SECONDS,
    ),
    "signoff_sandbox_start_duration_seconds": ("Time until a sandbox was ready", ("runtime",), SECONDS),
    "signoff_segment_duration_seconds": ("Work between two pauses of a run", ("status",), SECONDS),
    "signoff_http_request_duration_seconds": (
        "Time until the API began to answer, by the route's template",
        ("method", "route", "status"),
        ANSWER_SECONDS,
    ),
    "signoff_run_cost": ("Cost of a run that ended, from its first question on", ("status",), MONEY),
    "signoff_decision_latency_seconds": ("From a question to its decision", ("tier",), WAITING),
}
COUNTERS: Mapping[str, tuple[str, Sequence[str]]] = {
    "signoff_runs_ended": ("Runs that ended", ("status", "code")),
    "signoff_errors": ("Spans that failed, by stable error code", ("code",)),
    "signoff_decisions": ("Ballots that were decided", ("tier", "state")),
    "signoff_tokens": ("Tokens of all models", ("org", "user")),
    "signoff_cost": ("Cost of all models, in the currency of the catalogue's prices", ("org", "user")),
    "signoff_cached_input_tokens": ("Prompt tokens that came from a prefix cache", ("gen_ai_request_model",)),
    "signoff_loops": ("Times a coder was seen going in circles: nudge (it was told), stop (it plans anew)", ("kind",)),
    "signoff_cache_requests": ("Questions that a cache could answer or not: hit, miss", ("cache", "outcome")),
    "signoff_happenings": ("Things no span tells of", ("kind",)),
}
GAUGES: Mapping[str, tuple[str, Sequence[str]]] = {
    "signoff_runs": ("Runs by state, now", ("status",)),
    "signoff_pending_ballots": ("Ballots that wait, now", ("tier",)),
    "signoff_oldest_ballot_age_seconds": ("Age of the oldest ballot that waits", ("tier",)),
    "signoff_ballots_older_than": ("Ballots that have waited for more than so many hours", ("tier", "hours")),
    "signoff_queue_turns": ("Turns of the queue: waiting, working, dead", ("state",)),
    "signoff_queue_oldest_age_seconds": ("How long the oldest turn that could begin has waited", ()),
    "signoff_letters": ("Letters about approvals and runs: waiting, dead", ("state",)),
    "signoff_oldest_letter_age_seconds": ("How long the oldest letter has been due", ()),
    "signoff_database_up": ("1: the database answered for this page", ()),
    "signoff_database_query_seconds": ("Time of the smallest query, a connection included", ()),
    "signoff_database_connections": (
        "Connections by pool (rows, queue, checkpoints): in_use, idle, most; waiting: who waits for one",
        ("pool", "state"),
    ),
    "signoff_sandboxes": ("The pool of this process: warm, starting, waiting (who waits for one)", ("state",)),
    "signoff_sandbox_engine_up": ("1: the engine that makes sandboxes answered", ()),
    "signoff_sandbox_containers": (
        "Containers of sandboxes on the engine: ours (this process), others, abandoned",
        ("state",),
    ),
    "signoff_cache_entries": ("Entries of a cache, in this process or in the database", ("cache",)),
    "signoff_plan_used_ratio": (
        "Part of a limit of its plan that an organisation used this month: requests, tokens, runs, seats",
        ("org", "limit"),
    ),
    "signoff_home_bytes": ("The file system of the data directory: free, total", ("state",)),
}
