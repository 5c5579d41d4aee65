/**
 * How much two variants have in common: what an attack on one may find again in the other.
 *
 * These are measures, not promises: a flaw of the sources is in every variant, whatever it looks like.
 */
import { join } from 'node:path';
import type { AnyNode } from 'acorn';
import type { Release } from './build.ts';
import { sha256 } from './canonical.ts';
import { childrenOf, parseProgram } from './diversify/program.ts';
import { ReleaseError } from './error.ts';
import { readBounded } from './files.ts';
import type { ReleaseVariant } from './manifest.ts';

/** Bytes of what is looked for in both programs. */
const gramBytes = 16;

export interface Shared {
  /** How many different ones each program has. */
  readonly a: number;
  readonly b: number;
  readonly shared: number;
  /** Of those of the program that has fewer. 0 to 1. */
  readonly share: number;
}

export const dimensionNames = ['engineFamily', 'runtime', 'engineSettings', 'program', 'cryptography'] as const;

export interface Dimension {
  readonly name: (typeof dimensionNames)[number];
  readonly a: string;
  readonly b: string;
  readonly differs: boolean;
}

export interface Diversity {
  readonly a: string;
  readonly b: string;
  readonly dimensions: readonly Dimension[];
  /** Runs of {@link gramBytes} bytes. */
  readonly grams: Shared & { readonly bytes: number };
  /** Functions and methods, letter for letter but for white space. */
  readonly functions: Shared;
}

export interface NamedVariant {
  readonly release: Release;
  readonly variant: ReleaseVariant;
}

/** Throws a {@link ReleaseError} where the release has no such variant. */
export function variantNamed(release: Release, id: string): NamedVariant {
  const { variants } = release.manifest;
  const variant = variants.find((one) => one.id === id);
  if (variant === undefined)
    throw new ReleaseError(
      'wrong-use',
      `the release in ${release.folder} has no variant ${id}: it has ${variants.map((one) => one.id).join(', ')}`,
    );
  return { release, variant };
}

export function compareVariants(a: NamedVariant, b: NamedVariant): Diversity {
  const [textA, textB] = [programOf(a), programOf(b)];
  return {
    a: a.variant.id,
    b: b.variant.id,
    dimensions: dimensionNames.map((name) => dimension(name, a.variant, b.variant)),
    grams: { bytes: gramBytes, ...shared(gramsOf(textA), gramsOf(textB)) },
    functions: shared(functionsOf(textA), functionsOf(textB)),
  };
}

function dimension(name: Dimension['name'], a: ReleaseVariant, b: ReleaseVariant): Dimension {
  const valueOf = (variant: ReleaseVariant): string =>
    name === 'program' ? variant.sha256 : name === 'engineSettings' ? variant.engineSettings.join('+') : variant[name];
  return { name, a: valueOf(a), b: valueOf(b), differs: valueOf(a) !== valueOf(b) };
}

/** The program's bytes, as a text with one unit a byte. */
function programOf({ release, variant }: NamedVariant): string {
  const bytes = readBounded(join(release.folder, variant.program));
  if (bytes === undefined || sha256(bytes) !== variant.sha256)
    throw new ReleaseError('wrong-use', `${variant.program} is not as the manifest says: verify the release`);
  return bytes.toString('latin1');
}

function gramsOf(text: string): Set<string> {
  const grams = new Set<string>();
  for (let at = 0; at + gramBytes <= text.length; at++) grams.add(text.slice(at, at + gramBytes));
  return grams;
}

const functionTypes = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

function functionsOf(text: string): Set<string> {
  const source = Buffer.from(text, 'latin1').toString('utf8');
  const functions = new Set<string>();
  const pending: AnyNode[] = [parseProgram(source).tree];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (functionTypes.has(node.type))
      functions.add(source.slice(node.start, node.end).replace(/\s+/g, '').replaceAll(';}', '}'));
    pending.push(...childrenOf(node));
  }
  return functions;
}

function shared(a: ReadonlySet<string>, b: ReadonlySet<string>): Shared {
  let count = 0;
  for (const one of a) if (b.has(one)) count++;
  const fewer = Math.min(a.size, b.size);
  return { a: a.size, b: b.size, shared: count, share: fewer === 0 ? 0 : Number((count / fewer).toFixed(4)) };
}
