"""What the assistant refuses by name: decisions about a person, and orders. Pure: patterns and three questions.

Nothing rests on these patterns: the assistant has no power to obey and no passage on a person's treatment. They only
let it say why it does not answer, and whom to ask. So they err on the side of refusing. All are over lower-case text.
"""

from __future__ import annotations

import re

_RELATIVE = (
    "patient|man|woman|lady|gentleman|boy|girl|child|baby|mother|father|mum|mom|mama|dad|papa|wife|husband|son|"
    "daughter|"
    "brother|sister|aunt|uncle|cousin|niece|nephew|friend|grandmother|grandfather|grandma|grandpa|granny|neighbou?r|"
    "client|"
    "person|case|farmer|driver|teacher|nurse|boss|colleague|priest|worker|parents?|family|spouse|partner"
)
_PERSON = (
    rf"(?:my|our|this|that|his|her|their|your) (?:\w+ )?(?:{_RELATIVE})s?\b|(?:mr|mrs|ms|miss|mister|sister)\.? [a-z]+|"
    rf"(?:the|an?|some|these|those) (?:\w+ )?(?:old|young|elderly|pregnant|diabetic|lady|gentleman|boy|farmer|"
    rf"driver)\b|"
    rf"\b(?:{_RELATIVE}) (?:of|aged) \d+|"
    r"patients? (?:no|number|in|with|\d+)\b|\b(?:he|she|him|her|his|hers)\b|"
    r"\b\d{1,3}[ -]?(?:yo|y/o|y|yr|yrs|years?)[ -]?(?:old|of age)?\b|\b(?:bed|room|ward) \d+"
)
"""Somebody in particular. `The patient` alone is nobody: technicians say it of whoever lies in the scanner."""
_ANYONE = (
    rf"{_PERSON}|\b(?:the|a|an|any|every|such a?|which|two) (?:\w+ )?(?:{_RELATIVE})s?\b|\b(?:someone|somebody|one|"
    rf"people)\b"
)
_SELF = r"\b(?:i|we|me|us|my|our|mine|myself)\b"
_DISEASE = (
    r"stenos|narrow|sciatica|cancer|tumou?r|infection|fracture|cauda equina|claudication|hernia|slipped|bulg|worn|"
    r"spondyl|degenerat|pinched|trapped|myelopathy|\b(?:severe|moderate|mild)\b|\bdis[ck]s?\b|scoliosis|lumbago|"
    r"foot drop"
)
_SYMPTOM = (
    r"\bpain|\baches?\b|\baching|\bhurt|numb|tingl|\bweak|\blimp|\bburn(?:s|ing)?\b(?! (?:\w+ )?(?:images?|pictures?|"
    r"cd|dvd))|cramp|paraly|incontinen|pins and needles|"
    r"(?:cannot|can't|can not|unable to|not able to) (?:walk|move|feel|stand|lift|hold|sit)|goes? to sleep|fell\b|"
    r"foot drop"
)
_BODY = (
    r"backs?|legs?|foot|feet|toes?|hands?|knees?|hips?|thighs?|buttocks?|spines?|nerves?|canal|dis[ck]s?|bladder|"
    r"bowels?"
)
_MEDICINE = (
    r"\bdos(?:e|es|age|ing)\b|\bmg\b|milligram|\bpills?\b|\btablets\b|\b(?:take|half|one|per) (?:an? )?tablet|"
    r"pain ?killers?|pain relief|"
    r"analgesi|opioid|opiate|morphine|tramadol|codeine|paracetamol|acetaminophen|ibuprofen|diclofenac|naproxen|nsaid|"
    r"aspirin|"
    r"gabapentin|pregabalin|steroid|cortisone|prednis|dexamethasone|antibiotic|amitriptyline|warfarin|prescri|"
    r"medication|"
    r"\bdrugs?\b|epidural|nerve block|infiltration|vitamin|supplement|herbal|\bherbs?\b|ointment|acupuncture|massage|"
    r"chiropract|"
    r"osteopath|traction|\bcorset|\bmattress|\byoga\b|pilates|\bswim|\bcompress(?:es)?\b|bed ?rest|\bmedicines?\b|"
    r"\bremed(?:y|ies)\b"
)
"""What is given or done against an illness: no passage is about any of it."""
_OPERATION = (
    r"surg(?:ery|ical|eon|eries)|\boperat(?:e|es|ion|ions|ing|ed)\b(?! system)|\bop\b|laminectom|decompress|\bfusion|"
    r"discectom|"
    r"\btheatre\b|\bkeyhole"
)
_CARE = (
    rf"{_MEDICINE}|{_OPERATION}|\binject(?!.*(?:contrast|gadolinium))|physio|exercis|therap|\btreat(?:s|ment|ments|"
    rf"ed|ing)?\b|"
    r"discharg|\bbrace\b|\bbelt\b|\brest(?:ing)?\b(?! (?:interface|api))|\brefer(?:s|red|ral)?\b|conservative|"
    r"\bmanage(?:ment|d)?\b|\bdiet\b|"
    r"los(?:e|ing) weight|mobili[sz]|admit|ambulance|specialist|hospital|clinic appointment"
)
_LIFE = (
    r"\b(?:lift|lifting|carry|carrying|drive|driving|run|running|jog|jogging|walk|walking|cycl(?:e|ing)|sports?|"
    r"football|play|work|"
    r"working|stop|job|travel|fly|sit|sleep|bend|bending|dance|birth|sex|smok\w+|stairs|ride|stand|bus|motorbike|"
    r"wheelchair)\b"
)
_DECIDE = (
    r"\b(?:should|shall|must|need|needs|needed|needing|have to|has to|ought|can|may|could|would|is it|safe|safer|"
    r"better|best|or not|"
    r"which|what|when|how (?:soon|long|fast|many|often|bad|serious|urgent|do|should)|necessary|recommend\w*|advis\w*|"
    r"enough|"
    r"allowed|does|do|will|is|are)\b"
)
_OUTLOOK = (
    r"prognosis|outlook|\bheal(?:s|ed|ing)?\b|\bcur(?:e|es|ed|able)\b|recover|wheelchair|\bgo(?:es)? away\b|walk again|"
    r"(?:get|gets|getting|become|turn) (?:worse|better|well)\b|\bchances?\b|success rate|life expectancy|hereditary|"
    r"be paraly|(?:come|go|back) (?:back )?to normal"
)
_GRAVE = (
    r"\b(?:safe|danger(?:ous)?|harmful|harmless|serious|urgent|urgently|risky?|bad|good|worry|worried|worrying|"
    r"normal|healthy|"
    r"fit|wait|at risk|okay|ok|fine|allowed)\b"
)
_ASKED_OF_US = (
    r"\b(?:please |pls |kindly )?(?:advise|suggest|recommend)\b(?! ?(?:by|ed))|\bany (?:advice|suggestions?|"
    r"recommendations?)\b|"
    r"\byour (?:opinion|diagnosis|advice|view)\b|\bwhat (?:next|now|then)\b|\bwhat (?:do|would|should) (?:you|we|"
    r"i)\b(?! see)|"
    r"\b(?:kindly|please|pls) help\b|\bwhat (?:could|can|might) (?:it|that|this) be\b|\bwhat is to be done\b|"
    r"\bmanagement\?"
)
_READ_FOR_ME = (
    r"\binterpret\b|\bdiagnos(?:e|is of|is for|is:|e:)|\bgive (?:me )?(?:a|the|your) diagnosis|what is your diagnosis|"
    r"\bwhat(?: is|'s) wrong with\b|\b(?:look at|explain|judge|read) (?:the|his|her|my) (?:mri|scan|findings|"
    r"results?|images?) (?:of|from) "
)

