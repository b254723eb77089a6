"""Whether a prompt asks for a change or for words only. Pure, and careful: in doubt a change is asked for.

Who asks for a change and is only talked to has lost a turn; a model that is asked to build may still answer with words.
"""

import re

_END = re.compile(r"(?<=[!?])|(?<=\.)\s|\n")
"""Of a sentence. A point within a word is one of a file name or a number."""
_POLITE = re.compile(
    r"^(?:please|pls|hi|hello|hey|thanks|thank you|ok|okay|so|and|but|well|also)\b[\s,!.:-]*", re.IGNORECASE
)
_ASKS = re.compile(
    r"""^(?:
        (?:what|which|where|when|who|whose|why)(?:'s|'re|\s(?:is|are|was|were|do|does|did|can|could|would|will|has|have))\b
      | (?:what|which|where|when|why)\s\w+(?:\s\w+){0,3}\s
            (?:is|are|do|does|did|can|has|have|exists?|returns?|handles?)\b
      | how\s(?:is|are|do|does|did|can|could|would|will|many|much|long|often)\b
      | (?:is|are|was|were|does|do|did|has|have)\s(?:it|this|that|there|the|these|those|my|our|your|you|we|i|all|any)\b
      | should\s(?:i|we)\b
      | (?:can|could|would|will)\s(?:you|u)\s(?:please\s)?(?:explain|describe|tell|show|summari[sz]e|list)\b
      | (?:explain|describe|summari[sz]e|tell\s(?:me|us)|show\s(?:me|us)\show|walk\s(?:me|us))\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_CHANGES = re.compile(
    r"""\b(?:
        (?:how|what)\sabout | what\sif | (?:can|could|would|will|why\sdon't|why\snot)\s(?:you|we|u)\b(?!\s(?:please\s)?
            (?:explain|describe|tell|show|summari[sz]e|list))
      | (?:and|then|also|please|so)[,\s]+(?:\w+\s)?
            (?:add|fix|change|make|remove|delete|rename|create|implement|write|update|use)\b
      | (?:fix|change|make|add|implement)\s(?:it|this|that|them|these|those)\b
      | (?:i|we)(?:'d|\swould)?\s(?:want|need|like)\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)


def asks_for_words_only(prompt: str) -> bool:
    """Say whether every sentence of the prompt asks to be told something, and none to have something changed."""
    if _CHANGES.search(prompt):
        return False
    sentences = [_bare(each) for each in _END.split(prompt)]
    asked = [each for each in sentences if re.search(r"\w", each)]
    return bool(asked) and all(_ASKS.match(each) for each in asked)


def _bare(sentence: str) -> str:
    text = sentence.strip(" \t\n-*>\"'(")
    while (shorter := _POLITE.sub("", text)) != text:
        text = shorter
    return text
