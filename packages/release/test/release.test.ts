import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { newSigner, nodeCryptography } from '@coppice/cryptography';
import { launchMeasurement, simulatedMeasurement } from '@coppice/collection';
import { findRuntime, installedRuntimes, runtimeMeasurement } from '@coppice/host';
import { fromHex, toHex } from '@coppice/wire';
import {
  buildRelease,
  openRelease,
  type Release,
  ReleaseError,
  ReleaseStore,
  scriptsOf,
  verifyRelease,
} from '../src/index.ts';
import { sha256 } from '../src/canonical.ts';
import { compareVariants, type NamedVariant, variantNamed } from '../src/diversity.ts';
import { readEnvelope } from '../src/provenance.ts';
import { root } from '../src/sources.ts';
import { checkOut } from './checkout.ts';

const service = join(root, 'examples/supply-chain/src/service.ts');
const signer = newSigner();
const runtimes = [installedRuntimes()[0]!, findRuntime(installedRuntimes()[0]!.name, ['jitless'])];
let folder: string;
let release: Release;
/** The same with diversified programs. */
let diverse: Release;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'coppice-release-'));
  chmodSync(folder, 0o755);
  const signed = { service, runtimes, signers: [signer] };
  release = await buildRelease({ ...signed, folder: join(folder, 'release') });
  diverse = await buildRelease({
    ...signed,
    seeds: ['a1', 'b2'],
    cryptography: ['libsodium', 'node-crypto'],
    folder: join(folder, 'diverse'),
  });
});
after(() => rmSync(folder, { recursive: true }));

/** A copy of the release, to be tampered with. */
function copy({ folder: from } = release): string {
  const to = mkdtempSync(join(folder, 'copy-'));
  cpSync(from, to, { recursive: true });
  return to;
}

async function reasons(path: string, options: Parameters<typeof verifyRelease>[1] = {}): Promise<string[]> {
  const { problems } = await verifyRelease(path, options);
  return problems.map(({ file, reason }) => `${reason} ${file}`);
}

test('the digest is that of the manifest, which has the digests of all other files', () => {
  assert.equal(toHex(release.digest), sha256(readFileSync(join(release.folder, 'manifest.json'))));
  for (const { bytes, name, sha256: digest } of release.manifest.files) {
    const content = readFileSync(join(release.folder, name));
    assert.deepEqual([content.length, sha256(content)], [bytes, digest], name);
  }
  assert.deepEqual([release.manifest.service.name, release.manifest.service.version], ['supply-chain', 1]);
});

test('variants are programs on runtimes, and reference values are those that the platforms show', () => {
  const name = runtimes[0]!.name.replace('@', '-');
  assert.deepEqual(
    diverse.entry.variants.map(({ id }) => id),
    [
      ...[name, `${name}+jitless+node-crypto_a1`, `${name}+node-crypto_b2`],
      ...[`${name}+jitless`, `${name}_a1`, `${name}+jitless+node-crypto_b2`],
      ...[`${name}+node-crypto`, `${name}+jitless_a1`, `${name}_b2`],
      ...[`${name}+jitless+node-crypto`, `${name}+node-crypto_a1`, `${name}+jitless_b2`],
    ],
  );
  for (const [i, variant] of diverse.entry.variants.entries()) {
    const { cryptography, engineSettings, id, referenceValues, runtime } = variant;
    const measured = runtimeMeasurement(findRuntime(runtime, engineSettings, cryptography));
    assert.equal(toHex(measured), diverse.manifest.variants[i]!.runtimeMeasurement);
    assert.deepEqual(referenceValues, [
      { platform: 'simulated', measurements: [toHex(simulatedMeasurement(diverse.digest, measured))] },
      {
        platform: 'tpm2',
        measurements: [toHex(launchMeasurement({ release: diverse.digest, variant: id }, measured))],
      },
    ]);
  }
});

