import heapq


def shortest_path(graph, start, goal):
    heap = [(0, start)]
    done = set()
    while heap:
        distance, node = heapq.heappop(heap)
        if node == goal:
            return distance
        if node in done:
            continue
        done.add(node)
        for other, length in graph[node].items():
            if other not in done:
                heapq.heappush(heap, (distance + length, other))
    return None


# cases
CASES = [({"a": {"b": 4, "c": 1}, "b": {}, "c": {"b": 2}}, "a", "b"), ({"a": {}}, "a", "a"), ({"a": {"b": 1}, "b": {"a": 1}, "c": {}}, "a", "c"), ({1: {2: 7, 3: 9, 6: 14}, 2: {4: 15}, 3: {4: 11, 6: 2}, 4: {5: 6}, 5: {}, 6: {5: 9}}, 1, 5), ({1: {2: 1}, 2: {3: 1}, 3: {1: 1}}, 1, 3)]
BUGS = [("(distance + length, other)", "(length, other)"), ("continue", "break"), ("heapq.heappush(heap, (distance + length, other))", "heapq.heappush(heap, (distance + length, node))"), ("return None", "return 0"), ("distance, node = heapq", "node, distance = heapq")]
