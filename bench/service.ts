/**
 * The service that is measured: it does as little as a service can, so that what is measured is Coppice.
 */
import { command, defineService, type Schema } from '@coppice/service';

interface Put {
  readonly key: number;
  readonly value: Uint8Array;
}

/** Written out, so that no schema library is measured. */
const putSchema: Schema<Put> = {
  '~standard': {
    version: 1,
    vendor: 'bench',
    validate: (value) => (isPut(value) ? { value } : { issues: [{ message: 'not a key and a value' }] }),
  },
};

function isPut(value: unknown): value is Put {
  if (typeof value !== 'object' || value === null) return false;
  const { key, value: bytes } = value as Partial<Put>;
  return Number.isSafeInteger(key) && bytes instanceof Uint8Array;
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
  },
});
