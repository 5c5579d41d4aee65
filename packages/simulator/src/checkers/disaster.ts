/**
 * When everything has been killed, members could go on: whatever q disks of the last epoch's instances are left, the rule of spec/recovery.md,
 * lines 10-14, leads to a log with everything that was ever acknowledged, each in its place; and no disk is said to be altered that is not.
 */
import { adopt, type AuditInput, type AuditRecord, type Disk, readDisk } from '@coppice/audit';
import { encodeRecord, recordTypes } from '@coppice/ledger';
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
    for (const some of choices(seated, quorumOf(slots)).slice(0, choicesMax)) {
      const bad = some.filter(({ instance }) => instance.corrupt || instance.disk.altered).length;
      if (bad <= faultsTolerated(slots)) this.#recover([...some, ...others].map(({ disk }) => disk));
    }
  }

  #recover(disks: readonly Disk[]): void {
    const names = disks.map(({ name }) => name).join(', ');
    const adoption = adopt(this.#cryptography, this.#service, disks);
    if (typeof adoption === 'string') return this.#violate(`${names}: ${adoption}`);
    for (const { altered, disk } of adoption.verdicts)
      if (altered !== undefined && !this.#spoilt.has(disk.instance!))
        this.#violate(`${disk.name} is said to be ${altered}, and nobody did that`);
    if (adoption.shortage !== undefined) return;
    for (const [sequence, header] of this.#acknowledged) {
      const there = adoption.source.headerAt(sequence);
      if (sequence > adoption.head.header.sequence || there === undefined || !sameBytes(there, this.#digest(header)))
        return this.#violate(
          `${names} lead to ${adoption.head.header.sequence}, without ${sequence}, which was acknowledged`,
        );
    }
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
