/**
 * A bundled program as it is read before it is changed: its tree, and which module each statement is of.
 */
import { type AnyNode, type Comment, parse, type Program } from 'acorn';
import { moduleOf } from '../difference.ts';

export type Statement = Program['body'][number];

export interface Parsed {
  readonly source: string;
  readonly tree: Program;
}

/** Of a program that the bundler wrote; later levels of the language it lowers. */
const languageLevel = 2025;

export function parseProgram(source: string): Parsed {
  return { source, tree: parse(source, { ecmaVersion: languageLevel, sourceType: 'module' }) };
}

/** The statements of each module, in the order in which the modules begin; what stands before the first is of ''. */
export function statementsByModule(source: string): {
  readonly program: Parsed;
  readonly modules: Map<string, Statement[]>;
} {
  const comments: Comment[] = [];
  const tree = parse(source, { ecmaVersion: languageLevel, sourceType: 'module', onComment: comments });
  const starts = comments.flatMap(({ end, start, type }) => {
    // The bundler's notes stand at the beginning of a line, those within the code are indented.
    const atLineStart = start === 0 || source[start - 1] === '\n';
    const path = type === 'Line' && atLineStart ? moduleOf(source.slice(start, end)) : undefined;
    return path === undefined ? [] : [{ start, path }];
  });
  const modules = new Map<string, Statement[]>();
  let next = 0;
  let current = '';
  for (const statement of tree.body) {
    while (next < starts.length && starts[next]!.start < statement.start) current = starts[next++]!.path;
    const statements = modules.get(current);
    if (statements === undefined) modules.set(current, [statement]);
    else statements.push(statement);
  }
  return { program: { source, tree }, modules };
}

/** Nodes that a node holds, in the order of its fields. */
export function childrenOf(node: AnyNode): AnyNode[] {
  const children: AnyNode[] = [];
  for (const value of Object.values(node) as unknown[]) {
    for (const one of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (typeof (one as { readonly type?: unknown } | null)?.type === 'string') children.push(one as AnyNode);
    }
  }
  return children;
}

/** A replacement in a text. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The text with all edits, which do not overlap. */
export function edited(source: string, edits: readonly Edit[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const { end, start, text } of edits.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (start < at) throw new Error(`edits overlap at ${start}`);
    parts.push(source.slice(at, start), text);
    at = end;
  }
  parts.push(source.slice(at));
  return parts.join('');
}
