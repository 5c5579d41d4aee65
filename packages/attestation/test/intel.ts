/**
 * An Intel of the tests' own: a root, a processor, its quoting enclave, and collateral about them.
 */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { nodeX509Cryptography } from '../../cryptography/src/index.ts';
import { assembleIntel, type EvidenceBundle, type Verification, verifyBundle } from '../src/index.ts';
import {
  type Authority,
  day,
  der,
  integer,
  issue,
  now,
  oid,
  pinOf,
  type Request,
  revocationList,
} from './certificates.ts';
import { cryptography } from './fixtures.ts';

const arc = '1.2.840.113741.1.13.1';
const pair = (id: string, value: Uint8Array): Buffer => der(0x30, oid(id), value);
const octets = (length: number, fill: number): Buffer => der(0x04, Buffer.alloc(length, fill));

export const pckSvns = [5, 5, 2, 2, 3, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0];
const pckExtension = der(
  0x30,
  pair(`${arc}.1`, octets(16, 0xaa)),
  pair(
    `${arc}.2`,
    der(
      0x30,
      ...[...pckSvns, 11].map((svn, i) => pair(`${arc}.2.${i + 1}`, integer(svn))),
      pair(`${arc}.2.18`, octets(16, 0)),
    ),
  ),
  pair(`${arc}.3`, octets(2, 0)),
  pair(`${arc}.4`, octets(6, 0xb0)),
);

const make = (request: Request, issuer?: Authority): Authority => issue({ curve: 'P-256', ...request }, issuer);

export const root = make({ commonName: 'Intel SGX Root CA' });
export const platformAuthority = make({ commonName: 'Intel SGX PCK Platform CA', serial: 500 }, root);
export const signer = make({ commonName: 'Intel SGX TCB Signing', serial: 600, authority: false }, root);
export const pck = make(
  { commonName: 'Intel SGX PCK Certificate', serial: 700, authority: false, extensions: { [arc]: pckExtension } },
  platformAuthority,
);

const raw = (key: KeyObject, bytes: Uint8Array): Buffer => sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' });
const iso = (ms: number): string => new Date(ms).toISOString().replace('.000', '');

export interface Over {
  /** Of the quote's body, before it is signed. */
  readonly body?: (body: Buffer) => void;
  readonly enclave?: (report: Buffer) => void;
  readonly tcbInfo?: object;
  readonly identity?: object;
  readonly lists?: readonly Uint8Array[];
  readonly chain?: readonly Authority[];
  readonly signer?: Authority;
  readonly at?: number;
  readonly pinned?: Authority;
}

const dates = { issueDate: iso(now - day), nextUpdate: iso(now + day), tcbEvaluationDataNumber: 17 };
const svns = (all: readonly number[]): object[] => all.map((svn) => ({ svn }));
const nobody = { mrsigner: '00'.repeat(48), attributes: '00'.repeat(8), attributesMask: 'FF'.repeat(8) };

export const level = (status: string, components = pckSvns, tdx: readonly number[] = Array(16).fill(0)): object => ({
  tcb: { sgxtcbcomponents: svns(components), pcesvn: 11, tdxtcbcomponents: svns(tdx) },
  tcbStatus: status,
});

export const module = (id: string, isvsvn: number, status: string): object => ({
  ...nobody,
  id,
  tcbLevels: [{ tcb: { isvsvn }, tcbStatus: status }],
});