_ADVICE = tuple(
    re.compile(pattern)
    for pattern in (
        _MEDICINE,
        _READ_FOR_ME,
        rf"(?:{_DECIDE}).*(?:{_CARE})|(?:{_CARE}).*(?:{_DECIDE}|\?|{_DISEASE})",
        rf"(?:{_OUTLOOK}).*(?:{_ANYONE}|{_SELF}|{_DISEASE}|{_BODY})|(?:{_ANYONE}|{_SELF}|{_DISEASE}|"
        rf"{_BODY}).*(?:{_OUTLOOK})",
        r"prognosis|\bheal(?:s|ed|ing)?\b|\bcur(?:e|es|ed|able)\b|wheelchair|success rate",
        rf"(?:{_PERSON}).*(?:{_DISEASE}|{_SYMPTOM}|{_CARE}|{_LIFE}|{_GRAVE}|{_ASKED_OF_US})",
        rf"(?:{_DISEASE}|{_SYMPTOM}|{_CARE}|{_LIFE}|{_GRAVE}|{_ASKED_OF_US}).*(?:{_PERSON})",
        rf"(?:{_ANYONE}).*\b(?:should|must|needs?|ought|may|can|could|would)\b.*(?:{_LIFE}|home\b|\bwait\b|"
        rf"doctor first)",
        rf"\b(?:should|must|needs?|ought|may|can|could|would|which)\b.*(?:{_ANYONE}).*(?:{_LIFE}|home\b|\bwait\b|"
        rf"healthy|first\b|surgery)",
        rf"\b(?:my|his|her|their|your) (?:\w+ )?(?:{_BODY}|{_DISEASE}|{_SYMPTOM})",
        rf"\b(?:i|we)\b(?:'ve|'m| (?:\w+ )?(?:have|had|got|feel|suffer|was|am|were|live with))\b.*(?:{_DISEASE}|"
        rf"{_SYMPTOM})",
        rf"\b(?:do|does|should|shall|will|can|could|am|must|may) i\b.*(?:{_DISEASE}|{_SYMPTOM}|\bhome\b|\billness|"
        rf"\bsick\b|\brisk\b)",
        rf"(?:{_DISEASE}|{_SYMPTOM}).*\b(?:for|with|to|help) (?:me|us)\b|\bfor me\b",
        rf"\b(?:{_ANYONE})\b.*(?:{_SYMPTOM}).*(?:{_ASKED_OF_US}|\bcould it\b|\bcan it\b|\bis it\b)",
        rf"\b(?:is|are|would|was|will) (?:it |that |this )?(?:\w+ ){{0,2}}(?:safe|danger(?:ous)?|harmful|serious|"
        rf"urgent|risky|bad|good|ok|okay|"
        rf"fine|allowed|normal (?:to|that|for))\b.*(?:{_DISEASE}|{_SYMPTOM}|{_LIFE})",
        rf"(?:{_PERSON}).*\bneeds?\b|\bneeds?\b.*(?:{_PERSON})",
        rf"\b(?:should|must|shall) (?:{_ANYONE})\b|\bshould (?:\w+ )?(?:\w+ )?be (?:sent|seen|flown|moved|operated|"
        rf"told)\b",
        rf"\b(?:is|are|would) (?:\w+ ){{1,2}}(?:good|bad|useful|helpful|harmful|healthy)\b.*(?:{_DISEASE}|{_BODY})",
        rf"\b(?:good|bad|useful|best|helps?|helpful|relieve|reduce|stop|strengthen|avoid|shrink)\b.*(?:{_SYMPTOM}|"
        rf"{_BODY}|{_DISEASE})"
        r"(?!.*\b(?:box|report|picture|image|program|scan)\b)",
        rf"(?:{_LIFE}).*\bwith (?:an?|the)? ?(?:\w+ )?(?:{_DISEASE})|(?:{_DISEASE}).*\b(?:avoid|carry|lift|drive)\b",
        rf"(?:{_ASKED_OF_US}).*(?:{_ANYONE}|{_DISEASE}|{_SYMPTOM}|{_BODY})|(?:{_ANYONE}|"
        rf"{_DISEASE}).*(?:{_ASKED_OF_US})",
        r"\bshould be (?:seen|operated|scanned) (?:first|today|now)|\bwho goes\b|\b(?:skip|without) (?:the|a) doctor\b",
        r"\b(?:could|can|is|might) (?:it|this|that) (?:be )?(?:an? )?(?:cancer|tumou?r|infection|fracture)|\bdo (?:i|"
        r"we) have (?:a |an )?\w+\?",
        r"\bam i\b|\b(?:would|will|shall|should|do) you (?:operate|treat|refer|wait|discharge|inject|cure)\b|"
        r"\brefer or not\b",
        rf"how (?:do|should|can|would|is|are) .*(?:{_DISEASE}).*\b(?:treated|cured|operated|healed|managed)\b",
    )
)

