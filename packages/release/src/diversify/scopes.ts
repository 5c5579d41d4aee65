/**
 * Which variable each name of a module means: every place where it is declared, read or assigned.
 *
 * A name that nothing declares is free: a global, which keeps its name. `with` and calls of `eval`, for which names cannot be told apart,
 * are refused.
 */
import type { AnyNode, Class, Function as FunctionNode, Identifier, Pattern, Program } from 'acorn';
import { childrenOf } from './program.ts';

export type Kind = 'import' | 'var' | 'let' | 'const' | 'function' | 'class' | 'parameter' | 'caught' | 'own-name';

export interface Variable {
  readonly name: string;
  readonly kind: Kind;
  readonly places: Place[];
  /** Also elsewhere than where it is declared. */
  assigned: boolean;
  /** Of where it is declared first. */
  readonly start: number;
}

export interface Place {
  readonly identifier: Identifier;
  /** It stands for a key of an object as well, or for the name of an import or export: `{ a }`. */
  readonly shorthand: 'property' | 'import' | 'export' | undefined;
}

export interface Scopes {
  readonly variables: readonly Variable[];
  /** What each place means; free names are missing. */
  readonly meaning: ReadonlyMap<Identifier, Variable>;
}

class Scope {
  readonly parent: Scope | undefined;
  /** The scope that `var` declares in. */
  readonly owner: Scope;
  readonly variables = new Map<string, Variable>();

  constructor(parent: Scope | undefined, isOwner: boolean) {
    this.parent = parent;
    this.owner = isOwner || parent === undefined ? this : parent.owner;
  }

  lookUp(name: string): Variable | undefined {
    return this.variables.get(name) ?? this.parent?.lookUp(name);
  }
}

type Shorthand = Place['shorthand'];

