"""What the assistant refuses by name: decisions about a person, and orders. Pure; data and three questions about a text.

Nothing rests on these patterns: the assistant has no power to obey and no passage on a person's treatment. They only
let it say why it does not answer, and whom to ask. So they err on the side of refusing.
"""

from __future__ import annotations

import re

_PERSON = r"(?:my|our|this|that|the) (?:patient|man|woman|lady|gentleman|boy|girl|mother|father|mum|mom|dad|wife|husband|son|daughter|" \
    r"brother|sister|aunt|uncle|friend|grandmother|grandfather|grandma|grandpa|neighbour|neighbor|client|person|case)|" \
    r"(?:mr|mrs|ms|miss)\.? [a-z]+|patient (?:no|number|in)\b|\bhe\b|\bshe\b|\bhim\b|\bher\b"  # fmt: skip
_DISEASE = (
    r"stenosis|narrowing|sciatica|cancer|tumou?r|infection|fracture|cauda equina|claudication|herniat|hernia|slipped|spondylo|"
    r"degenerat|back pain|leg pain|pinched|myelopathy|paraly|severe|moderate"
)  # fmt: skip
_MEDICINE = (
    r"\bdos(?:e|es|age|ing)\b|\bmg\b|milligram|\bpills?\b|tablets?\b|pain ?killers?|analgesi|opioid|morphine|tramadol|codeine|"
    r"paracetamol|acetaminophen|ibuprofen|diclofenac|naproxen|nsaid|aspirin|gabapentin|pregabalin|steroid|cortisone|prednis|"
    r"dexamethasone|antibiotic|amitriptyline|prescri|medication|\bdrugs?\b|epidural|herbal|acupuncture|massage|chiropract"
)  # fmt: skip
_TREATMENT = (
    r"surg(?:ery|ical|eon)|operat(?:e|ion|ed on)\b|laminectom|decompress|fusion|discectom|inject|physio|exercises?\b|therapy|"
    r"treat(?:ment|ed|ing)?\b|discharge|\bbrace\b|bed ?rest|refer(?:red)?\b|medicine"
)  # fmt: skip
_DECIDE = r"\b(?:should|shall|must|need|needs|needed|ought|can|may|is it (?:safe|ok|okay|fine|better)|better to|or not|best|which|what)\b"

_ADVICE = tuple(
    re.compile(pattern)
    for pattern in (
        _MEDICINE,
        rf"(?:{_DECIDE}).*(?:{_PERSON}|\bi\b|\bwe\b|\bme\b|\bus\b|\bmy\b).*(?:{_TREATMENT})",
        rf"(?:{_PERSON}).*(?:{_DECIDE}).*(?:{_TREATMENT}|wait|home|worry)",
        rf"(?:{_TREATMENT}).*(?:{_PERSON}|\bor not\b)",
        rf"\bdoes (?:{_PERSON}) (?:really |still )?need\b",
        rf"\b(?:i|we)(?: (?:have|had|got|suffer from|am told i have|was told)|'ve)\b.*(?:{_DISEASE}|pain)",
        rf"(?:{_PERSON}).*\b(?:has|have|got|suffers?)\b.*(?:{_DISEASE}|pain).*(?:{_DECIDE}|\?|what now)",
        rf"\bdo(?:es)? (?:i|we|{_PERSON}) (?:really )?(?:have|need|suffer from)\b.*(?:{_DISEASE}|{_TREATMENT})",
        rf"\b(?:is|are|will|was|could|can) (?:my|his|her|their) (?:{_DISEASE}|pain|back|spine|leg|mri|nerve)",
        rf"(?:let|make|send|keep) (?:{_PERSON}).*(?:wait|home|work|lift|sport)",
        rf"\b(?:what is|what's) wrong with (?:{_PERSON}|me|my back|my leg|my spine)\b|\bdiagnos(?:e|is of|is for) (?:{_PERSON}|me)\b|\bam i (?:ill|sick|going|at risk)\b",
        rf"\b(?:best|right|correct|recommended|first[- ]line|effective) (?:{_TREATMENT})|how (?:do|should|can|would) (?:i|we|you) (?:treat|cure|operate|heal)",
        rf"how (?:is|are) .*(?:{_DISEASE}).*\b(?:treated|cured|operated|healed)\b|(?:treatment|cure|therapy|remedy) (?:of|for) ",
        rf"\b(?:should|must|may|can|ought) (?:he|she|{_PERSON}|they) (?:\\w+ )?(?:stop|go|work|lift|wait|stay|drive|walk|sit|sleep|rest|run|be)\b",
        rf"\b(?:would|will|shall) you (?:operate|treat|refer|wait|discharge|inject)\b|\b(?:my|his|her) (?:leg|legs|foot|back|hand|knee)\b.*\b(?:numb|weak|hurts?|pain|do)\b",
        rf"\bmy (?:{_DISEASE}|back hurts|leg hurts|pain)\b",
    )
)  # fmt: skip