_ABOUT_THE_BOX = tuple(
    re.compile(pattern)
    for pattern in (
        r"\bwho (?:decides|has the last word|may decide|chooses)\b|\bwhose decision\b",
        r"\b(?:pacemaker|magnet|implant|metal|splinter|contrast|gadolinium)\b",
        r"\b(?:may|can|should|must|do|shall) (?:i|we|a technician) (?:tell|explain|show|say)\b.*\b(?:patient|family|"
        r"relatives|result|report)",
        r"\b(?:box|program|software|computer|machine|device|reading|grader|model|it)\b.{0,40}\b(?:read|reads|be used|"
        r"work|works|"
        r"reliable|valid|trained|able|replace|handle|assess|grade|see|spot|cope)\b(?!.*\b(?:he|she|her|his|him|my)\b)",
        r"\b(?:result|report|reading|grades?) (?:\w+ )?(?:reliable|valid|trustworthy)\b|\bafter (?:an operation|"
        r"surgery)\b|\brods\b|\bscrews\b|\boperated (?:spine|back)s?\b",
        r"\b(?:sent|send|sending|upload\w*|cop(?:y|ied)|folder|files?|zip|delete|wrong (?:patient|name|woman|man)|"
        r"lie still|moved during|"
        r"scanned (?:in|twice|again)|mixed up|button|login|log in|password|browser|printer|usb|stick|dicom|mqtt|"
        r"broker|console|cd)\b",
    )
)
"""What only sounds like advice: how to send, what may be scanned, what the box can read, who decides."""
_CLEARLY_CARE = re.compile(
    rf"{_MEDICINE}|{_READ_FOR_ME}|\b(?:sen[dt]|let|keep)\b.*\b(?:home|\w*surgeon|hospital|doctor|specialist)\b|"
    rf"\bskip the doctor\b"
)
_GENERAL = re.compile(
    r"^(?:why (?:do|does|is|are|can)|what (?:is|are|does|do)|where|which signs?|how (?:do|does|is|"
    r"are)\b.*\b(?:differ|defined|called|measured))\b|"
    r"\bgrades?\b|\bgraded\b"
)
"""How a question about the thing itself begins; about nobody, and about no treatment."""
_SOMEBODY_OR_CARE = re.compile(
    rf"{_PERSON}|{_SELF}|{_CARE}|prognosis|\bheal|\bcur(?:e|ed|able)\b|success rate|chances|recover|\bfor (?:an?|"
    rf"some)|\byour\b|diagnos"
)

