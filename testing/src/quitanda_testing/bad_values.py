"""Values that fields do not take, with the problem that each has: (value, problem)."""

from quitanda.domain.limits import (
    DESCRIPTION_LENGTH_MAX,
    EXTRA_BYTES_MAX,
    EXTRA_FIELDS_MAX,
    EXTRA_NAME_LENGTH_MAX,
    ID_LENGTH_MAX,
    ITEM_QUANTITY_MAX,
    ITEMS_PER_ORDER_MAX,
    JSON_DEPTH_MAX,
    NAME_LENGTH_MAX,
    PRICE_MAX,
    QUANTITY_MAX,
    VERSION_MAX,
    WEBHOOK_EVENTS_LENGTH_MAX,
    WEBHOOK_URL_LENGTH_MAX,
)

INT64_MAX, INT64_MIN = 2**63 - 1, -(2**63)
UINT64_MAX = 2**64 - 1

GIVEN_IDS = (
    ("x" * (ID_LENGTH_MAX + 1), "too_long"),
    ("x" * 50_000, "too_long"),
    *(
        (text, "alphabet")
        for text in ("a b", "Conceição", "-a", ".", "a/b", "../a", "a+b", "#", "a\0b", "a\n", " a", "🍎")
    ),
)
IDS = (("", "missing"), *GIVEN_IDS)
NAMES = (
    ("", "missing"),
    (" \t\u00a0\u200b", "missing"),
    ("x" * (NAME_LENGTH_MAX + 1), "too_long"),
    ("x" * 50_000, "too_long"),
    *((text, "control_character") for text in ("a\nb", "a\0", "\x1b[31m", "a\x85b", "a\u2028b", "\x7f")),
)
CREDENTIAL_IDS = (
    ("", "missing"),
    *((text, "malformed") for text in ("a", "a" * 11, "a" * 13, "A" * 12, "aaaaaaaaaaa1", "a b", "x" * 50_000)),
)
PASSWORDS = (
    ("short", "too_short"),
    ("x" * 11, "too_short"),
    ("ab" * 64 + "c", "too_long"),
    ("x" * 50_000, "too_long"),
    ("\ufdfa" * 10, "too_long"),  # one character that becomes eighteen
    ("a" * 12, "easy_to_guess"),
    ("qt1_nine green bottles", "like_a_token"),
)
ROLES = (("", "missing"), *((text, "unknown_value") for text in ("x", "ADMIN", "admin ", "x" * 1_000)))
TIMES = ((-1, "negative"), (INT64_MIN, "negative"), (INT64_MAX, "too_large"))
DESCRIPTIONS = (
    ("x" * (DESCRIPTION_LENGTH_MAX + 1), "too_long"),
    ("a\0b", "control_character"),
    ("\x1b[2J", "control_character"),
)
PRICES = (
    (-1, "negative"),
    (INT64_MIN, "negative"),
    (PRICE_MAX + 1, "too_large"),
    (INT64_MAX, "too_large"),
)
WORDS = (
    ("!? -", "missing"),
    ("x" * (NAME_LENGTH_MAX + 1), "too_long"),
    ("a\0b", "control_character"),
    ("\x1b[2J", "control_character"),
)
QUANTITIES = (
    (-1, "negative"),
    (INT64_MIN, "negative"),
    (QUANTITY_MAX + 1, "too_large"),
    (INT64_MAX, "too_large"),
)
DELTAS = (
    (0, "zero"),
    (QUANTITY_MAX + 1, "too_large"),
    (-QUANTITY_MAX - 1, "too_large"),
    (INT64_MAX, "too_large"),
    (INT64_MIN, "too_large"),
)
ITEM_QUANTITIES = (
    (-1, "negative"),
    (INT64_MIN, "negative"),
    (ITEM_QUANTITY_MAX + 1, "too_large"),
    (INT64_MAX, "too_large"),
)
WEBHOOK_URLS = (
    ("", "missing"),
    ("https://receiver.example/" + "x" * WEBHOOK_URL_LENGTH_MAX, "too_long"),
    ("https://receiver.example/\0", "control_character"),
    ("https://receiver.example/\r\nHost: other", "control_character"),
    ("http://receiver.example/", "plain_http"),
    *(
        (text, "malformed")
        for text in (
            "x",
            "ftp://receiver.example/",
            "https://",
            "https:///nothing",
            "https://name:password@receiver.example/",
            "https://receiver.example/#part",
            "https://receiver.example/a b",
            "https://recébedor.example/",
            "https://-receiver.example/",
        )
    ),
)
WEBHOOK_EVENTS = (
    ("", "missing"),
    ("order_placed," + "x" * WEBHOOK_EVENTS_LENGTH_MAX, "too_long"),
    ("order_placed\0", "control_character"),
    ("order_placed,order_placed", "duplicate"),
    *((text, "unknown_value") for text in ("x", "order_eaten", "ORDER_PLACED", "order_placed,", ",", "test", "*")),
)
LETTER_IDS = ((VERSION_MAX + 1, "too_large"), (UINT64_MAX, "too_large"))
VERSIONS = ((0, "zero"), (2**63, "too_large"), (UINT64_MAX, "too_large"))
PAGE_SIZES = ((-1, "negative"), (-(2**31), "negative"), (501, "too_large"), (2**31 - 1, "too_large"))
PAGE_TOKENS = (*((text, "malformed") for text in ("x", "%%%", "🍎", "AAAA", "a\0b", "../..", "x" * 10_000)),)
TOO_MANY_ITEMS = ITEMS_PER_ORDER_MAX + 1

JSON_TEXTS = (
    *((text, "", "not_json") for text in ("", "{", "ana", "nan", "'a'", "1 2", "01", "+1", '"\n"')),
    *((text, "", "not_a_number") for text in ("NaN", "Infinity", "-Infinity")),
    *((text, "", "too_large") for text in ("1e9999", "1e-9999", "9" * 2_000, "1e99999999999999999999")),
    ('{"a":1,"a":2}', ".a", "duplicate"),
    ('[{"a":{"b":1,"b":2}}]', "[0].a.b", "duplicate"),
    ("[" * JSON_DEPTH_MAX + "]" * JSON_DEPTH_MAX, "", "too_deep"),
    ("[" * 100_000, "", "too_deep"),
    ('{"a":' * 50_000, "", "too_deep"),
    ('{"a":"\\ud800"}', ".a", "not_utf8"),
)
"""Texts that are no acceptable JSON: (text, the place in it that is named, problem)."""

EXTRAS = (
    *(({"fruit": text}, f"extra.fruit{place}", problem) for text, place, problem in JSON_TEXTS),
    ({"name": '"a"'}, "extra.name", "reserved"),
    ({"version": "1"}, "extra.version", "reserved"),
    ({"": "1"}, "extra", "missing"),
    ({"a\nb": "1"}, "extra", "control_character"),
    ({"x" * (EXTRA_NAME_LENGTH_MAX + 1): "1"}, "extra", "too_long"),
    ({f"f{index}": "1" for index in range(EXTRA_FIELDS_MAX + 1)}, "extra", "too_many"),
    ({"fruit": f'"{"x" * EXTRA_BYTES_MAX}"'}, "extra.fruit", "too_large"),
    ({f"f{index}": f'"{"x" * 4_096}"' for index in range(5)}, "extra", "too_large"),
)
"""Fields of one's own: (the map, the field that is named, its problem)."""
