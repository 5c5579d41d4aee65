/**
 * What instrumentation inserts, construct by construct. `guest/probe.ts` is the other half: what the inserted calls do.
 *
 * Nodes are rewritten children first, so what is put around a node goes around what was put around its children.
 */
import type {
  AnyNode,
  AssignmentExpression,
  BinaryExpression,
  CallExpression,
  Expression,
  Literal,
  NewExpression,
  Statement,
  TemplateElement,
} from 'acorn';
import { base, recursive, type RecursiveVisitors } from 'acorn-walk';
import { rewriteFunction } from './functions.ts';
import { probeName as probe } from './names.ts';
import type { Sheet } from './sheet.ts';

type Continue = (node: AnyNode, state: null, override?: string) => void;

/** Rewrites the script of `sheet` in place. */
export function rewrite(sheet: Sheet): void {
  const visitors: RecursiveVisitors<null> = {};
  for (const [type, edit] of Object.entries(edits)) {
    (visitors as Record<string, unknown>)[type] = (node: AnyNode, state: null, c: Continue) => {
      (base as unknown as Record<string, typeof c>)[type]!(node, state, c as never);
      (edit as (sheet: Sheet, node: AnyNode) => void)(sheet, node);
    };
  }
  visitors.Function = (node, _state, c: Continue) => rewriteFunction(sheet, node, (child, as) => c(child, null, as));
  // A tag gets the texts as they are written; only what is between them is rewritten.
  visitors.TaggedTemplateExpression = (node, _state, c: Continue) => {
    c(node.tag, null, 'Expression');
    for (const expression of node.quasi.expressions) c(expression, null, 'Expression');
  };
  recursive(sheet.program, null, visitors);
}

type Edits = { [T in AnyNode['type']]?: (sheet: Sheet, node: Extract<AnyNode, { type: T }>) => void };

const edits: Edits = {
  Program(sheet, node) {
    sheet.separate(node.body as Statement[]);
    sheet.text.prependRight(0, sheet.roots(node));
  },
  BlockStatement(sheet, node) {
    sheet.separate(node.body);
    sheet.text.appendLeft(node.start + 1, sheet.roots(node));
  },
  SwitchStatement(sheet, node) {
    for (const { consequent } of node.cases) {
      sheet.separate(consequent);
      if (consequent[0] !== undefined) sheet.text.prependRight(consequent[0].start, sheet.roots(node));
    }
  },

  // Loops count their turns.

  WhileStatement: (sheet, node) => loop(sheet, node, node.body),
  DoWhileStatement: (sheet, node) => loop(sheet, node, node.body),
  ForStatement: (sheet, node) => loop(sheet, node, node.body),
  ForInStatement(sheet, node) {
    announce(sheet, node.left);
    sheet.around(node.right, `${sheet.remember(node)}${probe}.own(`, ')');
    loop(sheet, node, node.body);
  },
  ForOfStatement(sheet, node) {
    announce(sheet, node.left);
    const remember = sheet.remember(node);
    if (remember !== '') sheet.around(node.right, `(${remember}`, ')');
    loop(sheet, node, node.body);
  },

  // A budget that is used up cannot be caught, and errors of the engine do not tell which engine.

  CatchClause(sheet, node) {
    const start = node.body.start + 1;
    const roots = sheet.roots(node);
    if (node.param?.type === 'Identifier') {
      sheet.text.appendLeft(start, `${node.param.name}=${probe}.caught(${node.param.name});${roots}`);
    } else if (node.param) {
      const pattern = sheet.text.slice(node.param.start, node.param.end);
      sheet.text.overwrite(node.param.start, node.param.end, `${probe}_c`);
      sheet.text.appendLeft(start, `let ${pattern}=${probe}.caught(${probe}_c);${roots}`);
    } else {
      sheet.text.appendLeft(node.body.start, `(${probe}_c)`);
      sheet.text.appendLeft(start, `${probe}.caught(${probe}_c);`);
    }
  },
  TryStatement(sheet, node) {
    if (node.finalizer) sheet.text.appendLeft(node.finalizer.start + 1, `${probe}.check();`);
  },

  // Texts and integers are bounded where they grow.

  TemplateLiteral(sheet, node) {
    for (const quasi of node.quasis) escapeTemplate(sheet, quasi);
    if (node.expressions.length > 0) sheet.around(node, `${probe}.sized(`, ')');
  },
  BinaryExpression(sheet, node) {
    if (node.operator === '**') asCall(sheet, node, 'power');
    else if (node.operator === '<<' && !isNumber(node.left) && !isNumber(node.right)) asCall(sheet, node, 'shift');
    else if (grows(node.operator, node.left, node.right)) sheet.around(node, `${probe}.sized(`, ')');
    // "-->" is no operator, but looks like the end of a comment.
    else if (sheet.source.startsWith('-->', node.left.end - 2)) sheet.text.appendLeft(node.left.end, ' ');
  },
  AssignmentExpression(sheet, node) {
    announce(sheet, node.left);
    const called = node.operator === '**=' || (node.operator === '<<=' && !isNumber(node.right));
    if (node.operator !== '=' && !called) keyOnce(sheet, node.left);
    if (called) assignCall(sheet, node, node.operator === '**=' ? 'power' : 'shift');
    else if (grows(node.operator.slice(0, -1), undefined, node.right)) sheet.around(node, `${probe}.sized(`, ')');
    else if (node.operator === '=') spreadRest(sheet, node.left, node.right);
    const remember = sheet.remember(node);
    if (remember !== '') sheet.around(node, `(${remember}`, ')');
  },
  UpdateExpression(sheet, node) {
    announce(sheet, node.argument);
    keyOnce(sheet, node.argument);
    const remember = sheet.remember(node);
    if (remember !== '') sheet.around(node, `(${remember}`, ')');
  },
  UnaryExpression(sheet, node) {
    if (node.operator !== 'delete') return;
    announce(sheet, node.argument.type === 'ChainExpression' ? node.argument.expression : node.argument);
  },
  VariableDeclarator: (sheet, node) => spreadRest(sheet, node.id, node.init),

  // Whatever takes work or room in proportion to an array or an object counts it.

  ArrayExpression(sheet, node) {
    for (const element of node.elements) {
      if (element?.type === 'SpreadElement') sheet.around(element.argument, `${probe}.spread(`, ')');
    }
  },
  ObjectExpression(sheet, node) {
    for (const property of node.properties) {
      if (property.type === 'SpreadElement') sheet.around(property.argument, `${probe}.own(`, ')');
      else if (property.computed) keyFirst(sheet, property.key);
    }
  },
  CallExpression: call,
  NewExpression: call,
  Class(sheet: Sheet, node: Extract<AnyNode, { type: 'ClassDeclaration' }>) {
    if (node.superClass) metered(sheet, node.superClass);
  },

  Property: (sheet, node) => asynchronousMethod(sheet, node.start, node.key.start, node.method && isAsync(node.value)),
  MethodDefinition: (sheet, node) => asynchronousMethod(sheet, node.start, node.key.start, isAsync(node.value)),
  YieldExpression(sheet, node) {
    // While a generator is suspended it is not on the stack; one that delegates stays, as the ones below it come back.
    if (node.delegate) return;
    sheet.text.overwrite(node.start, node.start + 5, `(${probe}_y=(${node.argument ? '' : 'void 0'}`);
    const suspend = `${probe}.depth--,${probe}_d=0,${probe}_y=yield ${probe}_y`;
    sheet.text.appendLeft(node.end, `),${suspend},${probe}.enter(),${probe}_d=1,${probe}_y)`);
  },
  Literal: literal,
} as Edits;

