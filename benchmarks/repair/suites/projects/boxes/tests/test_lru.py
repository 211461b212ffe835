import pytest

from boxes.lru import Cache, cached


class TestCache:
    @pytest.fixture
    def cache(self):
        cache = Cache(2)
        cache.put("a", 1)
        cache.put("b", 2)
        return cache

    def test_keeps_what_was_used(self, cache):
        assert cache.get("a") == 1
        cache.put("c", 3)
        assert "a" in cache
        assert "b" not in cache
        assert len(cache) == 2

    def test_counts(self, cache):
        cache.get("a")
        cache.get("a")
        assert cache.get("z", 9) == 9
        assert (cache.hits, cache.misses) == (2, 1)

    def test_put_again_counts_as_used(self, cache):
        cache.put("a", 5)
        cache.put("c", 3)
        assert cache.get("a") == 5
        assert "b" not in cache


class TestCached:
    def test_calls_once(self):
        calls = []

        @cached(2)
        def double(x):
            """Twice."""
            calls.append(x)
            return 2 * x

        assert [double(1), double(1), double(2)] == [2, 2, 4]
        assert calls == [1, 2]
        assert double.__doc__ == "Twice."

    def test_none_is_a_result(self):
        calls = []

        @cached(2)
        def nothing(x):
            calls.append(x)

        nothing(1)
        nothing(1)
        assert calls == [1]
