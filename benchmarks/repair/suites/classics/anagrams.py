def anagrams(words):
    groups = {}
    for word in words:
        key = "".join(sorted(word.lower()))
        groups.setdefault(key, []).append(word)
    return sorted(group for group in groups.values() if len(group) > 1)


# cases
CASES = [(["eat", "tea", "tan", "ate", "nat", "bat"],), ([],), (["Dog", "god"],), (["a", "b"],), (["ab", "ba", "abc"],), (["listen", "Silent", "enlist", "x"],)]
BUGS = [("sorted(word.lower())", "sorted(word)"), ("len(group) > 1", "len(group) >= 1"), (".append(word)", ".append(key)"), ("sorted(word.lower())", "word.lower()"), ("setdefault(key, [])", "setdefault(word, [])"), ("groups.values()", "groups.keys()")]
