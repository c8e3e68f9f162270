"""`lumbarbox mqtt test` and `outbox list|flush`: the way to the broker, and what waits for it."""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from time import monotonic

from appliance.commands_jobs import open_box
from appliance.core.messages import Message
from appliance.errors import Code, DeliveryError

WELL, DEGRADED = 0, 4
TEST_SECONDS = 5.0
PUMP_SECONDS = 0.2


def add_commands(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`mqtt` and `outbox`."""
    mqtt = _family(subparsers, "mqtt", "test the way to the broker")
    mqtt.add_parser("test", help="send a message to ourselves").set_defaults(run=_test)
    outbox = _family(subparsers, "outbox", "results that wait for the broker")
    listing = outbox.add_parser("list", help="oldest first")
    listing.add_argument("--limit", type=int, default=50)
    listing.set_defaults(run=_list)
    flush = outbox.add_parser("flush", help="send them now, without waiting for the next try")
    flush.add_argument("--seconds", type=float, default=60.0, help="give up after this long (default: 60)")
    flush.set_defaults(run=_flush)


def _family(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse._SubParsersAction[argparse.ArgumentParser]:
    parser = subparsers.add_parser(name, help=text)
    parser.add_argument("--data", metavar="DIR", help="the box's folder, over box.data")
    return parser.add_subparsers(metavar="VERB", required=True)


def _test(args: argparse.Namespace) -> int:
    """A message to a topic of our own and back."""
    from appliance.adapters.mqtt import MqttLink
    from appliance.outside import beside

    box = open_box(args)
    topic, address = box.topics.of("test"), beside(box.address(), "test")
    link = MqttLink(address)
    print(f"Connecting to {address.host}:{address.port} …")
    link.connect(topic)
    link.pump(PUMP_SECONDS)
    sent = json.dumps({"schema": "lumbarbox.test/1", "at": monotonic()})
    link.send(Message(topic, sent))
    end = monotonic() + TEST_SECONDS
    while monotonic() < end:
        link.pump(PUMP_SECONDS)
        if any(received.payload.decode() == sent for received in link.take_received()):
            link.close()
            print("Well: a message went to the broker and came back.")
            return WELL
    raise DeliveryError(Code.BROKER, "The broker took a message but did not bring it back.", "Check its access rules.")


def _list(args: argparse.Namespace) -> int:
    box = open_box(args)
    for item in box.outbox.oldest(args.limit):
        refused = f", refused {item.tries} times" if item.tries else ""
        worst = item.body.get("worst") or "not assessed"
        print(f"{item.id}  {item.put_at:%Y-%m-%d %H:%M:%S}  study {item.body['rid']}: {worst}{refused}")
    print(f"{box.outbox.count()} results wait for the broker.")
    return WELL


def _flush(args: argparse.Namespace) -> int:
    """Over a connection of its own, beside a running box's: a result may then be sent twice, with the same id."""
    from appliance.adapters.mqtt import MqttLink
    from appliance.outside import beside

    box = open_box(args)
    link = MqttLink(beside(box.address(), "flush"))
    link.connect()
    delivery = box.delivery(link)
    delivery.forget()
    refused, end = "", monotonic() + args.seconds
    while monotonic() < end and delivery.send(datetime.now().astimezone()):
        link.pump(PUMP_SECONDS)
        refused = delivery.settle(datetime.now().astimezone()) or refused
    link.close()
    if refused:
        print(f"The broker refuses: {refused}.")
    print(f"{delivery.sent} sent, {box.outbox.count()} wait.")
    return WELL if not box.outbox.count() else DEGRADED
