"""Every text that comes to the page ready-made in English: from the core, from errors, from the views. Data only.

They stay English where they are data (report.json, the API, the receipts, the log); `told.py` translates them where a
page shows them. `{name}` stands for what differs. tests/web/test_languages.py fails when one is missing here.
"""

from __future__ import annotations

SPINE = (
    "Normal/mild", "Moderate", "Severe", "normal/mild", "moderate", "severe", "left", "right", "Spinal canal", "Foramen",
    "Subarticular", "Spinal canal stenosis", "Left neural foraminal narrowing", "Right neural foraminal narrowing",
    "Left subarticular stenosis", "Right subarticular stenosis", "{level} · {condition}", "Levels", "Sagittal T2",
    "Sagittal T1", "Sagittal STIR", "Axial T2", "sagittal", "axial", "coronal", "oblique", "sagittal t1", "sagittal t2",
    "sagittal stir", "axial t2", "unused",
)  # fmt: skip

REPORT = (
    "Computer pre-screening aid, not a diagnosis. Not reviewed by a doctor. "
    "Every finding must be checked on the images by a qualified reader.",
    "No sagittal T1 series in this study. Send it, or repeat it while the patient is here.",
    "No sagittal T2 series in this study. Send it, or repeat it while the patient is here.",
    "No axial T2 series in this study. Send it, or repeat it while the patient is here.",
    "This disc was not found on the sagittal images.",
    "No slice passes through this place.",
    "The picture is black here: metal, or nothing was imaged.",
    "This series does not look like the sequence its header names. Check whether T1 and T2 were mixed up.",
    "Left and right cannot be told from a picture without positions.",
    "The pictures do not say where they lie, so the series cannot be brought together.",
    "The picture does not say which sequence it is.",
    "The levels could not be numbered with certainty: the sacrum was not seen.",
    "A person moved the level names by one; the level now called so was not read.",
    "Severe spinal canal stenosis at {level}.",
    "Severe spinal canal stenosis at {level}",
    "The level names may be one off: compare them with the sacrum on the images before using them.",
    "No lumbar disc was found on the sagittal images.",
    "The sacrum was not seen, so the levels cannot be counted. Repeat with the field of view reaching lower.",
    "The numbering of the levels is uncertain: it may be one level off.",
    "The picture ends right below the disc taken for L5/S1: that it lies on the sacrum cannot be seen.",
    "A disc-like space lies below the level taken for L5/S1: a transitional vertebra is possible.",
    "Not found: {levels}.",
    "The two models disagree at 1 place, marked *: look at the images there first.",
    "The two models disagree at {count} places, marked *: look at the images there first.",
    "A person moved all level names by one towards the head.",
    "A person moved all level names by one towards the feet.",
    "This is an axial picture without positions: neither its level nor its sides can be known.",
    "Read from a picture without positions: the side cannot be known, millimetres are estimated from the distance of "
    "the discs, and the numbering rests on this one picture. The front of the body is taken to be on the left.",
    "Not read: {files} because only MR is.",
    "Not read: {files} that came twice under the same identifier; read once.",
    "Not read: {files}",
)

PRINTED = (
    "Lumbar spine MRI: computer pre-screening", "Patient", "Born", "born {day}", "Study: {name}", "Study of {day}",
    "Read {day}", "Report {id}, revision {number}", "And {count} more: see the page.", "{count} of 25 places",
    "Nothing could be graded. This does not mean that nothing is wrong.", "What a doctor said of it", "Warnings",
    "Not assessed", "Level", "{who} agrees with {count} of the findings.", "model: {grade}", "not assessed",
    "Left and right are the patient's own. The percentage is the model's probability of the severity named.",
    "Read in {seconds} s on {device}, {precision}, by {models}.",
    "Lumbarbox is a pre-screening aid, never a diagnosis. "
    "Every finding must be checked on the images by a qualified reader.",
    "AI - not for diagnostic use - not reviewed", "Disc levels and canal", "{level}  canal {severity}", "{level} severe",
    "{condition}, {level}: severe",
)  # fmt: skip

