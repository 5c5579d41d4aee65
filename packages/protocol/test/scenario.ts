/**
 * Scenario files: commands, `----`, and what came of them, in the spirit of etcd's `testdata`.
 *
 * A block is commands, a line of four dashes, and the transcript up to the next empty line. `#` begins a remark. The runner
 * writes the whole file again with the transcript that it got: the test compares, `npm run test:update` keeps it. After every
 * block, no two replicas may have committed different batches.
 *
 *     cluster slots=7 interval=10000 …      another cluster than four slots without turns (times in ms; see `clusterOf`)
 *     submit s1 TEXT                        a client sends a request to s1; `early 2`: members ask for a turn of slot 2
 *     deliver [KIND…] [from=] [to=] [view=] [epoch=] messages that are under way, until there are none of these; time stands still
 *     drop, lose                            the same words: they vanish; they vanish from now on
 *     cut s3,s2                             nothing passes between these and the others; `heal`: nothing is lost any more
 *     tick MS                               time goes by, nothing is delivered; `pass MS`: everything is
 *     stabilize                             pass until all seats stand at one place with nothing left to do
 *     crash, pause, resume s1,s2            a process is gone, or stands still; `hold-disk`, `release-disk`; `set-clock s0 MS`
 *     miscompute s3                         its execution of operations that begin with `odd` gives something else
 *     hosts s0,s1                           their hosts launch promptly; `launch s0 [silently] [challenge=old]`, `join`: by hand
 *     corrupt s0                            its replica stops, and does what the script says: `equivocate s0 TEXT to=s1`,
 *                                           `double-vote s0 5' to=s1`, `new-view s0 of=0,1,2 to=s1`
 *     offer-snapshot s1 to=s3               s1 offers its checkpoint to s3
 *     rob s1                                the adversary copies the keys that it has; `forge epoch=0`: what can be done with all of them
 *     show                                  where everyone stands
 *
 * In `pass` and `stabilize`, only what is worth a line is told.
 */
import type { Join } from '@coppice/wire';
import { type Instance, ScenarioCluster, type Envelope } from './scenario-cluster.ts';
import { doubleVote, equivocate, forge, newView } from './scenario-faults.ts';

/** How the line begins that tells of a command that could not be carried out. */
export const failed = 'failed: ';

/** The file as this run would write it. */
export function rerun(text: string): string {
  const run = new ScenarioRun();
  const out: string[] = [];
  let block: string[] = [];
  let inTranscript = false;
  for (const line of text.trimEnd().split('\n')) {
    if (inTranscript) {
      if (line !== '') continue;
      inTranscript = false;
    }
    out.push(line);
    if (line === '----') {
      out.push(...run.block(block));
      block = [];
      inTranscript = true;
    } else if (line !== '' && !line.startsWith('#')) block.push(line);
  }
  if (block.length > 0) throw new Error(`no ---- after ${block[0]}`);
  return `${out.join('\n')}\n`;
}

type Options = ReadonlyMap<string, string>;

class ScenarioRun {
  #cluster: ScenarioCluster | undefined;
  readonly #faulty = new Set<Instance>();
  /** Of the instance that was launched silently. */
  #held: Join | undefined;

  get cluster(): ScenarioCluster {
    this.#cluster ??= new ScenarioCluster({ slots: 4, protocol: {}, policy: {}, keys: 12 });
    return this.#cluster;
  }

  block(commands: readonly string[]): string[] {
    const lines: string[] = [];
    for (const command of commands) {
      try {
        lines.push(...this.#command(command));
      } catch (error) {
        lines.push(`${failed}${command}: ${(error as Error).stack}`);
      }
    }
    this.cluster.checkAgreement();
    return lines.length === 0 ? ['nothing to see'] : lines;
  }

  #command(line: string): string[] {
    const { cluster } = this;
    const [verb, ...words] = line.split(' ');
    const options: Options = new Map(
      words.filter((word) => word.includes('=')).map((word) => word.split('=', 2) as [string, string]),
    );
    const plain = words.filter((word) => !word.includes('='));
    cluster.brief = false;
    const said = this.#act(verb!, plain, options);
    return [...this.cluster.events(), ...said];
  }

