/**
 * Puts a program's modules and declarations into another order, where nobody can tell.
 *
 * Modules: those that change nothing but themselves when they are evaluated, which their packages declare by `sideEffects`, in any
 * order in which each comes after all that it imports. None crosses the modules that lock the realm down, or those of others'
 * packages: these stay together, in their order.
 *
 * Declarations: one whose evaluation only makes something (`inert.ts`) may stand anywhere before the next statement that does
 * more, if it stays behind what it reads. Whoever used it before it was evaluated would have failed: in the sources, which are
 * modules without `var`, that is an error. Statements that do more keep their order.
 */
import type { AnyNode, Identifier } from 'acorn';
import { childrenOf, parseProgram, type Parsed, type Statement, statementsByModule } from './program.ts';
import { readsOf } from './inert.ts';
import type { Choices } from './random.ts';
import { scopesOf, type Variable } from './scopes.ts';

export interface Module {
  /** Paths of modules of the same program. */
  readonly imports: readonly string[];
  /** Nothing but itself changes when it is evaluated. */
  readonly free: boolean;
}

/** Vertices that must come before each, chosen from while there is a choice. */
function sortedFreely<T>(vertices: readonly T[], before: ReadonlyMap<T, ReadonlySet<T>>, choices: Choices): T[] {
  const missing = new Map(vertices.map((one) => [one, 0]));
  const after = new Map<T, T[]>(vertices.map((one) => [one, []]));
  for (const [one, needed] of before) {
    for (const other of needed) {
      after.get(other)!.push(one);
      missing.set(one, missing.get(one)! + 1);
    }
  }
  const ready = vertices.filter((one) => missing.get(one) === 0);
  const sorted: T[] = [];
  while (ready.length > 0) {
    const one = choices.draw(ready);
    sorted.push(one);
    for (const other of after.get(one)!) {
      const left = missing.get(other)! - 1;
      missing.set(other, left);
      if (left === 0) ready.push(other);
    }
  }
  if (sorted.length < vertices.length) throw new Error('what must come first depends on itself');
  return sorted;
}

const isImport = ({ type }: Statement): boolean => type === 'ImportDeclaration';

/** The program with its imports first and its modules in another order; without its comments. */
export function reorderModules(source: string, graph: ReadonlyMap<string, Module>, choices: Choices): string {
  const { modules, program } = statementsByModule(source);
  const imports = program.tree.body.filter(isImport);
  const evaluated = new Map(
    [...modules].flatMap(([path, statements]): [string, Statement[]][] => {
      const own = statements.filter((statement) => !isImport(statement));
      return own.length === 0 ? [] : [[path, own]];
    }),
  );
  // What the bundler puts before all modules stays there.
  const placeOf = (path: string): number => evaluated.get(path)![0]!.start;
  const paths = [...evaluated.keys()].filter((path) => path !== '').sort((a, b) => placeOf(a) - placeOf(b));
  const isFree = (path: string): boolean => graph.get(path)?.free === true;
  // From the first module that is pinned to the last one, and what is before and after; the entry is the last of all.
  const entry = paths.at(-1)!;
  const pinned = paths.flatMap((path, i) => (isFree(path) || path === entry ? [] : [i]));
  const [from, to] = [pinned[0] ?? paths.length - 1, (pinned.at(-1) ?? paths.length - 2) + 1];
  const zone = (members: readonly string[]): string[] => {
    const reached = new Map(members.map((path) => [path, reachedFrom(path, graph, new Set(members))]));
    // Modules that import each other stay together, in the order that they have.
    const leader = (path: string): string =>
      members.find((one) => one === path || (reached.get(one)!.has(path) && reached.get(path)!.has(one)))!;
    const leaders = members.filter((path) => leader(path) === path);
    const before = new Map(
      leaders.map((path) => [path, new Set([...reached.get(path)!].map(leader).filter((one) => one !== path))]),
    );
    const sorted = sortedFreely(leaders, before, choices);
    return sorted.flatMap((first) => members.filter((path) => leader(path) === first));
  };
  const middle = paths.slice(from, to);
  const ordered = [...zone(paths.slice(0, from)), ...middle, ...zone(paths.slice(to, -1)), entry];
  const textOf = ({ end, start }: Statement): string => source.slice(start, end);
  return [
    ...choices.shuffled(imports).map(textOf),
    ...(evaluated.get('') ?? []).map(textOf),
    ...ordered.flatMap((path) => [`// ${path}`, ...evaluated.get(path)!.map(textOf)]),
    '',
  ].join('\n');
}

