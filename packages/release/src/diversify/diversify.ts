/**
 * Another program that does the same: modules, declarations and members of classes in another order, other names, other forms of
 * the same statements, unused code in between. All of it follows from the seed. docs/reference/releases.md, "Variants".
 *
 * Programs are read by acorn, changed at places that the tree names, and printed by esbuild. Texts are never changed, and so the
 * confined service, which is one, counts the same steps.
 */
import { transform } from 'esbuild';
import { reorderMembers } from './members.ts';
import { type Module, reordered, reorderModules } from './order.ts';
import { padding } from './padding.ts';
import { type Parsed, statementsByModule } from './program.ts';
import { Choices } from './random.ts';
import { Names, rename, wordsOf } from './rename.ts';

/** How much the bundler and the printer rewrite. */
export interface Levels {
  /** Shorter forms of the same statements, constants put where they are used. */
  readonly minifySyntax: boolean;
  readonly minifyWhitespace: boolean;
}

/** What a program is that is not diversified. */
export const plainLevels: Levels = { minifySyntax: true, minifyWhitespace: false };

export function levelsOf(seed: string): Levels {
  const choices = new Choices(seed, 'levels');
  return { minifySyntax: choices.below(2) === 0, minifyWhitespace: choices.below(2) === 0 };
}

/** `text`: as the bundler gives it, with the notes where each module begins. */
export async function diversify(text: string, graph: ReadonlyMap<string, Module>, seed: string): Promise<string> {
  const choices = (purpose: string): Choices => new Choices(seed, purpose);
  const inModules = reorderModules(text, graph, choices('modules'));
  const withMembers = changed(inModules, (program, isOurs) => reorderMembers(program, choices('members'), isOurs));
  const renamed = changed(withMembers, (program, isOurs) => rename(program, choices('names'), isOurs));
  const names = new Names(choices('padding names'), wordsOf(renamed));
  const padded = [renamed, ...padding(choices('padding'), names), ''].join('\n');
  const program = reordered(padded, choices('declarations'));
  const { code } = await transform(program, {
    format: 'esm',
    target: 'node22',
    platform: 'node',
    charset: 'utf8',
    legalComments: 'none',
    treeShaking: false,
    logLevel: 'silent',
    // The printer's shorter forms would take the names from classes: they are the bundler's part.
    minifyWhitespace: levelsOf(seed).minifyWhitespace,
  });
  return code;
}

/** What stands in modules of this project, and not in packages that others wrote, may be changed. */
function changed(source: string, change: (program: Parsed, isOurs: (offset: number) => boolean) => string): string {
  const { modules, program } = statementsByModule(source);
  const foreign = [...modules]
    .filter(([path]) => path.includes('node_modules/'))
    .flatMap(([, statements]) => statements)
    .map(({ end, start }) => ({ end, start }))
    .sort((a, b) => a.start - b.start);
  const isOurs = (offset: number): boolean => {
    let [low, high] = [0, foreign.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (foreign[middle]!.end <= offset) low = middle + 1;
      else high = middle;
    }
    return !(low < foreign.length && foreign[low]!.start <= offset);
  };
  return change(program, isOurs);
}
