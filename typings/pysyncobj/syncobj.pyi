from typing import Any

random: Any

def monotonicTime() -> float: ...
