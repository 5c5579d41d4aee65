/**
 * What can be evaluated earlier without anybody noticing: it calls nothing, reads nothing that changes, and cannot fail.
 */
import type { AnyNode, Class, Identifier } from 'acorn';

/** Globals that are the same before and after the realm is locked down. */
const steadyGlobals = new Set(['undefined', 'NaN', 'Infinity']);
/** Collections that are made empty. */
const emptyCollections = new Set(['Map', 'Set', 'WeakMap', 'WeakSet']);

/** A literal, or arithmetic on literals. */
export function isConstant(node: AnyNode): boolean {
  switch (node.type) {
    case 'Literal':
      // A regular expression is an object, and made by a constructor that the realm replaces.
      return !(node as { readonly regex?: unknown }).regex;
    case 'TemplateLiteral':
      return node.expressions.length === 0;
    case 'UnaryExpression':
      return ['-', '+', '!', '~', 'void'].includes(node.operator) && isNumberOrBoolean(node.argument);
    case 'BinaryExpression':
      return (
        ['+', '-', '*', '/', '%', '<<', '>>', '>>>', '|', '&', '^', '**'].includes(node.operator) &&
        isNumberOrBoolean(node.left) &&
        isNumberOrBoolean(node.right)
      );
    default:
      return false;
  }
}

function isNumberOrBoolean(node: AnyNode): boolean {
  if (node.type === 'Literal') return typeof node.value === 'number' || typeof node.value === 'boolean';
  return node.type !== 'TemplateLiteral' && isConstant(node);
}

/**
 * The names that an expression reads when it is evaluated, if it does nothing besides; `undefined`: it may do more.
 * `isFree`: whether an identifier means a global.
 */
export function readsOf(node: AnyNode, isFree: (identifier: Identifier) => boolean): Identifier[] | undefined {
  const all = (nodes: readonly (AnyNode | null | undefined)[]): Identifier[] | undefined => {
    const reads: Identifier[] = [];
    for (const one of nodes) {
      if (one === null || one === undefined) continue;
      const more = readsOf(one, isFree);
      if (more === undefined) return undefined;
      reads.push(...more);
    }
    return reads;
  };
  switch (node.type) {
    case 'Identifier':
      if (isFree(node)) return steadyGlobals.has(node.name) ? [] : undefined;
      return [node];
    case 'FunctionExpression':
    case 'ArrowFunctionExpression':
      return [];
    case 'ArrayExpression':
      return all(node.elements);
    case 'ObjectExpression':
      return all(
        node.properties.flatMap((property) =>
          property.type === 'Property'
            ? [property.computed ? property.key : undefined, property.value]
            : [property as AnyNode],
        ),
      );
    case 'ClassExpression':
      return classReads(node, isFree);
    case 'MemberExpression': {
      // Well-known symbols.
      const { computed, object } = node;
      return !computed && object.type === 'Identifier' && object.name === 'Symbol' && isFree(object) ? [] : undefined;
    }
    case 'NewExpression': {
      const { callee } = node;
      const isEmpty = node.arguments.length === 0 && callee.type === 'Identifier' && isFree(callee);
      return isEmpty && emptyCollections.has(callee.name) ? [] : undefined;
    }
    default:
      return isConstant(node) ? [] : undefined;
  }
}

function classReads(node: Class, isFree: (identifier: Identifier) => boolean): Identifier[] | undefined {
  const reads: Identifier[] = [];
  const evaluated: AnyNode[] = node.superClass ? [node.superClass] : [];
  for (const member of node.body.body) {
    if (member.type === 'StaticBlock') return undefined;
    if (member.computed) evaluated.push(member.key);
    if (member.type === 'PropertyDefinition' && member.static && member.value) evaluated.push(member.value);
  }
  for (const one of evaluated) {
    const more = readsOf(one, isFree);
    if (more === undefined) return undefined;
    reads.push(...more);
  }
  // A class that reads its own name while it is made must stay behind what names it: it does, it is in one statement.
  return reads.filter(({ name }) => name !== node.id?.name);
}
