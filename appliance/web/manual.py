"""The user manual, in the page."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask_babel import gettext as _

from appliance.errors import Code
from appliance.web.services import services, settings

pages = Blueprint("manual", __name__)


@pages.get("/manual")
def show() -> str:
    shown = {"sections": sections(), "errors": errors(), "facts": services().facts(), "most": settings().upload_bytes}
    shown["hours"] = settings().session.total_seconds() / 3600
    return render_template("manual.html", **shown)


def sections() -> list[tuple[str, str]]:
    """Anchor and heading, in order. The assistant's passages name the English ones as their source."""
    return [
        ("what", _("What this box is")),
        ("sending", _("Sending a study")),
        ("where", _("Where is my study?")),
        ("reading", _("Reading a report")),
        ("trust", _("Before you trust a report")),
        ("review", _("The doctor's review")),
        ("numbering", _("When the level names are one off")),
        ("earlier", _("Earlier studies of the same patient")),
        ("downloads", _("Downloads and printing")),
        ("use", _("What to do with a report")),
        ("cannot", _("What the box cannot do")),
        ("wrong", _("When something is wrong")),
        ("dashboards", _("Dashboards")),
        ("leaves", _("What leaves this box")),
        ("assistant", _("The assistant")),
        ("login", _("Logging in")),
        ("accounts", _("Accounts and roles")),
        ("wall", _("A monitor on the wall")),
        ("care", _("Looking after the box")),
        ("about", _("About this box")),
    ]


def errors() -> list[tuple[str, str, str]]:
    """Code, meaning, what to do: every code there is."""
    told = {
        Code.EMPTY: (_("There is no file in what was sent."), _("Copy the images themselves.")),
        Code.NOT_DICOM: (_("None of the files is DICOM, PNG or JPEG."), _("Send what the scanner exports.")),
        Code.CORRUPT: (_("The files are damaged or cut off."), _("Copy them again from the scanner.")),
        Code.UNSUPPORTED: (
            _("The images are compressed in a way the box cannot read, or locked by a password."),
            _("Export them uncompressed or as JPEG 2000, without a password."),
        ),
        Code.NOT_MR: (_("CT, X-ray or another kind of image."), _("Send the MRI.")),
        Code.NOT_LUMBAR: (
            _("MRI of another part of the body, or no lumbar discs were seen."),
            _("Send the lumbar spine; if it is one, correct Body Part Examined or repeat the sagittal T2."),
        ),
        Code.NO_PIXELS: (_("DICOM files without images."), _("Export again, with the images.")),
        Code.MIXED_PATIENTS: (_("Images of two or more patients in one folder."), _("Send a folder for each patient.")),
        Code.MIXED_STUDIES: (_("Images of two or more visits in one folder."), _("Send a folder for each study.")),
        Code.TOO_LARGE: (
            _("More than the box takes: files, size or pictures."),
            _("Send one study only; the administrator can raise the limit."),
        ),
        Code.UNSAFE_ARCHIVE: (_("The archive is built in a way that is dangerous to unpack."), _("Send a plain folder.")),
        Code.CRASHED_TWICE: (
            _("Reading this study stopped the program twice; it is set aside."),
            _("Keep it and report it. The administrator can have it tried again."),
        ),
        Code.NO_SPACE: (_("The disk is full."), _("Make room; all goes on by itself.")),
        Code.SHARE_GONE: (
            _("The shared folder cannot be reached, or its marker is missing."),
            _("Check cable, server and mount; all goes on by itself."),
        ),
        Code.NOT_WRITABLE: (_("The folder may not be written."), _("Give the box's user the right to.")),
        Code.LEDGER: (_("The box's own database fails."), _("Check the box's disk.")),
        Code.MODEL_MISSING: (_("A model is not there."), _("Install the box's models again.")),
        Code.MODEL_CHANGED: (_("A model's file is not the one that was installed."), _("Install the box's models again.")),
        Code.MODEL_WRONG: (
            _("The built-in study was not read as it must be."),
            _("Install the models again, empty ovcache, or set reader.device to cpu."),
        ),
        Code.BROKER: (
            _("The MQTT broker cannot be reached. Results wait; none is lost."),
            _("Check host, port, user and certificate."),
        ),
        "client_id_taken": (
            _("Another client connects to the broker under this box's name."),
            _("Give each box its own box.node; run one publisher a box."),
        ),
        Code.CONFIG: (_("A key of the configuration is wrong."), _("Correct the key that is named.")),
        "earlier_images_gone": (
            _("Images of a study whose other images the box no longer keeps."),
            _("Drop the whole study again; its earlier report still stands."),
        ),
        "ledger_rebuilt": (
            _("The box's own database was damaged and was made anew; the damaged one is kept."),
            _("Check disk and power, look through today's studies, and start the box again."),
        ),
        Code.USAGE: (
            _("A command on the box's terminal that does not fit as things stand; nothing was changed."),
            _("Do what the message says."),
        ),
        Code.FAULT: (_("A mistake in the program itself."), _("Report it with the box's log.")),
    }
    return [(code.value, *told[code.value]) for code in Code if code.value in told]
