/**
 * The smallest service that can show what matters: values under keys, and counters.
 *
 * `increment` answers something else each time it is executed, so a request that is executed twice does not go unnoticed.
 */
import { command, defineService, query, type Schema } from '@coppice/service';

/** An object whose fields are texts: these and no others. */
function texts<const F extends readonly string[]>(...fields: F): Schema<Record<F[number], string>> {
  return {
    '~standard': {
      version: 1,
      vendor: 'put-get',
      validate(value) {
        const given = (typeof value === 'object' && value !== null ? value : {}) as Record<F[number], string>;
        const fit = fields.every((field: F[number]) => typeof given[field] === 'string');
        if (!fit || Object.keys(given).length !== fields.length)
          return { issues: [{ message: `texts: ${fields.join()}` }] };
        return { value: given };
      },
    },
  };
}

export default defineService({
  name: 'put-get',
  version: 1,
  maps: { values: {}, counters: {}, board: { public: true } },
  commands: {
    put: command({ input: texts('key', 'value') }, (tx, { key, value }) => {
      tx.map<string>('values').set(key, value);
      return null;
    }),
    /** What anyone may see, and what nobody else should. */
    publish: command({ input: texts('key', 'shown', 'kept') }, (tx, { key, kept, shown }) => {
      tx.map<string>('board').set(key, shown);
      tx.map<string>('values').set(key, kept);
      return null;
    }),
    /** More than a transaction may write. */
    flood: command({}, (tx) => {
      for (let i = 0; i < 5; i++) tx.map<string>('values').set(`flood ${i}`, 'x'.repeat(1_000_000));
      return null;
    }),
    increment: command({ input: texts('key') }, (tx, { key }) => {
      const next = (tx.map<number>('counters').get(key) ?? 0) + 1;
      tx.map<number>('counters').set(key, next);
      return next;
    }),
  },
  history: { counters: 'anyone' },
  indexes: { byCount: { of: 'counters', keys: (count: number) => [[count]] } },
  queries: {
    get: query({ input: texts('key') }, (tx, { key }) => tx.map<string>('values').get(key) ?? null),
    highest: query({}, (tx) => {
      const index = tx.index('byCount');
      const [pair] = index.entries([], { reverse: true, limit: 1 });
      return { through: index.through, key: pair?.[1] ?? null };
    }),
    count: query({ input: texts('key') }, (tx, { key }) => tx.map<number>('counters').get(key) ?? 0),
  },
});
