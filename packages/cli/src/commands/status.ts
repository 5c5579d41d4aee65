/**
 * `coppice status` and `coppice watch`: who sits where, how old, what turn is under way, and what is wrong.
 */
import { developmentPlatforms } from '@coppice/attestation';
import { setTimeout as pause } from 'node:timers/promises';
import { type Client, DoorConnection } from '@coppice/client';
import { fromHex } from '@coppice/wire';
import { diskReserveBytes, type NodeStatus } from '@coppice/node';
import { connect, type ServiceOptions } from '../connect.ts';
import { batches, duration, type Output, table } from '../output.ts';

export interface FleetStatus {
  /** By slot; `undefined` where the replica does not answer. */
  readonly replicas: readonly (NodeStatus | undefined)[];
  /** What the replica that has committed most says. */
  readonly best: NodeStatus | undefined;
  /** What the open turn's candidate says, where it answers. */
  readonly candidate: NodeStatus | undefined;
}

const candidateMs = 1000;

export async function fleetStatus(client: Client): Promise<FleetStatus> {
  const { slots } = client.chain.configuration;
  const look = (): Promise<(NodeStatus | undefined)[]> =>
    Promise.all(
      Array.from({ length: slots }, async (_, slot) => {
        try {
          return (await client.status(slot)) as NodeStatus;
        } catch {
          return undefined;
        }
      }),
    );
  const { epoch } = client.chain.configuration;
  let replicas = await look();
  // Only now it is known who sits there.
  if (client.chain.configuration.epoch > epoch) replicas = await look();
  let best: NodeStatus | undefined;
  for (const status of replicas) if (status !== undefined && status.committed > (best?.committed ?? -1)) best = status;
  const { candidate, candidateAddress } = best?.turn ?? {};
  return { replicas, best, candidate: await candidateStatus(candidate, candidateAddress) };
}

async function candidateStatus(
  instance: string | null | undefined,
  address: string | null | undefined,
): Promise<NodeStatus | undefined> {
  // Of an earlier release, a status has no address.
  if (typeof instance !== 'string' || typeof address !== 'string') return undefined;
  try {
    const connection = await DoorConnection.open(address, fromHex(instance));
    const asked = connection.ask({ kind: 'status' }, 'answer', candidateMs);
    const { payload } = await asked.finally(() => connection.close());
    return JSON.parse(Buffer.from(payload).toString('utf8')) as NodeStatus;
  } catch {
    return undefined;
  }
}

/** What a service for development has to say of itself. */
export function provesNothing(platforms: readonly string[]): string {
  const worthless = developmentPlatforms.filter((name) => platforms.includes(name));
  return worthless.length === 0
    ? 'development: platforms that prove nothing may be admitted'
    : `development: evidence of ${worthless.join(' and ')} proves nothing against the host`;
}

/** Why an instance is suspected, in words. */
export const suspicionReasons = {
  silent: 'nothing was heard of it',
  refusing: 'it computed something else than a quorum',
  diverging: 'it computed something else than a quorum, and says so itself',
} as const;

/** Instances that computed something else than the others: what any replica saw ordered, since one that came later did not see it. */
function divergences(replicas: FleetStatus['replicas'], seats: NodeStatus['seats']): string[] {
  const diverging = replicas
    // Of an earlier release, a status has none.
    .flatMap((status) => (status as Partial<NodeStatus> | undefined)?.suspicions ?? [])
    .filter(({ reason }) => reason !== 'silent');
  return [...Map.groupBy(diverging, ({ instance }) => instance).values()].map((of) => {
    const [{ instance, sequence, slot, variant }] = of as [(typeof of)[number]];
    const by = [...new Set(of.map((one) => one.by))].sort((a, b) => a - b);
    const seated = seats.some((seat) => seat.instance === instance);
    return (
      `slot ${slot} computed something else than a quorum, by batch ${sequence}, as slots ${by.join(', ')} say: ` +
      `instance ${instance.slice(0, 8)}, variant ${variant}, ${seated ? 'which a turn will replace' : 'which a turn has replaced'}`
    );
  });
}

