import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '@coppice/wire';
import { clientRoles } from '../src/index.ts';
import { ada, constitutionOf, cy, MemoryState, signerNamed } from './fixtures.ts';

const dana = signerNamed('dana').publicKey;

test('an open service takes any key for a client', () => {
  const state = new MemoryState(constitutionOf());
  assert.deepEqual(clientRoles(state, dana), ['client']);
  assert.deepEqual(clientRoles(state, ada), ['member', 'client']);
  assert.deepEqual(clientRoles(state, cy), ['member', 'client', 'auditor']);
});

test('otherwise it takes members, and the clients that are listed', () => {
  const state = new MemoryState(
    constitutionOf((written) => (written.clients = [{ name: 'Dana', key: toHex(dana), roles: ['nurse'] }])),
  );
  assert.deepEqual(clientRoles(state, dana), ['client', 'nurse']);
  assert.deepEqual(clientRoles(state, cy), ['member', 'auditor']);
  assert.equal(clientRoles(state, signerNamed('eve').publicKey), undefined);
});
