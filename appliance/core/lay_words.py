"""How people say what the passages call by its proper name. Data only; both sides are written before stemming."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PHRASES: dict[str, str] = {
    r"slipped dis[ck]s?|ruptured dis[ck]s?": "herniation",
    r"lateral recess(?:es)?": "subarticular recess",
    r"horse s? ?tail": "cauda equina",
    r"(?:nerve|side) (?:hole|opening|exit)s?": "foramen",
    r"low(?:er)? back bones?|back ?bones?": "lumbar vertebra",
    r"pin(?:ched|ching) nerves?|trapped nerves?": "root stenosis",
    r"spinal (?:fluid|liquid|water)|csf": "cerebrospinal fluid",
    r"power (?:cut|outage|failure)|black ?out|no electricity": "power cut",
    r"x ?rays?": "xray",
    r"mobile phone|cell ?phone|smart ?phone": "phone",
    r"hard ?(?:disk|drive|disc)": "disk",
    r"(?:strange |double )?(?:shadows?|stripes?|ghosts?|contours?)": "artefact",
    r"mqtt server|message server": "broker",
    r"after a restart|re ?start(?:ed|ing)?|switched off|plug (?:was )?pulled": "power cut",
    r"girl|boy|baby|toddler|teenager": "child",
    r"get rid of|throw away|take away again": "delete",
    r"lost sight of|where has it gone|has vanished": "where is",
    r"foot (?:hangs|drops|slaps)(?: down)?": "weakness foot",
    r"tail ?bone|rump bone": "sacrum",
    r"rods?|screws?|cages?|plates? in the (?:back|spine)": "operation metal",
    r"not (?:readable|able to be read)": "unreadable",
    r"log(?:ged)? ?in|sign(?:ed)? ?in|log ?on": "login",
    r"per ?cent": "percentage",
    r"one level off|off by one": "one off",
}
"""Several words at once, as regular expressions over lower-case words."""

SYNONYMS: dict[str, str] = {
    "foramina": "foramen",
    "foraminal": "foramen",
    "neuroforamen": "foramen",
    "vertebrae": "vertebra",
    "vertebral": "vertebra",
    "vertebras": "vertebra",
    "stenoses": "stenosis",
    "stenotic": "stenosis",
    "stenosed": "stenosis",
    "narrowing": "stenosis",
    "narrow": "stenosis",
    "narrowed": "stenosis",
    "narrowness": "stenosis",
    "tight": "stenosis",
    "disks": "disc",
    "hernia": "herniation",
    "herniated": "herniation",
    "sagital": "sagittal",
    "saggital": "sagittal",
    "transversal": "transverse",
    "pee": "urine",
    "wee": "urine",
    "urinate": "urine",
    "urinating": "urine",
    "poo": "stool",
    "faeces": "stool",
    "feces": "stool",
    "numbness": "numb",
    "tumor": "tumour",
    "broken": "fracture",
    "break": "fracture",
    "electricity": "power",
    "forgotten": "forgot",
    "forget": "forgot",
    "photo": "photograph",
    "blurry": "blur",
    "blurred": "blur",
    "movement": "motion",
    "moved": "motion",
    "moves": "motion",
    "operated": "operation",
    "gadolinium": "contrast",
    "centimetre": "millimetre",
    "mm": "millimetre",
    "cm": "millimetre",
    "millimeters": "millimetre",
    "millimetres": "millimetre",
    "colour": "color",
    "colours": "color",
    "colored": "color",
    "grading": "grade",
    "graded": "grade",
    "grades": "grade",
    "fell": "fall",
    "visible": "image",
    "overlook": "miss",
    "overlooks": "miss",
    "illness": "disease",
    "illnesses": "disease",
    "monitor": "screen",
    "kid": "child",
    "kids": "child",
    "children": "child",
    "pediatric": "child",
    "paediatric": "child",
    "picture": "image",
    "pictures": "image",
    "scan": "mri",
    "cervix": "uterus",
    "definition": "meaning",
    "big": "large",
    "fast": "quick",
    "erase": "delete",
    "deleting": "delete",
    "remove": "delete",
    "computer": "box",
    "machine": "box",
    "device": "box",
    "software": "box",
    "program": "box",
    "appliance": "box",
}

STOP_WORDS = _words(
    """
    a about also am an and any are as at be been being but by called can cannot could d describe did do does
    doesn doing don done explain for from get gets give gives got had has have having he here how i if in into
    is isn it its just know let ll m make makes may me mean meaning means meant might must my no not of on or
    our please re s said say says shall she should so some t tell than that the their them then there these they
    thing things this those to too us ve very want was we were what when where which who whom whose why will
    with would you your
    wat wot whats hw cn pls plz u ur r hav shud shoud wich
    """
)

COMMON = _words(
    """
    about above across actually after again against ago all almost alone along already although always among
    another anybody anyone anyway around ask asked asking asks away back bad because become before begin behind
    believe below beside best better between beyond bit both bring came case certain check checked claim come
    comes complete could day days dear decide difference different down during each early easy either else end
    enough even ever every everyone exactly fact far fetch few find finds first five follow following found four
    friday full further general go goes going gone good great had half happen happened happens hard hear hello
    help here hi high hook hour hours however hundred idea if important in inside instead into keep keeps kind
    large last late later least leave left less life like likely little long longer look looked looking looks
    lot low made main man many matter maybe men metre metres minute mistake moment monday month months more
    morning most much must my name near nearly need needed needs never new next night nobody none normal nothing
    now number off often old older on once one only open or order other others otherwise out over own part
    people perhaps person place places point possible probably problem put question quite rather reach real
    really reason reasons right room same second see seem seems seen send sent set several show shown shows side
    simple since single six small so some someone something sometimes somewhere soon sorry sort start started
    starts still such suppose sure take taken takes talk than thank thanks their then these think third those
    thousand three through time times to today together told tomorrow too took top total toward towards tried
    try trying turn two type under understand until up upon use used useful uses using usual usually version
    wait waiting want wants was watch way ways week weeks well went while whole why will with within without
    woman women work working works worry would wrong year years yes yesterday yet young your
    """
)
"""Everyday words: when a passage does not know one, that says little against it."""

ELSEWHERE = _words(
    """
    abdomen abdominal adrenal ankle anaemia anemia antibiotic aorta appendix arm asthma bandage birth bladderstone
    brain breast bronchitis cancer cardiac cervical chest childbirth chiari cholesterol cough covid dental dengue
    dentist dermatitis diabetes dialysis diarrhoea ear ecg eczema eeg elbow epilepsy eye finger flu gallbladder
    gallstone gut hair haemoglobin headache hearing heart heartbeat hepatitis hip hiv ileum influenza insulin jaw
    kidney knee labrum leukaemia liver lung lymph malaria mammography measles meniscus migraine mouth myocardial nail
    nose oesophagus ovary pancreas parasite pelvis penis pneumonia potassium pregnancy prostate psoriasis pulmonary
    rabies rib scaphoid shoulder sinus skin skull sodium spleen stomach stroke syrinx testicle thoracic throat thumb
    thyroid toe tonsil tooth teeth tuberculosis typhoid ulcer ultrasound uterus vaccine vagina wrist animal bank
    bicycle bread cake capital car cat chicken church cook country cow crypto dance dog dollar election electrician
    euro football game garden gold government guitar hotel insurance joke king lottery love marathon minister money
    moon movie music novel painting planet plumber poem politics president prime queen rain recipe restaurant rice
    river school sea shirt shoe singer soap song soup sport stock tax tea tie tomato travel tyre universe war weather
    wedding
    """
)
"""Other parts of the body, other illnesses, other things of life: a question with one of them is about something else,
unless the passage names it in its title or among the words people ask with."""
