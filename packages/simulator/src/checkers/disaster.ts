/**
 * When everything has been killed, members could go on: whatever q disks of the last epoch's instances are left, the rule of spec/recovery.md,
 * lines 10-14, leads to a log with everything that was ever acknowledged, each in its place. Of fewer it is refused, and what it then calls
 * certain is. No disk is said to be altered that is not, and whoever is convicted by what others hold is named.
 */
import { adopt, type Adoption, type AuditInput, type AuditRecord, type Disk, readDisk } from '@coppice/audit';
import { decodeRecord, encodeRecord, recordTypes } from '@coppice/ledger';
import {
  batchCodec,
  type Configuration,
  type Cryptography,
  type Digest,
  encode,
  faultsTolerated,
  type Header,
  headerDigest,
  quorumOf,
  sameBytes,
  toHex,
  fromLatin1,
} from '@coppice/wire';
import type { ClientOperation } from '../client.ts';
import type { Instance } from '../instance.ts';
import type { Observer } from '../observer.ts';

/** Choices of a quorum that are tried. */
const choicesMax = 6;

export class Disaster implements Observer {
  readonly name = 'disaster';
  readonly #violate: (message: string) => void;
  readonly #cryptography: Cryptography;
  readonly #service: Digest;
  readonly #configurations: readonly Configuration[];
  readonly #instances: Instance[] = [];
  readonly #acknowledged = new Map<number, Header>();
  /** Whose disk the attacker wrote, or the provider changed. */
  readonly #spoilt = new Set<string>();
  readonly #places = new Map<Instance, readonly Place[]>();

  constructor(
    violate: (message: string) => void,
    cryptography: Cryptography,
    service: Digest,
    configurations: readonly Configuration[],
  ) {
    this.#violate = violate;
    this.#cryptography = cryptography;
    this.#service = service;
    this.#configurations = configurations;
  }

  launched(instance: Instance): void {
    this.#instances.push(instance);
  }

  answered({ answer }: ClientOperation): void {
    const { header } = answer!.receipt;
    this.#acknowledged.set(header.sequence, header);
  }

  ended(): void {
    if (this.#acknowledged.size === 0) return;
    const { seats, slots } = this.#configurations.at(-1)!;
    const last = new Set(seats.map((seat) => toHex(seat.instance)));
    const epochs = epochsOn(this.#instances);
    for (const { corrupt, disk, id } of this.#instances)
      if (corrupt || disk.altered) this.#spoilt.add(toHex(fromLatin1(id)));
    const disks = this.#instances.flatMap((instance) => {
      const disk = this.#read(instance, epochs);
      return disk === undefined ? [] : [{ instance, disk }];
    });
    const seated = disks.filter(({ disk }) => last.has(disk.instance!));
    const others = disks.filter(({ disk }) => !last.has(disk.instance!));
    const tolerable = (some: readonly Given[]): boolean =>
      some.filter(({ instance }) => instance.corrupt || instance.disk.altered).length <= faultsTolerated(slots);
    for (const some of choices(seated, quorumOf(slots)).slice(0, choicesMax))
      if (tolerable(some)) this.#recover([...some, ...others], epochs);
    for (const some of choices(seated, quorumOf(slots) - 1).slice(0, choicesMax))
      if (tolerable(some)) this.#fallShort([...some, ...others]);
  }

  #recover(given: readonly Given[], epochs: Epochs): void {
    const adoption = this.#adopt(given);
    if (adoption === undefined) return;
    for (const { altered, disk } of adoption.verdicts)
      if (altered !== undefined && !this.#spoilt.has(disk.instance!))
        this.#violate(`${disk.name} is said to be ${altered}, and nobody did that`);
    this.#convict(given, adoption, epochs);
    if (adoption.shortage === undefined) this.#complete(given, adoption, adoption.head.header.sequence, Infinity);
  }

  #adopt(given: readonly Given[]): Adoption | undefined {
    const disks = given.map(({ disk }) => disk);
    const adoption = adopt(this.#cryptography, this.#service, disks);
    if (typeof adoption !== 'string') return adoption;
    this.#violate(`${namesOf(given)}: ${adoption}`);
    return undefined;
  }

  /** What was acknowledged at places up to `last` is there. */
  #complete(given: readonly Given[], { source, head }: Adoption, end: number, last: number): void {
    for (const [sequence, header] of this.#acknowledged) {
      if (sequence > last) continue;
      const there = source.headerAt(sequence);
      if (sequence > end || there === undefined || !sameBytes(there, this.#digest(header)))
        return this.#violate(
          `${namesOf(given)} lead to ${head.header.sequence}, without ${sequence}, which was acknowledged`,
        );
    }
  }

  /** One disk too few of the last epoch. */
  #fallShort(given: readonly Given[]): void {
    const adoption = this.#adopt(given);
    // None of them knows that there is another epoch: which its last batch will say.
    if (adoption === undefined || adoption.configuration.epoch !== this.#configurations.at(-1)!.epoch) return;
    if (adoption.shortage === undefined) this.#violate(`${namesOf(given)} pass for a quorum of disks`);
    this.#complete(given, adoption, adoption.certain, adoption.certain);
  }

  /** Line 8, on what disks hold as it is: a nonce was revealed, and nothing that high is left on the disk of whoever did. */
  #convict(given: readonly Given[], { verdicts }: Adoption, epochs: Epochs): void {
    const honest = given.filter(({ disk }) => !this.#spoilt.has(disk.instance!));
    const revealed = honest.flatMap(({ instance }) =>
      this.#placesOf(instance, epochs).filter(({ reveals }) => reveals !== undefined),
    );
    for (const { disk, instance } of given) {
      if (!this.#spoilt.has(disk.instance!)) continue;
      const own = this.#placesOf(instance, epochs);
      for (const place of revealed) {
        const seat = this.#configurations[place.epoch]?.seats.find((one) => toHex(one.instance) === disk.instance);
        if (seat === undefined || !place.reveals!.includes(seat.slot)) continue;
        if (own.some((one) => comparePlaces(one, place) >= 0)) continue;
        const verdict = verdicts.find((one) => one.disk === disk);
        if (verdict?.altered === undefined)
          this.#violate(`${disk.name} has lost ${place.sequence}, for which it revealed, and is not named`);
        break;
      }
    }
  }

  #placesOf(instance: Instance, epochs: Epochs): readonly Place[] {
    const places = this.#places.get(instance) ?? placesOn(instance, epochs);
    this.#places.set(instance, places);
    return places;
  }

  #read(instance: Instance, epochs: Epochs): Disk | undefined {
    return readDisk(this.#cryptography, recordsOf(instance, epochs), {
      name: instance.name,
      instance: toHex(fromLatin1(instance.id)),
    });
  }

  #digest(header: Header): Digest {
    return headerDigest(this.#cryptography, header);
  }
}

