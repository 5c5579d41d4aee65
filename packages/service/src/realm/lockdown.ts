/**
 * Locking the realm down: once in a process, before the first service is loaded.
 *
 * Compartments of SES (https://github.com/endojs/endo) confine a service: it reaches what it is given, and what the
 * language has. Their built-ins are the realm's, frozen, less those that show a clock or a memory. What SES leaves
 * that differs between engines is replaced first, see `replace.ts`.
 */
import { immutableBuffers } from './before-ses.ts';
// oxlint-disable-next-line import/no-unassigned-import -- it adds to the global object
import 'ses';
import { serveArrays, serveBytes } from './arrays.ts';
import { serveNumbers } from './numbers.ts';
import { serveDates, serveObjects } from './objects.ts';
import { serveText } from './text.ts';

let locked = false;

/**
 * Makes the realm fit for services. All of the process's built-ins are frozen from then on, so it should have loaded
 * the libraries that add to them, if any. Calling it again does nothing.
 */
export function lockdownRealm(): void {
  if (locked) return;
  locked = true;
  serveArrays();
  serveBytes();
  serveText();
  serveObjects();
  serveNumbers();
  serveDates();
  for (const name of immutableBuffers) Reflect.deleteProperty(ArrayBuffer.prototype, name);
  // What only the newest engines have.
  for (const name of ['getFloat16', 'setFloat16']) Reflect.deleteProperty(DataView.prototype, name);
  for (const { prototype } of [Map, WeakMap]) {
    for (const name of ['getOrInsert', 'getOrInsertComputed']) Reflect.deleteProperty(prototype, name);
  }
  Reflect.deleteProperty(Date.prototype, 'toTemporalInstant');
  Reflect.deleteProperty(Promise, 'try');
  const { constructor: iterators } = Object.getPrototypeOf(Object.getPrototypeOf([].values())) as object;
  for (const name of ['concat', 'zip', 'zipKeyed']) Reflect.deleteProperty(iterators, name);
  lockdown({
    // The process keeps its stacks, console and locale; services are kept from them in other ways.
    errorTaming: 'unsafe',
    consoleTaming: 'unsafe',
    localeTaming: 'unsafe',
    errorTrapping: 'none',
    unhandledRejectionTrapping: 'none',
    reporting: 'none',
    // More would make the iteration of arrays several times slower.
    overrideTaming: 'min',
  });
}

export function isLockedDown(): boolean {
  return locked;
}
