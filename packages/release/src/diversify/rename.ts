/**
 * Gives variables other names, each one that occurs nowhere else in the program: so no name can ever hide another.
 *
 * What a name can be seen by stays. A class keeps its `name`, which errors are told apart by. The names that functions and classes
 * of their own expressions have are left alone, and so is everything of packages that others wrote.
 */
import type { AnyNode, Identifier } from 'acorn';
import { childrenOf, type Edit, edited, type Parsed } from './program.ts';
import type { Choices } from './random.ts';
import { scopesOf, type Variable } from './scopes.ts';

const first = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const later = `${first}0123456789`;

/** Names of 2 to 6 characters that are not in use; no reserved word has a digit, so each of these has one. */
export class Names {
  readonly #choices: Choices;
  readonly #taken: Set<string>;

  constructor(choices: Choices, taken: Iterable<string>) {
    this.#choices = choices;
    this.#taken = new Set(taken);
  }

  next(): string {
    for (;;) {
      let name = first[this.#choices.below(first.length)]!;
      const more = 1 + this.#choices.below(4);
      for (let i = 0; i < more; i++) name += later[this.#choices.below(later.length)]!;
      name += String(this.#choices.below(10));
      if (this.#taken.has(name)) continue;
      this.#taken.add(name);
      return name;
    }
  }
}

/** Every identifier-like word of a program, also those in properties and texts. */
export function wordsOf(source: string): Set<string> {
  return new Set(source.match(/[A-Za-z_$][\w$]*/g));
}

/** `isOurs`: whether what stands at an offset may be renamed. */
export function rename({ source, tree }: Parsed, choices: Choices, isOurs: (offset: number) => boolean): string {
  const { variables } = scopesOf(tree);
  const names = new Names(choices, wordsOf(source));
  const renamed = new Map<Variable, string>();
  for (const variable of variables) {
    if (variable.kind === 'own-name' || variable.kind === 'class' || !isOurs(variable.start)) continue;
    // One use in foreign code, and it stays as it is: that code is left alone.
    if (variable.places.every(({ identifier }) => isOurs(identifier.start))) renamed.set(variable, names.next());
  }
  const edits: Edit[] = [];
  const declaredName = new Map<Identifier, string>();
  for (const [variable, name] of renamed) {
    for (const { identifier, shorthand } of variable.places) {
      const { end, start } = identifier;
      declaredName.set(identifier, variable.name);
      const text =
        shorthand === 'property'
          ? `${variable.name}: ${name}`
          : shorthand === 'import'
            ? `${variable.name} as ${name}`
            : shorthand === 'export'
              ? `${name} as ${variable.name}`
              : name;
      edits.push({ start, end, text });
    }
  }
  edits.push(...classNames(tree, declaredName));
  return edited(source, edits);
}

/** Names for the classes that have theirs from the variable that is renamed. */
function classNames(tree: AnyNode, renamed: ReadonlyMap<Identifier, string>): Edit[] {
  const edits: Edit[] = [];
  const named = (id: AnyNode, value: AnyNode | null | undefined): void => {
    const name = id.type === 'Identifier' ? renamed.get(id) : undefined;
    if (name === undefined || value?.type !== 'ClassExpression' || value.id) return;
    const at = value.start + 'class'.length;
    edits.push({ start: at, end: at, text: ` ${name}` });
  };
  const pending: AnyNode[] = [tree];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node.type === 'VariableDeclarator') named(node.id, node.init);
    if (node.type === 'AssignmentExpression' || node.type === 'AssignmentPattern') named(node.left, node.right);
    pending.push(...childrenOf(node));
  }
  return edits;
}
