/** What a service's SDK reads: operations, patterns of regular expressions, scripts that are to be instrumented. */
import { decodeOperation, encodeOperation, isServiceError } from '@coppice/service';
import { encodeCbor, sameBytes } from '@coppice/wire';
import { instrument, ScriptError } from '../../packages/service/src/bundle.ts';
import { decodeKey, encodeKey } from '../../packages/service/src/key.ts';
import { drawnCbor } from '../draw-cbor.ts';
import { Machine } from '../../packages/service/src/guest/regexp-machine.ts';
import { compile, flagsOf } from '../../packages/service/src/guest/regexp-program.ts';
import { bytesOfText, must, type Target, textOfBytes } from '../target.ts';

const operation: Target = {
  name: 'service-operation',
  dialect: 'cbor',
  weight: 2,
  seeds: () => [encodeCbor(['add']), encodeCbor(['add', { a: [1, 2.5, 'text', null], b: new Map([[1, 2]]) }])],
  draw: (random) => encodeCbor(['name', drawnCbor(random)]),
  run(input) {
    const decoded = decodeOperation(input);
    if (!decoded.ok) return decoded.reason;
    must(sameBytes(encodeOperation(decoded.value), input), 'what is decoded is encoded to the same bytes');
    return undefined;
  },
};

/** Keys are made of what clients send; their bytes come back from the state. */
const key: Target = {
  name: 'service-key',
  dialect: 'json',
  seeds: () => ['"text"', '12.5', '["a",1,true,"\\u0000é"]', '-0', '[]'].map(bytesOfText),
  run(input) {
    let value: unknown;
    try {
      value = JSON.parse(textOfBytes(input));
    } catch {
      return 'not JSON';
    }
    try {
      const encoded = encodeKey(value);
      must(encodeKey(decodeKey(encoded)) === encoded, 'a key has one encoding');
      return undefined;
    } catch (error) {
      if (isServiceError(error)) return error.message;
      throw error;
    }
  },
};

class OutOfSteps extends Error {}

/** As in `RegExp` of services, which refuses longer ones. */
const patternUnitsMax = 4096;

/** Pattern, a line feed, the text: patterns may be made of what a client sends, and run within the budget of its request. */
const regexp: Target = {
  name: 'regular-expression',
  dialect: 'text',
  weight: 2,
  seeds: () =>
    [
      '(a+)+b\naaaaaaaaac',
      '^(?:\\d{1,3}\\.){3}\\d+$\n10.0.0.1',
      '(?<y>\\d{4})-(?<m>\\d\\d)\n2026-06',
      '(?<=a)(b)|[^\\W_]\\1*(?!x)\nab',
      '[a-z&&]{2,}?\\b\nzz',
      '\\u{1f600}+\n😀',
    ].map(bytesOfText),
  run(input) {
    const text = textOfBytes(input);
    const end = text.indexOf('\n');
    const [source, subject] = end < 0 ? [text, ''] : [text.slice(0, end), text.slice(end + 1, end + 400)];
    if (source.length > patternUnitsMax) return 'too long';
    try {
      for (const flags of ['', 'iu']) {
        const program = compile(source, flagsOf(flags));
        if (program.code === undefined) return 'too large';
        let steps = 0;
        const meter = {
          step: () => {
            if (++steps > 20_000) throw new OutOfSteps();
          },
          exhaust: (): never => {
            throw new OutOfSteps();
          },
        };
        const machine = new Machine(program, subject, meter);
        for (let at = 0; at <= Math.min(subject.length, 40); at++) if (machine.matches(at)) break;
      }
      return undefined;
    } catch (error) {
      // Without the pattern, which is different each time.
      if (error instanceof SyntaxError) return error.message.slice(error.message.lastIndexOf('/: ') + 1);
      if (error instanceof OutOfSteps) return 'out of steps';
      throw error;
    }
  },
};

/** Scripts come from a service's author, to the one who bundles it: refused, or instrumented. */
const script: Target = {
  name: 'script',
  dialect: 'text',
  weight: 0.3,
  seeds: () =>
    [
      'var service = (() => { let n = 0; for (const a of [1, 2]) { n += a; } return { f(x = 1, ...y) { return x ?? y?.[0]; } }; })();',
      'var service = class A { get z() { try { return this.x; } catch { return `${1}`; } finally { while (false); } } };',
      'var service; service = async function* f({ a, b: [c] }) { label: do { if (a) continue label; else break; } while (c); yield* /x/u; };',
    ].map(bytesOfText),
  run(input) {
    try {
      instrument(textOfBytes(input));
      return undefined;
    } catch (error) {
      if (error instanceof ScriptError) return error.message;
      throw error;
    }
  },
};

export const targets: readonly Target[] = [operation, key, regexp, script];
