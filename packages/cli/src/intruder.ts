/**
 * An intruder who had all of one replica's memory, and was evicted with it: everything that it can still try.
 *
 * Each attempt is made against the running service, with the real stolen keys, and says how it was refused and by whom.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { type Client, DoorConnection, DoorError, FrameReader, writeFrame } from '@coppice/client';
import { type KeyedSigner, nodeCryptography, signerOf, TwofoldSigner } from '@coppice/cryptography';
import { type Receipt, receiptCodec, verifyReceipt } from '@coppice/ledger';
import { encodeMessage, type Loot, type NodeStatus, selfSignedCertificate } from '@coppice/node';
import {
  type CommitCertificate,
  commitmentOf,
  type Configuration,
  type Digest,
  encode,
  erasureStatement,
  freshnessStatement,
  fromHex,
  headerDigest,
  type Join,
  joinStatement,
  limits,
  quorumOf,
  readyStatement,
  sameBytes,
  type Seat,
  seatOf,
  type Signer,
  suspicionStatement,
  type SystemRequest,
  toHex,
  validCommitCertificate,
  viewChangeStatement,
  voteStatement,
} from '@coppice/wire';

export interface Attempt {
  readonly attempt: string;
  readonly refused: boolean;
  /** By whom, and with what words. */
  readonly how: string;
}

export interface Target {
  readonly client: Client;
  readonly service: Digest;
  readonly loot: Loot;
  /** A genuine receipt of the epoch in which the keys were stolen, or an earlier one: what to forge. */
  readonly receipt?: Receipt;
}

interface Stolen {
  readonly identity: KeyedSigner;
  readonly signers: ReadonlyMap<number, Signer>;
}

/** Tries everything, one after the other. The client must have followed the chain beyond the intruder's eviction. */
export async function tryEverything(target: Target): Promise<Attempt[]> {
  const { client, loot, receipt } = target;
  const stolen: Stolen = {
    identity: signerOf(createPrivateKey(loot.identity)),
    signers: new Map(
      loot.signingKeys.map(({ epoch, key, second }) => {
        const signer = signerOf(createPrivateKey(key));
        return [epoch, second === undefined ? signer : new TwofoldSigner(signer, fromHex(second)!)];
      }),
    ),
  };
  const { configuration } = client.chain;
  if (configuration.seats.some((seat) => sameBytes(seat.instance, stolen.identity.publicKey))) {
    return [{ attempt: 'go on', refused: false, how: 'the instance whose memory was stolen still has its seat' }];
  }
  return [
    await speak(target, stolen, configuration),
    ...(await ask(target, stolen, configuration)),
    vouch(target, stolen, configuration),
    ...(receipt === undefined ? [] : [forgeReceipt(target, stolen, receipt)]),
    rewriteEpoch(target, stolen),
  ];
}

// On channels between replicas.

/**
 * A channel to each replica with the stolen identity key, and, where it comes up, votes, nonces and a view change. It does for one epoch
 * after the eviction, in which an evicted instance may still serve the log to those who need it; its voice is gone all the same.
 */
async function speak(target: Target, stolen: Stolen, configuration: Configuration): Promise<Attempt> {
  const attempt = 'vote and reveal on channels with the stolen identity key';
  const before = await counted(target, configuration);
  const words = voice(target, stolen, configuration).map(encodeMessage);
  const channels = await Promise.all(
    configuration.seats.map((seat) => greeted(stolen.identity.privateKey, seat.address, words)),
  );
  const up = channels.filter((taken) => taken).length;
  const after = await counted(target, configuration);
  if (up === 0) {
    const name = 'rejected connection peer-not-admitted';
    const refusals = (after.get(name) ?? 0) - (before.get(name) ?? 0);
    return {
      attempt,
      refused: refusals > 0,
      how: `no replica of ${channels.length} takes it: peer-not-admitted, counted ${refusals} times`,
    };
  }
  const unheard = ['prepare unknown-sender', 'commit unknown-sender', 'view-change unknown-sender'].map((reason) => {
    const name = `rejected ${reason}`;
    return (after.get(name) ?? 0) - (before.get(name) ?? 0);
  });
  return {
    attempt,
    refused: unheard.every((times) => times >= up),
    how: `${up} replicas let it listen for one more epoch and hear nothing of it: unknown-sender, ${unheard.join(' + ')} times`,
  };
}

