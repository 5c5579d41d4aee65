/**
 * Bundling: the replica and a service become one program.
 *
 * The service is bundled by itself first, so that it can be confined and its steps counted; the result goes into the
 * replica's bundle as text. What the bundler gives depends on the sources and on nothing of the machine: paths in it are relative
 * to the root.
 */
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import { bundleOptions, instrument, ScriptError } from '@coppice/service/bundle';
import { build, type BuildFailure, type BuildOptions, type BuildResult, type Plugin } from 'esbuild';
import { diversify, levelsOf, plainLevels } from './diversify/diversify.ts';
import type { Module } from './diversify/order.ts';
import { ReleaseError } from './error.ts';
import { root } from './sources.ts';

const replica = fileURLToPath(new URL('main.ts', import.meta.resolve('@coppice/node')));
const compartment = fileURLToPath(import.meta.resolve('@coppice/service/compartment'));

/** The module that stands for the service: the only one that is no file. */
export const serviceModule = 'coppice:service';

export interface Bundled {
  readonly text: string;
  /** What it was made from, by paths from the root; {@link serviceModule} is no file. */
  readonly modules: ReadonlyMap<string, Module>;
}

export interface ServiceScript extends Bundled {
  readonly name: string;
  readonly version: number;
}

/** What esbuild gives; what is wrong with the sources, in one line. */
async function built(options: BuildOptions): Promise<BuildResult<{ metafile: true; write: false }>> {
  try {
    return await build({ ...options, logLevel: 'silent', metafile: true, write: false });
  } catch (error) {
    const [first] = (error as Partial<BuildFailure>).errors ?? [];
    if (first === undefined) throw error;
    const { location, text } = first;
    throw new ReleaseError(
      'cannot-build',
      `cannot build the release: ${text}${location === null ? '' : ` (${location.file}, line ${location.line})`}`,
      error,
    );
  }
}

function bundled({ metafile, outputFiles }: Awaited<ReturnType<typeof built>>): Bundled {
  const modules = Object.entries(metafile.inputs).map(([path, { imports }]): [string, Module] => [
    path,
    { imports: imports.filter(({ external }) => external !== true).map((one) => one.path), free: changesNothing(path) },
  ]);
  return { text: outputFiles[0]!.text, modules: new Map(modules) };
}

const manifests = new Map<string, { readonly sideEffects?: boolean | readonly string[] }>();

/** Whether a module's package declares that evaluating it changes nothing but the module. Nobody's word but ours counts. */
function changesNothing(path: string): boolean {
  const folder = /^packages\/[^/]+(?=\/src\/)/.exec(path)?.[0];
  if (folder === undefined) return false;
  let manifest = manifests.get(folder);
  if (manifest === undefined) {
    manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as { sideEffects?: boolean };
    manifests.set(folder, manifest);
  }
  const { sideEffects } = manifest;
  if (typeof sideEffects === 'boolean' || sideEffects === undefined) return sideEffects === false;
  return !sideEffects.includes(`.${path.slice(folder.length)}`);
}

/** The service as a script that counts its own steps, and can be confined. */
export async function bundleService(serviceFile: string): Promise<ServiceScript> {
  const { conditions, mainFields, ...options } = bundleOptions;
  const entry = resolve(serviceFile);
  const { modules, text } = bundled(
    await built({
      ...options,
      conditions: [...conditions],
      mainFields: [...mainFields],
      entryPoints: [entry],
      absWorkingDir: root,
    }),
  );
  try {
    return { text: instrument(text), modules, ...definitionOf(entry, text) };
  } catch (error) {
    if (!(error instanceof ScriptError)) throw error;
    throw new ReleaseError('cannot-build', `${entry} is no service that can be confined: ${error.message}`, error);
  }
}

/** How long a service may take to be defined. It is a bound, not a price. */
const definingMsMax = 60_000;

/** What a service calls itself. */
function definitionOf(entry: string, script: string): { readonly name: string; readonly version: number } {
  let module: unknown;
  try {
    module = runInNewContext(`${script};${bundleOptions.globalName}`, {}, { timeout: definingMsMax });
  } catch (error) {
    const message = (error as { readonly message?: unknown } | null)?.message;
    throw new ReleaseError('cannot-build', `${entry} cannot be loaded: ${String(message ?? error)}`, error);
  }
  const { default: service } = module as { readonly default?: { readonly name?: unknown; readonly version?: unknown } };
  if (typeof service?.name !== 'string' || typeof service.version !== 'number')
    throw new ReleaseError('cannot-build', `${entry} has no service as its default export`);
  return { name: service.name, version: service.version };
}

/** The confined script of one version of a service. */
export interface VersionScript {
  readonly version: number;
  readonly text: string;
}

/** The replica's program, with what it can execute. `define`: what the library that it loads is known by. */
export function bundleReplica(
  scripts: readonly VersionScript[],
  define: Readonly<Record<string, string>>,
  seed: string | null = null,
): Promise<Bundled> {
  return bundleProgram(replica, { define, plugins: [servicePlugin(scripts)] }, seed);
}

/** A program as releases have them, diversified if there is a seed. */
export async function bundleProgram(
  entry: string,
  options: Pick<BuildOptions, 'define' | 'plugins'>,
  seed: string | null,
): Promise<Bundled> {
  const { minifySyntax } = seed === null ? plainLevels : levelsOf(seed);
  const { modules, text } = bundled(
    await built({
      ...options,
      entryPoints: [entry],
      bundle: true,
      platform: 'node',
      target: 'node22',
      format: 'esm',
      outfile: join(root, 'replica.mjs'),
      minifySyntax,
      legalComments: 'none',
      banner: {
        js: "import { createRequire as coppiceRequire } from 'node:module'; const require = coppiceRequire(import.meta.url);",
      },
      absWorkingDir: root,
    }),
  );
  return { modules, text: seed === null ? text : await diversify(text, modules, seed) };
}

function servicePlugin(scripts: readonly VersionScript[]): Plugin {
  const contents = [
    `import { loadService, lockdownRealm } from ${JSON.stringify(compartment)};`,
    'lockdownRealm();',
    'export const services = new Map([',
    ...scripts.map(({ text, version }) => `[${version}, loadService(${JSON.stringify(text)})],`),
    ']);',
  ].join('\n');
  return {
    name: 'coppice-service',
    setup(bundle) {
      bundle.onResolve({ filter: /^coppice:service$/ }, () => ({ path: 'service', namespace: 'coppice' }));
      bundle.onLoad({ filter: /.*/, namespace: 'coppice' }, () => ({
        contents,
        resolveDir: dirname(compartment),
        loader: 'js',
      }));
    },
  };
}