JOBS = (
    "arriving", "waiting", "reading", "done", "failed", "quarantined", "not evaluable", "being read", "report ready",
    "needs a person", "Needs a person", "Being read", "Waiting", "Arriving", "Done", "received", "settling", "queued",
    "seen", "changed", "claimed", "taken", "read", "refused", "interrupted", "postponed", "crashed", "retried", "released",
    "revised", "Seen, arriving", "Arriving: still being copied", "Arriving through the page: {percent}",
    "Being read: {stage}, {percent}", "starting", "opening the images",
    "finding the levels", "finding the canal", "grading the canal", "grading the foramina", "grading the recesses",
    "writing the report", "Could not be read: {reason}", "Set aside: {reason}", "it stopped the box twice",
    "unknown reason", "Open the report: it says what is missing and why.", "Read",
    "Read in part: not every place could be assessed", "Could not be evaluated: nothing was graded",
    "{outcome}; gravest finding: {severity}", "{outcome}. These images were read before: the earlier report is shown",
    "a few seconds left", "about {count} seconds left", "about {count} minutes left", "revision {number}",
    "technician", "doctor", "administrator",
)  # fmt: skip

HEALTH = (
    "Only {count} MB are free on the box's disk.", "The processor is at {count} °C.",
    "All is well.", "Something needs attention.", "Stopped: nothing new is read.",
)  # fmt: skip

ERRORS = (
    "The accounts cannot be used: {why}", "The tokens cannot be used: {why}", "The register cannot be used: {why}",
    "The outbox cannot be used: {why}", "The ledger cannot be used: {why}",
    "Check the box's disk: is it full or read-only?", "Check the box's disk: is it full, read-only or failing?",
    "The embedded broker cannot listen on {address}.",
    "Is another broker running? Set mqtt.host to use it, or broker.port to another.",
    "{file} is damaged or was cut off while it was copied.", "Copy it again from the scanner.", "Copy it again.",
    "Export the study again with its images.", "Send one lumbar-spine study, or raise the limit in the configuration.",
    "{file} is compressed in a way this box cannot read ({syntax}).",
    "Export the study uncompressed or as JPEG 2000, and send it again.",
    "{file} is no archive, or damaged, or was cut off.",
    "There are no files in it.", "{file} is empty: 0 bytes.",
    "Make the archive again and send it again.", "Send the images as a plain folder.",
    "{file} grows more than {count} times when unpacked.", "{file} holds a link or a device instead of a file.",
    "{file} holds an entry that points outside of it.", "{file} holds {count} entries; at most {limit} are opened.",
    "{file} is an archive too deep inside another.", "There is nothing at {place}.", "Check the path.",
    "{file} decodes to more than {count} MB.", "{file} holds {count} pictures; at most {limit} are read.",
    "{file} unpacks to more than {count} MB.", "Log in, or send a token that is known.",
    "There are more than {count} files.", "The study is larger than {count} MB.",
    "{file} is locked by a password.", "Send it without a password.", "{place} could not be read: {why}.",
    "Check that the folder is there and that this box may read it.",
    "{file} is {size}; at most {limit} is read.", "Send a smaller picture, or raise the limit in the configuration.",
    "{marker} on the share is not a file.", "Make it a plain file.",
    "The share {place} is not there: its marker {marker} is missing.",
    "Check the cable and the server; all goes on by itself once the share is back, and nothing is lost. "
    "Mount the share. A new folder is made ready with: {command}",
    "{place} cannot be used. {why}", "The disk is full.", "The quota of the disk or share is used up.", "It is read-only.",
    "The permission is missing.", "The system says: {why}.",
    "Make room: nothing is lost, all goes on by itself once there is space.",
    "Give the user the box runs as the right to read and write there.",
    "Check the cable, the server and the mount; all goes on by itself once the share is back.",
    "Look at the log for what happened, and report it.",
    "The ledger was written by a newer version (schema {version}).", "Install that version again, or restore a backup.",
    "The MQTT broker {address} cannot be reached ({why}).", "The MQTT broker cannot be reached.",
    "Results wait on the box and are sent when it is back. Check the broker and the network.",
    "The broker's password file cannot be read: {why}.", "Check mqtt.password_file.",
    "The broker refused a message: {why}.", "Check its access rules (docs/mqtt.md).",
    "The publisher made a mistake ({why}).", "Report it with the box's log.",
    "A model answered with values that are no numbers.", "The model {model} is not in {file}.",
    "There are no models at {place}: {why}.", "{file} is missing: {why}.", "{file} is not the file the manifest names.",
    "{file} has another schema: {schema}.", "{file} cannot be understood: {why}.", "{model} does not say its {key}.",
    "{model}: {key} is not a number.", "The models cannot be started: {why}", "The models are not loaded.",
    "See the box's health for why.", "Install the box's models again; they are part of the program.",
    "Empty the folder ovcache, or set reader.device to cpu.", "The built-in study is missing.", "Install the box again.",
    "The report cannot be written to {place}: {why}.", "Check who may write there.",
    "No space left to write the report to {place}.", "Free some space.",
    "There are too many studies named {name} on the share.", "Tidy it up.", "{place} is no longer on the share.",
    "Drop the study into the shared folder again.",
    "The box's disk has {free} MB free; taking this study in needs {wanted} MB.", "{file} is larger than {count} MB.",
    "Send the study without that file, or raise limits.file_mb.", "There is no picture in this study.",
    "Send the images themselves.", "The images belong to {count} different patients.",
    "Send each patient's images in a folder of their own.", "The images belong to {count} different studies.",
    "Send each study (one visit) in a folder of its own.", "These are {kinds} images, not magnetic resonance (MR).",
    "Send the lumbar-spine MRI; this box reads nothing else.", "This is an MRI of another part of the body ({part}).",
    "Send the lumbar-spine MRI. If it is one, correct Body Part Examined on the scanner.", "The folder is empty.",
    "reader.second_opinion is on, but the model {model} is not in {file}.",
    "Switch reader.second_opinion off, or make these models on a workbench with `python -m export.second_opinion` "
    "(docs/second-opinion.md) and copy them to the box; they are not part of the program.",
    "Copy the study into it, or delete it.", "It holds more than {count} files.",
    "Send one study at a time, or raise limits.files.", "It is larger than {count} MB.",
    "Send one study at a time, or raise limits.study_mb.", "More than {count} files were sent.",
    "Send one study at a time.", "No file was chosen.", "Choose the study's files, its folder or its zip.",
    "The study decodes to more than {count} MB.",
    "Send only the lumbar-spine series, or raise the limit in the configuration.", "There are no files in {place}.",
    "Copy the study's images into it.", "{file} is not a DICOM file.", "The level names stand so already.",
    "Choose another numbering.", "More was sent than was announced.", "Send the study again.",
    "Reading this study stopped the box twice.",
    "It is set aside so that others can be read. Report it; `lumbarbox jobs release` tries it once more.",
    "Report it with the box's log; other studies go on.", "The box was stopped.", "The reason was not written down.",
    "The box made a mistake while reading this study ({why}).",
)  # fmt: skip

