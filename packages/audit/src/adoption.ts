/**
 * The rule of disaster recovery: of q disks of the last epoch, the highest prepared certificate, by view and then sequence.
 * spec/recovery.md, lines 10-18.
 */
import {
  type Configuration,
  configurationNamed,
  type Cryptography,
  type Digest,
  faultsTolerated,
  quorumOf,
  sameBytes,
  toHex,
} from '@coppice/wire';
import { comparePlaces, compareSubjects, type Disk, type Head, preparedOf, type Revealed } from './disk.ts';

/** What a disk counts for. */
export interface DiskVerdict {
  readonly disk: Disk;
  /** Where its instance sits in the last epoch, if it does. */
  readonly slot: number | undefined;
  /** It does not count: of another service, or of an instance that another disk is of. */
  readonly ignored: string | undefined;
  /** Why it is not as its instance left it. Line 8. */
  readonly altered: string | undefined;
}

/** Too few disks of an epoch, or too many altered: what is not certain then is gone. Line 13. */
export interface Shortage {
  readonly epoch: number;
  readonly given: number;
  readonly needed: number;
  readonly altered: number;
  readonly tolerated: number;
}

export interface Adoption {
  readonly service: Digest;
  readonly verdicts: readonly DiskVerdict[];
  /** Of the epoch that the chain leads to. */
  readonly configuration: Configuration;
  readonly head: Head;
  /** A disk that has all of the log up to the head. */
  readonly source: Disk;
  /** The head ends the epoch: see {@link shortageOf} for the next. Line 14. */
  readonly closes: boolean;
  readonly shortage: Shortage | undefined;
  /** The last batch that some certificate on some disk makes sure of. */
  readonly certain: number;
}

/** What these disks of a service lead to, or why to nothing. */
export function adopt(cryptography: Cryptography, service: Digest, all: readonly Disk[]): Adoption | string {
  const disks = all.filter((disk) => sameBytes(disk.service, service));
  // Epoch certificates are of a quorum: the longest chain is the chain. [10]
  const longest = disks.toSorted((a, b) => b.epochs.length - a.epochs.length)[0];
  if (longest === undefined) return 'no disk is of the service';
  const configuration = longest.configurations.at(-1)!;
  const { epoch } = configuration;
  const current = disks.filter((disk) => disk.epochs.length === longest.epochs.length);

  // [12]
  const found = current
    .filter((disk) => disk.best !== undefined)
    .sort((a, b) => compareSubjects(b.best!.certificate.subject, a.best!.certificate.subject) || rank(a) - rank(b))[0];
  const closing = longest.epochs.at(-1);
  let head = found?.best;
  if (head === undefined && closing !== undefined) {
    const { certificate, header } = closing;
    const root = longest.rootAt(header.sequence);
    head = { header, certificate: preparedOf(cryptography, certificate), root };
  }
  if (head === undefined) {
    // Of what was not read, nobody knows whether anything was prepared.
    const unread = disks.filter(({ problem }) => problem !== undefined);
    if (unread.length > 0) return `there is more than can be read: ${unread.map(lacking).join('; ')}`;
    return 'nothing was prepared since the service was founded: found it again';
  }

  const newest = newestReveals(disks);
  const verdicts = all.map((disk) => judge(disk, all, longest, newest));
  const closes =
    head.header.epoch === epoch &&
    !sameBytes(head.header.configuration, configurationNamed(cryptography, head.header, configuration));
  const source = found ?? longest;
  const last = head.header.sequence;
  const certain = disks.map((disk) => Math.min(disk.certain, last)).filter((at, i) => alike(disks[i]!, source, at));
  return {
    service,
    verdicts,
    configuration,
    head,
    source,
    closes,
    shortage: shortageOf(verdicts, configuration),
    certain: Math.max(0, ...certain),
  };
}

function lacking({ name, problem }: Disk): string {
  return `${name}: ${problem}`;
}

/** What lacks for a quorum of disks of this configuration; nothing where the rule holds. [11, 13] */
export function shortageOf(
  verdicts: readonly DiskVerdict[],
  { epoch, seats, slots }: Configuration,
): Shortage | undefined {
  const instances = new Set(seats.map((seat) => toHex(seat.instance)));
  const given = verdicts.filter(
    ({ disk, ignored }) => ignored === undefined && disk.instance !== undefined && instances.has(disk.instance),
  );
  const altered = given.filter((one) => one.altered !== undefined).length;
  const [needed, tolerated] = [quorumOf(slots), faultsTolerated(slots)];
  if (given.length >= needed && altered <= tolerated) return undefined;
  return { epoch, given: given.length, needed, altered, tolerated };
}

