/** Nothing is left of an erased key in the memory of its process, whoever verifies. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

/** Signs, erases, and looks through all of its memory; the key it looks for it has only in a disguise. */
const program = `
  import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
  import { newSigner, nodeCryptography, layout } from ${JSON.stringify(import.meta.resolve('../src/index.ts'))};

  const disguise = 0xaa;
  const own = layout();
  const place = own.place.bind(own);
  let secret;
  own.place = () => (secret = place());
  const signer = newSigner();
  // Byte by byte: a slice would be another copy.
  const disguised = Uint8Array.from({ length: 32 }, (_, i) => secret[16 + i] ^ disguise);
  const message = new Uint8Array(64);
  for (let i = 0; i < 200; i++)
    if (!nodeCryptography.verify(signer.publicKey, message, signer.sign(message))) throw new Error('not verified');

  function copies() {
    let count = 0;
    const memory = openSync('/proc/self/mem', 'r');
    const chunk = Buffer.alloc(1 << 22);
    for (const line of readFileSync('/proc/self/maps', 'utf8').split('\\n')) {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
      if (from === undefined) continue;
      const end = BigInt('0x' + to);
      // Pieces overlap, so that no key lies between two.
      for (let at = BigInt('0x' + from); at < end; at += BigInt(chunk.length - 32)) {
        let read = 0;
        try {
          read = readSync(memory, chunk, 0, Number(end - at < chunk.length ? end - at : BigInt(chunk.length)), at);
        } catch {
          break;
        }
        const first = disguised[0] ^ disguise;
        for (let i = chunk.indexOf(first); i >= 0 && i + 32 <= read; i = chunk.indexOf(first, i + 1))
          if (disguised.every((byte, k) => chunk[i + k] === (byte ^ disguise))) count += 1;
      }
    }
    chunk.fill(0);
    closeSync(memory);
    return count;
  }

  const before = copies();
  signer.erase();
  console.log(JSON.stringify({ before, after: copies() }));`;

for (const cryptography of ['libsodium', 'node-crypto']) {
  test(`an erased key is nowhere, where ${cryptography} verifies`, () => {
    const { stderr, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
      env: { ...process.env, COPPICE_CRYPTOGRAPHY: cryptography },
    });
    assert.equal(stderr, '');
    const { after, before } = JSON.parse(stdout) as { readonly before: number; readonly after: number };
    assert.ok(before >= 1, 'it finds the key while it is there');
    assert.equal(after, 0);
  });
}