  #act(verb: string, plain: readonly string[], options: Options): string[] {
    const { cluster } = this;
    switch (verb) {
      case 'cluster':
        this.#cluster = clusterOf(options);
        return [];
      case 'submit':
        cluster.input(this.#instance(plain[0]!), { kind: 'item', item: cluster.item(plain.slice(1).join(' ')) });
        return [];
      case 'deliver':
        cluster.deliver(chosenBy(plain, options));
        return [];
      case 'drop': {
        const chosen = chosenBy(plain, options);
        cluster.queue = cluster.queue.filter((envelope) => !chosen(envelope));
        return [];
      }
      case 'lose':
        cluster.losses.push(chosenBy(plain, options));
        return [];
      case 'cut': {
        const [one] = plain.map((word) => new Set(word.split(',')));
        const between = ({ from, to }: Envelope): boolean => one!.has(from.name) !== one!.has(to.name);
        cluster.losses.push(between);
        cluster.queue = cluster.queue.filter((envelope) => !between(envelope));
        return [];
      }
      case 'heal':
        cluster.losses.length = 0;
        return [];
      case 'tick':
        cluster.tick(Number(plain[0]));
        return [];
      case 'pass':
        cluster.brief = true;
        cluster.pass(Number(plain[0]));
        return [];
      case 'stabilize':
        return this.#stabilize();
      case 'crash':
      case 'pause':
      case 'resume':
        for (const one of this.#instances(plain[0]!)) {
          one.state = verb === 'crash' ? 'crashed' : verb === 'pause' ? 'paused' : 'runs';
        }
        return [];
      case 'hold-disk':
      case 'release-disk':
        for (const one of this.#instances(plain[0]!)) {
          if (verb === 'hold-disk') one.diskHeld = true;
          else cluster.releaseDisk(one);
        }
        return [];
      case 'miscompute':
        for (const one of this.#instances(plain[0]!)) one.execution.odd = true;
        return [];
      case 'set-clock':
        for (const one of this.#instances(plain[0]!)) one.clockOff = Number(plain[1]);
        return [];
      case 'launch': {
        const old = options.get('challenge') === 'old' ? new Uint8Array(32).fill(3) : undefined;
        const started = cluster.start(Number(plain[0]!.slice(1)), old);
        if (typeof started === 'string') return [started];
        if (plain[1] === 'silently') this.#held = started.join;
        else cluster.submitJoin(started.join);
        return [];
      }
      case 'join':
        cluster.submitJoin(this.#held!);
        return [];
      case 'hosts':
        cluster.hosts.clear();
        for (const word of plain[0]!.split(',')) cluster.hosts.add(Number(word.slice(1)));
        return [];
      case 'corrupt':
        for (const one of this.#instances(plain[0]!)) {
          this.#faulty.add(one);
          one.state = 'paused';
        }
        return [];
      case 'equivocate': {
        const by = this.#faultyInstance(plain[0]!);
        const name = equivocate(cluster, by, this.#instances(options.get('to')!), plain.slice(1).join(' '));
        return [`${by.name} shows ${name} to ${options.get('to')!.replaceAll(',', ' ')} alone`];
      }
      case 'double-vote':
        doubleVote(cluster, this.#faultyInstance(plain[0]!), this.#instances(options.get('to')!), plain[1]!);
        return [];
      case 'offer-snapshot': {
        const { id } = this.#instance(options.get('to')!);
        cluster.input(this.#instance(plain[0]!), {
          kind: 'message',
          from: id,
          message: { kind: 'fetch-snapshot', epoch: 0 },
        });
        return [];
      }
      case 'new-view':
        newView(
          cluster,
          this.#faultyInstance(plain[0]!),
          options.get('of')!.split(',').map(Number),
          this.#instances(options.get('to')!),
        );
        return [];
      case 'rob':
        for (const one of this.#instances(plain[0]!)) one.robbedFrom = one.erasedBelow;
        return [];
      case 'forge':
        return forge(cluster, Number(options.get('epoch')));
      case 'show':
        return this.#show();
      default:
        throw new Error('no such command');
    }
  }

  #instance(name: string): Instance {
    const found = this.cluster.instances.find((one) => one.name === name);
    if (found === undefined) throw new Error(`no instance ${name}`);
    return found;
  }

  #instances(names: string): Instance[] {
    return names.split(',').map((name) => this.#instance(name));
  }

  #faultyInstance(name: string): Instance {
    const one = this.#instance(name);
    if (!this.#faulty.has(one)) throw new Error(`${name} is not faulty: corrupt it first`);
    return one;
  }

  /** Everything goes on until all seats stand at one place, nothing is pooled, and two more batches are committed. */
  #stabilize(): string[] {
    const { cluster } = this;
    cluster.brief = true;
    const from = Math.max(...cluster.seated.map(({ replica }) => replica.committed));
    const together = (): boolean => {
      const [first, ...rest] = cluster.seated.map(({ replica }) => replica);
      const same = rest.every(
        (one) => one.epoch === first!.epoch && one.view === first!.view && one.committed === first!.committed,
      );
      const nothingWaits = cluster.seated.every(({ replica }) => [...replica.pool.all()].length === 0);
      return same && nothingWaits && first!.asking === undefined && first!.committed >= from + 2;
    };
    if (cluster.pass(20_000, together)) return [];
    return [...cluster.events(), 'still apart after 20 s', ...this.#show()];
  }

  #show(): string[] {
    const { cluster } = this;
    for (const one of cluster.instances) {
      const { replica, state, execution } = one;
      if (state === 'exited') continue;
      if (state === 'crashed') {
        cluster.tell(one, 'is dead');
        continue;
      }
      const { epoch, view, executed, committed, stable, slot, asking } = replica;
      const flags = [
        ...(asking === undefined ? [] : [`asks for view ${asking}`]),
        ...(slot === undefined ? ['no seat'] : []),
        ...(replica.mute ? ['mute'] : []),
        ...(replica.halted ? ['halted'] : []),
        ...(state === 'paused' ? [this.#faulty.has(one) ? 'faulty' : 'paused'] : []),
      ];
      const done = execution.committed.operations.join(', ');
      cluster.tell(
        one,
        `epoch ${epoch} view ${view}, executed ${executed}, committed ${committed} {${done}}, stable ${stable}${flags.map((flag) => `, ${flag}`).join('')}`,
      );
    }
    return cluster.events();
  }
}

/** `deliver prepare commit from=s0 to=s1,s2 at=5`: messages of these kinds, senders, receivers, about this place. */
function chosenBy(kinds: readonly string[], options: Options): (envelope: Envelope) => boolean {
  const from = options.get('from')?.split(',');
  const to = options.get('to')?.split(',');
  const view = options.get('view');
  const epoch = options.get('epoch');
  return ({ from: sender, to: receiver, message }) =>
    (kinds.length === 0 || kinds.includes(message.kind)) &&
    (from === undefined || from.includes(sender.name)) &&
    (to === undefined || to.includes(receiver.name)) &&
    (view === undefined || viewOf(message) === Number(view)) &&
    (epoch === undefined || epochOf(message) === Number(epoch));
}

function viewOf(message: Envelope['message']): number | undefined {
  switch (message.kind) {
    case 'pre-prepare':
    case 'prepare':
    case 'echo':
      return message.vote.subject.view;
    case 'commit':
    case 'status':
      return message.view;
    case 'view-change':
      return message.viewChange.view;
    case 'new-view':
      return message.newView.view;
    default:
      return undefined;
  }
}

function epochOf(message: Envelope['message']): number | undefined {
  switch (message.kind) {
    case 'pre-prepare':
    case 'prepare':
    case 'echo':
      return message.vote.subject.epoch;
    case 'commit':
    case 'status':
      return message.epoch;
    default:
      return undefined;
  }
}

function clusterOf(options: Options): ScenarioCluster {
  const number = (name: string): number | undefined => (options.has(name) ? Number(options.get(name)) : undefined);
  const given = <T extends object>(fields: { [K in keyof T]: T[K] | undefined }): Partial<T> =>
    Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
  return new ScenarioCluster({
    slots: number('slots') ?? 4,
    keys: number('keys') ?? 12,
    protocol: given({
      checkpointInterval: number('checkpoint'),
      window: number('window'),
      clockBoundMs: number('clock-bound'),
      viewTimeoutMs: number('view-timeout'),
      suspectAfterMs: number('suspect-after'),
    }),
    policy: given({
      recoveryPeriodMs: number('term'),
      turnIntervalMs: number('interval'),
      turnDeadlineMs: number('deadline'),
      sealDeadlineMs: number('seal-deadline'),
      epochKeys: number('join-keys'),
      overdue: options.get('overdue') as 'halt' | 'continue' | undefined,
      unsealed: options.get('unsealed') as 'wait' | 'continue' | undefined,
    }),
  });
}