/** What a module imports, and what that imports, of those within. */
function reachedFrom(path: string, graph: ReadonlyMap<string, Module>, within: ReadonlySet<string>): Set<string> {
  const reached = new Set<string>();
  const pending = [...(graph.get(path)?.imports ?? [])];
  for (let one = pending.pop(); one !== undefined; one = pending.pop()) {
    if (reached.has(one)) continue;
    reached.add(one);
    pending.push(...(graph.get(one)?.imports ?? []));
  }
  return new Set([...reached].filter((one) => within.has(one)));
}

/** The program with its declarations in another order. */
export function reorderStatements({ source, tree }: Parsed, choices: Choices): string {
  const { meaning } = scopesOf(tree);
  const isFree = (identifier: Identifier): boolean => !meaning.has(identifier);
  const { body } = tree;
  const declaredBy = new Map<Variable, Statement>();
  for (const statement of body)
    for (const identifier of declaredIn(statement)) declaredBy.set(meaning.get(identifier)!, statement);

  const before = new Map<Statement, Set<Statement>>(body.map((statement) => [statement, new Set()]));
  let waiting: Statement[] = [];
  let last: Statement | undefined;
  for (const statement of body) {
    if (isImport(statement) || statement.type === 'FunctionDeclaration') continue;
    const reads = steadyReads(statement, isFree, meaning);
    if (reads === undefined) {
      const needed = before.get(statement)!;
      for (const one of waiting) needed.add(one);
      if (last !== undefined) needed.add(last);
      waiting = [];
      last = statement;
      continue;
    }
    waiting.push(statement);
    for (const variable of reads) {
      const declaring = declaredBy.get(variable);
      if (declaring === undefined || declaring === statement) continue;
      if (isImport(declaring) || declaring.type === 'FunctionDeclaration') continue;
      before.get(statement)!.add(declaring);
    }
  }
  const ordered = sortedFreely(body, before, choices);
  return `${ordered.map(({ end, start }) => source.slice(start, end)).join('\n')}\n`;
}

/** What a declaration reads when it is evaluated, if it does nothing besides, and nothing of that ever changes. */
function steadyReads(
  statement: Statement,
  isFree: (identifier: Identifier) => boolean,
  meaning: ReadonlyMap<Identifier, Variable>,
): Variable[] | undefined {
  if (statement.type !== 'VariableDeclaration') return undefined;
  const variables: Variable[] = [];
  for (const { id, init } of statement.declarations) {
    if (id.type !== 'Identifier') return undefined;
    const reads = init ? readsOf(init, isFree) : [];
    if (reads === undefined) return undefined;
    for (const identifier of reads) {
      const variable = meaning.get(identifier)!;
      if (variable.assigned) return undefined;
      variables.push(variable);
    }
  }
  return variables;
}

/** The names that a statement of a module declares for the whole of it. */
function declaredIn(statement: Statement): Identifier[] {
  if (statement.type !== 'VariableDeclaration') return [];
  const names: Identifier[] = [];
  const pending: AnyNode[] = statement.declarations.map(({ id }) => id as AnyNode);
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node.type === 'Identifier') names.push(node);
    else pending.push(...childrenOf(node));
  }
  return names;
}

export function reordered(source: string, choices: Choices): string {
  return reorderStatements(parseProgram(source), choices);
}
