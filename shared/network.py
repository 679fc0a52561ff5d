"""One quick question, asked once a process: does the Hugging Face hub answer?"""

import threading
import urllib.request
from functools import cache

PATIENCE_S = 1.5


@cache
def hub_answers() -> bool:
    """Whether the hub can be reached now; False within two seconds where there is no network.

    Respects HF_HUB_OFFLINE, HF_ENDPOINT (by way of huggingface_hub) and the proxy variables.
    """
    try:
        from huggingface_hub import constants
    except ImportError:
        return False
    if constants.HF_HUB_OFFLINE:
        return False
    answers: list[bool] = []
    # In a thread, because looking up a name ignores every time limit while there is no network.
    asking = threading.Thread(target=lambda: answers.append(_ask(constants.ENDPOINT)), daemon=True)
    asking.start()
    asking.join(PATIENCE_S)
    return answers == [True]


def _ask(url: str) -> bool:
    try:
        request = urllib.request.Request(url, method="HEAD")
        with urllib.request.urlopen(request, timeout=PATIENCE_S):
            return True
    except (OSError, ValueError):  # URLError is an OSError
        return False
