/**
 * Where two programs differ, for people: the module, as the bundler notes it above the code of each file, and the line.
 */
export interface Difference {
  /** Line of the program that was given, from 1. */
  readonly line: number;
  /** Path of the module from the root of the sources; `undefined` where the program notes none. */
  readonly module: string | undefined;
}

/** The first line that differs; `undefined`: they are the same. */
export function differenceOf(given: string, expected: string): Difference | undefined {
  if (given === expected) return undefined;
  const [is, was] = [given.split('\n'), expected.split('\n')];
  let line = 0;
  while (line < is.length && is[line] === was[line]) line++;
  let module: string | undefined;
  // The expected program tells: in what was given, the notes may be forged.
  for (const text of was.slice(0, line + 1)) module = moduleOf(text) ?? module;
  return { line: line + 1, module };
}

/** The module that begins at a line of a program. */
export function moduleOf(line: string): string | undefined {
  const path = /^\/\/ (\S+)$/.exec(line)?.[1];
  return path !== undefined && /\.[cm]?[jt]s$|^coppice:service$/.test(path) ? path : undefined;
}
