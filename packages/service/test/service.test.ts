/** What a service developer meets, by way of the testing kit. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { type Client, command, defineService, query, ServiceError } from '@coppice/service';
import { testService } from '@coppice/service/testing';
import { z } from 'zod';
import consents from './fixtures/consents.ts';

const orders = defineService({
  name: 'orders',
  version: 2,
  roles: ['seller', 'auditor'],
  maps: {
    orders: z.object({ buyer: z.string(), amount: z.number().positive(), note: z.string().optional() }),
    log: { schema: z.string(), public: true },
  },
  commands: {
    place: command(
      {
        input: z.object({ id: z.string(), amount: z.number() }),
        output: z.object({ total: z.number() }),
        allow: 'anyone',
      },
      (tx, { id, amount }) => {
        const orders = tx.map('orders');
        if (orders.has(id)) tx.reject('taken', `there is an order ${id}`, { id });
        orders.set(id, { buyer: tx.caller.id, amount });
        tx.emit('placed', { id });
        return { total: amount };
      },
    ),
    cancel: command({ input: z.string(), allow: ['seller', 'auditor'] }, (tx, id) => tx.map('orders').delete(id)),
    forget: command({ input: z.string() }, (tx, id) => tx.map('orders').delete(id)),
    wrong: command({ output: z.object({ total: z.number() }), allow: 'anyone' }, () => ({ total: 'none' }) as never),
    stray: command({ allow: 'anyone' }, (tx) => tx.map('elsewhere').set('a', 1)),
    roll: command({ allow: 'anyone' }, (tx) => [tx.random(), tx.random(), tx.time]),
    later: command({ allow: 'anyone' }, async () => 'never'),
    fail: command({ allow: 'anyone' }, () => {
      throw new TypeError('secret');
    }),
  },
  queries: {
    order: query({ input: z.string(), allow: 'anyone' }, (tx, id) => tx.map('orders').get(id) ?? null),
    page: query(
      {
        input: z.object({ after: z.string().optional(), limit: z.number(), reverse: z.boolean().optional() }),
        allow: 'anyone',
      },
      (tx, { after, limit, reverse }) =>
        [...tx.map('orders').entries(undefined, { after, limit, reverse })].map(([key]) => key),
    ),
    sneak: query({ allow: 'anyone' }, (tx) =>
      (tx.map('orders') as unknown as { set(key: string, value: object): void }).set('x', { buyer: 'b', amount: 1 }),
    ),
    me: query({ allow: 'anyone' }, (tx) => tx.caller),
  },
});

test('the example of the documentation', async () => {
  const t = testService(consents, { time: 1000 });
  assert.equal(await t.as('alice').grant({ patient: 'p1', to: 'bob' }), null);
  await t.as('carol').grant({ patient: 'p1', to: 'dan' });
  await t.as('carol').grant({ patient: 'p2', to: 'bob' });
  assert.deepEqual(await t.as('bob').of({ patient: 'p1' }), [
    [['p1', 'bob'], { since: 2000, by: 'alice' }],
    [['p1', 'dan'], { since: 3000, by: 'carol' }],
  ]);
  assert.deepEqual(t.events[0], { name: 'granted', data: { patient: 'p1', to: 'bob' } });
  await assert.rejects(t.as('alice').grant({ patient: 1, to: 'b' } as never), (error) => {
    assert.ok(error instanceof ServiceError);
    assert.equal(error.code, 'invalid-input');
    assert.deepEqual(error.path, ['patient']);
    return true;
  });
});

test('errors reject: no write is kept, and the client gets code, message and data', async () => {
  const t = testService(orders);
  assert.deepEqual(await t.as('alice').place({ id: 'a', amount: 5 }), { total: 5 });
  await assert.rejects(t.as('bob').place({ id: 'a', amount: 6 }), {
    code: 'taken',
    message: 'there is an order a',
    data: { id: 'a' },
  });
  await assert.rejects(t.as('bob').place({ id: 'b', amount: -1 }), { code: 'invalid-value', path: ['amount'] });
  assert.deepEqual(await t.as('bob').order('a'), { buyer: 'alice', amount: 5 });
  assert.equal(await t.as('bob').order('b'), null);
  assert.deepEqual(
    t.events.map(({ data }) => data),
    [{ id: 'a' }],
  );
  await assert.rejects(t.as('bob').wrong(), { code: 'invalid-output', path: ['total'] });
  await assert.rejects(t.as('bob').stray(), { code: 'invalid-map' });
  await assert.rejects(t.as('bob').sneak(), { code: 'read-only' });
  await assert.rejects(t.as('bob').later(), { code: 'failed', message: /asynchronous/ });
  await assert.rejects(t.as('bob').fail(), { code: 'failed', message: 'the handler failed' });
  assert.match(String(t.failures[0]), /secret/);
});

test('who may call what', async () => {
  const t = testService(orders);
  await assert.rejects(t.as('bob').cancel('a'), { code: 'not-allowed', message: 'only for seller, auditor' });
  await assert.rejects(t.as('bob', 'buyer').cancel('a'), { code: 'not-allowed' });
  assert.equal(await t.as('bob', 'auditor').cancel('a'), null);
  await assert.rejects(t.as('bob', 'seller', 'auditor').forget('a'), {
    code: 'not-allowed',
    message: 'nobody may call this',
  });
  assert.deepEqual(await t.as('bob', 'seller').me(), { id: 'bob', roles: ['seller'] });
});

test('pages', async () => {
  const t = testService(orders);
  for (const id of ['a', 'b', 'c', 'd', 'é']) await t.as('x').place({ id, amount: 1 });
  const { page } = t.as('x');
  assert.deepEqual(await page({ limit: 2 }), ['a', 'b']);
  assert.deepEqual(await page({ limit: 2, after: 'b' }), ['c', 'd']);
  assert.deepEqual(await page({ limit: 9, after: 'd' }), ['é']);
  assert.deepEqual(await page({ limit: 2, reverse: true }), ['é', 'd']);
  assert.deepEqual(await page({ limit: 9, after: 'c', reverse: true }), ['b', 'a']);
  await assert.rejects(page({ limit: -1 }), { code: 'invalid-key' });
});

test('chance is of the transaction, and time moves on', async () => {
  const t = testService(orders, { time: 0 });
  const [first, second] = [await t.as('x').roll(), await t.as('x').roll()];
  assert.equal(new Set([...first, ...second]).size, 6);
  for (const number of [...first.slice(0, 2), ...second.slice(0, 2)]) assert.ok(number >= 0 && number < 1);
  assert.deepEqual([first[2], second[2]], [1000, 2000]);
  const again = testService(orders, { time: 0 });
  assert.deepEqual(await again.as('y').roll(), first);
});

test('a definition that contradicts itself is no service', () => {
  const fine = { name: 'a', version: 1, commands: {} };
  const x = command({}, () => 1);
  assert.throws(() => defineService({ ...fine, name: 'No' }), /name/);
  assert.throws(() => defineService({ ...fine, version: 0 }), /version/);
  assert.throws(() => defineService({ ...fine, roles: ['anyone'] }), /roles/);
  assert.throws(() => defineService({ ...fine, commands: { x }, queries: { x: query({}, () => 1) } }), /both/);
  assert.throws(() => defineService({ ...fine, commands: { 'x-y': x } }), /letters and digits/);
  // oxlint-disable-next-line unicorn/no-thenable -- it is refused
  assert.throws(() => defineService({ ...fine, commands: Object.fromEntries([['then', x]]) }), /then/);
  assert.throws(() => defineService({ ...fine, commands: { x: query({}, () => 1) as never } }), /not made by command/);
  assert.throws(
    () => defineService({ ...fine, commands: { x: command({ allow: 'clerk' }, () => 1) } }),
    /clerk, which is not declared/,
  );
  assert.throws(
    () => defineService({ ...fine, commands: { x: command({ input: {} as never }, () => 1) } }),
    /Standard Schema/,
  );
  assert.throws(() => defineService({ ...fine, maps: { 'a b': z.string() } }), /map is named/);
  assert.throws(() => defineService({ ...fine, maps: { a: 1 as never } }), /a: has neither/);
  assert.throws(() => defineService({ ...fine, maps: { a: { schema: {} as never } } }), /no Standard Schema/);
  assert.throws(() => defineService({ ...fine, maps: { a: { public: 'yes' as never } } }), /true or false/);
  const both = { maps: { a: { public: true } }, history: { a: 'anyone' } };
  assert.throws(() => defineService({ ...fine, ...both }), /a: is public, and such a map has no history/);
  assert.throws(() => defineService({ ...fine, maps: { a: { publik: true } as never } }), /no option publik/);
});

test('the types of the client are those of the service', () => {
  const typed = (client: Client<typeof orders>): void => {
    const total: Promise<{ total: number }> = client.place({ id: 'a', amount: 1 });
    const receipt: Promise<{ result: { total: number }; receipt: unknown }> = client.place.withReceipt({
      id: 'a',
      amount: 1,
    });
    const ids: Promise<unknown[]> = client.page({ limit: 1 });
    void [total, receipt, ids, client.roll(), client.me()];
    // @ts-expect-error: an amount is a number
    void client.place({ id: 'a', amount: 'much' });
    // @ts-expect-error: there is no such command
    void client.unknown();
    // @ts-expect-error: it needs an input
    void client.cancel();
  };
  assert.equal(typeof typed, 'function');
});
