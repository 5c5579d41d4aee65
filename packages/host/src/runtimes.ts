/**
 * The JavaScript runtimes that instances run on: the Node that runs this program, and the others that are installed below `runtimes/`,
 * each of exactly the bytes that its lock file names.
 *
 * All of them run the same bundled program, and nothing else: not a configuration, an environment file, a package or a cache of
 * compiled code that lies about. What an instance is launched with is measured as it is.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, realpathSync, rmSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { nodeCryptography } from '@coppice/cryptography';
import { type Digest, encodeUtf8 } from '@coppice/wire';

type Kind = 'node' | 'bun' | 'deno';

/** What engines are told besides the program. docs/reference/runtimes.md has what each does. */
export const engineSettingNames = ['jitless', 'no-optimizer', 'eager-baseline', 'serial-gc', 'small-heap'] as const;
export type EngineSetting = (typeof engineSettingNames)[number];

/** Who verifies signatures: docs/reference/runtimes.md. */
export const cryptographyNames = ['libsodium', 'node-crypto'] as const;
export type CryptographyName = (typeof cryptographyNames)[number];

/** A runtime, and what comes with it on its command line. */
export interface Runtime {
  /** `name@version`. */
  readonly name: string;
  readonly engineFamily: 'v8' | 'javascriptcore';
  readonly engineSettings: readonly EngineSetting[];
  /** What programs that it runs verify signatures with. */
  readonly cryptography: CryptographyName;
  /** The executable. */
  readonly command: string;
  /** What comes before the program to run. */
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** What the person at the terminal, or the ledger, asks for and this machine does not have. */
export class RuntimeMissing extends Error {
  override name = 'RuntimeMissing';
}

const folder = fileURLToPath(new URL('../../../runtimes', import.meta.url));

const v8Flags: Readonly<Record<EngineSetting, readonly string[]>> = {
  jitless: ['--jitless'],
  'no-optimizer': ['--no-opt', '--no-maglev'],
  'eager-baseline': ['--always-sparkplug'],
  'serial-gc': ['--single-threaded-gc'],
  'small-heap': ['--max-semi-space-size=1'],
};

/** JavaScriptCore's options are variables of the environment, but for the heap. */
const javaScriptCoreOptions: Readonly<Record<EngineSetting, Readonly<Record<string, string>>>> = {
  jitless: { BUN_JSC_useJIT: 'false' },
  'no-optimizer': { BUN_JSC_useDFGJIT: 'false', BUN_JSC_useFTLJIT: 'false' },
  'eager-baseline': { BUN_JSC_useLLInt: 'false' },
  'serial-gc': { BUN_JSC_useConcurrentGC: 'false', BUN_JSC_numberOfGCMarkers: '1' },
  'small-heap': {},
};

/** Below a package's folder. */
const executables: Readonly<Record<Kind, string>> = { node: 'bin/node', bun: 'bin/bun', deno: 'deno' };

/** How a kind is told to run one program, and to look for nothing. */
function invocation(
  { kind, version }: Pick<Installed, 'kind' | 'version'>,
  settings: readonly EngineSetting[],
): Pick<Runtime, 'args' | 'environment'> {
  const flags = settings.flatMap((setting) => v8Flags[setting]);
  // Without a compiler there is no WebAssembly, and this one complains of it unless it is told.
  if (flags.includes('--jitless') && kind === 'node' && version.startsWith('22.')) flags.push('--no-expose-wasm');
  switch (kind) {
    case 'node':
      return { args: flags, environment: {} };
    case 'deno': {
      const isolation = ['--no-config', '--no-lock', '--no-remote', '--no-npm', '--no-code-cache'];
      const v8 = flags.length === 0 ? [] : [`--v8-flags=${flags.join(',')}`];
      // It asks for permissions at the terminal unless it has them all.
      return {
        args: ['run', '--allow-all', '--quiet', ...isolation, ...v8],
        environment: { DENO_NO_UPDATE_CHECK: '1' },
      };
    }
    case 'bun': {
      const isolation = ['--no-install', '--no-env-file', '--config=/dev/null'];
      const heap = settings.includes('small-heap') ? ['--smol'] : [];
      const options = settings.map((setting) => javaScriptCoreOptions[setting]);
      return {
        args: ['run', ...isolation, ...heap],
        environment: Object.assign({ BUN_RUNTIME_TRANSPILER_CACHE_PATH: '0' }, ...options) as Record<string, string>,
      };
    }
  }
}

interface Installed {
  readonly kind: Kind;
  readonly version: string;
  readonly command: string;
}

interface LockFile {
  readonly packages: Readonly<Record<string, { readonly version?: string; readonly integrity?: string }>>;
}

function lockFile(path: string): LockFile {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as LockFile) : { packages: {} };
}

