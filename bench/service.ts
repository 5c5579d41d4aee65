/**
 * The service that is measured: it does as little as a service can, so that what is measured is Coppice.
 */
import { command, defineService, type Schema } from '@coppice/service';

interface Put {
  readonly key: number;
  readonly value: Uint8Array;
}

/** So many values in one command: to make a state large. */
interface Fill {
  readonly from: number;
  readonly count: number;
  readonly bytes: number;
}

const putSchema = schema(isPut, 'not a key and a value');
const fillSchema = schema(isFill, 'not a range and a size');

/** Written out, so that no schema library is measured. */
function schema<T>(is: (value: unknown) => value is T, message: string): Schema<T> {
  const validate = (value: unknown) => (is(value) ? { value } : { issues: [{ message }] });
  return { '~standard': { version: 1, vendor: 'bench', validate } };
}

function isPut(value: unknown): value is Put {
  if (typeof value !== 'object' || value === null) return false;
  const { key, value: bytes } = value as Partial<Put>;
  return Number.isSafeInteger(key) && bytes instanceof Uint8Array;
}

function isFill(value: unknown): value is Fill {
  if (typeof value !== 'object' || value === null) return false;
  const { from, count, bytes } = value as Partial<Fill>;
  return [from, count, bytes].every((one) => Number.isSafeInteger(one) && one! >= 0);
}

export default defineService({
  name: 'bench',
  version: 1,
  commands: {
    noop: command({}, () => null),
    put: command({ input: putSchema }, (tx, { key, value }) => {
      tx.map<Uint8Array>('values').set(key, value);
      return null;
    }),
    fill: command({ input: fillSchema }, (tx, { from, count, bytes }) => {
      const values = tx.map<Uint8Array>('filled');
      for (let key = from; key < from + count; key++) values.set(key, new Uint8Array(bytes).fill(key));
      return null;
    }),
  },
});