/** Slots whose last turns seated nobody. */
function failedTurns({ finishedTurns, slots }: NodeStatus): string[] {
  return Array.from({ length: slots }).flatMap((_, slot) => {
    const turns = finishedTurns.filter((turn) => turn.slot === slot);
    const failed = turns.slice(turns.findLastIndex(({ outcome }) => outcome === 'seated') + 1);
    const last = failed.at(-1);
    if (last === undefined) return [];
    const why =
      last.outcome === 'discarded'
        ? 'when its candidate was ready, it did not fit any more'
        : last.candidate === null
          ? 'no instance joined within its time'
          : 'its candidate was not ready in time';
    const turnsWord = failed.length === 1 ? 'its last turn' : `its last ${failed.length} turns`;
    return [`slot ${slot}: ${turnsWord} seated nobody; of turn ${last.turn}, ${why}`];
  });
}

/** Below this, whoever operates a host is told. */
const diskBytesFreeMin = 1024 ** 3;

/** Replicas, the candidate among them, that will end for want of a disk: what may not be durable is not claimed. */
function shortOfDisk({ best, candidate, replicas }: FleetStatus): string[] {
  const short = [
    ...replicas.map((status, slot) => [`slot ${slot}`, status] as const),
    ['the candidate', candidate] as const,
  ].flatMap(([name, status]) => {
    // Of an earlier release, a status has none.
    const free = (status as Partial<NodeStatus> | undefined)?.diskBytesFree ?? Infinity;
    const refuses = free < diskReserveBytes ? ': it refuses clients’ requests' : '';
    return free < diskBytesFreeMin ? [`${name} (${Math.floor(free / 1024 ** 2)} MiB${refuses})`] : [];
  });
  if (short.length === 0) return [];
  return [
    `less than 1 GiB is free on the disk of ${short.join(', ')}: an instance that cannot write ends, and when more than ${best?.faultsTolerated ?? 0} have, so has the service. Free space, or move closed segments: coppice ledger archive`,
  ];
}

/** What is not as it should be, in words. */
export function concerns(fleet: FleetStatus): string[] {
  const { best, replicas } = fleet;
  const lines: string[] = [];
  const answering = replicas.filter((status) => status !== undefined).length;
  if (best === undefined) return ['no replica answers'];
  if (best.development) lines.push(provesNothing(best.seats.map(({ platform }) => platform)));
  if (best.weakenedCaps.length > 0) lines.push(`caps that its members weakened: ${best.weakenedCaps.join(', ')}`);
  if (answering < best.quorum)
    lines.push(
      `no quorum: ${answering} of ${best.slots} replicas answer, and ${best.quorum} are needed. Nothing is committed meanwhile, and nothing that was is lost. ` +
        'Replicas that were only stopped or cut off can come back; one that ended cannot: with more than ' +
        `${best.faultsTolerated} ended, the service has, too`,
    );
  else if (answering < best.slots)
    lines.push(`${best.slots - answering} of ${best.slots} replicas do not answer; ${best.faultsTolerated} may fail`);
  for (const seat of best.seats)
    if (seat.termEnd < best.time)
      lines.push(`slot ${seat.slot} is overdue: its term ended ${duration(best.time - seat.termEnd)} ago`);
  lines.push(...shortOfDisk(fleet));
  lines.push(...divergences(replicas, best.seats));
  if (best.waivedTurns > 0)
    lines.push(`turns of the last recovery period that found no variant that keeps all rules: ${best.waivedTurns}`);
  lines.push(...failedTurns(best));
  if (best.unsealedEpochs.length > 0) lines.push(`epochs that were never sealed: ${best.unsealedEpochs.join(', ')}`);
  return lines;
}