/** What it says with its lost seat: a vote and a nonce for the next batch, and a call for another view. */
function voice({ loot, service }: Target, { signers, identity }: Stolen, { epoch }: Configuration) {
  const signer = signers.get(epoch) ?? identity;
  const { slot } = loot;
  const nonce = new Uint8Array(32);
  const commitment = commitmentOf(nodeCryptography, nonce);
  const sequence = 1;
  const subject = { epoch, view: 0, sequence, headerDigest: new Uint8Array(32), newView: new Uint8Array(32) };
  const vote = { subject, slot, commitment, signature: signer.sign(voteStatement(service, subject, commitment)) };
  const asked = { service, epoch, view: 1, slot, prepared: undefined };
  const viewChange = { ...asked, signature: signer.sign(viewChangeStatement(asked)) };
  return [
    { kind: 'prepare', vote },
    {
      kind: 'commit',
      epoch,
      view: 0,
      reveals: [
        { sequence, nonce },
        ...loot.nonces.map((one) => ({ sequence: one.sequence, nonce: fromHex(one.nonce)! })),
      ],
    },
    { kind: 'view-change', viewChange },
  ] as const;
}

/** Whether a replica greets the holder of this key with the first frame that says a channel is up; then it is told these words. */
function greeted(key: KeyObject, address: string, words: readonly Uint8Array[]): Promise<boolean> {
  const colon = address.lastIndexOf(':');
  return new Promise((resolve) => {
    const socket: TLSSocket = connectTls({
      host: address.slice(0, colon),
      port: Number(address.slice(colon + 1)),
      key: key.export({ format: 'pem', type: 'pkcs8' }),
      cert: selfSignedCertificate(key),
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
      checkServerIdentity: () => undefined,
    });
    const end = (up: boolean): void => {
      socket.destroy();
      resolve(up);
    };
    const reader = new FrameReader(limits.messageBytes);
    let up = false;
    socket.on('data', (chunk: Buffer) => {
      reader.push(chunk, () => {
        if (up) return;
        up = true;
        for (const word of words) writeFrame(socket, word, limits.messageBytes);
        // Long enough to be heard.
        setTimeout(() => end(true), 300);
      });
    });
    socket.setTimeout(3000, () => end(up));
    socket.once('error', () => end(up));
    socket.once('close', () => end(up));
  });
}

/** The counters of all replicas that answer, added up. */
async function counted({ client }: Target, { seats }: Configuration): Promise<Map<string, number>> {
  const sum = new Map<string, number>();
  for (const status of await Promise.allSettled(seats.map(({ slot }) => client.status(slot)))) {
    if (status.status === 'rejected') continue;
    for (const [name, count] of Object.entries((status.value as NodeStatus).counters))
      sum.set(name, (sum.get(name) ?? 0) + count);
  }
  return sum;
}

// At the doors: requests that only an instance can make.

async function ask(target: Target, { identity, signers }: Stolen, configuration: Configuration): Promise<Attempt[]> {
  const { client, loot, service } = target;
  const { epoch, seats } = configuration;
  const instance = identity.publicKey;
  const signer = signers.get(epoch) ?? identity;
  const { slot } = loot;
  const other = seats.find((one) => one.slot !== slot) ?? seats[0]!;
  // A turn that is open is the one to get into; else the next one.
  const open = ((await client.status(other.slot).catch(() => undefined)) as NodeStatus | undefined)?.turn ?? undefined;
  const turn = open?.turn ?? Math.max(...seats.map((seat) => seat.turn)) + 1;
  const genuine = client.chain.document.joins.find((one) => sameBytes(one.instance, instance));
  const rejoin = (change: Partial<Join>): SystemRequest => {
    const keys = [...signers.values()].map((one) => ({
      signingKey: one.publicKey,
      sealingKey: one.publicKey.toReversed(),
    }));
    const unsigned: Omit<Join, 'signature'> = {
      ...{ service, turn, slot: open?.slot ?? slot, instance, firstEpoch: epoch + 1, keys },
      ...{
        release: open === undefined ? other.release : fromHex(open.release)!,
        variant: open?.variant ?? other.variant,
      },
      ...{
        address: other.address,
        clientAddress: other.clientAddress,
        evidence: genuine?.evidence ?? new Uint8Array(0),
      },
      ...change,
    };
    return { kind: 'join', join: { ...unsigned, signature: identity.sign(joinStatement(unsigned)) } };
  };
  const erasure = { service, epoch: epoch - 1, slot: other.slot, instance: other.instance };
  const ready = { service, turn, sequence: 1, headerDigest: new Uint8Array(32) };
  const suspicion = { service, epoch, slot, suspect: other.slot, instance: other.instance, reason: 'silent' as const };
  const requests: readonly (readonly [string, SystemRequest])[] = [
    ...(genuine === undefined
      ? []
      : ([['present its own old join once more', { kind: 'join', join: genuine }]] as const)),
    [`join turn ${turn} with the stolen keys and the old evidence`, rejoin({})],
    [
      'say that it is ready to be seated',
      { kind: 'ready', ready: { ...ready, signature: identity.sign(readyStatement(ready)) } },
    ],
    [
      `give notice of erased keys for slot ${other.slot}`,
      { kind: 'erasure', erasure: { ...erasure, signature: signer.sign(erasureStatement(erasure)) } },
    ],
    [
      `suspect slot ${other.slot} in its old slot’s name`,
      { kind: 'suspicion', suspicion: { ...suspicion, signature: signer.sign(suspicionStatement(suspicion)) } },
    ],
  ];
  const attempts: Attempt[] = [];
  for (const [attempt, request] of requests) {
    const answers = await Promise.all(seats.map((seat) => offered(seat, request)));
    const taken = answers.filter((answer) => answer === undefined).length;
    const reasons = [...new Set(answers.filter((answer) => answer !== undefined))];
    attempts.push({
      attempt,
      refused: taken === 0,
      how: taken === 0 ? `every replica: ${reasons.join('; ')}` : `${taken} replicas take it`,
    });
  }
  return attempts;
}

