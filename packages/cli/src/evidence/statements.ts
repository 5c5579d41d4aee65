/**
 * Signed statements that bring evidence of who signs them: COSE_Sign1 of Microsoft's signing service, with report,
 * certificates, endorsement of the firmware and key in the header "attestedsvc".
 */
import { type CborTable, decodePem, decodeSign1 } from '@coppice/attestation';
import { nodeCryptography, nodeX509Cryptography } from '@coppice/cryptography';
import { encodeCbor, fromHex, sameBytes } from '@coppice/wire';
import { type Pool, setPart } from './pool.ts';

/** Why verified evidence is not that of what it came with. */
export interface Mismatch {
  readonly reason: 'endorsement-surplus' | 'evidence-mismatch' | 'evidence-signature';
  readonly detail: string;
}

const curves = [
  {
    id: 1,
    algorithm: 'ecdsa-p256-sha256',
    cose: -7,
    bytes: 32,
    prefix: '3059301306072a8648ce3d020106082a8648ce3d03010703420004',
  },
  {
    id: 2,
    algorithm: 'ecdsa-p384-sha384',
    cose: -35,
    bytes: 48,
    prefix: '3076301006072a8648ce3d020106052b8104002203620004',
  },
] as const;

/** Whether the bytes are such a statement, whose evidence is then in the pool. */
export function addStatement(bytes: Uint8Array, pool: Pool): boolean {
  const message = decodeSign1(bytes, ['attestedsvc']);
  const service = message.ok ? message.value.protectedHeader.get('attestedsvc') : undefined;
  if (!message.ok || !(service instanceof Map)) return false;
  const fields = service as CborTable;
  const [report, chain, firmware] = ['attestation', 'snp_endorsements', 'uvm_endorsements'].map((name) =>
    fields.get(name),
  );
  const key = fields.get('cose_key');
  if (!(report instanceof Uint8Array) || !(chain instanceof Uint8Array) || !(key instanceof Map)) return false;
  const pem = decodePem(Buffer.from(chain).toString('latin1'));
  if (!pem.ok) return false;
  setPart(pool, 'report', { platform: 'sev-snp', bytes: report });
  pool.certificates.push(...pem.value.map((block) => block.bytes));
  if (firmware instanceof Uint8Array) pool.firmware.push(firmware);
  const { signed, signature, protectedHeader } = message.value;
  setPart(pool, 'check', (reportData) => {
    const curve = curves.find(({ id }) => id === (key as CborTable).get(-1));
    const [x, y] = [(key as CborTable).get(-2), (key as CborTable).get(-3)];
    if (curve === undefined || !(x instanceof Uint8Array) || !(y instanceof Uint8Array))
      return { reason: 'evidence-mismatch', detail: 'the statement has no key that is known' };
    // RFC 9679: what a key is, in deterministic CBOR.
    const thumbprint = nodeCryptography.hash(
      encodeCbor(
        new Map<number, number | Uint8Array>([
          [1, 2],
          [-1, curve.id],
          [-2, x],
          [-3, y],
        ]),
      ),
    );
    if (!sameBytes(reportData, thumbprint))
      return { reason: 'evidence-mismatch', detail: "the report is not of the statement's key" };
    const spki = Buffer.concat([fromHex(curve.prefix)!, x, y]);
    const holds =
      protectedHeader.get(1) === curve.cose &&
      x.length === curve.bytes &&
      nodeX509Cryptography.verifySignature(curve.algorithm, spki, signed, signature);
    return holds ? undefined : { reason: 'evidence-signature', detail: "by the statement's key" };
  });
  return true;
}
