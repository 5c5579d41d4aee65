/**
 * Where the time goes: CPU profiles of V8, summed up by package.
 *
 * A release is one file, in which the bundler leaves a comment above the code of each source file: so a line of the
 * bundle leads back to its package.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { aligned } from './report.ts';

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}

interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const functionsShown = 40;

/** All profiles of a folder: those of the replicas together, then those of the clients. */
export function profileSummary(folder: string): string {
  const ofReplicas = new Map<string, number>();
  const ofClients = new Map<string, number>();
  for (const name of readdirSync(folder)) {
    if (!name.endsWith('.cpuprofile')) continue;
    const profile = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Profile;
    const isReplica = profile.nodes.some((node) => node.callFrame.url.endsWith('/replica.mjs'));
    addTo(isReplica ? ofReplicas : ofClients, profile);
  }
  return `replicas\n${summary(ofReplicas)}\n\nclients\n${summary(ofClients)}`;
}

/** Self times in microseconds, by `package file function`. */
function addTo(times: Map<string, number>, { nodes, samples, timeDeltas }: Profile): void {
  const names = new Map(nodes.map((node) => [node.id, nameOf(node)]));
  for (const [i, sample] of samples.entries()) {
    const name = names.get(sample)!;
    if (name !== undefined) times.set(name, (times.get(name) ?? 0) + timeDeltas[i]!);
  }
}

function nameOf({ callFrame: { functionName, lineNumber, url } }: ProfileNode): string | undefined {
  if (functionName === '(idle)' || functionName === '(root)') return undefined;
  if (functionName.startsWith('(')) return `${functionName} – –`;
  const file = url.endsWith('/replica.mjs') ? sourceAt(url, lineNumber) : url;
  const match = /(?:^|\/)(packages\/)?([\w@-]+)\/(?:src\/)?([\w./-]+)$/.exec(file.replace(/^node:/, 'node:/'));
  const folder = file.startsWith('node:')
    ? 'node:'
    : (/(?:^|\/)([\w@-]+)\/(?:src|esm|guest)\//.exec(file)?.[1] ?? match?.[2] ?? '–');
  return `${folder} ${file.slice(file.lastIndexOf('/') + 1) || '–'} ${functionName || '(anonymous)'}`;
}

const bundles = new Map<string, readonly string[]>();

/** The source file of a line of a bundle. */
function sourceAt(url: string, line: number): string {
  let sources = bundles.get(url);
  if (sources === undefined) {
    let source = '';
    let lines: string[] = [];
    try {
      lines = readFileSync(fileURLToPath(url), 'utf8').split('\n');
    } catch {
      // The bundle is gone: its lines are told apart no more.
    }
    sources = lines.map((text) => (source = /^\/\/ (\S+\.(?:ts|js|mjs))$/.exec(text.trim())?.[1] ?? source));
    bundles.set(url, sources);
  }
  return sources[line] ?? url;
}

function summary(times: ReadonlyMap<string, number>): string {
  const all = [...times.values()].reduce((sum, time) => sum + time, 0);
  const byPackage = new Map<string, number>();
  for (const [name, time] of times) {
    const folder = name.slice(0, name.indexOf(' '));
    byPackage.set(folder, (byPackage.get(folder) ?? 0) + time);
  }
  const rows = (entries: ReadonlyMap<string, number>, max: number): string[][] =>
    [...entries]
      .sort(([, a], [, b]) => b - a)
      .slice(0, max)
      .map(([name, time]) => [`${((time / all) * 100).toFixed(1)} %`, `${(time / 1e3).toFixed(0)} ms`, name]);
  return `${aligned(rows(byPackage, 20))}\n\n${aligned(rows(times, functionsShown))}`;
}
