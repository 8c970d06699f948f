// A camera for tests: an RTSP server (RFC 2326) that sends one MPEG-TS file, as RTP within the connection.
import { createServer, type Server, type Socket } from 'node:net';

const PACKET_BYTES = 188;
/** Packets of MPEG-TS in one of RTP (RFC 2250). */
const PACKETS_AT_ONCE = 7;
/** The payload type of MPEG-TS. */
const MPEG_TS = 33;

/** Answers one client after another; the connection is closed where the file ends. */
export function rtspServer(stream: Uint8Array): Server {
  return createServer((socket) => {
    let text = '';
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        answer(socket, text.slice(0, end), stream);
        text = text.slice(end + 4);
      }
    });
  });
}

function answer(socket: Socket, request: string, stream: Uint8Array): void {
  const method = request.slice(0, request.indexOf(' '));
  const number = /^CSeq: *(\d+)/im.exec(request)?.[1];
  const reply = (headers: readonly string[], body = '') =>
    socket.write(['RTSP/1.0 200 OK', `CSeq: ${number}`, 'Session: 1', ...headers, '', body].join('\r\n'));
  if (method === 'OPTIONS') reply(['Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN']);
  else if (method === 'DESCRIBE') {
    const lines = [
      'v=0',
      'o=- 0 0 IN IP4 127.0.0.1',
      's=camera',
      't=0 0',
      `m=video 0 RTP/AVP ${MPEG_TS}`,
      'a=control:video',
    ];
    const body = `${lines.join('\r\n')}\r\n`;
    reply(['Content-Type: application/sdp', `Content-Length: ${body.length}`], body);
  } else if (method === 'SETUP') reply(['Transport: RTP/AVP/TCP;unicast;interleaved=0-1']);
  else if (method === 'PLAY') {
    reply([]);
    send(socket, stream);
  } else reply([]);
}

/** Interleaved frames (RFC 2326, 10.12) of RTP packets (RFC 3550). */
function send(socket: Socket, stream: Uint8Array): void {
  const bytes = PACKET_BYTES * PACKETS_AT_ONCE;
  for (let [at, sequence] = [0, 0]; at < stream.length; at += bytes, sequence++) {
    const payload = stream.subarray(at, at + bytes);
    const header = Buffer.alloc(16);
    header.set([0x24, 0]);
    header.writeUInt16BE(12 + payload.length, 2);
    header.set([0x80, MPEG_TS], 4);
    header.writeUInt16BE(sequence & 0xffff, 6);
    header.writeUInt32BE((sequence * 900) >>> 0, 8);
    header.writeUInt32BE(1, 12);
    socket.write(Buffer.concat([header, payload]));
  }
  socket.end();
}
