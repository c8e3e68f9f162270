"""Home Assistant's device discovery: one retained message makes the box one device there, an empty one removes it.

The form is Home Assistant's "device discovery" (`<prefix>/device/<node_id>/<object_id>/config`, since 2024.11); the
abbreviations it allows are not used, so that a person can read it.
"""

from __future__ import annotations

import json
from typing import Any

from appliance.core.messages import ONLINE, ROOT, Message, Topics
from appliance.core.spine import Severity

_AVAILABLE = f"{{{{ 'online' if value == '{ONLINE}' else 'offline' }}}}"
"""`stopped` is a third word that Home Assistant does not know."""


def topic(prefix: str, node: str) -> str:
    return f"{prefix}/device/{ROOT}/{node}/config"


def announce(prefix: str, topics: Topics, version: str) -> Message:
    """Severity of the last study, state, queue, outbox, disk, temperature and alarms, as one device."""
    body = {
        "device": {
            "identifiers": [f"{ROOT}_{topics.node}"],
            "name": f"Lumbarbox {topics.node}",
            "manufacturer": "Lumbarbox",
            "model": "Lumbar-spine MRI pre-screening",
            "sw_version": version,
        },
        "origin": {"name": ROOT, "sw_version": version},
        "availability": [{"topic": topics.of("availability"), "value_template": _AVAILABLE}],
        "qos": 1,
        "components": _components(topics),
    }
    return Message(topic(prefix, topics.node), json.dumps(body, ensure_ascii=False), 1, True)


def remove(at: str) -> Message:
    """Empty and retained: the device and its entities disappear."""
    return Message(at, "", 1, True)


def _components(topics: Topics) -> dict[str, Any]:
    health, last = topics.of("health"), topics.of("last_result")
    return {
        "severity": _sensor(
            topics, "severity", "Last study", last, "{{ value_json.worst or 'not_assessed' }}", icon="mdi:human-male-height",
            device_class="enum", options=[*(s.value for s in Severity), "not_assessed"],
        ),
        "read_at": _sensor(topics, "read_at", "Last study read", last, "{{ value_json.read_at }}", device_class="timestamp"),
        "status": _sensor(
            topics, "status", "Health", health, "{{ value_json.status }}", icon="mdi:heart-pulse", device_class="enum",
            options=["well", "degraded", "stopped"],
        ),
        "queue": _sensor(topics, "queue", "Waiting to be read", health, "{{ value_json.queue }}", icon="mdi:tray-full"),
        "outbox": _sensor(topics, "outbox", "Waiting to be sent", health, "{{ value_json.outbox }}", icon="mdi:tray"),
        "disk": _sensor(
            topics, "disk", "Disk free", health, "{{ value_json.disk_free_mb }}", device_class="data_size",
            unit_of_measurement="MB",
        ),
        "temperature": _sensor(
            topics, "temperature", "Processor", health, "{{ value_json.temperature_c }}", device_class="temperature",
            unit_of_measurement="°C",
        ),
        "alarms": _sensor(
            topics, "alarms", "Alarms", health, "{{ value_json.alarms | join(', ') or 'none' }}", icon="mdi:alarm-light"
        ),
        "problem": {
            "platform": "binary_sensor",
            "unique_id": f"{ROOT}_{topics.node}_problem",
            "name": "Problem",
            "state_topic": health,
            "value_template": "{{ 'ON' if value_json.status != 'well' else 'OFF' }}",
            "device_class": "problem",
        },
    }  # fmt: skip


def _sensor(topics: Topics, key: str, name: str, state_topic: str, template: str, **more: Any) -> dict[str, Any]:
    return {
        "platform": "sensor",
        "unique_id": f"{ROOT}_{topics.node}_{key}",
        "name": name,
        "state_topic": state_topic,
        "value_template": template,
        **more,
    }