function loop(sheet: Sheet, node: AnyNode, body: Statement): void {
  const turn = `${probe}.step();${sheet.roots(node)}`;
  if (body.type === 'BlockStatement') sheet.text.appendLeft(body.start + 1, turn);
  else sheet.around(body, `{${turn}`, '}');
}

/** Tells that properties are about to be assigned or deleted, wherever a pattern has some. */
function announce(sheet: Sheet, pattern: AnyNode): void {
  switch (pattern.type) {
    case 'MemberExpression':
      if (pattern.object.type !== 'Super' && !sheet.isNew(pattern.object))
        sheet.around(pattern.object, `${probe}.writing(`, ')');
      return;
    case 'ArrayPattern':
      for (const element of pattern.elements) if (element !== null) announce(sheet, element);
      return;
    case 'ObjectPattern':
      for (const property of pattern.properties)
        announce(sheet, property.type === 'RestElement' ? property : property.value);
      return;
    case 'RestElement':
      announce(sheet, pattern.argument);
      return;
    case 'AssignmentPattern':
      announce(sheet, pattern.left);
      return;
    default:
  }
}

/** JavaScriptCore computes the value of a property before it makes a key of what stands in brackets; others after. */
function keyFirst(sheet: Sheet, key: AnyNode): void {
  // A pattern is an object, whose text is made at a price.
  if (key.type !== 'Literal' || 'regex' in key) sheet.around(key, `${probe}.key(`, ')');
}

/** V8 makes a key twice where a property is read and then assigned; others once. */
function keyOnce(sheet: Sheet, left: AnyNode): void {
  if (left.type === 'MemberExpression' && left.computed) keyFirst(sheet, left.property);
}

/** A number whatever the rest is: what it is combined with does not grow, or is no number and throws. */
function isNumber(node: AnyNode): boolean {
  return node.type === 'Literal' && typeof node.value === 'number';
}

/** Text that adds little: the number of such additions is bounded by the steps. */
function isShortText(node: AnyNode): boolean {
  return node.type === 'Literal' && typeof node.value === 'string' && node.value.length <= 64;
}

function grows(operator: string, left: AnyNode | undefined, right: AnyNode): boolean {
  const operands = left === undefined ? [right] : [left, right];
  if (operator === '+') return !operands.some((operand) => isNumber(operand) || isShortText(operand));
  return (operator === '*' || operator === '-') && !operands.some(isNumber);
}

