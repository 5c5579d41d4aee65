/**
 * The script while it is rewritten: its text, what its names mean, and how the changes of its variables are tracked.
 */
import type { AnyNode, Function as FunctionNode, Program, Statement, Token } from 'acorn';
import type { MagicString } from 'magic-string';
import { probeName as probe } from './names.ts';
import type { Scope, Scopes, Variable } from './scopes.ts';

export class Sheet {
  readonly source: string;
  readonly text: MagicString;
  readonly program: Program;
  readonly scopes: Scopes;
  /** Of `source`, in order. */
  readonly #tokens: readonly Token[];
  /** The variables of each function, those of its blocks included. */
  readonly #owned: ReadonlyMap<Scope, readonly Variable[]>;
  /** What tells the era variables of functions apart. */
  readonly #eras = new Map<Scope, number>();

  constructor(source: string, text: MagicString, program: Program, scopes: Scopes, tokens: readonly Token[]) {
    this.source = source;
    this.text = text;
    this.program = program;
    this.scopes = scopes;
    this.#tokens = tokens;
    const variables = [...scopes.of.values()].flatMap((scope) => [...scope.variables.values()]);
    this.#owned = Map.groupBy(variables, ({ scope }) => scope.owner);
  }

  /** Puts `before` and `after` around a node and whatever was put around it already. */
  around(node: AnyNode, before: string, after: string): void {
    this.text.prependRight(node.start, before);
    this.text.appendLeft(node.end, after);
  }

  /** Two statements that only a line break parts must not become one when the second begins with a parenthesis. */
  separate(statements: readonly Statement[]): void {
    for (const [i, statement] of statements.entries()) {
      const before = statements[i - 1];
      if (before === undefined || statement.type !== 'ExpressionStatement') continue;
      if (this.source[before.end - 1] !== ';') this.text.prependRight(statement.start, ';');
    }
  }

  /** Whether an expression is an object that its function made itself, just before. */
  isNew(node: AnyNode): boolean {
    if (node.type !== 'Identifier') return false;
    const variable = this.scopes.meaning.get(node);
    return variable?.fresh === true && variable.scope.owner === this.scopes.from.get(node)?.owner;
  }

  /** The first token with this text from `from` on, which ends at `to` or before. */
  token(from: number, to: number, value: string): Token {
    let [low, high] = [0, this.#tokens.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#tokens[middle]!.start < from) low = middle + 1;
      else high = middle;
    }
    for (; low < this.#tokens.length; low++) {
      const token = this.#tokens[low]!;
      if (token.end > to) break;
      if (this.source.slice(token.start, token.end) === value) return token;
    }
    throw new TypeError(`no ${value} from ${from} to ${to}`);
  }

  /**
   * Tells the runtime, while the script is loaded, what closures hold on to: nothing else leads there afterwards.
   * Statements to begin the scope of `node` with.
   */
  roots(node: AnyNode): string {
    const scope = this.scopes.of.get(node);
    if (scope === undefined) return '';
    const held = [...scope.variables.values()].filter(({ captured, kind }) => captured && kind !== 'own-name');
    const names = [...held.map(({ name }) => name), ...scope.lends];
    return names.length === 0 ? '' : `${probe}.era||${probe}.root(${names.map((name) => `()=>${name}`).join()});`;
  }

  /** The variable that says in which era a function was called, if the function needs it. A statement. */
  era(node: FunctionNode): string {
    const scope = this.scopes.of.get(node as AnyNode)!;
    const needed = this.#owned.get(scope)?.some(({ assignedWithin }) => assignedWithin) === true;
    return needed ? `const ${probe}_e${this.#eraOf(scope)}=${probe}.era;` : '';
  }

  #eraOf(scope: Scope): number {
    const era = this.#eras.get(scope) ?? this.#eras.size;
    this.#eras.set(scope, era);
    return era;
  }

  /**
   * Remembers the variables of outer functions that `node` is about to assign, unless they are of the present
   * transaction anyway. Expressions, each followed by a comma.
   */
  remember(node: AnyNode): string {
    const reached = this.scopes.reaching.get(node) ?? [];
    return reached.map((variable) => `${this.#remember(variable, node)},`).join('');
  }

  #remember({ name, scope: { owner } }: Variable, at: AnyNode): string {
    const undo = `${probe}.undo((${probe}_v=>()=>{${name}=${probe}_v})(${name}))`;
    if (owner.parent === undefined) return `${probe}.era&&${undo}`;
    // What stands in a function's parameters cannot see the variables of its body.
    if (at.start < (owner.node as FunctionNode).body.start) return undo;
    return `${probe}_e${this.#eraOf(owner)}===${probe}.era||${undo}`;
  }
}
