/**
 * A receipt of a real service, of an epoch after a turn: with any byte of it changed, in either form, it is none, and the verifier
 * says what is wrong.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { nodeCryptography } from '@coppice/cryptography';
import { receiptCodec, receiptToJson, verifyReceipt } from '@coppice/ledger';
import { encode } from '@coppice/wire';
import { found, operation, turned } from '../cluster.ts';

it('any change to a receipt is found', async (t) => {
  const cluster = await found(t);
  cluster.local.startHost();
  const client = await cluster.client();
  await turned(cluster, client, 1);
  const committed = await client.submit(operation({ command: 'put', input: { key: 'k', value: 'v' } }));
  const receipt = committed.receipt();
  assert.equal(receipt.epochs.length, 1);
  // Nothing below needs the service.
  await cluster.local.destroy();
  const { service } = cluster.local;
  const refusal = (changed: Uint8Array | string): string | undefined => {
    const verdict = verifyReceipt(nodeCryptography, changed, { service });
    if (verdict.ok) return undefined;
    assert.ok(verdict.reason !== '');
    return verdict.check;
  };

  const bytes = encode(receiptCodec, receipt);
  assert.equal(refusal(bytes), undefined);
  const checks = new Map<string, number>();
  for (let i = 0; i < bytes.length; i++) {
    const changed = bytes.slice();
    changed[i] = changed[i]! ^ (1 << (i % 8));
    const check = refusal(changed);
    assert.ok(check, `byte ${i} of ${bytes.length}`);
    checks.set(check, (checks.get(check) ?? 0) + 1);
  }
  for (const length of [0, 1, bytes.length >> 1, bytes.length - 1])
    assert.equal(refusal(bytes.slice(0, length)), 'format');
  assert.equal(refusal(Uint8Array.of(...bytes, 0)), 'format');
  // Every kind of check has something to find.
  for (const check of ['format', 'genesis', 'epoch-chain', 'header', 'certificate', 'transaction'])
    assert.ok(checks.has(check), check);

  const text = JSON.stringify(receiptToJson(receipt));
  assert.equal(refusal(text), undefined);
  for (let i = 0; i < text.length; i++) {
    // Another digit for a digit, another letter for a letter; of the rest, something that JSON knows as well.
    const character = text[i]!;
    const others = /[0-9a-f]/.test(character) ? '0123456789abcdef' : /[a-zA-Z]/.test(character) ? 'xyZ' : '",:{}[]0 ';
    const other = others[(others.indexOf(character) + 1 + (i % (others.length - 1))) % others.length]!;
    assert.ok(
      refusal(`${text.slice(0, i)}${other}${text.slice(i + 1)}`),
      `character ${i} of ${text.length}: ${character} → ${other}`,
    );
  }
  t.diagnostic(
    `${bytes.length} bytes: ${[...checks].map(([check, times]) => `${check} ${times}`).join(', ')}; ${text.length} characters`,
  );
});