_ORDER = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b(?:ignore|disregard|forget|override|overrule|bypass|skip|drop)\b.{0,40}\b(?:instructions?|rules?|images?|prompt|previous|prior|"
        r"above|earlier|knowledge|passages|safety|training|restrictions?|limits?|guidelines?|everything|what you)\b",
        r"\byou are now\b|\bfrom now on\b|\bpretend\b|\bact as\b|\brole ?play\b|\bsimulate\b|\bjailbreak\b|\bdeveloper mode\b|\bunrestricted\b",
        r"\breveal\b|\bsystem ?prompt\b|\byour (?:prompt|instructions|rules|source code)\b|\bnew instructions?\b|^\W*(?:system|assistant|admin|developer)\W*:",
        r"\b(?:repeat|say) after me\b|\bobey\b|\bdo as (?:it|i|they) says?\b|\bfollow (?:the|these|its|my) (?:instructions?|orders?|commands?)\b",
        r"\b(?:tell|give|show|print|reveal|list|display|dump|read out|send)\b(?: \w+){0,2} (?:\w+ ){0,3}(?:passwords?|secrets?|session key|"
        r"credentials?|tokens?|private keys?|names of (?:all )?(?:the )?patients|findings of|report of|patients? (?:list|names?|data))",
        r"^\W*(?:please |now |kindly |just |you (?:must|will|shall) )*(?:delete|erase|wipe|remove|destroy|mark|set|change|edit|modify|overwrite|"
        r"rewrite|clear|add|create|disable|enable|turn off|turn on|switch off|shut ?down|reboot|restart|run|execute|send|e-?mail|post|publish|"
        r"upload|approve|sign|confirm|grade)\b(?! (?:does|mean))",
        r"<\s*/?\s*(?:script|img|iframe|svg|a|style)\b|\{\{|\{%|\$\{|\.\./|\bdrop table\b|\bunion select\b|\bor 1 ?= ?1\b|;\s*--|\brm -rf\b|\beval\(|\bimport os\b",
    )
)  # fmt: skip

_URGENT = re.compile(
    r"bladder|bowel|urin|\bpee\b|\bwee\b|stool|incontinen|saddle|between (?:the|her|his|my) legs|groin|foot drop|"
    r"drop foot|paraly|(?:leg|legs|foot).*\bweak|\bweak.*(?:leg|legs|foot)|cannot (?:walk|move|feel)|lost control"
)  # fmt: skip


def asks_for_advice(words: str) -> bool:
    """A decision about a person, or what to treat with. `words` in lower case."""
    return any(pattern.search(words) for pattern in _ADVICE)


def gives_an_order(words: str) -> bool:
    """An instruction to the assistant, or code."""
    return any(pattern.search(words) for pattern in _ORDER)


def sounds_urgent(words: str) -> bool:
    """Names a sign of cauda equina syndrome or growing weakness."""
    return bool(_URGENT.search(words))
