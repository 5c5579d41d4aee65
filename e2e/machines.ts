/**
 * An operator's command that launches instances: `node machines.ts SERVICE-FOLDER MACHINES launch | inherit | destroy`, its machines being
 * folders and processes. docs/reference/collection.md.
 */
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ServiceFolder } from '@coppice/cli';
import { findRuntime, ProcessDriver, type RunningInstance } from '@coppice/host';
import { fromHex } from '@coppice/wire';

interface Input {
  readonly launch: {
    readonly [K in 'service' | 'challenge' | 'release' | 'variant']: string;
  } & { readonly slot: number; readonly turn: number };
  readonly runtime: string;
  readonly engineSettings: readonly string[];
  readonly cryptography: string;
  readonly settings: {
    readonly epochKeys: number;
    readonly firstEpoch?: number;
    readonly protocol: number;
    readonly bootstrap: readonly string[];
  };
  /** What `launch` said beside, and where the log to inherit is. */
  readonly machine: RunningInstance;
  readonly files: string;
  readonly as: string;
}

const [serviceFolder, folder, action] = process.argv.slice(2) as [string, string, string];
const input = JSON.parse(readFileSync(0, 'utf8')) as Input;
const { releases } = new ServiceFolder(serviceFolder);
const machines = new ProcessDriver({
  folder,
  programOf: ({ release, variant }) => releases.variant(release, variant)!.path,
  runtimeOf: () => findRuntime(input.runtime, input.engineSettings, input.cryptography),
});

if (action === 'launch') {
  const { challenge, release, service, ...launch } = input.launch;
  const bytes = (text: string): Uint8Array => fromHex(text)!;
  const machine = await machines.launch({
    ...input.settings,
    launch: { ...launch, challenge: bytes(challenge), release: bytes(release), service: bytes(service) },
  });
  const { address, clientAddress, instance } = machine;
  process.stdout.write(JSON.stringify({ address, clientAddress, instance, machine }));
} else if (action === 'inherit') cpSync(input.files, join(input.machine.folder, input.as), { recursive: true });
else machines.destroy(input.machine);