interface Given {
  readonly instance: Instance;
  readonly disk: Disk;
}

const namesOf = (given: readonly Given[]): string => given.map(({ disk }) => disk.name).join(', ');

interface Place {
  readonly epoch: number;
  readonly view: number;
  readonly sequence: number;
  /** Slots whose nonces are there. */
  readonly reveals?: readonly number[];
}

function comparePlaces(a: Place, b: Place): number {
  return a.epoch - b.epoch || a.view - b.view || a.sequence - b.sequence;
}

/** What certificates on a disk are about, whatever they are worth; those of epochs that ended in a gap that was filled in, too. */
function placesOn(instance: Instance, epochs: Epochs): Place[] {
  return [...recordsOf(instance, epochs)].flatMap((input): Place[] => {
    if (input.kind !== 'record') return [];
    const decoded = decodeRecord(input.record.type, input.record.payload);
    if (!decoded.ok) return [];
    const record = decoded.value;
    if (record.kind === 'prepared') return [record.certificate.subject];
    if (record.kind === 'epoch') return [{ epoch: record.certificate.header.epoch + 1, view: 0, sequence: 0 }];
    if (record.kind !== 'commit') return [];
    const { reveals, subject } = record.certificate;
    return [{ ...subject, reveals: reveals.map(({ slot }) => slot) }];
  });
}

/** Records of the ends of epochs, by the closing batch's sequence number: what is filled in brings them along. */
type Epochs = ReadonlyMap<number, Omit<AuditRecord, 'position'>>;

function epochsOn(instances: readonly Instance[]): Epochs {
  const epochs = new Map<number, Omit<AuditRecord, 'position'>>();
  // Of an attacker's disk, or one that was altered, what no other has: it proves itself.
  const spoilt = ({ corrupt, disk }: Instance): boolean => corrupt || disk.altered;
  for (const { disk } of instances.toSorted((a, b) => Number(spoilt(b)) - Number(spoilt(a)))) {
    for (const { payload, sequence, type } of disk.ledger.readFrom(0))
      if (type === recordTypes.epoch) epochs.set(sequence, { payload, sequence, type });
  }
  return epochs;
}

/** The records of a disk, each fill-in where its gap is. */
function* recordsOf({ disk }: Instance, epochs: Epochs): Generator<AuditInput> {
  const filled = [...disk.history].sort(([a], [b]) => a - b);
  let position = 0;
  for (const record of disk.ledger.readFrom(0)) {
    // That of a received state is the first that reaches into the gap.
    while (record.type === recordTypes.checkpoint && filled[0] !== undefined && filled[0][0] <= record.sequence) {
      const [sequence, { header, items, outcomes }] = filled.shift()!;
      const batch = encode(batchCodec, { items });
      const inGap = { ...encodeRecord({ kind: 'batch', header, batch, outcomes }), sequence };
      yield { kind: 'record', record: { ...inGap, position: position++ } };
      const end = epochs.get(sequence);
      if (end !== undefined) yield { kind: 'record', record: { ...end, position: position++ } };
    }
    yield { kind: 'record', record: { ...record, position: position++ } };
  }
  yield { kind: 'clean' };
}

function choices<T>(all: readonly T[], count: number): T[][] {
  if (count === 0) return [[]];
  return all.flatMap((one, i) => choices(all.slice(i + 1), count - 1).map((rest) => [one, ...rest]));
}
