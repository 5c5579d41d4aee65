/**
 * Files with which members on other machines found a successor: a draft, which is its genesis document without signatures, and what
 * one member signed of it. JSON. docs/how-to/recover-a-service.md.
 */
import { readFileSync, rmSync } from 'node:fs';
import { nodeCryptography } from '@coppice/cryptography';
import { decodeConstitution, thresholdOf, verifyUnsigned, type VerifiedGenesis } from '@coppice/governance';
import {
  decode,
  type Digest,
  encode,
  fromHex,
  type GenesisDocument,
  genesisDocumentCodec,
  genesisStatement,
  sameBytes,
  serviceDigest,
  type Signer,
  toHex,
} from '@coppice/wire';
import { UserError } from './service-folder.ts';
import { writeNew } from './statement-file.ts';

const draftKind = 'succession';
const signedKind = 'signed-succession';
/** Far above what a genesis document of the largest consortium takes. */
const fileBytesMax = 64 * 1024 * 1024;

type Signature = GenesisDocument['signatures'][number];

function read(path: string): Record<string, unknown> | undefined {
  try {
    const bytes = readFileSync(path);
    if (bytes.length > fileBytesMax) return undefined;
    const json: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function readThere(path: string): Record<string, unknown> {
  const json = read(path);
  if (json === undefined) throw new UserError(`${path} cannot be read, or is not JSON`);
  return json;
}

export function isSuccessionFile(path: string): boolean {
  return [draftKind, signedKind].includes(String(read(path)?.['kind']));
}

/** Before founders are launched for it: a draft can be written there, and over nothing. Throws UserError. */
export function requireNewDraft(path: string): void {
  writeNew(path, '', '--draft');
  rmSync(path);
}

/** Over no other file than this draft. Throws UserError. */
export function writeDraft(path: string, document: GenesisDocument): void {
  const hex = toHex(encode(genesisDocumentCodec, document));
  const there = read(path);
  if (there?.['kind'] === draftKind && there['document'] === hex) return;
  writeNew(path, `${JSON.stringify({ kind: draftKind, document: hex })}\n`, '--draft');
}

/** A draft all of which holds, but for the signatures that it is written for. Throws UserError. */
export function readDraft(path: string): { readonly document: GenesisDocument; readonly verified: VerifiedGenesis } {
  const { document: hex, kind } = readThere(path);
  if (kind === signedKind) throw new UserError(`${path} is signed already: coppice recover --signed ${path}`);
  const bytes = kind === draftKind && typeof hex === 'string' ? fromHex(hex) : undefined;
  const decoded = bytes === undefined ? undefined : decode(genesisDocumentCodec, bytes);
  if (decoded?.ok !== true || decoded.value.genesis.predecessor === undefined)
    throw new UserError(`${path} is no draft of a succession`);
  const verified = verifyUnsigned(nodeCryptography, decoded.value);
  if (!verified.ok) throw new UserError(`${path} does not hold: ${verified.check}: ${verified.reason}`);
  return { document: decoded.value, verified };
}

/** What a member founds who signs it. */
export function draftLines({ genesis }: GenesisDocument, { constitution, founders }: VerifiedGenesis): string[] {
  const { header, ledgerRoot, service } = genesis.predecessor!;
  return [
    `succession: a service that goes on from one that was lost`,
    `  successor    ${toHex(serviceDigest(nodeCryptography, genesis))}`,
    `  goes on from ${toHex(service)}`,
    `  head         batch ${header.sequence} of epoch ${header.epoch}, ${new Date(header.time).toISOString()}`,
    `  root         ${header.sequence}:${toHex(ledgerRoot)}`,
    `  constitution ${constitution.name}, ${toHex(genesis.constitution)}; ${thresholdOf(constitution, 'genesis')} of ${constitution.members.length} members sign`,
    ...founders.map(
      ({ platform, release, slot, variant }) =>
        `  slot ${slot}       ${platform}, release ${toHex(release).slice(0, 8)}, variant ${variant}`,
    ),
    'What was acknowledged after that head is given up. `coppice recover --check`, of the disks and receipts that you hold, must say the same head, root and constitution.',
  ];
}

/** Signs the successor. Whoever signs has noted it before: `noteSigned`. */
export function signatureOf(signer: Signer, { genesis }: GenesisDocument): Signature {
  const statement = genesisStatement(serviceDigest(nodeCryptography, genesis));
  return { member: signer.publicKey, signature: signer.sign(statement) };
}

export function signatureText({ genesis }: GenesisDocument, { member, signature }: Signature): string {
  const service = toHex(serviceDigest(nodeCryptography, genesis));
  return `${JSON.stringify({ kind: signedKind, service, member: toHex(member), signature: toHex(signature) })}\n`;
}

/** What somebody signed, by the file's own word but for the signature, and which successor; `undefined`: it is a draft. Throws UserError. */
export function readSigned(path: string): (Signature & { readonly service: Digest }) | undefined {
  const { kind, ...fields } = readThere(path);
  if (kind === draftKind) return undefined;
  const [service, member, signature] = ['service', 'member', 'signature'].map((name) => {
    const text = fields[name];
    return typeof text === 'string' ? fromHex(text) : undefined;
  });
  if (kind !== signedKind || service === undefined || member?.length !== 32 || signature?.length !== 64)
    throw new UserError(`${path} is not what a member signed of a draft: coppice member sign makes it`);
  if (service.length !== 32 || !nodeCryptography.verify(member, genesisStatement(service), signature))
    throw new UserError(`the signature in ${path} is not valid: have it signed again`);
  return { member, service, signature };
}

/** A member's signature of this successor. Throws UserError. */
export function readSignature(path: string, { constitution, genesis }: GenesisDocument): Signature {
  const signed = readSigned(path);
  if (signed === undefined) throw new UserError(`${path} is not signed yet: coppice member sign ${path}`);
  const { member, service, signature } = signed;
  const own = serviceDigest(nodeCryptography, genesis);
  if (!sameBytes(service, own))
    throw new UserError(`${path} is for another successor, ${toHex(service)}: this draft is of ${toHex(own)}`);
  const decoded = decodeConstitution(constitution);
  if (decoded.ok && !decoded.value.members.some(({ key }) => sameBytes(key, member)))
    throw new UserError(`${path} is signed with ${toHex(member)}, which is the key of no member`);
  return { member, signature };
}
