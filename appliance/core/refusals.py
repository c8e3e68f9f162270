"""What the assistant refuses by name: decisions about a person, and orders. Pure: patterns and three questions.

Nothing rests on these patterns: the assistant has no power to obey and no passage on a person's treatment. They only
let it say why it does not answer, and whom to ask. So they err on the side of refusing. All are over lower-case text.
"""

from __future__ import annotations

import re

_RELATIVE = (
    "patient|man|woman|lady|gentleman|boy|girl|mother|father|mum|mom|dad|wife|husband|son|daughter|brother|sister|aunt|"
    "uncle|friend|grandmother|grandfather|grandma|grandpa|neighbou?r|client|person|case"
)
_PERSON = (
    rf"(?:my|our|this|that|the) (?:old |young |elderly )?(?:{_RELATIVE})|(?:mr|mrs|ms|miss)\.? [a-z]+|"
    r"patient (?:no|number|in)\b|\bhe\b|\bshe\b|\bhim\b|\bher\b"
)
_DISEASE = (
    "stenosis|narrowing|sciatica|cancer|tumou?r|infection|fracture|cauda equina|claudication|herniat|hernia|slipped|"
    "spondylo|degenerat|back pain|leg pain|pinched|myelopathy|paraly|severe|moderate"
)
_MEDICINE = (
    r"\bdos(?:e|es|age|ing)\b|\bmg\b|milligram|\bpills?\b|(?:take|many|of) tablets?\b|pain ?killers?|analgesi|opioid|"
    "morphine|tramadol|codeine|paracetamol|acetaminophen|ibuprofen|diclofenac|naproxen|nsaid|aspirin|gabapentin|"
    "pregabalin|steroid|cortisone|prednis|dexamethasone|antibiotic|amitriptyline|prescri|medication|"
    r"\bdrugs?\b|epidural|herbal|acupuncture|massage|chiropract"
)
_TREATMENT = (
    r"surg(?:ery|ical|eon)|operat(?:e|ion|ed on)\b|laminectom|decompress|fusion|discectom|inject|physio|exercises?\b|"
    r"therapy|treat(?:ment|ed|ing)?\b|discharge|\bbrace\b|bed ?rest|refer(?:red)?\b|medicine"
)
_DECIDE = (
    r"\b(?:should|shall|must|need|needs|needed|ought|can|may|is it (?:safe|ok|okay|fine|better)|better to|or not|best|"
    r"which|what)\b"
)
_BODY = "back|leg|legs|foot|hand|knee|spine|nerve|mri"

_ADVICE = tuple(
    re.compile(pattern)
    for pattern in (
        _MEDICINE,
        rf"{_DECIDE}.*(?:{_PERSON}|\bi\b|\bwe\b|\bme\b|\bus\b|\bmy\b).*(?:{_TREATMENT})",
        rf"(?:{_PERSON}).*{_DECIDE}.*(?:{_TREATMENT}|wait|home|worry)",
        rf"(?:{_TREATMENT}).*(?:{_PERSON}|\bor not\b|\bbetter\b)|\bbetter\b.*(?:{_TREATMENT})",
        rf"(?:let|make|send|keep) (?:{_PERSON}).*(?:wait|home|work|lift|sport)",
        rf"\b(?:i|we)(?: (?:have|had|got|suffer from|am told i have|was told)|'ve)\b.*(?:{_DISEASE}|pain)",
        rf"(?:{_PERSON}).*\b(?:has|have|got|suffers?)\b.*(?:{_DISEASE}|pain).*(?:{_DECIDE}|\?|what now)",
        rf"\bdo(?:es)? (?:i|we|{_PERSON}) (?:really )?(?:have|need|suffer from)\b.*(?:{_DISEASE}|{_TREATMENT})",
        rf"\bdoes (?:{_PERSON}) (?:really |still )?need\b",
        rf"\b(?:should|must|may|can|ought) (?:he|she|they|{_PERSON}) (?:\w+ )?"
        r"(?:stop|go|work|lift|wait|stay|drive|walk|sit|sleep|rest|run|be)\b",
        rf"\bwill (?:i|he|she|{_PERSON}) (?:ever |still )?(?:need|walk|recover|be)\b",
        r"\b(?:would|will|shall|should|do) you (?:operate|treat|refer|wait|discharge|inject|cure)\b",
        rf"\b(?:is|are|will|was|could|can) (?:my|his|her|their) (?:{_DISEASE}|pain|{_BODY})",
        rf"\bmy (?:{_DISEASE}|back hurts|leg hurts|pain)\b",
        rf"\b(?:my|his|her) (?:{_BODY})\b.*\b(?:numb|weak|hurts?|pain|do|danger|tingl)",
        rf"\b(?:what is|what's) wrong with (?:{_PERSON}|me|my (?:{_BODY}))\b",
        rf"\bdiagnos(?:e|is of|is for) (?:{_PERSON}|me)\b|\bam i (?:ill|sick|going|at risk|in danger)\b",
        rf"\b(?:best|right|correct|recommended|first[- ]line|effective) (?:{_TREATMENT})",
        rf"how (?:do|should|can|would) (?:i|we|you) (?:treat|cure|operate|heal)|\bgood for\b.*(?:{_DISEASE})",
        rf"how (?:is|are) .*(?:{_DISEASE}).*\b(?:treated|cured|operated|healed)\b",
        r"(?:treatment|cure|therapy|remedy) (?:of|for) |\bagainst (?:the|her|his|my) pain\b",
    )
)