export function statusLines(fleet: FleetStatus): string[] {
  const { best, replicas } = fleet;
  if (best === undefined) return ['no replica answers'];
  const rows = [
    ['slot', 'instance', 'turn', 'age', 'term left', 'platform', 'release', 'variant', 'committed', 'view', 'role'],
  ];
  for (let slot = 0; slot < best.slots; slot++) {
    const seat = best.seats.find((one) => one.slot === slot);
    const status = replicas[slot];
    if (seat === undefined) rows.push([String(slot), 'vacant', ...Array.from({ length: 9 }, () => '')]);
    else {
      const role = status === undefined ? 'silent' : slot === best.primary ? 'primary' : 'backup';
      const age = [duration(best.time - seat.since), duration(seat.termEnd - best.time)];
      const progress = status === undefined ? ['-', '-'] : [String(status.committed), String(status.view)];
      rows.push([
        String(slot),
        seat.instance.slice(0, 8),
        String(seat.turn),
        ...age,
        seat.platform,
        seat.release.slice(0, 8),
        variantOf(seat),
        ...progress,
        role,
      ]);
    }
  }
  const turn = best.turn;
  const { once, rest } = saidOnce(rows, ['platform', 'release', 'variant', 'view']);
  return [
    `${best.name}  service ${best.service}`,
    `epoch ${best.epoch}, view ${best.view}, committed ${best.committed}, checkpoint ${best.stable}; version ${best.active.service} of the service, ${best.active.protocol} of the protocol`,
    ...(once.length === 0 ? [] : [`all: ${once.join(', ')}`]),
    '',
    ...table(rest),
    '',
    turn === null
      ? 'no turn is open'
      : `turn ${turn.turn} for slot ${turn.slot} (${turn.reason}): ${turnStep(turn)}, ${duration(turn.deadline - best.time)} left`,
    ...receivingLines(fleet),
    ...upgradeLines(best),
    ...concerns(fleet).map((line) => `! ${line}`),
  ];
}

/** The names of variants mostly say who verifies signatures for them. */
function variantOf({ cryptography, variant }: NodeStatus['seats'][number]): string {
  return cryptography === null || variant.includes(cryptography) ? variant : `${variant}, ${cryptography}`;
}

/** Takes columns out of which all seats have the same: terminals are narrow. */
function saidOnce(
  rows: readonly (readonly string[])[],
  columns: readonly string[],
): { readonly once: readonly string[]; readonly rest: readonly (readonly string[])[] } {
  const [names = [], ...slots] = rows;
  const seats = slots.filter(([, instance]) => instance !== 'vacant');
  const same = names.map((name, i) => columns.includes(name) && seats.every((seat) => seat[i] === seats[0]?.[i]));
  return {
    once: names.flatMap((name, i) => (same[i] === true ? [`${name} ${seats[0]?.[i]}`] : [])),
    rest: rows.map((row) => row.filter((_, i) => same[i] !== true)),
  };
}

/** How far those are that receive a state, or the log before it. */
function receivingLines({ candidate, replicas }: FleetStatus): string[] {
  const named = [
    ...replicas.map((status, slot) => [`slot ${slot}`, status] as const),
    ['the candidate', candidate] as const,
  ];
  return named.flatMap(([name, status]) => {
    // Of an earlier release, a status has neither, or says of the log that it comes and no more.
    const { filling, receiving } = (status ?? {}) as Partial<Omit<NodeStatus, 'filling'>> & {
      readonly filling?: NodeStatus['filling'] | boolean;
    };
    if (receiving !== undefined && receiving !== null) {
      const { avoided, bytes, from, ms, partsDone, sequence, share } = receiving;
      return [
        `${name} receives the state of batch ${sequence}: ${Math.floor(100 * share)} % in ${duration(ms)}, ` +
          `${partsDone} parts, ${rate(bytes, ms)}, from ${namesOf(from)}` +
          (avoided.length === 0 ? '' : `, and not from ${namesOf(avoided)}, who lied or did not answer`),
      ];
    }
    if (filling === true) return [`${name} receives the log that led to its state`];
    if (typeof filling !== 'object' || filling === null) return [];
    const { at, avoided, bytes, from, instance, ms, to } = filling;
    const percent = Math.floor((100 * (at - from + 1)) / (to - from + 1));
    return [
      `${name} receives the log of ${batches(from, to)}: ${percent} % in ${duration(ms)}, ${rate(bytes, ms)}, from ${namesOf([instance])}` +
        (avoided.length === 0 ? '' : `, and not from ${namesOf(avoided)}, who lied`),
    ];
  });
}

