from collections import deque


def breadth_first(graph, start):
    distance = {start: 0}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for other in graph[node]:
            if other not in distance:
                distance[other] = distance[node] + 1
                queue.append(other)
    return distance


# cases
CASES = [({1: [2, 3], 2: [4], 3: [4], 4: []}, 1), ({1: []}, 1), ({"a": ["b"], "b": ["c"], "c": ["a"]}, "a"), ({1: [2], 2: [3], 3: [4, 1], 4: [2]}, 2), ({1: [2, 5], 2: [3], 3: [4], 4: [], 5: [4]}, 1)]
BUGS = [("while queue:", "while True:"), ("queue.popleft()", "queue.pop()"), ("                queue.append(other)\n", ""), ("distance[node] + 1", "distance[node]"), ("other not in distance", "other in distance"), ("queue.append(other)", "queue.append(node)")]
