/** Of a question that any replica may answer, those that say they cannot are not the last. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceChain } from '../src/chain.ts';
import { type DoorConnection, DoorError } from '../src/door-connection.ts';
import { Fleet } from '../src/fleet.ts';

/** Replicas that answer with these texts; `undefined`: do not; an error: with that. */
class Answering extends Fleet {
  readonly asked: number[] = [];
  readonly #answers: readonly (string | Error | undefined)[];

  constructor(answers: readonly (string | Error | undefined)[]) {
    const seats = answers.map((_, slot) => ({ slot }));
    super({ configuration: { seats, slots: seats.length } } as unknown as ServiceChain, () => undefined);
    this.#answers = answers;
  }

  override connection(slot: number): Promise<DoorConnection | undefined> {
    const answer = this.#answers[slot];
    const ask = async (): Promise<unknown> => {
      this.asked.push(slot);
      if (answer instanceof Error) throw answer;
      return { kind: 'answer', payload: Buffer.from(answer!) };
    };
    return Promise.resolve(answer === undefined ? undefined : ({ ask } as unknown as DoorConnection));
  }
}

const passes = ({ payload }: { readonly payload: Uint8Array }): boolean => Buffer.from(payload).toString() === 'later';

async function askedOf(fleet: Answering): Promise<string> {
  const { payload } = await fleet.askAny(() => ({ kind: 'status' }), passes);
  return Buffer.from(payload).toString();
}

test('a replica that has no answer now is passed over, and what it says is the answer where nobody has another', async () => {
  const migrating = new Answering(['later', undefined, 'later', 'seven']);
  assert.equal(await askedOf(migrating), 'seven');
  assert.deepEqual(migrating.asked, [0, 2, 3]);
  assert.equal(await askedOf(new Answering(['later', 'later', undefined])), 'later');
  assert.equal(await askedOf(new Answering(['seven', 'later'])), 'seven');
});

test('a refusal is an answer', async () => {
  const refusal = new DoorError('REFUSED', 'not yours');
  await assert.rejects(askedOf(new Answering(['later', refusal, 'seven'])), refusal);
  assert.equal(await askedOf(new Answering(['later', new DoorError('TIMEOUT', 'silent'), 'seven'])), 'seven');
  await assert.rejects(askedOf(new Answering([undefined, undefined])), { code: 'UNREACHABLE' });
});
