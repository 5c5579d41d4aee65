/**
 * What executing costs, in microseconds of CPU time: `node packages/service/test/execute.bench.ts`.
 *
 * - put: a trivial command with a schema written by hand, from its script, on a state that keeps nothing
 * - put, in process: the same, neither confined nor counted
 * - grant: a command with a zod schema, from its script
 */
import { encodeOperation } from '@coppice/service';
import { bundleOptions, instrument } from '@coppice/service/bundle';
import { loadService, lockdownRealm } from '@coppice/service/compartment';
import { runtimeOf, type ServiceRuntime, type StateAccess } from '@coppice/service/runtime';
import { build } from 'esbuild';
import consents from './fixtures/consents.ts';
import put from './fixtures/put.ts';

async function scriptOf(fixture: string): Promise<string> {
  const entryPoints = [`${import.meta.dirname}/fixtures/${fixture}.ts`];
  const { outputFiles } = await build({ ...bundleOptions, entryPoints, write: false as const });
  return instrument(outputFiles[0]!.text);
}

const nothing: StateAccess = { get: () => undefined, set: () => {}, delete: () => {}, entries: () => [] };

const inputs = {
  put: { key: 'a-key-of-20-characters', value: 'x'.repeat(100) },
  grant: { patient: 'patient-4711', to: 'hospital-of-saint-mary' },
} as const;

function measure(what: string, runtime: ServiceRuntime, command: keyof typeof inputs): void {
  const operation = encodeOperation({ command, input: inputs[command] });
  const execution = { caller: { id: 'alice', roles: [] }, time: 1, sequence: 1, seed: new Uint8Array(32), operation };
  const passes: number[] = [];
  for (let pass = 0; pass < 9; pass++) {
    const before = process.cpuUsage();
    for (let i = 0; i < 20_000; i++) runtime.execute(nothing, execution);
    const { user, system } = process.cpuUsage(before);
    passes.push((user + system) / 20_000);
  }
  passes.sort((a, b) => a - b);
  const { steps } = runtime.execute(nothing, execution);
  console.log(`${what.padEnd(16)} median ${passes[4]!.toFixed(1)}, least ${passes[0]!.toFixed(1)} µs; ${steps} steps`);
}

const scripts = { put: await scriptOf('put'), grant: await scriptOf('consents') };
measure('put, in process', runtimeOf(put), 'put');
measure('grant, in process', runtimeOf(consents), 'grant');
lockdownRealm();
measure('put', loadService(scripts.put), 'put');
measure('grant', loadService(scripts.grant), 'grant');