test('another checkout, user, time zone, locale and umask give the same bytes', async (t) => {
  const checkout = join(folder, 'elsewhere');
  checkOut(checkout);
  const out = join(folder, 'by-others');
  mkdirSync(out);
  chmodSync(out, 0o777);
  // Nobody: a user who owns none of it.
  const other = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  const command = 'umask 077; exec "$0" "$@"';
  const args = [
    '--runtimes',
    runtimes.map(({ engineSettings, name }) => [name, ...engineSettings].join('+')).join(','),
    ...['--cryptography', 'libsodium,node-crypto'],
  ];
  for (const seed of ['a1', 'b2']) args.push('--variant', seed);
  const program = join(checkout, 'packages/cli/src/main.ts');
  const build = [process.execPath, program, 'release', 'build', '--out', out, '--json', ...args];
  const { status, stderr, stdout } = spawnSync('/bin/sh', ['-c', command, ...build], {
    encoding: 'utf8',
    cwd: '/',
    env: { ...process.env, TZ: 'Asia/Kathmandu', LC_ALL: 'tr_TR.UTF-8', LANG: 'tr_TR.UTF-8', HOME: '/nowhere' },
    ...other,
  });
  assert.equal(status, 0, stderr);
  t.diagnostic(`commit ${diverse.manifest.commit}`);
  const { digest } = JSON.parse(stdout.trim().split('\n').at(-1)!) as { readonly digest: string };
  assert.equal(
    readFileSync(join(out, 'manifest.json'), 'utf8'),
    readFileSync(join(diverse.folder, 'manifest.json'), 'utf8'),
  );
  assert.equal(digest, toHex(diverse.digest));
  for (const { name } of diverse.manifest.files)
    assert.equal(sha256(readFileSync(join(out, name))), sha256(readFileSync(join(diverse.folder, name))), name);

  // And a source line that was changed there is found, by its module.
  const file = join(checkout, 'packages/wire/src/assert.ts');
  writeFileSync(file, `globalThis.changed = 1;\n${readFileSync(file, 'utf8')}`);
  const { problems } = await verifyRelease(diverse.folder, { source: checkout });
  assert.deepEqual(
    problems.map(({ module, reason }) => [reason, module]).filter(([, module]) => module !== undefined),
    [['different-file', 'packages/wire/src/assert.ts']],
  );
});

test('a release that is as it was built holds, by its folder and by its manifest', async () => {
  const signers = [toHex(signer.publicKey)];
  for (const path of [release.folder, join(release.folder, 'manifest.json')]) {
    const verdict = await verifyRelease(path, { signers });
    assert.deepEqual(verdict, { digest: toHex(release.digest), signers, rebuilt: true, problems: [] });
  }
});

test('a program that was altered is named, with the module', async () => {
  const altered = copy();
  const file = join(altered, 'replica.mjs');
  const text = readFileSync(file, 'utf8');
  const at = text.indexOf('\n', text.indexOf('// packages/wire/src/bytes.ts'));
  writeFileSync(file, `${text.slice(0, at)}\n0;${text.slice(at)}`);
  const { problems } = await verifyRelease(altered);
  assert.deepEqual(
    problems.map(({ file, module, reason }) => [reason, file, module]),
    [
      ['altered-file', 'replica.mjs', undefined],
      ['different-file', 'replica.mjs', 'packages/wire/src/bytes.ts'],
    ],
  );
});

test('with digests that were altered as well, rebuilding shows it', async () => {
  const altered = copy();
  appendFileSync(join(altered, 'replica.mjs'), '0;\n');
  const digest = sha256(readFileSync(join(altered, 'replica.mjs')));
  const manifest = readFileSync(join(altered, 'manifest.json'), 'utf8');
  const { bytes, sha256: before } = release.manifest.files.find(({ name }) => name === 'replica.mjs')!;
  writeFileSync(
    join(altered, 'manifest.json'),
    manifest.replaceAll(before, digest).replace(`"bytes": ${bytes}`, `"bytes": ${bytes + 3}`),
  );
  assert.deepEqual(await reasons(altered), [
    'altered-file constitution-entry.json',
    'different-provenance provenance.json',
    'different-file replica.mjs',
    'different-manifest manifest.json',
    'different-manifest manifest.json',
  ]);
});

test('files that are missing, or too many, are named', async () => {
  const altered = copy();
  rmSync(join(altered, 'sodium.node'));
  writeFileSync(join(altered, 'more.mjs'), '');
  assert.deepEqual(await reasons(altered), ['missing-file sodium.node', 'surplus-file more.mjs']);
  rmSync(join(altered, 'provenance.json'));
  assert.ok((await reasons(altered)).includes('no-provenance provenance.json'));
  rmSync(join(altered, 'manifest.json'));
  assert.deepEqual(await reasons(altered), ['no-release manifest.json']);
});

