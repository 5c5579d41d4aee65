/**
 * The model of spec/model, as much of it as is quick: its stories, a hunt with and without its rule, and traces of
 * simulated clusters, as they are and tampered with. `npm run model` does all of it.
 */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { simulate } from '@coppice/simulator';
import { hunt, huntsOf } from '../src/model/hunts.ts';
import { quint } from '../src/model/quint.ts';
import { replay, type ReplayVerdict } from '../src/model/replay.ts';
import { textOf, type Trace, type TraceEvent, TraceRecorder } from '../src/model/trace.ts';
import { kindHosts } from '../src/plan.ts';

/** The first events of a cluster of four that loses its primary, changes its view, and then its epoch. */
function eventfulTrace(): Trace {
  const faults = [{ kind: 'crash', atMs: 150, durationMs: 0 }] as const;
  const choices = { slots: 4, clients: 1, disturbedMs: 1200, undisturbedMs: 2500, faults, hosts: kindHosts };
  // Whom the crash hits is drawn, and when the first turn ends.
  for (let seed = 1; seed <= 50; seed++) {
    const recorder = new TraceRecorder(600);
    simulate(seed, { choices, observer: recorder });
    const { events } = recorder.trace;
    const made = events.findIndex(({ kind }) => kind === 'newView');
    const askedFor = events.slice(0, Math.max(0, made)).filter(({ kind }) => kind === 'ask');
    const prepared = new Set(askedFor.map(({ arguments: [, , , header] }) => header));
    if (prepared.size > 1 && events.some(({ kind }) => kind === 'erased')) return recorder.trace;
  }
  throw new Error('no simulation is eventful enough');
}

describe('the model', () => {
  it('has a story for every rule: without it something breaks, with it nothing does', async () => {
    const { ok, output } = await quint('test', ['stories.qnt', '--max-samples=1']);
    assert.ok(ok, output);
    assert.match(output, /14 passing/);
  });

  for (const name of ['withoutSeal', 'withSeal']) {
    it(`finds what it should: ${name}`, async () => {
      const { asExpected, summary } = await hunt(
        huntsOf(1).find((one) => one.name === name)!,
        1,
      );
      assert.ok(asExpected, summary);
    });
  }
});

describe('traces of the simulator', () => {
  let four: Trace;
  const event = (kind: string, ...args: readonly string[]): TraceEvent => ({ kind, arguments: args, atMs: 0 });
  const indexOf = (like: RegExp): number => {
    const found = four.events.findIndex((one) => like.test(textOf(one)));
    assert.ok(found >= 0, `the trace has nothing like ${like}`);
    return found;
  };
  /** The beginning of the trace, and what has to be refused. */
  const upTo = (index: number, ...then: readonly TraceEvent[]): Trace => ({
    ...four,
    events: [...four.events.slice(0, index), ...then],
  });
  const without = ({ events, ...rest }: Trace, kinds: readonly string[], who: string): Trace => ({
    ...rest,
    events: events.filter(({ kind, arguments: [by] }) => !(kinds.includes(kind) && by === who)),
  });

  const tampered: Readonly<Record<string, () => Trace>> = {
    'two votes at one place': () => {
      const vote = indexOf(/^vote/);
      const proposals = four.events.slice(0, vote).filter(({ kind }) => kind === 'propose');
      const [who, about] = four.events[vote]!.arguments as [string, string];
      const header = Number(/(\d+)\)$/.exec(about)![1]);
      // Another header above the same one, of a primary that has been captured.
      const other = proposals[header - 1]!;
      const lie = event('vote', who, about.replace(/\d+\)$/, `${proposals.length + 1})`));
      return upTo(vote + 1, event('capture', '1'), event('propose', ...other.arguments), lie);
    },
    'a reveal before the batch is prepared': () => {
      const reveal = indexOf(/^reveal/);
      return without(upTo(reveal + 1), ['prepare', 'sync'], four.events[reveal]!.arguments[0]!);
    },
    'a reveal before it is durable': () => {
      const reveal = indexOf(/^reveal/);
      return without(upTo(reveal + 1), ['sync'], four.events[reveal]!.arguments[0]!);
    },
    'a reveal after the view change': () => {
      const ask = indexOf(/^ask/);
      const who = four.events[ask]!.arguments[0]!;
      const vote = four.events.slice(0, ask).findLast((one) => one.kind === 'vote' && one.arguments[0] === who)!;
      return upTo(ask + 1, event('reveal', who, vote.arguments[1]!));
    },
    'a commit without a quorum': () => {
      const commit = four.events[indexOf(/^commit/)]!;
      const reveals = [...four.events.keys()].filter((i) => {
        const { kind, arguments: args } = four.events[i]!;
        return kind === 'reveal' && args[1] === commit.arguments[1];
      });
      return upTo(reveals[2]!, commit);
    },
    'a vote with an erased key': () => {
      const erased = indexOf(/^erased/);
      const who = four.events[erased]!.arguments[0]!;
      const vote = four.events.slice(0, erased).findLast((one) => one.kind === 'vote')!;
      return upTo(erased + 1, event('vote', who, vote.arguments[1]!));
    },
    'a lower prepared header adopted': () => {
      const made = indexOf(/^newView/);
      const [epoch, view, from, claim, adopted] = four.events[made]!.arguments as [
        string,
        string,
        string,
        string,
        string,
      ];
      const lower = four.events.slice(0, made).findLast((one) => one.kind === 'ask' && one.arguments[3] !== adopted);
      return upTo(made, event('newView', epoch, view, from, claim, lower!.arguments[3]!));
    },
    'seats that no turn gave': () => {
      const proposal = indexOf(/^propose/);
      const [view, parent, time, items] = four.events[proposal]!.arguments as [string, string, string, string];
      return upTo(proposal, event('propose', view, parent, time, items, '[1, 2, 3, 0]'));
    },
  };

  const names = Object.keys(tampered);
  let broken: readonly Trace[] = [];
  let verdicts: readonly ReplayVerdict[] = [];
  before(async () => {
    four = eventfulTrace();
    broken = names.map((name) => tampered[name]!());
    verdicts = await replay([four, ...broken]);
  });

  it('are accepted, event by event', () => {
    assert.deepEqual(verdicts[0], { accepted: four.events.length, refused: undefined });
    const kinds = new Set(four.events.map(({ kind }) => kind));
    const wanted = [
      'propose',
      'vote',
      'prepare',
      'sync',
      'reveal',
      'commit',
      'ask',
      'newView',
      'enter',
      'launch',
      'erased',
    ];
    assert.deepEqual(
      wanted.filter((kind) => !kinds.has(kind)),
      [],
    );
  });

  for (const [i, name] of names.entries()) {
    it(`are refused with ${name}`, () => {
      const { accepted, refused } = verdicts[1 + i]!;
      assert.ok(refused !== undefined, 'the model accepts it');
      assert.equal(accepted, broken[i]!.events.length - 1, `refused is ${textOf(refused.event)}`);
    });
  }
});