/** Why what is known from elsewhere to be committed contradicts the log that was adopted: it is void. [15] */
export function voidedBy(
  { head, source }: Pick<Adoption, 'head' | 'source'>,
  known:
    | { readonly sequence: number; readonly headerDigest: Digest }
    | { readonly sequence: number; readonly ledgerRoot: Digest },
): string | undefined {
  const { sequence } = known;
  const last = head.header.sequence;
  if (sequence > last) return `batch ${sequence} was committed, and these disks end with ${last}`;
  const same =
    'ledgerRoot' in known
      ? sameBytes(source.rootAt(sequence), known.ledgerRoot)
      : has(source, sequence, known.headerDigest);
  return same ? undefined : `another batch ${sequence} was committed than these disks have`;
}

function has(disk: Disk, sequence: number, digest: Digest): boolean {
  const there = disk.headerAt(sequence);
  return there !== undefined && sameBytes(there, digest);
}

function alike(a: Disk, b: Disk, sequence: number): boolean {
  const [one, other] = [a.headerAt(sequence), b.headerAt(sequence)];
  return one === undefined || other === undefined ? one === other : sameBytes(one, other);
}

function rank({ end }: Disk): number {
  return ['clean', 'torn', 'incomplete', 'damaged'].indexOf(end);
}

function newestReveals(disks: readonly Disk[]): Map<string, Revealed> {
  const newest = new Map<string, Revealed>();
  for (const one of disks.flatMap((disk) => disk.revealed)) {
    const known = newest.get(one.instance);
    if (known === undefined || comparePlaces(one.certificate.subject, known.certificate.subject) > 0)
      newest.set(one.instance, one);
  }
  return newest;
}

function judge(disk: Disk, all: readonly Disk[], longest: Disk, newest: ReadonlyMap<string, Revealed>): DiskVerdict {
  const { service } = longest;
  const slot = seatIn(longest.configurations.at(-1)!, disk)?.slot;
  if (!sameBytes(disk.service, service))
    return { disk, slot: undefined, altered: undefined, ignored: 'of another service' };
  const twin = all.find(
    (other) => other.instance === disk.instance && sameBytes(other.service, service) && further(other, disk, all),
  );
  const ignored =
    twin === undefined || disk.instance === undefined ? undefined : `of the same instance as ${twin.name}`;
  return { disk, slot, ignored, altered: alteredOf(disk, longest, newest) };
}

/** Why a disk is not as its instance left it. [8] */
function alteredOf(disk: Disk, longest: Disk, newest: ReadonlyMap<string, Revealed>): string | undefined {
  if (disk.end === 'damaged') return `damaged: ${disk.problem}`;
  if (disk.end === 'incomplete' && disk.length <= hadWhenSeated(disk, longest)) return `incomplete: ${disk.problem}`;
  const revealed = disk.instance === undefined ? undefined : newest.get(disk.instance)?.certificate.subject;
  if (revealed === undefined) return undefined;
  const last = disk.configurations.at(-1)!.epoch;
  const best = disk.best?.certificate.subject;
  const behind =
    last < revealed.epoch || (last === revealed.epoch && (best === undefined || compareSubjects(best, revealed) < 0));
  if (!behind) return undefined;
  const shown = `its instance revealed its nonce for batch ${revealed.sequence} of epoch ${revealed.epoch}, view ${revealed.view}`;
  return disk.end === 'incomplete'
    ? `incomplete: ${disk.problem}; and ${shown}`
    : `rolled back: it ends with batch ${disk.length}, and ${shown}`;
}

/** Its instance surely had all batches up to this one, and another, when it was seated; -1 of one that was founded with the service. */
function hadWhenSeated(disk: Disk, { configurations, documents, epochs }: Disk): number {
  const first = configurations.findIndex((configuration) => seatIn(configuration, disk) !== undefined);
  if (first <= 0) return -1;
  // It was admitted in the epoch before that, but for vacations, and its log was whole up to there.
  const admitted = first - 1 - faultsTolerated(configurations[first]!.slots);
  const inherited = documents.at(-1)!.genesis.predecessor?.header.sequence ?? 0;
  return epochs[admitted - 1]?.header.sequence ?? inherited;
}

function seatIn({ seats }: Configuration, { instance }: Disk): Configuration['seats'][number] | undefined {
  return seats.find((seat) => toHex(seat.instance) === instance);
}

/** Whether `a` is the one of two copies that counts: the longer, or the first. */
function further(a: Disk, b: Disk, all: readonly Disk[]): boolean {
  if (a === b) return false;
  return a.length > b.length || (a.length === b.length && all.indexOf(a) < all.indexOf(b));
}
