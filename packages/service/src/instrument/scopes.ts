/**
 * Which variable each name of a script means, and who uses it.
 *
 * The instrumentation needs to know three things that only scopes tell: the names that the script expects of its
 * surroundings; the variables that closures hold on to; and the assignments that reach into a function other than the
 * one they stand in, because those are how a script keeps something from one call to the next.
 */
import type { AnyNode, CatchClause, Class, Function as FunctionNode, Identifier, Pattern, Program } from 'acorn';
import { base, recursive, type RecursiveVisitors } from 'acorn-walk';

/** Goes on with a child, as a node of its own type or, where a name can mean two things, as an `override`. */
type Continue = (node: AnyNode, scope: Scope, override?: string) => void;
type Visitor = (node: AnyNode, scope: Scope, c: Continue) => void;

export type DeclarationKind = 'var' | 'let' | 'const' | 'function' | 'class' | 'parameter' | 'caught' | 'own-name';

export interface Variable {
  readonly name: string;
  readonly kind: DeclarationKind;
  readonly scope: Scope;
  /** A function within the one that declares it uses it. */
  captured: boolean;
  /** A function within the one that declares it assigns it. */
  assignedWithin: boolean;
  assigned: boolean;
  /** A constant that is made to be an object of its own. */
  readonly fresh: boolean;
}

/** A function, a block, a loop, a catch clause or the script: whatever names belong to. */
export class Scope {
  readonly node: AnyNode;
  readonly parent: Scope | undefined;
  /** The scope of the function, or of the script, that this one is in. */
  readonly owner: Scope;
  readonly variables = new Map<string, Variable>();
  /** Of a function: what arrow functions within it take from it. */
  readonly lends = new Set<'this' | 'arguments'>();

  constructor(node: AnyNode, parent: Scope | undefined, isFunction: boolean) {
    this.node = node;
    this.parent = parent;
    this.owner = isFunction || parent === undefined ? this : parent.owner;
  }

  declare(name: string, kind: DeclarationKind, fresh = false): void {
    if (this.variables.has(name)) return;
    this.variables.set(name, {
      name,
      kind,
      scope: this,
      captured: false,
      assignedWithin: false,
      assigned: false,
      fresh,
    });
  }

  lookUp(name: string): Variable | undefined {
    return this.variables.get(name) ?? this.parent?.lookUp(name);
  }
}

export interface Scopes {
  /** By the node that opens the scope. */
  readonly of: ReadonlyMap<AnyNode, Scope>;
  /** What each identifier that is used, rather than declared, means. Free ones are missing. */
  readonly meaning: ReadonlyMap<Identifier, Variable>;
  /** The scope that each identifier is used in. */
  readonly from: ReadonlyMap<Identifier, Scope>;
  /** Names that the script does not declare. */
  readonly free: ReadonlySet<string>;
  /** For an assignment, update or loop head: the variables of outer functions that it assigns. */
  readonly reaching: ReadonlyMap<AnyNode, readonly Variable[]>;
}

interface Use {
  readonly identifier: Identifier;
  readonly scope: Scope;
  /** What assigns it, if anything does. */
  readonly assignment: AnyNode | undefined;
}

