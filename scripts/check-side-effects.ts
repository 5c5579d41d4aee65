/**
 * A module that its package declares free of side effects, by `sideEffects`, is free of them: evaluating it makes something, and
 * changes nothing else. Releases put such modules into another order (packages/release/src/diversify/order.ts), so a false promise
 * is a program that behaves differently.
 *
 * Judged is what is evaluated at once: statements outside of functions, and functions that are called where they stand. There, only what
 * the module itself declares may be assigned to or changed, and only those globals and built-in modules are used that are known to
 * change nothing. Functions of this project that are called there are trusted, if a value comes of it.
 */
import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { parseSync } from 'oxc-parser';
import { filesIn, root, workspaces } from './workspaces.ts';

interface Node {
  readonly type: string;
  readonly start: number;
  readonly [field: string]: unknown;
}

/** Globals that make or read something, whatever is called of them. */
const harmless = new Set(
  `Array ArrayBuffer BigInt Boolean Buffer DataView Error FinalizationRegistry Float64Array Function Map Math Number Promise.resolve Proxy
  RegExp Set String Symbol TextDecoder TextEncoder URL Uint16Array Uint32Array Uint8Array WeakMap WeakSet JSON.parse JSON.stringify
  Object.create Object.entries Object.fromEntries Object.getOwnPropertyDescriptor Object.getOwnPropertyDescriptors
  Object.getOwnPropertyNames Object.getPrototypeOf Object.hasOwn Object.keys Object.values Reflect.construct Reflect.get Reflect.has Reflect.ownKeys`.split(
    /\s+/,
  ),
);
/** Those that change what they are given first. */
const changing = new Set(
  `Object.assign Object.defineProperties Object.defineProperty Object.freeze Object.setPrototypeOf Reflect.defineProperty
  Reflect.deleteProperty`.split(/\s+/),
);
/** Of modules of the runtime. */
const harmlessImports = new Set(['createHash', 'fileURLToPath', 'join', 'promisify']);
const calls = new Set(['CallExpression', 'NewExpression', 'TaggedTemplateExpression']);
/** Expressions with a type. */
const typed = new Set(['TSAsExpression', 'TSNonNullExpression', 'TSSatisfiesExpression']);

const problems: string[] = [];

function childrenOf(node: Node): Node[] {
  return Object.values(node).flatMap((value) =>
    (Array.isArray(value) ? value : [value]).filter(
      (one): one is Node => typeof one === 'object' && one !== null && typeof (one as Node).type === 'string',
    ),
  );
}

function isFunction({ type }: Node): boolean {
  return type === 'FunctionExpression' || type === 'ArrowFunctionExpression' || type === 'FunctionDeclaration';
}

/** Without what is there for the compiler. */
function unwrapped(node: Node): Node {
  const wrapped = typed.has(node.type) || node.type === 'ParenthesizedExpression' || node.type === 'ChainExpression';
  return wrapped ? unwrapped(node['expression'] as Node) : node;
}

/** What a chain of properties begins with: `a` of `a.b.c`. */
function rootOf(node: Node): Node {
  const inner = unwrapped(node);
  return inner.type === 'MemberExpression' ? rootOf(inner['object'] as Node) : inner;
}

function nameOf(node: unknown): string | undefined {
  const { name, type } = (node ?? {}) as Node;
  return type === 'Identifier' ? (name as string) : undefined;
}