/** A quote of version 4 of a domain whose module has version 5 of TDX_01, or of an enclave. */
export function bundleOf(kind: 'TDX' | 'SGX', over: Over = {}): EvidenceBundle {
  const { body: change = () => {}, enclave = () => {}, chain = [pck, platformAuthority, root] } = over;
  const attestation = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const attestationKey = attestation.publicKey.export({ format: 'der', type: 'spki' }).subarray(-64);

  const header = Buffer.alloc(48);
  header.writeUInt16LE(4, 0);
  header.writeUInt16LE(2, 2);
  header.writeUInt32LE(kind === 'TDX' ? 0x81 : 0, 4);
  header.set(Buffer.from('939a7233f79c4ca9940a0db3957f0607', 'hex'), 12);
  const body = Buffer.alloc(kind === 'TDX' ? 584 : 384);
  if (kind === 'TDX') {
    body.set([5, 1, 2], 0);
    // SEPT_VE_DISABLE; x87, SSE and more.
    body.set([0, 0, 0, 0x10], 120);
    body.set([0xe7, 0x02, 0x06], 128);
  }
  change(body);
  const signed = Buffer.concat([header, body]);

  const authentication = Buffer.alloc(32, 0x77);
  const report = Buffer.alloc(384);
  report.fill(0xdc, 128, 160);
  report.writeUInt16LE(2, 256);
  report.writeUInt16LE(4, 258);
  report.set(createHash('sha256').update(attestationKey).update(authentication).digest(), 320);
  enclave(report);

  const u16 = (value: number): Buffer => Buffer.of(value & 0xff, value >> 8);
  const u32 = (value: number): Buffer => Buffer.concat([u16(value & 0xffff), u16(value >>> 16)]);
  const pem = Buffer.from(chain.map(({ certificate }) => pemOf(certificate)).join(''));
  const certification = Buffer.concat([
    report,
    raw(chain[0]!.privateKey, report),
    u16(authentication.length),
    authentication,
    u16(5),
    u32(pem.length),
    pem,
  ]);
  const data = Buffer.concat([
    raw(attestation.privateKey, signed),
    attestationKey,
    u16(6),
    u32(certification.length),
    certification,
  ]);
  const quote = Buffer.concat([signed, u32(data.length), data]);

  const tcbInfo = {
    id: kind,
    version: 3,
    ...dates,
    fmspc: 'B0'.repeat(6),
    pceId: '0000',
    tcbLevels: [level('UpToDate')],
    ...(kind === 'TDX' ? { tdxModule: nobody, tdxModuleIdentities: [module('TDX_01', 4, 'UpToDate')] } : {}),
    ...over.tcbInfo,
  };
  const identity = {
    id: kind === 'TDX' ? 'TD_QE' : 'QE',
    version: 2,
    ...dates,
    miscselect: '00000000',
    miscselectMask: 'FFFFFFFF',
    attributes: '00'.repeat(16),
    attributesMask: 'FF'.repeat(16),
    mrsigner: 'DC'.repeat(32),
    isvprodid: 2,
    tcbLevels: [{ tcb: { isvsvn: 4 }, tcbStatus: 'UpToDate' }],
    ...over.identity,
  };
  const by = over.signer ?? signer;
  const document = (name: string, value: object): Buffer => {
    const text = JSON.stringify(value);
    return Buffer.from(`{"${name}":${text},"signature":"${raw(by.privateKey, Buffer.from(text)).toString('hex')}"}`);
  };
  return assembleIntel(new Uint8Array(quote), {
    tcbInfos: [document('tcbInfo', tcbInfo)],
    enclaveIdentities: [document('enclaveIdentity', identity)],
    certificates: [by.certificate],
    lists: over.lists ?? [revocationList(root, []), revocationList(platformAuthority, [])],
  })[0]!;
}

function pemOf(certificate: Uint8Array): string {
  const lines = Buffer.from(certificate)
    .toString('base64')
    .match(/.{1,64}/g)!;
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

export function verdictOf(kind: 'TDX' | 'SGX', over: Over = {}): Verification {
  const anchors = [{ platform: kind.toLowerCase(), spki: pinOf(over.pinned ?? root) }];
  return verifyBundle(bundleOf(kind, over), { cryptography, x509: nodeX509Cryptography, now: over.at ?? now, anchors });
}

/** The status where verified, else the fault. */
export function outcome(kind: 'TDX' | 'SGX', over: Over = {}): string {
  const verdict = verdictOf(kind, over);
  return verdict.ok ? verdict.evidence.tcb.status : verdict.error;
}