/** Why a replica does not take the request; `undefined` where it does. */
async function offered(seat: Seat, request: SystemRequest): Promise<string | undefined> {
  try {
    const connection = await DoorConnection.open(seat.clientAddress, seat.instance);
    try {
      await connection.ask({ kind: 'system', request }, 'accepted');
      return undefined;
    } finally {
      connection.close();
    }
  } catch (error) {
    if (error instanceof DoorError) return error.code === 'REFUSED' ? error.message : 'does not answer';
    throw error;
  }
}

// Towards clients and verifiers, who know the chain of epochs and nothing else.

/** The answer to a client that asks whether the present is the present. */
function vouch({ loot, service }: Target, { signers }: Stolen, configuration: Configuration): Attempt {
  const subject = { service, epoch: configuration.epoch, committed: 1, nonce: new Uint8Array(32).fill(9) };
  const seat = seatOf(configuration, loot.slot);
  const believed = [...signers.values()].some(
    (signer) =>
      seat !== undefined &&
      nodeCryptography.verify(seat.signingKey, freshnessStatement(subject), signer.sign(freshnessStatement(subject))),
  );
  return {
    attempt: `vouch to a client for epoch ${configuration.epoch}`,
    refused: !believed,
    how: believed
      ? 'its signature counts'
      : `none of ${signers.size} stolen keys, those for later epochs included, is that of slot ${loot.slot} now`,
  };
}

/** A certificate for another header in the genuine one's place, in which the stolen key signs for every slot that it can. */
function forgedCertificate(
  { service }: Target,
  { signers }: Stolen,
  genuine: CommitCertificate,
  digest: Digest,
): CommitCertificate {
  const subject = { ...genuine.subject, headerDigest: digest };
  const signer = signers.get(subject.epoch);
  const reveals = genuine.reveals.map(({ nonce, signature, slot }) => ({
    slot,
    nonce,
    signature: signer?.sign(voteStatement(service, subject, commitmentOf(nodeCryptography, nonce))) ?? signature,
  }));
  return { subject, reveals };
}

/** A receipt with another result. */
function forgeReceipt(target: Target, stolen: Stolen, genuine: Receipt): Attempt {
  const header = { ...genuine.header, transactionsRoot: new Uint8Array(32).fill(7) };
  const certificate = forgedCertificate(target, stolen, genuine.certificate, headerDigest(nodeCryptography, header));
  const forged = encode(receiptCodec, { ...genuine, header, via: undefined, certificate });
  const verdict = verifyReceipt(nodeCryptography, forged, { service: target.service });
  const { epoch } = certificate.subject;
  const keys = stolen.signers.has(epoch)
    ? `one key of ${certificate.reveals.length}`
    : `no key of epoch ${epoch} was left to steal`;
  return {
    attempt: `forge a receipt of epoch ${epoch}`,
    refused: !verdict.ok,
    how: verdict.ok ? 'it verifies' : `any verifier: ${verdict.check}: ${verdict.reason} (${keys})`,
  };
}

/** Another end of the epoch in which the keys were stolen. */
function rewriteEpoch(target: Target, stolen: Stolen): Attempt {
  const { client, loot, service } = target;
  const attempt = `end epoch ${loot.epoch} another way`;
  const genuine = client.chain.epochs[loot.epoch];
  const start = client.chain.verifier.start(loot.epoch);
  if (genuine === undefined || start === undefined) return { attempt, refused: true, how: 'the epoch has not ended' };
  const header = { ...genuine.header, time: genuine.header.time + 1 };
  const certificate = forgedCertificate(target, stolen, genuine.certificate, headerDigest(nodeCryptography, header));
  const valid = validCommitCertificate(nodeCryptography, service, start.configuration, certificate);
  const needed = quorumOf(start.configuration.slots);
  return {
    attempt,
    refused: !valid,
    how: valid
      ? 'its certificate is valid'
      : `any verifier: one key of ${needed}, instance ${toHex(stolen.identity.publicKey.subarray(0, 4))}’s; the others have erased theirs`,
  };
}
