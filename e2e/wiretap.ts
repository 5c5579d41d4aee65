/**
 * Everything that crosses the loopback interface, as whoever owns the wires reads it.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync, statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { TestContext } from 'node:test';
import { sleep, until } from './cluster.ts';
import { rangeHas } from './search.ts';

const bytesMax = 2 ** 32;

/** Node has no raw sockets. 33 is SO_RCVBUFFORCE: what other tests say meanwhile must not crowd out what this one does. */
const listener = `
import socket, sys
tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
tap.bind(('lo', 0))
tap.setsockopt(socket.SOL_SOCKET, 33, 1 << 28)
with open(sys.argv[1], 'wb', buffering=0) as out:
    left = ${bytesMax}
    while left > 0:
        packet, where = tap.recvfrom(1 << 17)
        if where[2] == socket.PACKET_OUTGOING: continue
        left -= out.write(packet)
`;

export interface Wiretap {
  /** Whether any of these has crossed: also among what was sent just now. */
  heard(needles: readonly Buffer[]): Promise<boolean>;
}

/** Listens until the test ends; `undefined` where this system does not let us. */
export async function tapped(t: TestContext, file: string): Promise<Wiretap | undefined> {
  const process = spawn('python3', ['-c', listener, file], { stdio: 'ignore' });
  let gone = false;
  for (const event of ['error', 'exit']) process.once(event, () => (gone = true));
  t.after(() => process.kill('SIGKILL'));
  const size = (): number => statSync(file, { throwIfNoEntry: false })?.size ?? -1;
  await until('it listens, or cannot', () => gone || size() >= 0);
  if (gone) return undefined;
  let calls = 0;
  const has = (start: number, needles: readonly Buffer[]): boolean => {
    const fd = openSync(file, 'r');
    try {
      return rangeHas(fd, start, fstatSync(fd).size, needles);
    } finally {
      closeSync(fd);
    }
  };
  return {
    async heard(needles) {
      const control = Buffer.from(`whoever listens hears this: ${++calls} of ${file}`);
      const before = size();
      await until('what was just said is heard', async () => {
        await say(control);
        await sleep(50);
        return gone || has(before, [control]);
      });
      assert.ok(!gone, 'the listener has ended');
      return has(0, needles);
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
