/**
 * X.509 certificates (RFC 5280), as far as makers of hardware use them, and chains of them up to a pinned key.
 *
 * All of it is the attester's input. A certificate is read in its one encoding, with the algorithms listed here and
 * without critical extensions that nobody understands; a chain holds only if its last key is pinned, whatever names
 * and certificates say: look-alike roots exist.
 */
import { type Cryptography, type Decoded, sameBytes, toHex } from '@coppice/wire';
import {
  bitStringBytes,
  boolean,
  decodeDer,
  type Der,
  DerFault,
  type DerReader,
  explicit,
  fixedInteger,
  inside,
  integerBytes,
  oid,
  readAll,
  smallInteger,
  tags,
  time,
} from './der.ts';
import type { EvidenceFault } from './evidence.ts';
import type { SignatureAlgorithm, X509Cryptography } from './signatures.ts';

/** What an algorithm identifier says: of ECDSA not the curve, which is that of the issuer's key. */
type ObjectAlgorithm = `${'ecdsa' | 'rsa-pkcs1' | 'rsa-pss'}-${'sha256' | 'sha384' | 'sha512'}`;

/** Something that an issuer has signed. */
export interface SignedObject {
  /** What the signature covers. */
  readonly signed: Uint8Array;
  readonly algorithm: ObjectAlgorithm;
  /** ECDSA: r and s as DER, which are as long as the issuer's curve says. */
  readonly signature: Uint8Array;
  /** The issuer's name, as DER: names are the same if their bytes are. */
  readonly issuer: Uint8Array;
}

export interface Certificate extends SignedObject {
  /** Two's complement, shortest form. */
  readonly serial: Uint8Array;
  readonly subject: Uint8Array;
  /** The subject's common name; empty if it has none. */
  readonly commonName: string;
  /** In milliseconds, inclusive. */
  readonly from: number;
  readonly until: number;
  readonly spki: Uint8Array;
  /** Whether it may issue certificates, and how many authorities may come below it. */
  readonly authority: { readonly below: number } | undefined;
  /** Bits of the key usage, the first one as 0x80; `undefined` where it is not restricted. */
  readonly keyUsage: number | undefined;
  /** DER of the values, by object identifier. */
  readonly extensions: ReadonlyMap<string, Uint8Array>;
}

export const keyUsages = { digitalSignature: 0x80, certificateSigning: 0x04, crlSigning: 0x02 } as const;

const extensionsMax = 32;
/** 20, and a zero where their first bit is set. */
const serialBytesMax = 21;
const keyUsageOid = '2.5.29.15';
const basicConstraintsOid = '2.5.29.19';
export const extendedKeyUsageOid = '2.5.29.37';
export const subjectAlternativeNameOid = '2.5.29.17';

/**
 * The encodings of what is accepted. AMD's authorities write the default trailer field of RSASSA-PSS out, against DER,
 * and what is issued by them does not.
 */
const hashes = [
  { name: 'sha256', arc: '01', bytes: '20', pkcs1: '0b', ecdsa: '02' },
  { name: 'sha384', arc: '02', bytes: '30', pkcs1: '0c', ecdsa: '03' },
  { name: 'sha512', arc: '03', bytes: '40', pkcs1: '0d', ecdsa: '04' },
] as const;
const algorithms: ReadonlyMap<string, ObjectAlgorithm> = new Map(
  hashes.flatMap(({ name, arc, bytes, pkcs1, ecdsa }): [string, ObjectAlgorithm][] => {
    const pss = (trailer: string): string =>
      `06092a864886f70d01010a30${trailer === '' ? '34' : '39'}a00f300d06096086480165030402${arc}0500` +
      `a11c301a06092a864886f70d010108300d06096086480165030402${arc}0500a2030201${bytes}${trailer}`;
    return [
      [`3041${pss('')}`, `rsa-pss-${name}`],
      [`3046${pss('a303020101')}`, `rsa-pss-${name}`],
      [`300d06092a864886f70d0101${pkcs1}0500`, `rsa-pkcs1-${name}`],
      [`300a06082a8648ce3d0403${ecdsa}`, `ecdsa-${name}`],
    ];
  }),
);

/** Curves by the algorithm in a SubjectPublicKeyInfo; bytes of r, and of s. */
const curves = [
  { name: 'p256', id: '06072a8648ce3d020106082a8648ce3d030107', bytes: 32 },
  { name: 'p384', id: '06072a8648ce3d020106052b81040022', bytes: 48 },
  { name: 'p521', id: '06072a8648ce3d020106052b81040023', bytes: 66 },
] as const;

/**
 * The certificate that exactly these bytes are, or why they are none. Byte strings in it are views. Extensions that the
 * caller has `understood` may be critical.
 */
export function decodeCertificate(bytes: Uint8Array, understood: readonly string[] = []): Decoded<Certificate> {
  return decodeDer(bytes, (outer) => {
    const { body, algorithmBytes, ...signature } = inside(outer.next(tags.sequence), readSigned);
    return { ...signature, ...inside(body, readBody(algorithmBytes, understood)) };
  });
}

