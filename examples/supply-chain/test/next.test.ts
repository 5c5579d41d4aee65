/**
 * What version 2 counts while it records, its migration counts of what version 1 recorded.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { command, defineService } from '@coppice/service';
import { testService } from '@coppice/service/testing';
import { feed } from '../src/feed.ts';
import next from '../src/next.ts';
import { sample } from '../src/sample.ts';
import first from '../src/service.ts';

/** Version 1, and on top of it the migration, as a command. */
const migrated = defineService({
  name: first.name,
  version: 1,
  commands: {
    ...first.commands,
    migrate: command({ allow: 'anyone' }, (tx) => next.migrate![2]!(Object.assign(tx, { full: () => false }))),
  },
  queries: { places: next.queries.places },
});

it('counts the standing events of each place, before an upgrade and after it', async () => {
  const [before, after] = [testService(migrated).as('mill'), testService(next).as('mill')];
  let told = 0;
  for (const document of feed(sample, { seed: 3 })) {
    const given = { document } as never;
    assert.deepEqual(await before.record(given), await after.record(given));
    if (++told === 400) break;
  }
  await before.migrate();
  const counted = await before.places();
  assert.deepEqual(counted, await after.places());
  assert.ok(counted.places.length > 2);
});