test('a manifest that is written otherwise, contradicts itself or is none is refused', async () => {
  const manifest = readFileSync(join(release.folder, 'manifest.json'), 'utf8');
  const [digest] = /[0-9a-f]{64}/.exec(manifest.slice(manifest.indexOf('"files"')))!;
  for (const altered of [
    manifest.trimEnd(),
    `\u{feff}${manifest}`,
    JSON.stringify(JSON.parse(manifest)),
    manifest.replace('"format": 1', '"format": 2'),
    manifest.replace('"format": 1', '"format": 1,\n  "more": 1'),
    manifest.replace(/"commit": .*\n/, ''),
    manifest.replace('"name": "sodium.node"', '"name": "../sodium.node"'),
    manifest.replace(
      digest,
      digest.replace(/./, (one) => (one === '0' ? '1' : '0')),
    ),
    manifest.replace(/"id": "([^"]*)\+jitless"/, '"id": "$1"'),
    manifest.replace('"engineFamily": "v8"', '"engineFamily": "javascriptcore"'),
    '[]',
    '{',
  ]) {
    const folder = copy();
    assert.notEqual(altered, manifest);
    writeFileSync(join(folder, 'manifest.json'), altered);
    assert.deepEqual(await reasons(folder), ['malformed-manifest manifest.json'], altered.slice(0, 200));
    assert.throws(() => openRelease(folder), ReleaseError);
  }
});

test('what is too large, or no file, is not read', async () => {
  const large = copy();
  appendFileSync(join(large, 'manifest.json'), ' '.repeat(2 << 20));
  assert.deepEqual(await reasons(large), ['no-release manifest.json']);
  const folders = copy();
  for (const name of ['provenance.json', 'constitution-entry.json', 'sodium.node']) {
    rmSync(join(folders, name));
    mkdirSync(join(folders, name));
  }
  assert.deepEqual(await reasons(folders), [
    'missing-file sodium.node',
    'missing-file constitution-entry.json',
    'no-provenance provenance.json',
  ]);
});

test('a provenance that was altered, or is not signed by whom it must be, is refused', async () => {
  const file = join(release.folder, 'provenance.json');
  const envelope = JSON.parse(readFileSync(file, 'utf8')) as {
    payload: string;
    payloadType: string;
    signatures: { keyid: string; sig: string }[];
  };
  const canonical = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;
  assert.equal(canonical(envelope), readFileSync(file, 'utf8'));
  const [signature] = envelope.signatures as [{ keyid: string; sig: string }];
  const statement = Buffer.from(envelope.payload, 'base64').toString('utf8');
  const otherPayload = Buffer.from(statement.replace('slsa.dev', 'slsa.det')).toString('base64');
  const otherSignature = signature.sig.replace(/^./, (one) => (one === 'A' ? 'B' : 'A'));
  for (const [altered, reason] of [
    [{ ...envelope, payload: otherPayload }, 'bad-signature'],
    [{ ...envelope, signatures: [{ ...signature, sig: otherSignature }] }, 'bad-signature'],
    [{ ...envelope, signatures: [{ ...signature, keyid: toHex(newSigner().publicKey) }] }, 'bad-signature'],
    [{ ...envelope, signatures: [{ ...signature, keyid: '00'.repeat(32) }] }, 'bad-signature'],
    [{ ...envelope, signatures: [signature, signature] }, 'malformed-provenance'],
    [{ ...envelope, payloadType: 'application/json' }, 'malformed-provenance'],
    [{ ...envelope, more: 1 }, 'malformed-provenance'],
    ['{', 'malformed-provenance'],
  ] as const) {
    const encoded = Buffer.from(typeof altered === 'string' ? altered : canonical(altered));
    const provenance = readEnvelope(encoded);
    assert.equal(!provenance.ok && provenance.reason, reason);
  }
  const other = copy();
  writeFileSync(join(other, 'provenance.json'), canonical({ ...envelope, payload: otherPayload, signatures: [] }));
  assert.deepEqual(await reasons(other), ['different-provenance provenance.json']);
  const stranger = toHex(newSigner().publicKey);
  assert.deepEqual(await reasons(release.folder, { signers: [stranger] }), ['not-signed-by provenance.json']);
});

