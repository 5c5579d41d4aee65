import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Cryptography, digestOf, digestOfValue, type Domain, fromHex, statement, toHex, u16 } from '@coppice/wire';
import vectors from './vectors/domain.json' with { type: 'json' };

const cryptography: Pick<Cryptography, 'hash'> = { hash: (bytes) => new Uint8Array(hash('sha256', bytes, 'buffer')) };

for (const vector of vectors) {
  test(`statement and digest for ${vector.domain}`, () => {
    const domain = vector.domain as Domain;
    const bytes = fromHex(vector.bytes)!;
    assert.equal(toHex(statement(domain, bytes)), vector.statement);
    assert.equal(toHex(digestOf(cryptography as Cryptography, domain, bytes)), vector.digest);
  });
}

test('the digest of a value is that of its encoding', () => {
  assert.deepEqual(
    digestOfValue(cryptography as Cryptography, 'vote', u16, 258),
    digestOf(cryptography as Cryptography, 'vote', Uint8Array.of(1, 2)),
  );
});

test('statements of two domains never coincide, even where one name begins the other', () => {
  const domain = fc.constantFrom<Domain>('request', 'requests', 'service', 'view-change', 'vote', 'state');
  const tail = fc.oneof(
    fc.uint8Array({ maxLength: 4 }),
    fc.constantFrom('s', '', 's1').map((text) => new Uint8Array(Buffer.from(text))),
  );
  fc.assert(
    fc.property(domain, tail, domain, tail, (domainA, a, domainB, b) => {
      const same = toHex(statement(domainA, a)) === toHex(statement(domainB, b));
      assert.equal(same, domainA === domainB && toHex(a) === toHex(b));
    }),
    { numRuns: 500 },
  );
});