GATHERING = (
    "The broker says that another client has taken its place ({who}).",
    "The broker ends every connection within seconds, as when two clients have one name ({who}).",
    "Give each box its own box.node, and run one publisher a box. Results wait here meanwhile.",
    "Check {keys}. Results wait on the box until then.",
    "No broker is configured.",
    "Set mqtt.host, or switch broker.enabled on.",
    "A certificate file cannot be used: {why}",
    "The broker's password file cannot be read: {why}",
    "The broker refuses messages: {why}.",
    "The ledger was damaged. It is kept as {file}; a new one was made from {reports} reports and {drops} copied drops.",
    "Check the box's disk and its power. Look through today's studies; then restart the box to clear this.",
    "gathering", "joined", "grew", "hurried", "completed", "Received {amount}, waiting to be read",
    "Received {amount}, waiting for the {series} series", "Received {amount}, all three series are there",
    "{said}, reading in {count} s", "{said}, reading in {count} min", "{said}, read at {time}", "{first} and {last}",
    "{count} images", "1 image", "sagittal T1", "sagittal T2", "axial T2",
    "Part of another study that was received with it", "{said}, about to be read",
    "Send the missing series, or press Read now on the page.", "Read now",
    "More images came later: a newer report of this study counts.",
    "{outcome}. Revision {number}: with images that came later", "Copy it again from the scanner, or leave it out.",
    "Leave it out, or raise limits.decode_memory_mb.", "Look at the log, and report it.",
    "The process that opens images cannot be started.", "{file} needs more memory to open than is allowed.",
    "{file} {what}: it is damaged, or made to do harm.", "Mount it again.", "Mount the share.",
    "Nothing is mounted at {place}, and inbox.mount is set.", "The network share at {place} is not mounted any more.",
    "The share {place} went away.", "Reading or writing failed (EIO).", "The server forgot it (ESTALE).",
    "Drop the whole study again. Its earlier report still stands.",
    "These images belong to a study that was read on {day}; the box does not keep its other {count} images any more.",
)  # fmt: skip
"""Of studies that come in pieces, and of shares that go away."""

