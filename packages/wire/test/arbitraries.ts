/**
 * What properties are tested on, beyond what fast-check has.
 */
import fc from 'fast-check';

/** A code point of each length of UTF-8, as text. (`unit: 'binary'` of fast-check takes seconds to start.) */
const codePoint = fc
  .oneof(
    fc.nat(0x7f),
    fc.integer({ min: 0x80, max: 0x7ff }),
    fc.integer({ min: 0x800, max: 0xd7ff }),
    fc.integer({ min: 0xe000, max: 0xffff }),
    fc.integer({ min: 0x1_0000, max: 0x10_ffff }),
  )
  .map((point) => String.fromCodePoint(point));

/** Well-formed text of at most so many code points. */
export function text(lengthMax: number): fc.Arbitrary<string> {
  return fc.string({ unit: codePoint, maxLength: lengthMax });
}

/** Bytes that are nearly valid: an encoding with a few bytes changed, inserted, removed or doubled. */
export function mutated(encoding: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const change = fc.record({
    how: fc.constantFrom('change', 'increment', 'insert', 'remove', 'double', 'cut'),
    at: fc.nat(),
    byte: fc.nat(255),
  });
  return fc.tuple(encoding, fc.array(change, { minLength: 1, maxLength: 3 })).map(([original, changes]) => {
    const bytes = [...original];
    for (const { how, at, byte } of changes) {
      const i = at % (bytes.length + 1);
      if (how === 'change') bytes[i] = byte;
      else if (how === 'increment') bytes[i] = ((bytes[i] ?? 0) + 1) & 255;
      else if (how === 'insert') bytes.splice(i, 0, byte);
      else if (how === 'remove') bytes.splice(i, 1 + (byte & 3));
      else if (how === 'double') bytes.splice(i, 0, ...bytes.slice(i, i + 1 + (byte & 15)));
      else bytes.length = i;
    }
    return Uint8Array.from(bytes);
  });
}