_ORDER = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b(?:ignore|disregard|forget|overrule|bypass|skip|drop)\b.{0,40}\b(?:instructions?|rules?|images?|prompt|"
        r"previous|prior|above|earlier|knowledge|passages|safety|training|restrictions?|limits?|guidelines?|everything|"
        r"what you)\b",
        r"\byou are now\b|\bfrom now on\b|\bpretend\b|\bact as\b|\brole ?play\b|\bsimulate\b|\bjailbreak\b",
        r"\bdeveloper mode\b|\bunrestricted\b|\breveal\b|\boverride\b|\bsudo\b|\bi order you\b|\bexecute\b|\bmust report\b",
        r"\byou are (?:dan|free|an? (?:evil|neurosurgeon|surgeon))\b|\bobey\b|\b(?:repeat|say) after me\b",
        r"\bsystem ?prompt\b|\byour (?:prompt|instructions|rules|source code)\b|\bnew instructions?\b",
        r"^\W*(?:system|assistant|admin|developer)\W*:|\bdo as (?:it|i|they) says?\b",
        r"\bfollow (?:the|these|its|my) (?:instructions?|orders?|commands?)\b",
        r"\b(?:tell|give|show|print|list|display|dump|read out|send)\b(?: \w+){0,5} (?:passwords?|secrets?|session key|"
        r"credentials?|tokens?|private keys?|names of (?:all )?(?:the )?patients|findings of|report of|birth date)\b",
        r"^\W*(?:say|write|answer|confirm|make up)\b.{0,60}"
        r"\b(?:harmless|healthy|normal|no stenosis|only with|a source|yes)\b",
        r"^\W*(?:please |now |kindly |just |you (?:must|will|shall) )*(?:delete|erase|wipe|remove|destroy|mark|set|change|"
        r"edit|modify|overwrite|rewrite|clear|add|create|disable|enable|turn off|turn on|switch off|shut ?down|reboot|run|"
        r"send|e-?mail|publish|approve|confirm|invent|encode|decode|stop giving)\b",
        r"<\s*/?\s*(?:script|img|iframe|svg|a|style)\b|\{\{|\{%|\$\{|\.\./|file:/|/etc/|%s%s|\| *sh\b|;\s*--",
        r"\bdrop table\b|\bunion select\b|\bselect \* from\b|\bor 1 ?= ?1\b|\brm -rf\b|\beval\(|\bimport os\b",
    )
)

_URGENT = re.compile(
    r"bladder|bowel|\burin|\bpee\b|\bwee\b|stool|incontinen|saddle|between (?:the|her|his|my) legs|groin|foot drop|"
    r"drop foot|paraly|\b(?:leg|legs|foot)\b.*\bweak|\bweak.*\b(?:leg|legs|foot)\b|cannot (?:walk|move|feel)|lost control"
)


def asks_for_advice(words: str) -> bool:
    """A decision about a person, or what to treat with."""
    return any(pattern.search(words) for pattern in _ADVICE)


def gives_an_order(words: str) -> bool:
    """An instruction to the assistant, or code."""
    return any(pattern.search(words) for pattern in _ORDER)


def sounds_urgent(words: str) -> bool:
    """Names a sign of cauda equina syndrome or growing weakness."""
    return bool(_URGENT.search(words))
