// A client of WebSockets that may break every rule, and requests that are signed as an attacker likes.

import { createHash, createHmac, randomBytes } from 'node:crypto';
import { connect } from 'node:net';

import { told, until } from './support.js';

/** A frame. `head` has the first byte; `length` lies about the length. */
export function frame(head, payload, { masked = true, length } = {}) {
  const size = length ?? BigInt(payload.length);
  const mark = masked ? 128 : 0;
  const long = Buffer.alloc(8);
  long.writeBigUInt64BE(size);
  const declared = size < 126n ? Buffer.from([mark | Number(size)])
    : size < 65536n ? Buffer.from([mark | 126, long[6], long[7]]) : Buffer.from([mark | 127, ...long]);
  const mask = masked ? randomBytes(4) : Buffer.alloc(0);
  const body = masked ? Buffer.from(payload.map((byte, at) => byte ^ mask[at % 4])) : payload;
  return Buffer.concat([Buffer.from([head]), declared, mask, body]);
}

export const text = (words, options) => frame(0x81, Buffer.from(words), options);

/** A connection to an app. `closed` is the code with which the server ended it; 0 without one. */
export class Raw {
  constructor(port, path) {
    Object.assign(this, { messages: [], pings: 0, pongs: 0, closed: undefined, rest: Buffer.alloc(0), open: false });
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('error', () => {});
    this.socket.on('close', () => { this.closed ??= 0; });
    this.socket.on('data', (part) => this.read(part));
    const key = randomBytes(16).toString('base64');
    this.socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`
      + `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`);
  }

  static async to(port, key, query = '?protocol=7&client=raw&version=1') {
    const raw = new Raw(port, `/app/${key}${query}`);
    await until('the handshake is answered', () => raw.open || raw.closed !== undefined);
    return raw;
  }

  read(part) {
    this.rest = Buffer.concat([this.rest, part]);
    if (!this.open) {
      const end = this.rest.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.open = this.rest.subarray(0, 12).toString() === 'HTTP/1.1 101';
      this.rest = this.rest.subarray(end + 4);
    }
    while (this.rest.length >= 2) {
      const short = this.rest[1] & 127;
      const start = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (this.rest.length < start) return;
      const size = short < 126 ? short : short === 126 ? this.rest.readUInt16BE(2) : Number(this.rest.readBigUInt64BE(2));
      if (this.rest.length < start + size) return;
      const payload = this.rest.subarray(start, start + size);
      const kind = this.rest[0] & 15;
      if (kind === 1) this.messages.push(JSON.parse(payload.toString()));
      if (kind === 9) this.pings++;
      if (kind === 10) this.pongs++;
      if (kind === 8) this.closed ??= payload.length < 2 ? 0 : payload.readUInt16BE(0);
      this.rest = this.rest.subarray(start + size);
    }
  }

  send(bytes) {
    return this.socket.write(bytes);
  }

  say(event, data, channel) {
    return this.send(text(JSON.stringify({ event, data, channel })));
  }

  /** The data of the next message with this event. */
  async heard(event) {
    const is = (message) => message.event === event;
    await until(`${event} (${JSON.stringify(this.messages)}, ${this.closed})`, () => this.messages.some(is));
    const [message] = this.messages.splice(this.messages.findIndex(is), 1);
    return message.data;
  }

  async ending(why = '') {
    await until(`the server ends the connection ${why}`, () => this.closed !== undefined);
    return this.closed;
  }

  end() {
    this.socket.destroy();
  }
}

export const now = () => Math.floor(Date.now() / 1000);

/** The path and query of a request that is signed right, unless it is told otherwise. */
export function signed(app, method, path, body, { time = now(), version = '1.0', prefix = '', more = {}, md5 = true } = {}) {
  const parts = { auth_key: app.key, auth_timestamp: String(time), auth_version: version, ...more };
  if (body && md5) parts.body_md5 = createHash('md5').update(body).digest('hex');
  const query = Object.keys(parts).sort().map((key) => `${key}=${parts[key]}`).join('&');
  const signature = createHmac('sha256', app.secret).update(`${method}\n${prefix}${path}\n${query}`).digest('hex');
  return `${path}?${query}&auth_signature=${signature}`;
}

/** The status and the text of the answer to a request whose path goes out as it is. */
export function ask(port, method, path, body = '') {
  return told(`an answer to ${path}`, (done) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.on('error', () => {});
    socket.on('data', (part) => { answer += part; });
    socket.on('close', () => done({ status: Number(answer.split(' ')[1]), text: answer.split('\r\n\r\n')[1] ?? '' }));
    socket.write(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n`
      + `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  });
}