function checkModule(file: string): void {
  const source = readFileSync(join(root, file), 'utf8');
  const { module, program } = parseSync(file, source);
  const imported = new Map(
    module.staticImports.flatMap(({ entries, moduleRequest }) =>
      entries.map(({ localName }) => [localName.value, moduleRequest.value] as const),
    ),
  );
  const declared = new Set<string>();
  const refuse = (node: Node, why: string): void => {
    const line = source.slice(0, node.start).split('\n').length;
    problems.push(`${file}:${line}: ${why}, and its package promises no side effects`);
  };
  for (const statement of program.body as unknown as Node[]) declare(statement, declared);

  /** Declared here, or made on the spot. */
  const isOwn = (node: Node): boolean => {
    const from = rootOf(node);
    const name = nameOf(from);
    return name === undefined ? from.type !== 'ThisExpression' : declared.has(name);
  };
  const checkCall = (node: Node): void => {
    const callee = unwrapped((node['callee'] ?? node['tag']) as Node);
    const [first] = (node['arguments'] ?? []) as Node[];
    const object = callee['object'] === undefined ? undefined : unwrapped(callee['object'] as Node);
    // A method of what was just made.
    if (object !== undefined && nameOf(object) === undefined && object.type !== 'MemberExpression') return;
    const name = nameOf(rootOf(callee));
    if (name === undefined || declared.has(name)) return;
    const from = imported.get(name);
    if (from !== undefined) {
      if (isBuiltin(from) && !harmlessImports.has(name)) refuse(node, `calls ${name} of ${from}`);
      return;
    }
    const property = object === undefined ? undefined : nameOf(callee['property']);
    const called = property === undefined ? name : `${name}.${property}`;
    if (changing.has(called) ? first === undefined || !isOwn(first) : !harmless.has(name) && !harmless.has(called))
      refuse(node, `calls ${called}`);
  };
  /** Of a statement: it is an assignment, or a call that is given, and called on, nothing of others. Both are looked at further. */
  const changesOwn = (expression: Node): boolean => {
    if (/^(Assignment|Update)/.test(expression.type)) return true;
    const callee = expression['callee'] as Node | undefined;
    if (callee === undefined || nameOf(rootOf(callee)) === undefined) return false;
    const others = [callee, ...(expression['arguments'] as Node[])].map((one) => nameOf(rootOf(one)) ?? '');
    return !others.some((name) => imported.has(name));
  };
  /**
   * What is evaluated now. A function that is given away counts, since it may be called at once; what it calls does not, where
   * a value is made with it: then it is most likely for later.
   */
  const check = (node: Node, making = false): void => {
    const { type } = node;
    if (isFunction(node) || (type.startsWith('TS') && !typed.has(type))) return;
    if (type === 'ExpressionStatement' && !making && !changesOwn(node['expression'] as Node))
      refuse(node, 'does something for its effect');
    if (type === 'AwaitExpression') refuse(node, 'waits');
    if (type === 'AssignmentExpression' && !isOwn(node['left'] as Node)) refuse(node, 'assigns to what is not its own');
    if (type === 'UpdateExpression' && !isOwn(node['argument'] as Node)) refuse(node, 'changes what is not its own');
    if (type === 'UnaryExpression' && node['operator'] === 'delete') refuse(node, 'deletes');
    if (type === 'VariableDeclaration') declare(node, declared);
    if (type === 'MethodDefinition' || type === 'PropertyDefinition') {
      if (node['computed'] === true) check(node['key'] as Node);
      if (node['static'] === true && type === 'PropertyDefinition' && node['value']) check(node['value'] as Node);
      return;
    }
    if (calls.has(type)) {
      checkCall(node);
      for (const child of childrenOf(node)) {
        if (!isFunction(child)) continue;
        for (const parameter of child['params'] as Node[]) namesIn(parameter, declared);
        const body = child['body'] as Node;
        if (!making && calls.has(body.type) && !changesOwn(body)) refuse(body, 'does something for its effect');
        check(body, making);
      }
    }
    for (const child of childrenOf(node)) check(child, making || type === 'VariableDeclaration');
  };
  for (const statement of program.body as unknown as Node[]) {
    const { type } = statement;
    if (type === 'ImportDeclaration' && (statement['specifiers'] as unknown[]).length === 0)
      refuse(statement, 'imports for an effect');
    check(statement);
  }
}

/** The names that a statement declares. */
function declare(statement: Node, names: Set<string>): void {
  const declaration = (statement['declaration'] ?? statement) as Node;
  const name = nameOf(declaration['id']);
  if (name !== undefined) names.add(name);
  for (const { id } of (declaration['declarations'] ?? []) as { readonly id: Node }[]) namesIn(id, names);
}

/** The names in a pattern. */
function namesIn(pattern: Node, names: Set<string>): void {
  const name = nameOf(pattern);
  if (name !== undefined) names.add(name);
  else for (const child of childrenOf(pattern)) namesIn(child, names);
}

let checked = 0;
for (const { folder, manifest } of workspaces()) {
  const { sideEffects } = manifest;
  if (sideEffects === undefined || sideEffects === true) continue;
  const excepted = sideEffects === false ? [] : sideEffects;
  for (const file of filesIn([`${folder}/src`], '**/*.ts')) {
    if (file.endsWith('.d.ts') || excepted.includes(`.${file.slice(folder.length)}`)) continue;
    checked += 1;
    checkModule(file);
  }
}
for (const problem of problems) console.log(problem);
if (problems.length > 0 || checked === 0) process.exitCode = 1;