/** The three parts of a certificate or list: what is signed, by which algorithm, and the signature. */
export function readSigned(outer: DerReader): Omit<SignedObject, 'issuer'> & { body: Der; algorithmBytes: Uint8Array } {
  const body = outer.next(tags.sequence);
  const { bytes: algorithmBytes } = outer.next(tags.sequence);
  const algorithm = algorithms.get(toHex(algorithmBytes));
  if (algorithm === undefined) throw new DerFault('unknown signature algorithm');
  const signature = bitStringBytes(outer.next(tags.bitString));
  if (algorithm.startsWith('ecdsa')) readAll(signature, rawEcdsa(curves.at(-1)!.bytes));
  return { body, signed: body.bytes, algorithm, algorithmBytes, signature };
}

/** r and s of the DER form of an ECDSA signature (RFC 3279), each of this length. */
const rawEcdsa =
  (length: number) =>
  (reader: DerReader): Uint8Array =>
    inside(reader.next(tags.sequence), (fields) => {
      const raw = new Uint8Array(2 * length);
      raw.set(fixedInteger(fields.next(tags.integer), length));
      raw.set(fixedInteger(fields.next(tags.integer), length), length);
      return raw;
    });

const readBody =
  (algorithmBytes: Uint8Array, understood: readonly string[]) =>
  (body: DerReader): Omit<Certificate, 'signed' | 'algorithm' | 'signature'> => {
    const version = inside(body.next(explicit(0)), (field) => smallInteger(field.next(tags.integer)));
    if (version !== 2) throw new DerFault('not of version 3');
    const serial = readSerial(body);
    if (!sameBytes(body.next(tags.sequence).bytes, algorithmBytes)) throw new DerFault('two signature algorithms');
    const { bytes: issuer } = body.next(tags.sequence);
    const [from, until] = inside(
      body.next(tags.sequence),
      (validity) => [time(validity.any()), time(validity.any())] as const,
    );
    const name = body.next(tags.sequence);
    const { bytes: spki } = body.next(tags.sequence);
    const extensions = inside(body.next(explicit(3)), (field) => readExtensions(field, understood));
    return {
      serial,
      issuer,
      subject: name.bytes,
      commonName: inside(name, readCommonName),
      from,
      until,
      spki,
      authority: readAuthority(extensions.get(basicConstraintsOid)),
      keyUsage: readKeyUsage(extensions.get(keyUsageOid)),
      extensions,
    };
  };

/** AMD's are 0 for most certificates. */
export function readSerial(reader: DerReader): Uint8Array {
  const serial = integerBytes(reader.next(tags.integer));
  if (serial.length > serialBytesMax || serial[0]! >= 0x80) throw new DerFault('not a serial number');
  return serial;
}

function readCommonName(name: DerReader): string {
  let commonName = '';
  while (name.more) {
    inside(name.next(tags.set), (set) =>
      inside(set.next(tags.sequence), (attribute) => {
        const type = oid(attribute.next(tags.oid));
        const { content } = attribute.any();
        if (type === '2.5.4.3') commonName = String.fromCharCode(...content.subarray(0, 64));
      }),
    );
  }
  return commonName;
}

/** The common name in the DER of a name; empty if there is none. */
export function commonNameIn(name: Uint8Array): string {
  const read = decodeDer(name, (reader) => inside(reader.next(tags.sequence), readCommonName));
  return read.ok ? read.value : '';
}

/** Extensions by object identifier, each at most once, none critical that is not understood. */
export function readExtensions(field: DerReader, understood: readonly string[] = []): ReadonlyMap<string, Uint8Array> {
  const extensions = new Map<string, Uint8Array>();
  inside(field.next(tags.sequence), (list) => {
    while (list.more) {
      inside(list.next(tags.sequence), (extension) => {
        const id = oid(extension.next(tags.oid));
        const flag = extension.optional(tags.boolean);
        if (flag !== undefined && !boolean(flag)) throw new DerFault('a default is written out');
        if (flag !== undefined && id !== keyUsageOid && id !== basicConstraintsOid && !understood.includes(id))
          throw new DerFault(`unknown critical extension ${id}`);
        if (extensions.has(id)) throw new DerFault(`extension ${id} twice`);
        extensions.set(id, extension.next(tags.octetString).content);
      });
      if (extensions.size > extensionsMax) throw new DerFault('too many extensions');
    }
  });
  return extensions;
}

function readAuthority(value: Uint8Array | undefined): Certificate['authority'] {
  if (value === undefined) return undefined;
  return readAll(value, (reader) =>
    inside(reader.next(tags.sequence), (fields) => {
      const flag = fields.optional(tags.boolean);
      if (flag === undefined) return undefined;
      if (!boolean(flag)) throw new DerFault('a default is written out');
      const below = fields.optional(tags.integer);
      return { below: below === undefined ? Infinity : smallInteger(below) };
    }),
  );
}