/** Of the packages that the lock file names, those that npm has unpacked as it names them. */
function unpacked(): { readonly here: readonly Installed[]; readonly complete: boolean } {
  const wanted = lockFile(`${folder}/package-lock.json`).packages;
  const there = lockFile(`${folder}/node_modules/.package-lock.json`).packages;
  const all = Object.entries(wanted).flatMap(([path, { version = '', integrity }]) => {
    const [, kind] = /^node_modules\/(node|bun|deno)\d*$/.exec(path) ?? [];
    if (kind === undefined) return [];
    const command = `${folder}/${path}/${executables[kind as Kind]}`;
    const same = integrity !== undefined && there[path]?.integrity === integrity && existsSync(command);
    return [{ kind: kind as Kind, version, command, same }];
  });
  return { here: all.filter(({ same }) => same), complete: all.every(({ same }) => same) };
}

/** Exists while npm unpacks: two of them in one folder would remove each other's files. */
const installing = `${folder}/.installing`;
const installingMsMax = 10 * 60_000;

/**
 * Has npm unpack what is missing, half a gigabyte; what npm says goes to stderr. Waits for another process that is at it.
 * Throws {@link RuntimeMissing} where it cannot.
 */
export function installRuntimes(): void {
  const until = Date.now() + installingMsMax;
  while (!allRuntimesInstalled()) {
    if (!existsSync(folder)) throw new RuntimeMissing('there is no folder runtimes/ here');
    try {
      mkdirSync(installing);
    } catch {
      // Whoever made it may have been killed.
      if (Date.now() > until) rmSync(installing, { recursive: true, force: true });
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
      continue;
    }
    try {
      const npm = process.env['npm_execpath'];
      const [command, args] = npm === undefined ? ['npm', ['ci']] : [process.execPath, [npm, 'ci']];
      const { status } = spawnSync(command, args, { cwd: folder, stdio: ['ignore', process.stderr, process.stderr] });
      if (status !== 0 || !allRuntimesInstalled()) throw new RuntimeMissing('npm ci failed in runtimes/');
    } finally {
      rmSync(installing, { recursive: true, force: true });
    }
  }
}

/** Whether every runtime that there is for this project is on this machine. */
export function allRuntimesInstalled(): boolean {
  return unpacked().complete;
}

function runtimeOf(
  { kind, version, command }: Installed,
  engineSettings: readonly EngineSetting[],
  cryptography: CryptographyName,
): Runtime {
  const { args, environment } = invocation({ kind, version }, engineSettings);
  return {
    name: `${kind}@${version}`,
    engineFamily: kind === 'bun' ? 'javascriptcore' : 'v8',
    engineSettings,
    cryptography,
    command,
    args,
    // Always said: what the launcher itself was started with decides nothing.
    environment: { ...environment, COPPICE_CRYPTOGRAPHY: cryptography },
  };
}

function installed(): readonly Installed[] {
  return [{ kind: 'node', version: process.versions.node, command: process.execPath }, ...unpacked().here];
}

/** The runtimes that are on this machine, that of this program first. */
export function installedRuntimes(): Runtime[] {
  return installed().map((one) => runtimeOf(one, [], 'libsodium'));
}

/** Throws {@link RuntimeMissing} where there is none of this name. */
export function cryptographyNamed(name: string): CryptographyName {
  const found = cryptographyNames.find((one) => one === name);
  if (found === undefined)
    throw new RuntimeMissing(`there is no cryptography ${name}, but ${cryptographyNames.join(', ')}`);
  return found;
}

/** The runtime of this name, `name@version`, with these settings of its engine and this cryptography. Throws {@link RuntimeMissing}. */
export function findRuntime(
  name: string,
  settings: readonly string[] = [],
  cryptography: string = cryptographyNames[0],
): Runtime {
  const found = installed().find(({ kind, version }) => `${kind}@${version}` === name);
  if (found === undefined) {
    const names = installedRuntimes().map((one) => one.name);
    throw new RuntimeMissing(`the runtime ${name} is not on this machine, which has ${names.join(', ')}`);
  }
  const known = settings.map((setting) => {
    const one = engineSettingNames.find((each) => each === setting);
    if (one === undefined)
      throw new RuntimeMissing(`there is no engine setting ${setting}, but ${engineSettingNames.join(', ')}`);
    return one;
  });
  return runtimeOf(found, known, cryptographyNamed(cryptography));
}

const chunkBytes = 1 << 20;
const hashes = new Map<string, string>();

/** SHA-256 of a file, hexadecimal; read once by this process. */
function hashOfFile(path: string): string {
  const real = realpathSync(path);
  let hash = hashes.get(real);
  if (hash === undefined) {
    const sha256 = createHash('sha256');
    const chunk = Buffer.alloc(chunkBytes);
    const fd = openSync(real, 'r');
    try {
      for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk)) sha256.update(chunk.subarray(0, read));
    } finally {
      closeSync(fd);
    }
    hash = sha256.digest('hex');
    hashes.set(real, hash);
  }
  return hash;
}

/** What a launcher measures of a runtime: the bytes of its executable, its name, and what it is told besides the program. */
export function runtimeMeasurement({ name, command, args, environment }: Runtime): Digest {
  const told = [name, hashOfFile(command), args, Object.entries(environment)];
  return nodeCryptography.hash(encodeUtf8(JSON.stringify(told))!);
}
