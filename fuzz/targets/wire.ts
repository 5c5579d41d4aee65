/** The encodings of wire and protocol: what replicas, clients and files hand us. spec/encoding.md. */
import { messageCodec } from '@coppice/protocol';
import {
  batchCodec,
  bundleCodec,
  clientAnswerCodec,
  clientRequestCodec,
  commitCertificateCodec,
  configurationCodec,
  decodeCbor,
  decodePlainCbor,
  decodeResult,
  encodeCbor,
  encodeResult,
  epochCertificatesCodec,
  faultProofCodec,
  fromHex,
  genesisDocumentCodec,
  headerCodec,
  joinCodec,
  newViewCodec,
  outcomesCodec,
  preparedCertificateCodec,
  sameBytes,
  systemRequestCodec,
  toHex,
} from '@coppice/wire';
import { bytesOfText, codecTarget, must, type Target, textOfBytes } from '../target.ts';
import { drawnCbor } from '../draw-cbor.ts';

const cbor: Target = {
  name: 'cbor',
  dialect: 'cbor',
  weight: 3,
  seeds: () => [encodeCbor({ a: [1, -1, 1.5, null, true, 'text', new Uint8Array(3)], b: new Map([[1, 2n ** 60n]]) })],
  draw: (random) => encodeCbor(drawnCbor(random)),
  run(input) {
    const decoded = decodeCbor(input);
    const plain = decodePlainCbor(input);
    if (!decoded.ok) {
      must(!plain.ok, 'what is plain is a value');
      return decoded.reason;
    }
    must(sameBytes(encodeCbor(decoded.value), input), 'what is decoded is encoded to the same bytes');
    if (plain.ok) must(sameBytes(encodeCbor(plain.value), input), 'plain values are encoded to the same bytes');
    return undefined;
  },
};

const result: Target = {
  name: 'result',
  dialect: 'cbor',
  seeds: () => [
    encodeResult({ ok: true, value: { a: 1 } }),
    encodeResult({ ok: false, error: { code: 'no', message: 'why', data: [1] } }),
  ],
  draw(random) {
    const drawn = decodePlainCbor(encodeCbor(drawnCbor(random)));
    return encodeResult({ ok: true, value: drawn.ok ? drawn.value : null });
  },
  run(input) {
    const decoded = decodeResult(input);
    if (!decoded.ok) return decoded.reason;
    must(sameBytes(encodeResult(decoded.value), input), 'what is decoded is encoded to the same bytes');
    return undefined;
  },
};

const hex: Target = {
  name: 'hex',
  dialect: 'text',
  seeds: () => ['', '00', 'ff'.repeat(32), 'a0b1'].map(bytesOfText),
  run(input) {
    const text = textOfBytes(input);
    const bytes = fromHex(text);
    if (bytes === undefined) return 'not hexadecimal';
    must(toHex(bytes) === text, 'one byte string has one text');
    return undefined;
  },
};

export const targets: readonly Target[] = [
  cbor,
  result,
  hex,
  { ...codecTarget('peer-message', messageCodec), weight: 4 },
  { ...codecTarget('client-request', clientRequestCodec), weight: 3 },
  { ...codecTarget('client-answer', clientAnswerCodec), weight: 2 },
  codecTarget('batch', batchCodec),
  codecTarget('bundle', bundleCodec),
  codecTarget('outcomes', outcomesCodec),
  codecTarget('header', headerCodec),
  codecTarget('join', joinCodec),
  codecTarget('system-request', systemRequestCodec),
  codecTarget('fault-proof', faultProofCodec),
  codecTarget('new-view', newViewCodec),
  codecTarget('configuration', configurationCodec),
  codecTarget('prepared-certificate', preparedCertificateCodec),
  codecTarget('commit-certificate', commitCertificateCodec),
  codecTarget('epoch-chain', epochCertificatesCodec),
  codecTarget('genesis-document', genesisDocumentCodec),
];
