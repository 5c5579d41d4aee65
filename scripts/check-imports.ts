/**
 * Imports point one way. Which package may use which is the table below (ARCHITECTURE.md explains it); this script
 * checks that every import obeys it, and that every package.json names exactly what its package imports.
 *
 * Code in `src` may import its `dependencies`, everything else of a package its `devDependencies` too, and those of
 * the root. No source reaches into the files of another package; tests may, for fixtures and for a second opinion.
 */
import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { resolve } from 'node:path';
import { parseSync } from 'oxc-parser';
import { filesIn, readManifest, root, type Workspace, workspaces } from './workspaces.ts';

const everything = 'everything';

const mayUse: Readonly<Record<string, readonly string[] | typeof everything>> = {
  wire: [],
  state: ['wire'],
  ledger: ['wire', 'state'],
  attestation: ['wire'],
  protocol: ['wire', 'ledger'],
  governance: ['wire', 'state', 'attestation'],
  service: ['wire', 'state'],
  execution: ['wire', 'ledger', 'state', 'attestation', 'governance', 'protocol', 'service'],
  storage: ['wire'],
  cryptography: ['wire'],
  collection: ['wire', 'attestation', 'cryptography'],
  node: [
    'wire',
    'collection',
    'ledger',
    'state',
    'attestation',
    'protocol',
    'governance',
    'service',
    'execution',
    'storage',
    'cryptography',
    'client',
  ],
  client: ['wire', 'cryptography', 'ledger', 'attestation', 'governance', 'service'],
  host: ['wire', 'cryptography', 'client', 'attestation', 'governance', 'collection'],
  audit: ['wire', 'ledger', 'attestation', 'governance'],
  upgrade: ['wire', 'ledger', 'governance', 'audit'],
  release: ['wire', 'cryptography', 'collection', 'service', 'node', 'host'],
  history: [],
  simulator: everything,
  cli: everything,
  examples: ['service', 'wire'],
  bench: everything,
  fuzz: everything,
  e2e: everything,
};

/** Packages that run anywhere, and whose results are the same everywhere: they know nothing of Node. */
const pure = new Set([
  'wire',
  'ledger',
  'state',
  'attestation',
  'governance',
  'protocol',
  'execution',
  'audit',
  'upgrade',
]);

const problems: string[] = [];
const rootDevDependencies = Object.keys(readManifest('.').devDependencies ?? {});
const all = workspaces();
const folderOf = new Map(all.map(({ folder, manifest }) => [manifest.name, folder]));

/** The table's name of a workspace: `packages/wire` is `wire`, `examples/supply-chain` one of `examples`. */
function roleOf(folder: string): string {
  return folder.startsWith('packages/') ? folder.slice('packages/'.length) : folder.split('/')[0]!;
}

/** What a file imports and re-exports, types included. */
function importsOf(file: string): string[] {
  const source = readFileSync(`${root}/${file}`, 'utf8');
  const { module } = parseSync(file, source);
  return [
    ...module.staticImports.map((statement) => statement.moduleRequest.value),
    ...module.staticExports.flatMap((statement) =>
      statement.entries.flatMap((entry) => entry.moduleRequest?.value ?? []),
    ),
    // Of a computed import, nothing is known here.
    ...module.dynamicImports.flatMap(
      ({ moduleRequest: { start, end } }) => /^['"](.*)['"]$/.exec(source.slice(start, end))?.[1] ?? [],
    ),
    // What is only looked up: files of a package that are no modules.
    ...Array.from(source.matchAll(/\.resolve\(\s*[`'"]([a-z@][\w@/-]*)[\w./${}-]*[`'"]/g), (match) => match[1]!),
  ];
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

function checkFile(workspace: Workspace, file: string, used: Set<string>): void {
  const { folder, manifest } = workspace;
  const role = roleOf(folder);
  const inSource = file.startsWith(`${folder}/src/`);
  for (const specifier of importsOf(file)) {
    if (/^[./]/.test(specifier)) {
      const target = resolve(root, file, '..', specifier);
      const shared = !inSource && /\/(test|src)\/([\w-]+\/)*[\w.-]+\.ts$/.test(target);
      if (!target.startsWith(`${root}/${folder}/`) && !shared)
        problems.push(`${file}: ${specifier} is in another package`);
      continue;
    }
    if (isBuiltin(specifier)) {
      if (inSource && pure.has(role)) problems.push(`${file}: ${specifier} in a pure package`);
      if (!specifier.startsWith('node:')) problems.push(`${file}: ${specifier} should be node:${specifier}`);
      continue;
    }
    const name = packageOf(specifier);
    // What is `coppice:` is no package: it is put in when a release is built.
    if (name === manifest.name || specifier.startsWith('coppice:')) continue;
    if (!inSource && rootDevDependencies.includes(name)) continue;
    used.add(name);
    const target = folderOf.get(name);
    if (target === undefined || !inSource) continue;
    const allowed = mayUse[role];
    if (allowed !== everything && !allowed!.includes(roleOf(target)))
      problems.push(`${file}: ${role} may not use ${roleOf(target)}`);
  }
}

for (const workspace of all) {
  const { folder, manifest } = workspace;
  if (mayUse[roleOf(folder)] === undefined) {
    problems.push(`${folder}: not in the table of scripts/check-imports.ts`);
    continue;
  }
  const usedInSource = new Set<string>();
  const usedElsewhere = new Set<string>();
  const files = filesIn([folder], '**/*.{ts,mts,js,mjs}');
  if (files.length === 0) continue;
  for (const file of files) {
    checkFile(workspace, file, file.startsWith(`${folder}/src/`) ? usedInSource : usedElsewhere);
  }
  const dependencies = new Set(Object.keys(manifest.dependencies ?? {}));
  const devDependencies = new Set(Object.keys(manifest.devDependencies ?? {}));
  // A workspace without src (bench, e2e) has nothing but its dependencies.
  const isLibrary = filesIn([folder], 'src/**').length > 0;
  for (const name of usedInSource)
    if (!dependencies.has(name)) problems.push(`${folder}: src imports ${name}, not in dependencies`);
  for (const name of usedElsewhere) {
    if (!dependencies.has(name) && !devDependencies.has(name))
      problems.push(`${folder}: imports ${name}, not in package.json`);
  }
  for (const name of dependencies) {
    const used = usedInSource.has(name) || (!isLibrary && usedElsewhere.has(name));
    if (!used) problems.push(`${folder}: ${name} is a dependency, but nothing in it imports it`);
    if (devDependencies.has(name)) problems.push(`${folder}: ${name} is in dependencies and devDependencies`);
  }
  for (const name of devDependencies) {
    if (!usedElsewhere.has(name)) problems.push(`${folder}: ${name} is a devDependency, but no test imports it`);
  }
}

for (const problem of problems) console.log(problem);
if (problems.length > 0) process.exitCode = 1;
