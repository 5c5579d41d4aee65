/** Instances, batches and operations that never were: what checkers are shown in their tests. */
import type { CommittedBatch } from '@coppice/protocol';
import {
  type Bundle,
  type CommitCertificate,
  commitmentOf,
  type Configuration,
  encodeResult,
  encodeUtf8,
  type Header,
  headerDigest,
  type Item,
  quorumOf,
  type Result,
  type Seat,
  toLatin1,
  voteStatement,
} from '@coppice/wire';
import { encodeOperation } from '@coppice/service';
import type { ClientOperation } from '../src/client.ts';
import { quickProvider } from '../src/cryptography.ts';
import type { Instance } from '../src/instance.ts';
import type { RegisterCommand } from '../src/register.ts';

export const provider = quickProvider();
export const { cryptography } = provider;

export const digestOfText = (text: string): Uint8Array => cryptography.hash(encodeUtf8(text)!);
export const signerNamed = (name: string) => provider.signerOf(digestOfText(name));
const service = digestOfText('service');

/** An instance as far as checkers look at it. */
export function instance(name: string, more: object = {}): Instance {
  const identity = signerNamed(name);
  return { name, id: toLatin1(identity.publicKey), corrupt: false, ...more } as unknown as Instance;
}

export function seat(slot: number, name: string, more: Partial<Seat> = {}): Seat {
  return {
    ...{ slot, instance: signerNamed(name).publicKey, signingKey: signerNamed(`${name} signs`).publicKey },
    ...{ sealingKey: digestOfText(`${name} seals`), release: service, variant: 'v', platform: 'p', provider: 'p' },
    ...{ turn: 0, since: 0, termEnd: 10_000, address: '', clientAddress: '' },
    ...more,
  };
}

export function configuration(epoch: number, names: readonly string[], more: Partial<Seat> = {}): Configuration {
  return { epoch, slots: 4, seats: names.map((name, slot) => seat(slot, name, more)) };
}

/** Of epoch 0. */
export const founders = ['a', 'b', 'c', 'd'];
export const genesis = configuration(0, founders);

/** A certificate by a quorum of these. */
export function certificate(header: Header, names: readonly string[] = founders): CommitCertificate {
  const { epoch, sequence } = header;
  const digest = headerDigest(cryptography, header);
  const subject = { epoch, view: 0, sequence, headerDigest: digest, newView: new Uint8Array(32) };
  const reveals = names.slice(0, quorumOf(4)).map((name, slot) => {
    const nonce = digestOfText(`nonce ${name} ${sequence}`);
    const statement = voteStatement(service, subject, commitmentOf(cryptography, nonce));
    return { slot, nonce, signature: signerNamed(`${name} signs`).sign(statement) };
  });
  return { subject, reveals };
}

export interface BatchOptions {
  readonly items?: readonly Item[];
  readonly results?: readonly Result[];
  readonly epoch?: number;
  readonly time?: number;
  readonly signers?: readonly string[];
}

export function batch(sequence: number, options: BatchOptions = {}): CommittedBatch {
  const { items = [], results = [], epoch = 0, time = sequence, signers = founders } = options;
  const header: Header = {
    ...{ protocolVersion: 1, service, epoch, sequence, time, proposer: 0, previousRoot: service },
    ...{ transactionsRoot: service, transactions: results.length, configuration: service },
  };
  const outcomes = results.map((result) => ({
    ...{ request: service, salt: new Uint8Array(0), writeSet: new Uint8Array(0) },
    result: encodeResult(result),
  }));
  const digest = headerDigest(cryptography, header);
  const proof = { certified: header, certificate: certificate(header, signers), path: [] };
  return { header, headerDigest: digest, items, outcomes, ...proof };
}

export function bundle(first: number, commands: readonly (readonly [RegisterCommand, string, string])[]): Item {
  const operations = commands.map(([command, key, value]) => ({
    target: 'service' as const,
    payload: encodeOperation({ command, input: [key, value] }),
  }));
  const client = signerNamed('client').publicKey;
  const unsigned: Omit<Bundle, 'signature'> = { client, acknowledged: 0, time: 0, first, operations };
  return { kind: 'bundle', bundle: { ...unsigned, signature: new Uint8Array(64) } };
}

/** An operation with its answer: at this place, in this header. */
export function operation(
  number: number,
  [invokedAt, at]: readonly [number, number],
  [sequence, index]: readonly [number, number],
  result: Result,
  header: Header = batch(sequence).header,
): ClientOperation {
  const receipt = { header, via: undefined };
  const answer = { at, by: instance('a'), result, sequence, index, receipt };
  const asked = { client: 'client', number, command: 'put', key: 'k', value: 'v', invokedAt };
  return { ...asked, answer } as unknown as ClientOperation;
}

/** Collects what a checker finds wrong. */
export function verdicts(): { readonly found: string[]; readonly violate: (message: string) => void } {
  const found: string[] = [];
  return { found, violate: (message) => void found.push(message) };
}
