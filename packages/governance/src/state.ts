/**
 * Where governance lies in the replicated state.
 *
 * - `$constitution` has one entry, under the empty key: the canonical bytes of the constitution in force.
 * - `$roles` has the roles of every key that may send requests; under the empty key, those of any other key, where the
 *   service is open. It follows from the constitution, and spares each request reading all of that.
 * - `$proposals` and `$decisions` have proposals with everything that members signed: proposals.ts.
 */
import { decodeWriteSet, type Transaction, type View } from '@coppice/state';
import { assert, type CborValue, decodeCbor, encodeCbor, sameBytes, toLatin1 } from '@coppice/wire';
import type { Constitution } from './constitution.ts';
import { decodeConstitution, encodeConstitution } from './constitution-document.ts';

/** What governance needs of a transaction. */
export type StateAccess = Pick<View, 'get' | 'entries'> & Pick<Transaction, 'set' | 'delete'>;

export const constitutionMap = '$constitution';
const rolesMap = '$roles';

/** Roles by key; by the empty key, those of any other. */
function rolesOf({ members, clients }: Constitution): Map<string, Uint8Array> {
  const roles = new Map<string, Uint8Array>();
  const open = clients === 'open' ? ['client'] : [];
  if (clients === 'open') roles.set('', encodeCbor(open));
  else for (const one of clients) roles.set(toLatin1(one.key), encodeCbor(['client', ...one.roles]));
  for (const one of members) roles.set(toLatin1(one.key), encodeCbor(['member', ...open, ...one.roles]));
  return roles;
}

/** Puts a constitution into force, in place of the one `before`. */
export function writeConstitution(access: StateAccess, constitution: Constitution, before?: Constitution): void {
  access.set(constitutionMap, '', encodeConstitution(constitution));
  const [roles, old] = [rolesOf(constitution), before === undefined ? undefined : rolesOf(before)];
  for (const key of old?.keys() ?? []) if (!roles.has(key)) access.delete(rolesMap, key);
  for (const [key, value] of roles) {
    const known = old?.get(key);
    if (known === undefined || !sameBytes(known, value)) access.set(rolesMap, key, value);
  }
}

/** The one that was read last: it changes once in a while, and is long. */
let newest: { readonly bytes: Uint8Array; readonly constitution: Constitution } | undefined;

/** The constitution in force. Asserts that there is one: reading any other state is our own mistake. */
export function readConstitution(access: Pick<StateAccess, 'get'>): Constitution {
  const bytes = access.get(constitutionMap, '');
  assert(bytes !== undefined, 'the state has a constitution');
  if (newest === undefined || !sameBytes(newest.bytes, bytes)) {
    const decoded = decodeConstitution(bytes);
    assert(decoded.ok, 'the constitution in the state is in its one form');
    newest = { bytes: bytes.slice(), constitution: decoded.value };
  }
  return newest.constitution;
}

/** The constitution that an encoded write set writes, if it writes one: for auditors, who see only what was written. */
export function constitutionWritten(encoded: Uint8Array): Constitution | undefined {
  const writeSet = decodeWriteSet(encoded);
  const change = writeSet.ok ? writeSet.value.find(({ address }) => address === `${constitutionMap}\0`) : undefined;
  const decoded = change?.value && decodeConstitution(change.value);
  return decoded?.ok === true ? decoded.value : undefined;
}

/** The roles of a key; `undefined` where it may not send requests at all. */
export function clientRoles(access: Pick<StateAccess, 'get'>, key: Uint8Array): readonly string[] | undefined {
  const roles = access.get(rolesMap, toLatin1(key)) ?? access.get(rolesMap, '');
  return roles && (trusted(roles) as readonly string[]);
}

/** A value that we wrote ourselves, and that a quorum certified. */
export function trusted(value: Uint8Array): CborValue {
  const decoded = decodeCbor(value);
  assert(decoded.ok, 'what governance wrote can be read');
  return decoded.value;
}
