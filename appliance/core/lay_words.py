"""How people say what the passages call by its proper name. Data only; both sides are written before stemming."""

from __future__ import annotations

PHRASES: dict[str, str] = {
    "slipped dis[ck]s?": "herniation",
    "lateral recess(?:es)?": "subarticular recess",
    "horse s? ?tail": "cauda equina",
    "neck": "cervical",
}
"""Several words at once, as regular expressions over lower-case words."""

SYNONYMS: dict[str, str] = {
    "foramina": "foramen",
    "foraminal": "foramen",
    "vertebrae": "vertebra",
    "vertebral": "vertebra",
    "stenoses": "stenosis",
    "stenotic": "stenosis",
    "narrowing": "stenosis",
    "narrow": "stenosis",
    "narrowed": "stenosis",
    "disk": "disc",
    "disks": "disc",
}

STOP_WORDS = frozenset(
    "a an the is are was were be been being am do does did done doing have has had having i me my we us our you your he "
    "she it its they them their this that these those there here what which who whom whose when where why how and or but "
    "if of to in on at by for with from into as about than then so not no can could may might must shall should will "
    "would s t please tell say says said mean means meaning meant definition called".split()
)
