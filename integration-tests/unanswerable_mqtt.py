"""What is published on the customers' topics, or on others, and is no request: nobody can answer it."""

from quitanda.domain.limits import JSON_DEPTH_MAX
from quitanda.mqtt.topics import PREFIX

_NESTED = "[" * JSON_DEPTH_MAX + "]" * JSON_DEPTH_MAX

UNANSWERABLE = [
    b"",
    b"\0",
    b"null",
    b"[]",
    b"7",
    b"{}",
    b'"reply_to"',
    b"\xff\xfe\xfd",
    b"[" * 100_000,
    b"9" * 100_000,
    bytes(range(256)) * 100,
    *(
        f'{{"reply_to":{text}}}'.encode()
        for text in ("null", "7", '""', '["a"]', '"a/b"', '"../replies/x"', '"#"', '"+"', '"a b"', '"\\u0000"', _NESTED)
    ),
    b'{"reply_to":"%s"}' % (b"x" * 65),
]
"""Payloads that say nowhere where an answer should go."""

OTHER_TOPICS = (
    f"{PREFIX}/customers/requests/create_order",
    f"{PREFIX}/customers//requests/create_order",
    f"{PREFIX}/customers/ana/requests/",
    f"{PREFIX}/customers/ana/requests/create_order/more",
    f"{PREFIX}/customers/ana/replies/create_order",
    f"{PREFIX}/requests",
    f"/{PREFIX}/customers/ana/requests/create_order",
    "quitanda/v2/customers/ana/requests/create_order",
    "$share/client-portals/quitanda/v1/customers/ana/requests/create_order",
    "a" * 60_000,
)
"""Topics on which no request stands."""
