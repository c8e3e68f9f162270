// A small MQTT 3.1.1 client over WebSocket that only listens: connect, subscribe, receive, keep alive, come back.
// Part of Lumbarbox (AGPL-3.0). Written against the OASIS standard; section numbers are its.
"use strict";

const KEEPALIVE_SECONDS = 30;
const RETRY_SECONDS = [1, 2, 5, 10, 30];

class MqttListener {
  // on: { state(word, detail), message(topic, payload text, retained) }
  constructor(url, topics, login, on) {
    Object.assign(this, { url, topics, login, on, tries: 0, closed: false });
    this.connect();
  }

  close() {
    this.closed = true;
    clearTimeout(this.retry);
    if (this.socket) this.socket.close();
  }

  connect() {
    this.on.state("connecting", this.url);
    this.bytes = new Uint8Array(0);
    try {
      this.socket = new WebSocket(this.url, ["mqtt"]);
    } catch (error) {
      this.on.state("refused", error.message);
      return;
    }
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.socket.send(this.connectPacket());
    this.socket.onmessage = (event) => this.received(new Uint8Array(event.data));
    this.socket.onclose = () => this.ended();
  }

  ended() {
    clearInterval(this.pinging);
    if (this.closed) return;
    const wait = RETRY_SECONDS[Math.min(this.tries++, RETRY_SECONDS.length - 1)];
    this.on.state("away", `trying again in ${wait} s`);
    this.retry = setTimeout(() => this.connect(), wait * 1000);
  }

  connectPacket() { // 3.1
    const flags = 0x02 | (this.login.user ? 0x80 : 0) | (this.login.password ? 0x40 : 0); // clean session
    const name = "wall-" + crypto.getRandomValues(new Uint32Array(2)).join("");
    const fields = [text("MQTT"), [4, flags], number(KEEPALIVE_SECONDS), text(name)];
    if (this.login.user) fields.push(text(this.login.user));
    if (this.login.password) fields.push(text(this.login.password));
    return packet(0x10, fields.flat());
  }

  received(chunk) {
    const joined = new Uint8Array(this.bytes.length + chunk.length);
    joined.set(this.bytes);
    joined.set(chunk, this.bytes.length);
    this.bytes = joined;
    this.heard = Date.now();
    for (let found; (found = firstPacket(this.bytes)); this.bytes = this.bytes.subarray(found.end)) this.handle(found);
  }

  handle({ kind, flags, body }) {
    if (kind === 2) this.connected(body[1]); // CONNACK, 3.2
    else if (kind === 9 && [...body.subarray(2)].includes(0x80)) this.on.state("refused", "the broker allows no reading here");
    else if (kind === 3) this.published(flags, body); // PUBLISH, 3.3
  }

  connected(code) {
    if (code !== 0) {
      this.on.state("refused", ["", "protocol", "name", "not available", "user or password", "not authorised"][code] || code);
      this.close();
      return;
    }
    this.tries = 0;
    this.on.state("connected", this.url);
    const topics = this.topics.flatMap((topic) => [...text(topic), 1]);
    this.socket.send(packet(0x82, [0, 1, ...topics])); // SUBSCRIBE, 3.8
    this.pinging = setInterval(() => this.ping(), KEEPALIVE_SECONDS * 500);
  }

  ping() { // 3.12; nothing heard for two keepalives: the line is dead whatever the browser says
    if (Date.now() - this.heard > KEEPALIVE_SECONDS * 2000) this.socket.close();
    else this.socket.send(new Uint8Array([0xc0, 0]));
  }

  published(flags, body) {
    const length = (body[0] << 8) | body[1];
    const qos = (flags >> 1) & 3;
    const after = 2 + length + (qos ? 2 : 0);
    const decode = (bytes) => new TextDecoder().decode(bytes);
    this.on.message(decode(body.subarray(2, 2 + length)), decode(body.subarray(after)), Boolean(flags & 1));
    if (qos) this.socket.send(packet(0x40, [body[2 + length], body[3 + length]])); // PUBACK, 3.4
  }
}

function number(value) {
  return [value >> 8, value & 255];
}

function text(value) {
  const bytes = new TextEncoder().encode(value);
  return [...number(bytes.length), ...bytes];
}

function packet(head, body) { // 2.2.3: the length, seven bits a byte
  const length = [];
  let left = body.length;
  do {
    length.push((left & 127) | (left > 127 ? 128 : 0));
    left >>= 7;
  } while (left);
  return new Uint8Array([head, ...length, ...body]);
}

function firstPacket(bytes) { // null while it is not whole
  let length = 0, at = 1;
  for (let shift = 0; ; shift += 7) {
    if (at >= bytes.length) return null;
    length |= (bytes[at] & 127) << shift;
    if (bytes[at++] < 128) break;
  }
  if (bytes.length < at + length) return null;
  return { kind: bytes[0] >> 4, flags: bytes[0] & 15, body: bytes.subarray(at, at + length), end: at + length };
}
