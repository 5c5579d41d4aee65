/**
 * What a TPM may answer that is not what was asked for: a server that speaks its framing, and the faults of real ones.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readPublic } from '../src/tpm/commands.ts';
import { TpmConnection } from '../src/tpm/connection.ts';

const response = (code: number, body = Buffer.alloc(0)): Buffer => {
  const header = Buffer.alloc(10);
  header.writeUInt16BE(0x8001, 0);
  header.writeUInt32BE(10 + body.length, 2);
  header.writeUInt32BE(code, 6);
  return Buffer.concat([header, body]);
};
const publicArea = Buffer.concat([Buffer.of(0, 3, 1, 2, 3), Buffer.alloc(4)]);

/** A TPM that gives these answers in this order, and keeps what it was sent. */
async function tpmOf(t: TestContext, answers: readonly ((socket: Socket) => void)[]) {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-tpm-'));
  const path = join(folder, 'socket');
  const commands: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', (command: Buffer) => {
      commands.push(command);
      answers[commands.length - 1]?.(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const tpm = await TpmConnection.open(path);
  t.after(async () => {
    await tpm.close();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { tpm, commands };
}

const give =
  (...parts: readonly Buffer[]) =>
  (socket: Socket): void => {
    for (const [i, part] of parts.entries()) setTimeout(() => socket.write(part), 10 * i);
  };

test('a busy TPM is asked again', async (t) => {
  const { tpm, commands } = await tpmOf(t, [
    give(response(0x922)),
    give(response(0x90a)),
    give(response(0x908)),
    give(response(0, publicArea)),
  ]);
  assert.deepEqual([...(await readPublic(tpm, 0x8101_0002))], [1, 2, 3]);
  assert.equal(commands.length, 4);
  assert.equal(new Set(commands.map((command) => command.toString('hex'))).size, 1);
});

test('an answer in pieces is put together', async (t) => {
  const bytes = response(0, publicArea);
  const { tpm } = await tpmOf(t, [give(bytes.subarray(0, 3), bytes.subarray(3, 12), bytes.subarray(12))]);
  assert.deepEqual([...(await readPublic(tpm, 1))], [1, 2, 3]);
});

const faults: [string, (socket: Socket) => void, RegExp][] = [
  ['a refusal', give(response(0x18b)), /TPM_REFUSED: ReadPublic: 0x18b/],
  ['an answer that ends too early', give(response(0, Buffer.of(0, 9, 1))), /TPM_MALFORMED/],
  ['an answer longer than it says', give(Buffer.concat([response(0, publicArea), Buffer.of(0)])), /another length/],
  ['an answer of impossible length', give(Buffer.from('8001ffffffff00000000', 'hex')), /another length/],
  ['an end of the connection', (socket) => socket.destroy(), /connection was closed/],
];
for (const [name, answer, expected] of faults) {
  test(`${name} is an error`, async (t) => {
    const { tpm } = await tpmOf(t, [answer]);
    await assert.rejects(readPublic(tpm, 1), expected);
  });
}

test('commands of several askers do not mix', async (t) => {
  const { tpm } = await tpmOf(t, [
    (socket) => setTimeout(() => socket.write(response(0, publicArea)), 20),
    give(response(0, Buffer.concat([Buffer.of(0, 1, 9), Buffer.alloc(4)]))),
  ]);
  const [first, second] = await Promise.all([readPublic(tpm, 1), readPublic(tpm, 2)]);
  assert.deepEqual([[...first], [...second]], [[1, 2, 3], [9]]);
});

test('what is no TPM is unreachable', async (t) => {
  await assert.rejects(TpmConnection.open('/nowhere/tpm0'), /TPM_UNREACHABLE/);
  const folder = mkdtempSync(join(tmpdir(), 'coppice-tpm-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  // Settings that name a file do not have it written to.
  writeFileSync(join(folder, 'tpm'), 'kept');
  await assert.rejects(TpmConnection.open(join(folder, 'tpm')), /TPM_UNREACHABLE.*neither a character device/);
  assert.equal(readFileSync(join(folder, 'tpm'), 'utf8'), 'kept');
  // A device that takes the command, and has nothing to say that is an answer.
  const tpm = await TpmConnection.open('/dev/null');
  await assert.rejects(readPublic(tpm, 1), /TPM_MALFORMED/);
  await tpm.close();
});