test('the envelope is what DSSE and in-toto say', () => {
  const { payload, payloadType, signatures } = JSON.parse(
    readFileSync(join(release.folder, 'provenance.json'), 'utf8'),
  ) as { payload: string; payloadType: string; signatures: { keyid: string; sig: string }[] };
  const body = Buffer.from(payload, 'base64');
  const signed = Buffer.concat([Buffer.from(`DSSEv1 28 application/vnd.in-toto+json ${body.length} `), body]);
  assert.equal(payloadType, 'application/vnd.in-toto+json');
  const [{ keyid, sig }] = signatures as [{ keyid: string; sig: string }];
  assert.ok(nodeCryptography.verify(fromHex(keyid)!, signed, Buffer.from(sig, 'base64')));
  const statement = JSON.parse(body.toString()) as {
    _type: string;
    predicateType: string;
    subject: { name: string; digest: { sha256: string } }[];
  };
  assert.equal(statement._type, 'https://in-toto.io/Statement/v1');
  assert.equal(statement.predicateType, 'https://slsa.dev/provenance/v1');
  assert.deepEqual(
    statement.subject.map(({ name }) => name),
    ['manifest.json', 'replica.mjs', 'service-1.js', 'sodium.node'],
  );
  assert.equal(statement.subject[0]!.digest.sha256, toHex(release.digest));
});

test('what two variants have in common is measured', () => {
  const [plain, jitless, a1] = ['', '+jitless', '_a1'].map((suffix) =>
    variantNamed(diverse, `${runtimes[0]!.name.replace('@', '-')}${suffix}`),
  ) as [NamedVariant, NamedVariant, NamedVariant];
  const differing = (one: NamedVariant, other: NamedVariant): string[] =>
    compareVariants(one, other).dimensions.flatMap(({ differs, name }) => (differs ? [name] : []));
  assert.deepEqual(differing(plain, plain), []);
  assert.deepEqual(differing(plain, jitless), ['engineSettings']);
  assert.deepEqual(differing(plain, a1), ['program']);
  assert.deepEqual(differing(jitless, a1), ['engineSettings', 'program']);
  const same = compareVariants(plain, jitless);
  assert.deepEqual([same.functions.share, same.grams.share], [1, 1]);
  const { functions, grams } = compareVariants(plain, a1);
  assert.ok(functions.share < 0.5 && functions.shared > 0, JSON.stringify(functions));
  assert.ok(grams.share < 0.5 && grams.shared > 0, JSON.stringify(grams));

  const code = (error: unknown): boolean => error instanceof ReleaseError && error.code === 'wrong-use';
  assert.throws(() => variantNamed(diverse, 'node-1'), code);
  const altered = copy(diverse);
  appendFileSync(join(altered, 'replica.mjs'), '0;');
  assert.throws(() => compareVariants(variantNamed(openRelease(altered), plain.variant.id), a1), code);
});

test('what is not a release is not written over, and what is wrong with a service is said', async () => {
  const occupied = join(folder, 'occupied');
  mkdirSync(occupied);
  writeFileSync(join(occupied, 'notes.txt'), 'mine');
  const code = (expected: string) => (error: unknown) => error instanceof ReleaseError && error.code === expected;
  await assert.rejects(buildRelease({ service, runtimes, folder: occupied }), code('wrong-use'));
  assert.deepEqual(readdirSync(occupied), ['notes.txt']);
  const earlier = copy();
  const none = join(folder, 'nowhere.ts');
  for (const wrong of [{ seeds: ['A'] }, { protocols: [9] }, { service: none }])
    await assert.rejects(buildRelease({ service, runtimes, folder: earlier, ...wrong }), ReleaseError);
  assert.deepEqual(readdirSync(earlier), readdirSync(release.folder));
  for (const seeds of [['A'], [''], ['a-b'], ['a', 'a'], Array.from({ length: 64 }, (_, i) => `s${i}`)])
    await assert.rejects(
      buildRelease({ service, runtimes, seeds, folder: join(folder, 'unbuilt') }),
      code('wrong-use'),
    );
  for (const [name, source] of [
    ['syntax', 'export default {'],
    ['none', 'export const service = 1;'],
    ['throws', 'throw new Error("no");'],
    ['imports', 'import "node:fs"; export default {};'],
  ]) {
    const file = join(folder, `${name}.ts`);
    writeFileSync(file, source!);
    await assert.rejects(
      buildRelease({ service: file, runtimes, folder: join(folder, name!) }),
      code('cannot-build'),
      name,
    );
  }
});

