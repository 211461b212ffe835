def assign(people, days, free_days):
    """Give each day to the person with the fewest days so far who is not free on it; ties go by name."""
    load = {person: 0 for person in people}
    plan = {}
    for day in days:
        able = [person for person in people if day not in free_days.get(person, [])]
        if not able:
            plan[day] = None
            continue
        chosen = min(able, key=lambda person: (load[person], person))
        load[chosen] += 1
        plan[day] = chosen
    return plan