/** What the key may be used for, by object identifier; `undefined` if that is not restricted, none if it cannot be read. */
export function extendedKeyUsages({ extensions }: Certificate): readonly string[] | undefined {
  const value = extensions.get(extendedKeyUsageOid);
  if (value === undefined) return undefined;
  const read = decodeDer(value, (reader) =>
    inside(reader.next(tags.sequence), (list) => {
      const usages: string[] = [];
      while (list.more) usages.push(oid(list.next(tags.oid)));
      return usages;
    }),
  );
  return read.ok ? read.value : [];
}

function readKeyUsage(value: Uint8Array | undefined): number | undefined {
  if (value === undefined) return undefined;
  const [unused = 8, bits, second] = readAll(value, (reader) => reader.next(tags.bitString)).content;
  // A second byte holds one bit, which only says what a key that agrees on keys may do.
  if (unused > 7 || bits === undefined || (second !== undefined && second !== 0x80))
    throw new DerFault('not a key usage');
  return bits;
}

/** Why a chain does not hold. */
export interface ChainFault {
  readonly error: EvidenceFault;
  readonly detail: string;
}

export interface ChainContext {
  readonly cryptography: Cryptography;
  readonly x509: X509Cryptography;
  /** In milliseconds. */
  readonly now: number;
  /** SHA-256 of the SubjectPublicKeyInfo of each trusted root. */
  readonly pinned: readonly Uint8Array[];
}

/**
 * Why `chain`, from the leaf to a self-signed root, does not hold now; `undefined` if it does. Keys are used from the
 * pinned root downwards, so none is used that is not certified.
 */
export function chainFault(chain: readonly Certificate[], context: ChainContext): ChainFault | undefined {
  const { cryptography, x509, now, pinned } = context;
  const root = chain.at(-1);
  if (root === undefined) return { error: 'endorsement-missing', detail: 'certificate' };
  const digest = cryptography.hash(root.spki);
  if (!pinned.some((pin) => sameBytes(pin, digest)))
    return { error: 'root-not-pinned', detail: `${root.commonName} with key ${toHex(digest)}` };
  for (let i = chain.length - 1; i >= 0; i--) {
    const certificate = chain[i]!;
    const issuer = chain[i + 1] ?? root;
    const fault = issueFault(certificate, issuer, keyUsages.certificateSigning, x509);
    if (fault !== undefined) return fault;
    // Authorities between the issuer and the leaf.
    if (i > 0 && issuer !== certificate && issuer.authority!.below < i)
      return { error: 'endorsement-signature', detail: `too many certificates below ${issuer.commonName}` };
  }
  if (chain.length > 1 && chain[0]!.authority !== undefined)
    return { error: 'endorsement-mismatch', detail: `${chain[0]!.commonName} is an authority` };
  return chain.map((certificate) => validityFault(certificate, certificate.commonName, now)).find(Boolean);
}

/** Why `issuer` has not signed `object`, or may not; `undefined` if it has. */
export function issueFault(
  object: SignedObject & { readonly commonName?: string },
  issuer: Certificate,
  usage: number,
  x509: X509Cryptography,
): ChainFault | undefined {
  const { signed, algorithm, signature, commonName = 'revocation list' } = object;
  const fault = (reason: string): ChainFault => ({
    error: 'endorsement-signature',
    detail: `${commonName}: ${issuer.commonName} ${reason}`,
  });
  if (!sameBytes(object.issuer, issuer.subject)) return fault('is not its issuer');
  if (issuer.authority === undefined || issuer.keyUsage === undefined || (issuer.keyUsage & usage) === 0)
    return fault('may not sign it');
  return signedWith(issuer.spki, algorithm, signed, signature, x509) ? undefined : fault('did not sign it');
}

/** Whether the key signed it; ECDSA on the curve of the key. */
function signedWith(
  spki: Uint8Array,
  algorithm: ObjectAlgorithm,
  signed: Uint8Array,
  signature: Uint8Array,
  x509: X509Cryptography,
): boolean {
  if (!algorithm.startsWith('ecdsa'))
    return x509.verifySignature(algorithm as SignatureAlgorithm, spki, signed, signature);
  const curve = curveOf(spki);
  const raw = curve && decodeDer(signature, rawEcdsa(curve.bytes));
  if (curve === undefined || raw?.ok !== true) return false;
  const named = algorithm.replace('ecdsa', `ecdsa-${curve.name}`) as SignatureAlgorithm;
  return x509.verifySignature(named, spki, signed, raw.value);
}

/** The curve of a SubjectPublicKeyInfo; `undefined` if its key is of none that is known. */
export function curveOf(spki: Uint8Array): (typeof curves)[number] | undefined {
  const algorithm = decodeDer(spki, (outer) =>
    inside(outer.next(tags.sequence), (fields) => {
      const { content } = fields.next(tags.sequence);
      fields.next(tags.bitString);
      return toHex(content);
    }),
  );
  return curves.find(({ id }) => algorithm.ok && algorithm.value === id);
}

export function validityFault(
  { from, until }: { readonly from: number; readonly until: number },
  name: string,
  now: number,
): ChainFault | undefined {
  if (now < from) return { error: 'not-yet-valid', detail: name };
  return now > until ? { error: 'expired', detail: name } : undefined;
}
