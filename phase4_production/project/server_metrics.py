"""What the server tells Prometheus about itself, under the names that vLLM made usual.

Each `Metrics` has a registry of its own, so that two servers in one process do not add up.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from phase4_production.project.engine import Output, Stats
from phase4_production.project.timeline import Timeline
from phase4_production.solution import histogram

TTFT_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
PER_TOKEN_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.08, 0.15, 0.3, 0.6, 1.2)
STEP_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class Metrics:
    """Counters, gauges and histograms of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.ttft = self._histogram(
            "llm_time_to_first_token_seconds", TTFT_S, "Asked to first token"
        )
        self.per_token = self._histogram(
            "llm_time_per_output_token_seconds", PER_TOKEN_S, "Between two tokens of one answer"
        )
        self.step_time = self._histogram("llm_step_seconds", STEP_S, "One step of the engine")
        self.tokens = self._counter("llm_generation_tokens", "Tokens written")
        self.finished = Counter(
            "llm_requests_finished", "Answers that ended", ["reason"], registry=self.registry
        )
        self.refused = Counter(
            "llm_requests_refused", "Requests without an answer", ["status"], registry=self.registry
        )
        self.waiting = self._gauge("llm_requests_waiting", "Admitted, not yet running")
        self.running = self._gauge("llm_requests_running", "In the running batch")
        self.cache = self._gauge("llm_cache_usage_ratio", "Blocks in use over all blocks")
        self.prefix_hits = self._gauge("llm_prefix_hit_tokens", "Prompt tokens found in the cache")
        self.preemptions = self._gauge("llm_preemptions", "Answers that gave their blocks back")
        self.guessed = self._gauge("llm_draft_tokens", "Tokens guessed ahead")
        self.accepted = self._gauge("llm_accepted_tokens", "Guessed tokens that passed")

    def step(self, seconds: float, stats: Stats) -> None:
        """Note a step of the engine."""
        self.step_time.observe(seconds)
        self.waiting.set(stats.waiting)
        self.running.set(stats.running)
        self.cache.set(stats.blocks_used / max(stats.blocks_total, 1))
        self.prefix_hits.set(stats.prefix_hit_tokens)
        self.preemptions.set(stats.preemptions)
        self.guessed.set(stats.guessed)
        self.accepted.set(stats.accepted)

    def output(self, timeline: Timeline, output: Output) -> None:
        """Note what came of one answer."""
        if output.tokens:
            since = timeline.tokens(len(output.tokens))
            self.tokens.inc(len(output.tokens))
            if since is None:
                self.ttft.observe(timeline.ttft_s)
            else:
                self.per_token.observe(since / len(output.tokens))
        if output.finish:
            self.finished.labels(output.finish).inc()

    def quantile_s(self, of: Histogram, q: float) -> float | None:
        """Read a quantile off a histogram, in seconds; None before the first observation."""
        counts = {
            float(sample.labels["le"]): sample.value
            for metric in of.collect()
            for sample in metric.samples
            if sample.name.endswith("_bucket")
        }
        if not counts or not counts[float("inf")]:
            return None
        bounds = sorted(counts)
        return histogram.quantile(bounds, [counts[bound] for bound in bounds], q)

    def text(self) -> bytes:
        """Everything, in Prometheus' format."""
        return generate_latest(self.registry)

    def _histogram(self, name: str, buckets: tuple[float, ...], what: str) -> Histogram:
        return Histogram(name, what, buckets=buckets, registry=self.registry)

    def _counter(self, name: str, what: str) -> Counter:
        return Counter(name, what, registry=self.registry)

    def _gauge(self, name: str, what: str) -> Gauge:
        return Gauge(name, what, registry=self.registry)
