/**
 * What signing, verifying and hashing cost with each kind of cryptography, on the runtime that runs this.
 *
 *   node packages/cryptography/bench/ed25519.bench.ts        Node, Bun and Deno run it as it is
 *
 * Rounds of all cases are interleaved; microseconds of this process's CPU a call, the median over rounds, with the least and the greatest.
 */
import { layout } from '../src/layout.ts';
import { nodeCryptography } from '../src/node.ts';
import { nodeCrypto } from '../src/node-crypto.ts';
import { secretLayout } from '../src/secret.ts';
import { generate, libsodium, sign } from '../src/sodium.ts';
import { newTwofoldSigner } from '../src/twofold-signer.ts';
import { verifyTwofold } from '../src/two-schemes.ts';

const rounds = 9;
const message = new Uint8Array(128);

const secret = layout().place();
generate(secret);
const key = new Uint8Array(secret.subarray(secretLayout.publicKey));
const signature = sign(secret, message);
const twofold = newTwofoldSigner();
const both = twofold.sign(message);
const verifiers = Object.entries({ libsodium, 'node-crypto': nodeCrypto });
const cases = [
  { what: 'sign', calls: 1000, call: (): unknown => sign(secret, message) },
  ...verifiers.flatMap(([name, { validPublicKey, verify }]) => [
    { what: `${name} verify`, calls: 1000, call: () => verify(key, message, signature) },
    { what: `${name} validPublicKey`, calls: 100, call: () => validPublicKey(key) },
  ]),
  ...[65, 600, 16_384].flatMap((bytes) =>
    [1, 4].map((version) => ({
      what: `${version === 1 ? 'SHA-256' : 'SHA3-256'} of ${bytes} bytes`,
      calls: bytes > 1000 ? 200 : 5000,
      call: () => nodeCryptography.of(version).hash(new Uint8Array(bytes)),
    })),
  ),
  { what: 'scheme 2: keys', calls: 20, call: newTwofoldSigner },
  { what: 'scheme 2: sign', calls: 50, call: () => twofold.sign(message) },
  { what: 'scheme 2: verify', calls: 50, call: () => verifyTwofold(twofold.publicKey, message, both) },
].map((one) => ({ ...one, micros: [] as number[] }));

// The first round is for the engine, which compiles meanwhile.
for (let round = 0; round <= rounds; round++) {
  for (const { call, calls, micros } of cases) {
    const { user, system } = process.cpuUsage();
    for (let i = 0; i < calls; i++) call();
    const used = process.cpuUsage({ user, system });
    if (round > 0) micros.push((used.user + used.system) / calls);
  }
}
for (const { micros, what } of cases) {
  const [least, median, greatest] = [0, rounds >> 1, rounds - 1].map((i) =>
    micros.sort((a, b) => a - b)[i]!.toFixed(1),
  );
  console.log(`${what.padEnd(28)} ${median!.padStart(7)} µs   ${least} … ${greatest}`);
}