export function scopesOf(program: Program): Scopes {
  const of = new Map<AnyNode, Scope>();
  const uses: Use[] = [];

  const open = (node: AnyNode, parent: Scope, isFunction = false): Scope => {
    const scope = new Scope(node, parent, isFunction);
    of.set(node, scope);
    return scope;
  };
  const assign = (pattern: Pattern, assignment: AnyNode, scope: Scope): void => {
    for (const identifier of namesOf(pattern)) uses.push({ identifier, scope, assignment });
  };
  const inner =
    (type: string): Visitor =>
    (node, scope, c) =>
      visitorOf(type)(node, open(node, scope), c);

  const visitors: RecursiveVisitors<Scope> = {
    Identifier: (identifier, scope) => uses.push({ identifier, scope, assignment: undefined }),
    ThisExpression: (_node, scope) => void lender(scope)?.lends.add('this'),
    BlockStatement: inner('BlockStatement'),
    ForStatement: inner('ForStatement'),
    SwitchStatement: inner('SwitchStatement'),
    ForInStatement: loop,
    ForOfStatement: loop,
    VariableDeclaration(node, scope, c) {
      const declaring = node.kind === 'var' ? scope.owner : scope;
      for (const { id, init } of node.declarations) {
        const fresh =
          node.kind === 'const' && id.type === 'Identifier' && /^(?:Object|Array)Expression$/.test(init?.type ?? '');
        for (const { name } of namesOf(id)) declaring.declare(name, node.kind as DeclarationKind, fresh);
      }
      visitorOf('VariableDeclaration')(node, scope, c);
    },
    AssignmentExpression(node, scope, c) {
      assign(node.left, node, scope);
      visitorOf('AssignmentExpression')(node, scope, c);
    },
    UpdateExpression(node, scope, c) {
      if (node.argument.type === 'Identifier') assign(node.argument, node, scope);
      else c(node.argument, scope);
    },
    CatchClause(node: CatchClause, scope, c) {
      const clause = open(node, scope);
      for (const { name } of node.param ? namesOf(node.param) : []) clause.declare(name, 'caught');
      visitorOf('CatchClause')(node, clause, c);
    },
    Class(node: Class, scope, c) {
      if (node.id && node.type === 'ClassDeclaration') scope.declare(node.id.name, 'class');
      const body = open(node as AnyNode, scope);
      if (node.id) body.declare(node.id.name, 'own-name');
      visitorOf('Class')(node as AnyNode, body, c);
    },
    Function(node: FunctionNode, scope, c: Continue) {
      if (node.id && node.type === 'FunctionDeclaration') scope.declare(node.id.name, 'function');
      const body = open(node as AnyNode, scope, true);
      for (const parameter of node.params) {
        for (const { name } of namesOf(parameter)) body.declare(name, 'parameter');
        c(parameter, body, 'Pattern');
      }
      if (node.id && node.type === 'FunctionExpression') body.declare(node.id.name, 'own-name');
      // The statements of the body belong to the function's own scope, not to one of a block.
      if (node.body.type === 'BlockStatement') for (const statement of node.body.body) c(statement, body, 'Statement');
      else c(node.body, body, 'Expression');
    },
  };

  function loop(
    node: Extract<AnyNode, { type: 'ForInStatement' | 'ForOfStatement' }>,
    outer: Scope,
    c: Continue,
  ): void {
    const scope = open(node, outer);
    if (node.left.type === 'VariableDeclaration') c(node.left, scope);
    else {
      assign(node.left, node, scope);
      c(node.left, scope, 'Pattern');
    }
    c(node.right, scope, 'Expression');
    c(node.body, scope, 'Statement');
  }

  const script = new Scope(program, undefined, true);
  of.set(program, script);
  recursive(program, script, visitors);
  return { of, ...resolve(uses) };
}

function visitorOf(type: string): Visitor {
  return (base as unknown as Record<string, Visitor>)[type]!;
}

function resolve(uses: readonly Use[]): Omit<Scopes, 'of'> {
  const meaning = new Map<Identifier, Variable>();
  const from = new Map<Identifier, Scope>();
  const free = new Set<string>();
  const reaching = new Map<AnyNode, Variable[]>();
  for (const { identifier, scope, assignment } of uses) {
    const { name } = identifier;
    const variable = scope.lookUp(name);
    if (variable === undefined) {
      if (name === 'arguments' && scope.owner.parent !== undefined) lender(scope)?.lends.add('arguments');
      else free.add(name);
      continue;
    }
    meaning.set(identifier, variable);
    from.set(identifier, scope);
    const within = variable.scope.owner !== scope.owner;
    if (within) variable.captured = true;
    if (assignment === undefined) continue;
    variable.assigned = true;
    if (!within) continue;
    variable.assignedWithin = true;
    const reached = reaching.get(assignment) ?? [];
    reaching.set(assignment, reached.includes(variable) ? reached : [...reached, variable]);
  }
  return { meaning, from, free, reaching };
}

/** The function whose `this` and `arguments` an arrow function in `scope` uses. `undefined` where there is no arrow. */
function lender(scope: Scope): Scope | undefined {
  let { owner } = scope;
  if (owner.node.type !== 'ArrowFunctionExpression') return undefined;
  while (owner.node.type === 'ArrowFunctionExpression' && owner.parent !== undefined) owner = owner.parent.owner;
  return owner;
}

/** The names that a pattern binds or assigns. */
export function namesOf(pattern: Pattern): Identifier[] {
  switch (pattern.type) {
    case 'Identifier':
      return [pattern];
    case 'ArrayPattern':
      return pattern.elements.flatMap((element) => (element === null ? [] : namesOf(element)));
    case 'ObjectPattern':
      return pattern.properties.flatMap((property) =>
        namesOf(property.type === 'RestElement' ? property.argument : property.value),
      );
    case 'RestElement':
      return namesOf(pattern.argument);
    case 'AssignmentPattern':
      return namesOf(pattern.left);
    default:
      return [];
  }
}