/** `a ** b` as `$coppice.power(a, b)`: the operands keep the parentheses that may stand around them. */
function asCall(sheet: Sheet, node: BinaryExpression, name: string): void {
  const operator = sheet.token(node.left.end, node.right.start, node.operator);
  sheet.text.overwrite(operator.start, operator.end, ',');
  sheet.around(node, `${probe}.${name}(`, ')');
}

/** `x **= b` as `x = $coppice.power(x, b)`, and `o.p **= b` as `$coppice.assign("power", o, "p", b)`. */
function assignCall(sheet: Sheet, node: AssignmentExpression, name: string): void {
  const { left } = node;
  const operator = sheet.token(left.end, node.right.start, node.operator);
  if (left.type !== 'MemberExpression') {
    const variable = sheet.source.slice(left.start, left.end);
    sheet.text.overwrite(operator.start, operator.end, `=${probe}.${name}(${variable},`);
    sheet.text.appendLeft(node.end, ')');
    return;
  }
  if (left.object.type === 'Super') throw new SyntaxError(`${node.operator} on super is not available to a service`);
  const { object, property, computed } = left;
  const access = sheet.token(object.end, property.start, computed ? '[' : '.');
  sheet.text.overwrite(access.start, access.end, ',');
  if (computed) {
    const end = sheet.token(property.end, left.end, ']');
    sheet.text.remove(end.start, end.end);
  } else {
    sheet.text.overwrite(
      property.start,
      property.end,
      JSON.stringify(sheet.source.slice(property.start, property.end)),
    );
  }
  sheet.text.overwrite(operator.start, operator.end, ',');
  sheet.around(node, `${probe}.assign("${name}",`, ')');
}

/** Taking the rest of an array or an object copies it. */
function spreadRest(sheet: Sheet, pattern: AnyNode, init: Expression | null | undefined): void {
  if (!init) return;
  if (pattern.type === 'ArrayPattern' && pattern.elements.at(-1)?.type === 'RestElement')
    sheet.around(init, `${probe}.spread(`, ')');
  if (pattern.type === 'ObjectPattern' && pattern.properties.at(-1)?.type === 'RestElement')
    sheet.around(init, `${probe}.own(`, ')');
}

function call(sheet: Sheet, node: CallExpression | NewExpression): void {
  const { callee } = node;
  for (const argument of node.arguments) {
    if (argument.type === 'SpreadElement') sheet.around(argument.argument, `${probe}.arguments(`, ')');
  }
  if (node.type === 'NewExpression') {
    metered(sheet, callee);
    return;
  }
  if (callee.type === 'Identifier' && countedWhenCalled.test(callee.name)) metered(sheet, callee);
  if (callee.type !== 'MemberExpression' || callee.computed || callee.property.type !== 'Identifier') return;
  const [first, second] = node.arguments;
  if (callee.property.name === 'apply' && second !== undefined && first?.type !== 'SpreadElement')
    sheet.around(second, `${probe}.arguments(`, ')');
  // What a function is bound to is nowhere to be seen afterwards.
  if (callee.property.name === 'bind') {
    for (const argument of node.arguments) {
      if (argument.type !== 'SpreadElement') sheet.around(argument, `${probe}.keep(`, ')');
    }
  }
}

/** Constructors that make something also without `new`. */
const countedWhenCalled = /^(?:Array|BigInt|RegExp|Date|[A-Za-z]*Error)$/;

/** Constructors of the engine are replaced by ones that count. Classes of the script need not be asked. */
function metered(sheet: Sheet, callee: AnyNode): void {
  if (callee.type === 'Super') return;
  const variable = callee.type === 'Identifier' ? sheet.scopes.meaning.get(callee) : undefined;
  if (variable?.kind === 'class' && !variable.assigned) return;
  sheet.around(callee, `(${probe}.metered(`, '))');
}

function isAsync(value: AnyNode): boolean {
  return value.type === 'FunctionExpression' && value.async;
}

function asynchronousMethod(sheet: Sheet, start: number, keyStart: number, asynchronous: boolean): void {
  if (!asynchronous) return;
  const { start: from, end } = sheet.token(start, keyStart, 'async');
  sheet.text.remove(from, end);
}

/** Contents of literals that look like code to the compartment, which does not parse. */
function lookalike(raw: string): string {
  return raw.replaceAll('import', 'imp\\x6frt').replaceAll('<!--', '<\\x21--').replaceAll('-->', '--\\x3e');
}

function literal(sheet: Sheet, node: Literal): void {
  if (node.regex !== undefined) {
    const { pattern, flags } = node.regex;
    const source = lookalike(JSON.stringify(pattern));
    sheet.text.overwrite(node.start, node.end, `${probe}.regexp(${source},${JSON.stringify(flags)})`);
  } else if (typeof node.value === 'string') {
    const raw = sheet.source.slice(node.start, node.end);
    const escaped = lookalike(raw);
    if (escaped !== raw) sheet.text.overwrite(node.start, node.end, escaped);
  }
}

function escapeTemplate(sheet: Sheet, { start, end }: TemplateElement): void {
  const raw = sheet.source.slice(start, end);
  const escaped = lookalike(raw);
  if (escaped !== raw) sheet.text.overwrite(start, end, escaped);
}
