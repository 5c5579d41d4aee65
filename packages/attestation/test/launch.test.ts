import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '@coppice/wire';
import { launchDigest, reportData } from '../src/index.ts';
import { bytesOf, claims, cryptography, launch } from './fixtures.ts';

test('the launch digest depends on each input', () => {
  const digests = [
    launch,
    { ...launch, service: bytesOf('another service') },
    { ...launch, slot: 3 },
    { ...launch, turn: 8 },
    { ...launch, challenge: bytesOf('another challenge') },
    { ...launch, release: bytesOf('another release') },
    { ...launch, variant: 'v8-b' },
  ].map((one) => toHex(launchDigest(cryptography, one)));
  assert.equal(new Set(digests).size, 7);
});

test('report data depends on each claim and on the launch', () => {
  const launched = launchDigest(cryptography, launch);
  const other = bytesOf('another');
  const variations = [
    claims,
    { ...claims, service: other },
    { ...claims, turn: 8 },
    { ...claims, slot: 3 },
    { ...claims, instance: other },
    { ...claims, firstEpoch: 9 },
    { ...claims, keys: [...claims.keys, ...claims.keys] },
    { ...claims, keys: [{ ...claims.keys[0]!, signingKey: other }] },
    { ...claims, keys: [{ ...claims.keys[0]!, sealingKey: other }] },
    { ...claims, release: other },
    { ...claims, variant: 'v8-b' },
    { ...claims, address: '10.0.0.2:7000' },
    { ...claims, clientAddress: 'https://other.example' },
  ];
  const digests = variations.map((one) => toHex(reportData(cryptography, one, launched)));
  digests.push(toHex(reportData(cryptography, claims, bytesOf('another launch'))));
  assert.equal(new Set(digests).size, variations.length + 1);
});
