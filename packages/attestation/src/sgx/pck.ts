/**
 * What Intel certifies of a processor: Intel SGX PCK Certificate and Certificate Revocation List Profile Specification.
 */
import type { Decoded } from '@coppice/wire';
import { decodeDer, type Der, DerFault, type DerReader, inside, oid, smallInteger, tags } from '../der.ts';
import type { Certificate } from '../x509.ts';

const arc = '1.2.840.113741.1.13.1';

export interface Pck {
  /** Identity of the platform, 16 bytes. */
  readonly ppid: Uint8Array;
  /** Security versions of the processor's 16 components. */
  readonly components: readonly number[];
  readonly pceSvn: number;
  readonly pceId: Uint8Array;
  /** Family, model, stepping, platform and custom SKU, 6 bytes. */
  readonly fmspc: Uint8Array;
}

/** What is in the extension of a PCK certificate, or why it is none. */
export function readPck({ commonName, extensions }: Certificate): Decoded<Pck> {
  const value = extensions.get(arc);
  if (value === undefined || commonName !== 'Intel SGX PCK Certificate')
    return { ok: false, reason: 'not of a provisioning certification key' };
  return decodeDer(value, (reader) => {
    const fields = inside(reader.next(tags.sequence), pairs);
    const tcb = inside(only(fields, `${arc}.2`, tags.sequence), pairs);
    const component = (i: number): number => smallInteger(only(tcb, `${arc}.2.${i}`, tags.integer));
    return {
      ppid: octets(fields, `${arc}.1`, 16),
      components: Array.from({ length: 16 }, (_, i) => component(i + 1)),
      pceSvn: component(17),
      pceId: octets(fields, `${arc}.3`, 2),
      fmspc: octets(fields, `${arc}.4`, 6),
    };
  });
}

/** Values by object identifier. */
function pairs(list: DerReader): ReadonlyMap<string, Der> {
  const all = new Map<string, Der>();
  while (list.more) {
    inside(list.next(tags.sequence), (pair) => {
      const id = oid(pair.next(tags.oid));
      if (all.has(id)) throw new DerFault(`${id} twice`);
      all.set(id, pair.any());
    });
  }
  return all;
}

function only(all: ReadonlyMap<string, Der>, id: string, tag: number): Der {
  const value = all.get(id);
  if (value?.tag !== tag) throw new DerFault(`no ${id}`);
  return value;
}

function octets(all: ReadonlyMap<string, Der>, id: string, length: number): Uint8Array {
  const { content } = only(all, id, tags.octetString);
  if (content.length !== length) throw new DerFault(`${id} of another length`);
  return content;
}