export function scopesOf(tree: Program): Scopes {
  const variables: Variable[] = [];
  const uses: { readonly place: Place; readonly scope: Scope; readonly assigns: boolean }[] = [];

  const declare = (scope: Scope, { name, start }: Identifier, kind: Kind): void => {
    if (scope.variables.has(name)) return;
    const variable: Variable = { name, kind, places: [], assigned: false, start };
    scope.variables.set(name, variable);
    variables.push(variable);
  };
  const use = (scope: Scope, identifier: Identifier, shorthand: Shorthand, assigns = false): void => {
    uses.push({ place: { identifier, shorthand }, scope, assigns });
  };

  /** Declares what a pattern binds, if `kind` is given, and goes through everything in it. */
  const pattern = (node: Pattern, scope: Scope, kind: Kind | undefined, shorthand?: Shorthand): void => {
    switch (node.type) {
      case 'Identifier':
        if (kind !== undefined) declare(kind === 'var' ? scope.owner : scope, node, kind);
        use(scope, node, shorthand, kind === undefined);
        return;
      case 'ObjectPattern':
        for (const property of node.properties) {
          if (property.type === 'RestElement') {
            pattern(property.argument, scope, kind);
            continue;
          }
          if (property.computed) visit(property.key, scope);
          pattern(property.value, scope, kind, property.shorthand ? 'property' : undefined);
        }
        return;
      case 'ArrayPattern':
        for (const element of node.elements) if (element !== null) pattern(element, scope, kind);
        return;
      case 'RestElement':
        pattern(node.argument, scope, kind);
        return;
      case 'AssignmentPattern':
        pattern(node.left, scope, kind, shorthand);
        visit(node.right, scope);
        return;
      default:
        visit(node, scope);
    }
  };

  const visitFunction = (node: FunctionNode, outer: Scope): void => {
    let scope = outer;
    if (node.type === 'FunctionDeclaration' && node.id) {
      declare(outer, node.id, 'function');
      use(outer, node.id, undefined);
    } else if (node.type === 'FunctionExpression' && node.id) {
      scope = new Scope(outer, false);
      declare(scope, node.id, 'own-name');
      use(scope, node.id, undefined);
    }
    const inner = new Scope(scope, true);
    for (const parameter of node.params) pattern(parameter, inner, 'parameter');
    if (node.body.type === 'BlockStatement') for (const statement of node.body.body) visit(statement, inner);
    else visit(node.body, inner);
  };

  const visitClass = (node: Class, outer: Scope): void => {
    let scope = outer;
    if (node.type === 'ClassDeclaration' && node.id) {
      declare(outer, node.id, 'class');
      use(outer, node.id, undefined);
    } else if (node.id) {
      scope = new Scope(outer, false);
      declare(scope, node.id, 'own-name');
      use(scope, node.id, undefined);
    }
    if (node.superClass) visit(node.superClass, scope);
    for (const member of node.body.body) {
      if (member.type === 'StaticBlock') {
        const inner = new Scope(scope, true);
        for (const statement of member.body) visit(statement, inner);
        continue;
      }
      if (member.computed) visit(member.key, scope);
      // An initialiser is a function of its own; it declares nothing that could leave it.
      if (member.value) visit(member.value, new Scope(scope, true));
    }
  };

  const visit = (node: AnyNode, scope: Scope): void => {
    switch (node.type) {
      case 'Identifier':
        use(scope, node, undefined);
        return;
      case 'FunctionDeclaration':
      case 'FunctionExpression':
      case 'ArrowFunctionExpression':
        visitFunction(node, scope);
        return;
      case 'ClassDeclaration':
      case 'ClassExpression':
        visitClass(node, scope);
        return;
      case 'VariableDeclaration':
        for (const { id, init } of node.declarations) {
          pattern(id, scope, node.kind as Kind);
          if (init) visit(init, scope);
        }
        return;
      case 'AssignmentExpression':
        pattern(node.left, scope, undefined);
        visit(node.right, scope);
        return;
      case 'CallExpression':
        // Called by its name, it sees the variables around it, if it is the global one.
        if (node.callee.type === 'Identifier' && node.callee.name === 'eval')
          throw new Error(`eval, at ${node.start}: what names mean cannot be told`);
        for (const child of childrenOf(node)) visit(child, scope);
        return;
      case 'UpdateExpression':
        pattern(node.argument as Pattern, scope, undefined);
        return;
      case 'ForInStatement':
      case 'ForOfStatement': {
        const inner = new Scope(scope, false);
        if (node.left.type === 'VariableDeclaration') visit(node.left, inner);
        else pattern(node.left, inner, undefined);
        visit(node.right, inner);
        visit(node.body, inner);
        return;
      }
      case 'ForStatement':
      case 'BlockStatement':
      case 'SwitchStatement': {
        const inner = new Scope(scope, false);
        for (const child of childrenOf(node)) visit(child, inner);
        return;
      }
      case 'CatchClause': {
        const inner = new Scope(scope, false);
        if (node.param) pattern(node.param, inner, 'caught');
        visit(node.body, inner);
        return;
      }
      case 'MemberExpression':
        visit(node.object, scope);
        if (node.computed) visit(node.property, scope);
        return;
      case 'Property':
        if (node.computed) visit(node.key, scope);
        if (node.value.type === 'Identifier') use(scope, node.value, node.shorthand ? 'property' : undefined);
        else visit(node.value, scope);
        return;
      case 'LabeledStatement':
        visit(node.body, scope);
        return;
      case 'BreakStatement':
      case 'ContinueStatement':
      case 'MetaProperty':
        return;
      case 'ImportDeclaration':
        for (const specifier of node.specifiers) {
          declare(scope, specifier.local, 'import');
          const same = specifier.type === 'ImportSpecifier' && specifier.imported.start === specifier.local.start;
          use(scope, specifier.local, same ? 'import' : undefined);
        }
        return;
      case 'ExportSpecifier':
        if (node.local.type === 'Identifier')
          use(scope, node.local, node.local.start === node.exported.start ? 'export' : undefined);
        return;
      case 'ExportNamedDeclaration':
        if (node.source) return;
        for (const child of childrenOf(node)) visit(child, scope);
        return;
      case 'WithStatement':
        throw new Error(`with, at ${node.start}: what names mean cannot be told`);
      default:
        for (const child of childrenOf(node)) visit(child, scope);
    }
  };

  const module = new Scope(undefined, true);
  for (const statement of tree.body) visit(statement, module);

  const meaning = new Map<Identifier, Variable>();
  for (const { assigns, place, scope } of uses) {
    const { identifier } = place;
    const variable = scope.lookUp(identifier.name);
    if (variable !== undefined) {
      meaning.set(identifier, variable);
      variable.places.push(place);
      if (assigns) variable.assigned = true;
    }
  }
  return { variables, meaning };
}