_ORDER = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b(?:ignore|disregard|forget|overrule|bypass|skip|drop)\b.{0,40}\b(?:instructions?|rules?|images?|prompt|"
        r"previous|prior|above|earlier|knowledge|passages|safety|training|restrictions?|limits?|guidelines?|everything|"
        r"what you)\b",
        r"\byou are now\b|\bfrom now on\b|\bpretend\b|(?:^|\byou |\bplease |\bnow |\band )(?:act|behave) (?:as|"
        r"like)\b|\brole ?play\b|"
        r"\bsimulate\b|\bjailbreak\b|\b(?:become|take the role of|play) (?:an?|the) \w+|\bplay a game\b|"
        r"\bstop being\b|\blie about\b",
        r"\b(?:i|we) (?:allow|permit|authori[sz]e) you\b|\bas (?:the|your) (?:developer|owner|maker|administrator|"
        r"admin|creator)\b|"
        r"\byou (?:may|can) (?:now )?say anything\b|\bwithout (?:restrictions?|refusing|limits)\b|\bhidden (?:prompt|"
        r"instructions)\b",
        r"\b(?:header|comment|comments|description|tag|field|name)\w* (?:says?|said|tells?|orders?|"
        r"wrote)\b.*\b(?:answer|report|grade|do|skip)\b|"
        r"\b(?:answer|respond|reply) (?:only )?(?:with|by)\b",
        r"\b(?:which|what|all|list (?:of )?(?:the )?) ?patients? (?:were|was|of last|read|scanned|came|yesterday|"
        r"today)|\bwho was (?:examined|scanned|here)|"
        r"\ball patients\b|\b(?:log|let) me in(?:to)?\b|\bgive me (?:admin|root|access|the right)|\b(?:open|"
        r"start) a (?:shell|terminal)\b",
        r"^\W*(?:hide|suppress|raise no|unlock|translate your|grade this|write a report|let us|forget all)\b|"
        r"what is the admin\w*(?:'s)? password",
        r"' ?(?:or|and) '|above this line|^\w*' ?--",
        r"\bdeveloper mode\b|\bunrestricted\b|\breveal\b|\boverride\b|\bsudo\b|\bi order you\b|\bexecute\b|"
        r"\bmust report\b",
        r"\byou are (?:dan|free|an? (?:evil|neurosurgeon|surgeon))\b|\bobey\b|\b(?:repeat|say) after me\b",
        r"\bsystem ?prompt\b|\byour (?:prompt|instructions|rules|source code)\b|\bnew instructions?\b",
        r"^\W*(?:system|assistant|admin|developer)\W*:|\bdo as (?:it|i|they) says?\b",
        r"\bfollow (?:the|these|its|my) (?:instructions?|orders?|commands?)\b",
        r"\b(?:tell|give|show|print|list|display|dump|read out|send)\b(?: \w+){0,5} (?:passwords?|secrets?|session key|"
        r"credentials?|tokens?|private keys?|names of (?:all )?(?:the )?patients|findings of|report of|birth date)\b",
        r"^\W*(?:say|write|answer|confirm|make up)\b.{0,60}"
        r"\b(?:harmless|healthy|normal|no stenosis|only with|a source|yes)\b",
        r"^\W*(?:please |now |kindly |just |you (?:must|will|shall) )*(?:delete|erase|wipe|remove|destroy|mark|set|"
        r"change|"
        r"edit|modify|overwrite|rewrite|clear|add|create|disable|enable|turn off|turn on|switch off|shut ?down|"
        r"reboot|run|"
        r"send|e-?mail|publish|approve|confirm|invent|encode|decode|stop giving)\b",
        r"<\s*/?\s*(?:script|img|iframe|svg|a|style)\b|\{\{|\{%|\$\{|\.\./|file:/|/etc/|%s%s|\| *sh\b|;\s*--",
        r"\bdrop table\b|\bunion select\b|\bselect \* from\b|\bor 1 ?= ?1\b|\brm -rf\b|\beval\(|\bimport os\b",
    )
)

_URGENT = re.compile(
    r"bladder|bowel|\burin|\bpee\b|\bwee\b|stool|incontinen|saddle|between (?:the|her|his|my) legs|groin|foot drop|"
    r"drop foot|paraly|\b(?:leg|legs|foot)\b.*\bweak|\bweak.*\b(?:leg|legs|foot)\b|cannot (?:walk|move|feel)|"
    r"lost control"
)


def asks_for_advice(words: str) -> bool:
    """A decision about a person, what to treat with, or what will become of somebody."""
    if not _CLEARLY_CARE.search(words) and any(pattern.search(words) for pattern in _ABOUT_THE_BOX):
        return False
    if _GENERAL.search(words) and not _SOMEBODY_OR_CARE.search(words):
        return False
    return any(pattern.search(words) for pattern in _ADVICE)


def gives_an_order(words: str) -> bool:
    """An instruction to the assistant, or code."""
    return any(pattern.search(words) for pattern in _ORDER)


def sounds_urgent(words: str) -> bool:
    """Names a sign of cauda equina syndrome or growing weakness."""
    return bool(_URGENT.search(words))