function namesOf(instances: readonly string[]): string {
  return instances.length === 0 ? 'nobody yet' : instances.map((instance) => instance.slice(0, 8)).join(', ');
}

function rate(bytes: number | undefined, ms: number): string {
  const mebibytes = (bytes ?? 0) / 1024 / 1024;
  return `${mebibytes.toFixed(1)} MiB at ${((1000 * mebibytes) / Math.max(1, ms)).toFixed(1)} MiB/s`;
}

/** How far an upgrade is, while one is under way. */
function upgradeLines({ active, release, seats, slots }: NodeStatus): string[] {
  const moved = seats.filter((seat) => seat.release === release).length;
  const { failed } = active;
  return [
    ...(moved === slots ? [] : [`upgrade to release ${release.slice(0, 8)}: ${moved} of ${slots} slots moved`]),
    ...(failed === null
      ? []
      : [
          `the activation of release ${failed.release.slice(0, 8)} failed: ${failed.code}: ${failed.message}. Members decide whether to try again: retry-activation`,
        ]),
  ];
}

export function turnStep(turn: NonNullable<NodeStatus['turn']>): string {
  if (turn.challenge === null) return 'waits for its challenge';
  // spec/turns.md, line 34.
  if (turn.variant === '') return 'no variant fits, and as many turns as may waived a rule: it seats nobody';
  if (turn.candidate === null) return 'waits for an instance to join';
  return turn.ready ? 'waits for the epoch to close' : `candidate ${turn.candidate.slice(0, 8)} is catching up`;
}

export async function status(options: ServiceOptions, output: Output): Promise<void> {
  const client = await connect(options);
  try {
    const fleet = await fleetStatus(client);
    output.answer(
      { ...fleet.best, replicas: fleet.replicas, candidate: fleet.candidate, concerns: concerns(fleet) },
      statusLines(fleet),
    );
    const answering = fleet.replicas.filter((one) => one !== undefined).length;
    if (fleet.best === undefined || answering < fleet.best.quorum) process.exitCode = 3;
  } finally {
    client.close();
  }
}

/** Shows the status again and again: in place on a terminal, as a line of JSON each with `--json`. */
export async function watch(
  options: ServiceOptions & { interval: number; count?: number },
  output: Output,
): Promise<void> {
  const client = await connect(options);
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  for (let i = 0; !stop.signal.aborted && i < (options.count ?? Number.POSITIVE_INFINITY); i++) {
    if (i > 0) await pause(options.interval, undefined, { signal: stop.signal }).catch(() => undefined);
    const fleet = await fleetStatus(client);
    if (output.terminal) process.stdout.write('\x1b[H\x1b[J');
    output.answer({ ...fleet.best, candidate: fleet.candidate, concerns: concerns(fleet) }, statusLines(fleet));
    if (!output.terminal && !output.json) output.say();
  }
  client.close();
}

/** Shows what services announce, as it is committed. */
export async function watchEvents(
  options: ServiceOptions & { from?: number; count?: number },
  output: Output,
): Promise<void> {
  const client = await connect(options);
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const { best } = await fleetStatus(client);
  let shown = 0;
  try {
    for await (const { header, results } of client.follow(options.from ?? (best?.committed ?? 0) + 1, stop.signal)) {
      for (const [index, result] of results.entries()) {
        for (const event of result?.ok === true ? (result.events ?? []) : []) {
          const document = { sequence: header.sequence, index, time: header.time, name: event.name, data: event.data };
          output.answer(document, [
            `${new Date(header.time).toISOString()}  batch ${header.sequence}  ${event.name}  ${JSON.stringify(event.data)}`,
          ]);
          shown += 1;
          if (shown === options.count) return;
        }
      }
    }
  } finally {
    client.close();
  }
}