VIEWS = (
    "Name or password is wrong. After several wrong tries the name is locked for a while.",
    "The first login is set up on the box itself.", "The old password is wrong.", "Choose a name of at most 64 letters.",
    "The password needs at least {count} characters.", "The two passwords differ.",
    "The code is not the one shown on the box's terminal.", "That name is taken.",
    "This is the last administrator. Make another one first.", "That role is unknown.",
    "This needs the login of a {role}.", "The page did not understand that.", "That is not allowed.",
    "There is nothing here.", "That is not possible here.", "That is more than this box takes at once.",
    "Something went wrong on the box. It is written in its log.", "The request came from another site.",
    "Please log in again.", "The page was open too long. Load it again and repeat.",
    "This box does not answer to the name {name}. Add it to web.names.",
    "Only a study that failed can be tried again.", "The report of this study cannot be read.",
    "The level names were moved meanwhile. Load the study again and repeat.",
    "Choose where the level names should go.", "That grade is unknown.", "A piece is larger than agreed.",
    "Look at the box's log.",
)  # fmt: skip

AUDIT = (
    "made the token {token}", "revoked token {number}", "searched for a patient", "compared {id} with {other}",
    "login refused", "logged in", "set up as administrator", "changed their password", "reviewed {count} findings of {id}",
    "moved the level names of {id} to {shift}", "exported all reviews", "saw {id}", "saw the images of {id}",
    "downloaded {file} of {id}", "retried {id}", "hurried {id}", "uploaded {id}", "opened a view for the wall",
    "resumed the reading", "closed the view for the wall",
    "exported the audit", "added {name} as {role}", "made {name} a {role}",
    "gave {name} a new password", "removed {name}",
)  # fmt: skip
"""What the audit says of people; it is kept in English."""

SCRIPTS = (
    "That is more than {count} files.", "That is more than this box takes at once.", "{file} is larger than this box takes.",
    "1 file", "{count} files", "That folder could not be read. Choose it with the button instead.",
    "Choose the study's files, its folder or its zip first.", "Stopped. Nothing was kept.",
    "The connection was lost. It goes on by itself; keep this page open.",
    "The box was started anew meanwhile. Nothing was kept; press the button again.", "Everything has arrived.",
    "The box cannot be reached. Check the network and press the button again.",
    "A file can no longer be read: was the disc or stick taken out? Nothing was kept.",
    "You were logged out meanwhile. Log in and send it again.", "The upload was refused. Send it again.",
    "Sending: {percent} % of {size}", "a few seconds left", "about {count} seconds left", "about {count} minutes left",
    "Beginning …", "This slice could not be loaded. Is the box still on?", "{series}, slice {number} of {count}",
    "Sagittal T2", "Sagittal T1", "Sagittal STIR", "Axial T2", "{plane}, not used", "normal/mild", "moderate", "severe",
    "Sagittal", "Axial", "Coronal", "Oblique", "Picture", "{level} canal", "{level} foraminal left",
    "{level} foraminal right", "{level} subarticular left", "{level} subarticular right",
)  # fmt: skip
"""Said by the scripts themselves; base.html hands them over in the page's language."""

ALL = tuple(dict.fromkeys((*SPINE, *REPORT, *PRINTED, *AUDIT, *JOBS, *HEALTH, *ERRORS, *GATHERING, *VIEWS, *SCRIPTS)))
