import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { State } from '@coppice/state';
import { ClientRecord } from '../src/client-record.ts';
import { clientsMap, OpenTable, recordOf, requestStatus } from '../src/client-table.ts';
import { bytesOf, cryptography } from './fixture.ts';

const bounds = { clientsMax: 3, idleMs: 100, evictedMax: 2, writtenBytesMax: 10_000 };

/** A state, and batches in which these clients each have their next request executed. */
class Clients {
  readonly state = new State(cryptography);
  #sequence = 0;

  batch(time: number, numbers: Record<string, number>, of = bounds): Record<string, string> {
    const table = new OpenTable(this.state.view(), of, time);
    this.#sequence++;
    const answers: Record<string, string> = {};
    for (const [name, number] of Object.entries(numbers)) {
      const record = table.open(bytesOf(name));
      if (!(record instanceof ClientRecord)) {
        answers[name] = record;
        continue;
      }
      answers[name] = record.standing(number).kind;
      if (answers[name] === 'new') record.add(number, this.#sequence, 0);
    }
    const tx = this.state.begin().transaction();
    table.write(tx);
    tx.commit();
    this.state.fold();
    return answers;
  }

  status(name: string, number: number): string {
    return requestStatus(this.state.view(), bytesOf(name), number).kind;
  }

  get count(): number {
    return [...this.state.view().entries(clientsMap)].length - 1;
  }
}

describe('the exactly-once table', () => {
  it('remembers each client', () => {
    const clients = new Clients();
    assert.deepEqual(clients.batch(1, { a: 1, b: 1 }), { a: 'new', b: 'new' });
    assert.deepEqual(clients.batch(2, { a: 1, b: 2 }), { a: 'executed', b: 'new' });
    assert.deepEqual([clients.status('a', 2), clients.status('c', 1), clients.count], ['new', 'new', 2]);
  });

  it('takes no new client while all it has room for were active lately', () => {
    const clients = new Clients();
    clients.batch(0, { a: 1, b: 1, c: 1 });
    assert.deepEqual(clients.batch(99, { d: 1, a: 2 }), { d: 'too-many-clients', a: 'new' });
    assert.equal(clients.count, 3);
  });

  it('forgets those idle longest, and executes none of their old requests again', () => {
    const clients = new Clients();
    clients.batch(0, { a: 7, b: 3 });
    clients.batch(50, { c: 1 });
    // a and b go, c was active too lately.
    assert.deepEqual(clients.batch(100, { d: 1, e: 8 }), { d: 'outside-window', e: 'new' });
    assert.equal(clients.count, 3);
    assert.deepEqual(clients.batch(101, { a: 7 }), { a: 'too-many-clients' });
    assert.deepEqual(
      [clients.status('a', 7), clients.status('b', 4), clients.status('a', 8)],
      ['outside-window', 'outside-window', 'new'],
    );
    // Another batch may evict again, once somebody is idle for long enough.
    assert.deepEqual(clients.batch(149, { f: 9 }), { f: 'too-many-clients' });
    assert.deepEqual(clients.batch(150, { f: 9 }), { f: 'new' });
    assert.equal(clients.count, 3);
  });

  it('takes back a client that it forgot in the same batch, with nothing of what it had', () => {
    const clients = new Clients();
    clients.batch(0, { a: 1 });
    clients.batch(1, { b: 1, c: 1 });
    assert.deepEqual(clients.batch(101, { d: 2, a: 1 }), { d: 'new', a: 'outside-window' });
    assert.equal(clients.count, 3);
    assert.equal(recordOf(clients.state.view(), bytesOf('a')).acknowledged, 1);
    assert.equal(recordOf(clients.state.view(), bytesOf('d')).acknowledged, 1);
  });

  it('writes no more than a batch has room for', () => {
    const clients = new Clients();
    const few = { ...bounds, clientsMax: 100, writtenBytesMax: 300 };
    assert.deepEqual(clients.batch(0, { a: 1, b: 1, c: 1, d: 1 }, few), { a: 'new', b: 'new', c: 'new', d: 'busy' });
  });
});
