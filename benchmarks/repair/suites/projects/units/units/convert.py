"""Sizes, times and temperatures in words.

>>> size(1536)
'1.5 KiB'
"""

STEPS = ("B", "KiB", "MiB", "GiB", "TiB")


def size(count):
    """Bytes for people.

    >>> size(0)
    '0 B'
    >>> size(1023)
    '1023 B'
    >>> size(1024)
    '1.0 KiB'
    >>> size(5 * 1024 ** 3)
    '5.0 GiB'
    """
    step = 0
    while count >= 1024 and step < len(STEPS) - 1:
        count /= 1024
        step += 1
    return f"{count} {STEPS[step]}" if step == 0 else f"{count:.1f} {STEPS[step]}"


def clock(seconds):
    """Hours, minutes and seconds.

    >>> clock(59)
    '0:00:59'
    >>> clock(3725)
    '1:02:05'
    """
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def celsius(fahrenheit):
    """From one scale to the other.

    >>> celsius(212)
    100.0
    >>> celsius(32)
    0.0
    """
    return (fahrenheit - 32) * 5 / 9


def ordinal(number):
    """Where one stands.

    >>> [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111)]
    ['1st', '2nd', '3rd', '4th', '11th', '12th', '13th', '21st', '102nd', '111th']
    """
    if 10 <= number % 100 <= 20:
        return f"{number}th"
    return f"{number}" + {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
