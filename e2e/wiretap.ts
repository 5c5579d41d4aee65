/**
 * Everything that crosses the loopback interface, as whoever owns the wires reads it.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { TestContext } from 'node:test';
import { sleep, until } from './cluster.ts';

const bytesMax = 1 << 29;

/** Node has no raw sockets. */
const listener = `
import socket, sys
tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
tap.bind(('lo', 0))
tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 26)
with open(sys.argv[1], 'wb', buffering=0) as out:
    left = ${bytesMax}
    while left > 0:
        packet, where = tap.recvfrom(1 << 17)
        if where[2] == socket.PACKET_OUTGOING: continue
        left -= out.write(packet)
`;

export interface Wiretap {
  /** What it has heard so far: also what was sent just now. */
  heard(): Promise<Buffer>;
}

/** Listens until the test ends; `undefined` where this system does not let us. */
export async function tapped(t: TestContext, file: string): Promise<Wiretap | undefined> {
  const process = spawn('python3', ['-c', listener, file], { stdio: 'ignore' });
  let gone = false;
  for (const event of ['error', 'exit']) process.once(event, () => (gone = true));
  t.after(() => process.kill('SIGKILL'));
  const size = (): number => statSync(file, { throwIfNoEntry: false })?.size ?? -1;
  await until('it listens, or cannot', () => gone || size() >= 0);
  await sleep(200);
  if (gone) return undefined;
  let calls = 0;
  return {
    async heard() {
      const called = `whoever listens hears this: ${++calls} of ${file}`;
      const control = Buffer.from(called);
      await say(control);
      await until('what was just said is heard', () => {
        assert.ok(!gone && size() < bytesMax, 'the listener has ended');
        return readFileSync(file).includes(control);
      });
      return readFileSync(file);
    },
  };
}

/** Sends this in the clear. */
async function say(content: Buffer): Promise<void> {
  const server = createServer((socket) => socket.resume());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const socket = connect(address.port, '127.0.0.1');
  socket.end(content);
  await once(socket, 'close');
  server.close();
}
