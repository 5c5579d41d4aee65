/**
 * What an upgrade certificate shows, in JSON: a function of the certificate, so that whoever verifies it can verify this, too.
 */
import type { UpgradeFacts } from '@coppice/upgrade';
import { decodeKey, encodeKey, mapNameOf } from '@coppice/service/runtime';
import { decodePlainCbor, toHex } from '@coppice/wire';

/** A change of the migration, as people read it. */
export interface ShownWrite {
  readonly map: string;
  /** As the service has it; of tuples and numbers JSON; of anything else hexadecimal, after `0x`. */
  readonly key: string;
  /** Bytes of the value; `null`: deleted. */
  readonly bytes: number | null;
  /** JSON where the value is CBOR, else hexadecimal; absent where it is long or deleted. */
  readonly value?: string;
}

/** Changes that are written out; the certificate has all. */
const writesShown = 100;
const valueLengthMax = 120;

export function viewOf(facts: UpgradeFacts, certificate: Uint8Array) {
  const { activation, approval, from, name, provenance, release, service, slots, to } = facts;
  return {
    format: 'coppice-upgrade-certificate',
    ok: true,
    service: toHex(service),
    name,
    from: toHex(from),
    to: toHex(to),
    approval: { ...approval, votes: approval.votes.map((vote) => ({ ...vote, key: toHex(vote.key) })) },
    release,
    provenance: provenance.map(({ key, member }) => ({ key: toHex(key), member })),
    slots: slots.map((one) => ({ ...one, instance: toHex(one.instance) })),
    activation:
      activation === undefined
        ? null
        : {
            ...activation,
            stateBefore: toHex(activation.stateBefore),
            stateAfter: toHex(activation.stateAfter),
            migration: toHex(activation.migration),
            writeSets: activation.writeSets.map(toHex),
            changes: activation.writes.length,
            writes: activation.writes.slice(0, writesShown).map(shownWrite),
          },
    certificate: Buffer.from(certificate).toString('base64'),
  };
}

export type UpgradeView = ReturnType<typeof viewOf>;

export function jsonForm(view: UpgradeView): string {
  return `${JSON.stringify(view)}\n`;
}

function shownWrite({
  address,
  value,
}: {
  readonly address: string;
  readonly value: Uint8Array | undefined;
}): ShownWrite {
  const at = address.indexOf('\0');
  const common = { map: mapNameOf(address.slice(0, at)), key: keyText(address.slice(at + 1)) };
  if (value === undefined) return { ...common, bytes: null };
  const text = textOf(value);
  return { ...common, bytes: value.length, ...(text.length <= valueLengthMax ? { value: text } : {}) };
}

/** The service's key, if it is one. */
function keyText(encoded: string): string {
  try {
    const key = decodeKey(encoded);
    if (encodeKey(key) === encoded) return typeof key === 'string' ? key : JSON.stringify(key);
  } catch {
    // Not a key of a service.
  }
  return `0x${toHex(Buffer.from(encoded, 'latin1'))}`;
}

function textOf(value: Uint8Array): string {
  if (value.length > 4 * valueLengthMax) return ' '.repeat(valueLengthMax + 1);
  const decoded = decodePlainCbor(value);
  if (!decoded.ok) return toHex(value);
  return JSON.stringify(decoded.value, (_, one: unknown) => (one instanceof Uint8Array ? toHex(one) : one));
}
