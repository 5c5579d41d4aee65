/**
 * What endorsements say, one by one and for people: nothing here is verified, and nothing is decided by it. Times are in milliseconds.
 */
import { decodeUtf8, fromLatin1, toHex } from '@coppice/wire';
import { decodeRevocationList } from './crl.ts';
import type { ShownClaims } from './evidence.ts';
import { readEndorsementKey } from './sev-snp/endorsement-key.ts';
import { tcbParts } from './sev-snp/products.ts';
import { collateralType, signedText } from './sgx/collateral.ts';
import { readPck } from './sgx/pck.ts';
import { decodeEnclaveIdentity, decodeTcbInfo, type Level } from './sgx/tcb.ts';
import type { X509Cryptography } from './signatures.ts';
import { decodeEventLog, replayEvents } from './tpm/event-log.ts';
import { hashes, type NamedHash } from './tpm/reader.ts';
import { type Certificate, commonNameIn, decodeCertificate, extendedKeyUsages } from './x509.ts';

/** Serial numbers that are shown of a list. */
const serialsMax = 64;

/** Of DER; extensions that are `understood` may be critical. `undefined` if it is no certificate. */
export function showCertificate(bytes: Uint8Array, understood: readonly string[]): ShownClaims | undefined {
  const decoded = decodeCertificate(bytes, understood);
  if (!decoded.ok) return undefined;
  const certificate = decoded.value;
  const { authority, commonName, from, issuer, serial, spki, until } = certificate;
  return {
    kind: 'certificate',
    commonName,
    issuer: commonNameIn(issuer),
    serial: toHex(serial),
    validFrom: from,
    validUntil: until,
    authority: authority !== undefined,
    usages: extendedKeyUsages(certificate) ?? [],
    spki: toHex(spki),
    ...chipClaims(certificate),
  };
}

/** Of keys of processors: what their makers certify of the chip. */
function chipClaims(certificate: Certificate): ShownClaims {
  const key = readEndorsementKey(certificate);
  if (key.ok) {
    const { chip, product, provider, tcb } = key.value;
    return {
      product: product.name,
      tcb: tcbParts(product, tcb),
      chipId: chip === undefined ? null : toHex(chip),
      provider: provider ?? null,
    };
  }
  const pck = readPck(certificate);
  if (!pck.ok) return {};
  const { components, fmspc, pceId, pceSvn, ppid } = pck.value;
  return { fmspc: toHex(fmspc), pceId: toHex(pceId), pceSvn, components: components.join(' '), ppid: toHex(ppid) };
}

/** Of DER; `undefined` if it is no list. */
export function showRevocationList(bytes: Uint8Array): ShownClaims | undefined {
  const decoded = decodeRevocationList(bytes);
  if (!decoded.ok) return undefined;
  const { from, issuer, revoked, until } = decoded.value;
  return {
    kind: 'revocation-list',
    issuer: commonNameIn(issuer),
    validFrom: from,
    validUntil: until,
    entries: revoked.size,
    revoked: [...revoked].slice(0, serialsMax).map((serial) => toHex(fromLatin1(serial))),
  };
}

/** Of TCB info, or an identity, as Intel serves it; `undefined` if it is neither. */
export function showCollateral(bytes: Uint8Array): ShownClaims | undefined {
  const message = { mediaType: collateralType, bytes };
  const [info, identity] = [signedText(message, 'tcbInfo'), signedText(message, 'enclaveIdentity')];
  if (info !== undefined) {
    const decoded = decodeTcbInfo(decodeUtf8(info.text) ?? '');
    if (!decoded.ok) return undefined;
    const { fmspc, levels, modules, pceId } = decoded.value;
    return {
      kind: 'tcb-info',
      ...dated(decoded.value),
      fmspc: toHex(fmspc),
      pceId: toHex(pceId),
      levels: levels.map(levelText),
      modules: Object.fromEntries(modules.map((module) => [module.id, module.levels.map(levelText)])),
    };
  }
  const decoded = decodeEnclaveIdentity(decodeUtf8(identity?.text ?? new Uint8Array(0)) ?? '');
  if (!decoded.ok) return undefined;
  const { isvProdId, levels, mrSigner } = decoded.value;
  return {
    kind: 'enclave-identity',
    ...dated(decoded.value),
    mrSigner: toHex(mrSigner),
    isvProdId,
    levels: levels.map(levelText),
  };
}

function dated(of: { id: string; from: number; until: number; evaluation: number }): ShownClaims {
  return { id: of.id, evaluation: of.evaluation, validFrom: of.from, validUntil: of.until };
}

const levelText = ({ advisories, status }: Level): string => [status, ...advisories].join(' ');

/** With the registers that its events give, by hash and number; `undefined` if it is no log. */
export function showEventLog(bytes: Uint8Array, x509: X509Cryptography): ShownClaims | undefined {
  const decoded = decodeEventLog(bytes);
  if (!decoded.ok) return undefined;
  const named = hashes.filter((hash): hash is NamedHash => hash.name !== undefined);
  const banks = named.flatMap((hash) => {
    const replayed = replayEvents(decoded.value, hash, x509);
    if (replayed === undefined || replayed.size === 0) return [];
    const values = [...replayed].map(([register, value]) => [register, toHex(value)] as const);
    return [[hash.name, Object.fromEntries(values)] as const];
  });
  return { kind: 'event-log', events: decoded.value.events.length, registers: Object.fromEntries(banks) };
}