test('a host keeps releases by digest, and takes none that is not as its manifest says', async () => {
  const store = new ReleaseStore(join(folder, 'store'));
  assert.equal(store.find(release.digest), undefined);
  assert.deepEqual(store.list(), []);
  const [added, other] = [store.add(release.folder), store.add(diverse.folder)];
  assert.deepEqual(store.list(), [toHex(added.digest), toHex(other.digest)].sort());
  assert.deepEqual(await reasons(added.folder), []);
  // Once more changes nothing: instances run what is there.
  assert.equal(store.add(release.folder), added);
  const { id, program } = diverse.manifest.variants[1]!;
  assert.equal(store.variant(diverse.digest, id)?.path, join(store.folder, toHex(diverse.digest), program));
  assert.equal(store.variant(release.digest, id), undefined);
  assert.equal(store.variant(new Uint8Array(32), id), undefined);

  const [altered, surplus, unsigned] = [copy(), copy(), copy()];
  appendFileSync(join(altered, 'replica.mjs'), ' ');
  writeFileSync(join(surplus, 'more.mjs'), '');
  rmSync(join(unsigned, 'provenance.json'));
  assert.throws(() => store.add(altered), /altered-file: replica\.mjs/);
  assert.throws(() => store.add(surplus), /surplus-file: more\.mjs/);
  assert.throws(() => store.add(unsigned), /no-provenance/);
  assert.throws(() => store.add(join(folder, 'nowhere')), ReleaseError);
  // Neither is a folder with another digest's name taken for it.
  const elsewhere = new ReleaseStore(join(folder, 'elsewhere-store'));
  cpSync(added.folder, join(elsewhere.folder, toHex(other.digest)), { recursive: true });
  assert.throws(() => elsewhere.find(other.digest), ReleaseError);
  // Adding a release mends what is damaged of it.
  rmSync(join(added.folder, 'replica.mjs'));
  store.add(release.folder);
  elsewhere.add(diverse.folder);
  assert.deepEqual(
    [await reasons(added.folder), toHex(elsewhere.find(other.digest)!.digest)],
    [[], toHex(other.digest)],
  );
  assert.deepEqual(store.list().length, 2);
  assert.equal(readdirSync(store.folder).length, 2);
  assert.equal(readdirSync(elsewhere.folder).length, 1);
});

test('a release carries what the one before it executes, byte for byte', async () => {
  const next = join(root, 'examples/supply-chain/src/next.ts');
  const options = { runtimes: runtimes.slice(0, 1), protocols: [1] };
  const carried = scriptsOf(release);
  const successor = await buildRelease({ ...options, service: next, carried, folder: join(folder, 'successor') });
  assert.deepEqual(successor.entry.protocols, [1]);
  const [own] = release.entry.services;
  assert.deepEqual(successor.entry.services[0], own);
  assert.deepEqual(
    scriptsOf(successor).map(({ version }) => version),
    [1, 2],
  );
  assert.equal(scriptsOf(successor)[0]!.text, carried[0]!.text);
  assert.deepEqual(await reasons(successor.folder), []);

  // What was carried has no sources here: it is what the manifest says, or nothing can be rebuilt.
  const altered = copy(successor);
  appendFileSync(join(altered, 'service-1.js'), '\n');
  const told = await reasons(altered);
  assert.ok(told.includes('altered-file service-1.js'));
  assert.ok(told.some((one) => one.startsWith('cannot-rebuild')));

  const refused = (of: object): Promise<void> =>
    assert.rejects(
      buildRelease({ ...options, service, folder: join(folder, 'refused'), ...of }),
      (error) => error instanceof ReleaseError && error.code === 'wrong-use',
    );
  await refused({ carried: scriptsOf(successor) });
  await refused({ carried: [{ version: 1, text: `${carried[0]!.text}\n` }] });
  await refused({ protocols: [5] });
});
