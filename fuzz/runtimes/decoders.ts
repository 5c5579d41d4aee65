/**
 * Decoders whose result is compared, and not only whether there is one: JSON as services read it, CBOR as operations and state hold it.
 */
import { cborDiagnostic, decodeCbor, decodePlainCbor, encodeCbor } from '@coppice/wire';
import { json } from '../../packages/service/src/guest/json.ts';
import { activate, Meter } from '../../packages/service/src/meter.ts';
import { drawnCbor } from '../draw-cbor.ts';
import { bytesOfText, type Target, textOfBytes } from '../target.ts';
import { jsonText } from './values.ts';

/** What is read and written again, and what that took; as a refusal, so that it is compared. */
function readAgain(text: string): string {
  const meter = new Meter();
  meter.begin(100_000, 0);
  const above = activate(meter);
  try {
    const value = json.parse(text);
    return `${json.stringify(value)} ${json.stringify(value, (key: string, one: unknown) => (key === 'a' ? undefined : one), 1)?.length} ${meter.steps}`;
  } catch (error) {
    return `${error instanceof Error ? error.name : String(error)} ${meter.steps}`;
  } finally {
    activate(above);
  }
}

const guestJson: Target = {
  name: 'service-json',
  dialect: 'json',
  seeds: () =>
    ['{"a":[1,-0,1e400,"\\ud800",{"__proto__":{"b":null}}]}', '[[[[]]]]', '"\\u0041\\n"', ' \t\r\n1 '].map(bytesOfText),
  draw: (random) => bytesOfText(jsonText(random)),
  run: (input) => readAgain(textOfBytes(input)),
};

const cbor: Target = {
  name: 'cbor-read-again',
  dialect: 'cbor',
  seeds: () => [encodeCbor(['name', { a: [1, 2.5, 'text', null, -0, 2 ** 60], b: new Uint8Array(3) }])],
  draw: (random) => encodeCbor(drawnCbor(random)),
  run(input) {
    const [any, plain] = [decodeCbor(input), decodePlainCbor(input)];
    const shown = any.ok ? cborDiagnostic(any.value) : any.reason;
    return `${shown} ${plain.ok ? Buffer.from(encodeCbor(plain.value)).toString('hex') : plain.reason}`;
  },
};

export const targets: readonly Target[] = [guestJson, cbor];
