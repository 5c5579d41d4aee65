/**
 * Rewriting functions: each tells when it begins and ends.
 */
import type { AnyNode, Function as FunctionNode, Pattern } from 'acorn';
import { probeName as probe } from './names.ts';
import type { Sheet } from './sheet.ts';

export function rewriteFunction(sheet: Sheet, node: FunctionNode, go: (child: AnyNode, as: string) => void): void {
  const { source, text } = sheet;
  for (const parameter of node.params) {
    go(parameter, 'Pattern');
    guardDefaults(sheet, parameter);
  }
  const isBlock = node.body.type === 'BlockStatement';
  // An expression may have parentheses around it that do not belong to its node: it begins after the arrow.
  const start = isBlock
    ? node.body.start + 1
    : sheet.token(node.params.at(-1)?.end ?? node.start, node.body.start, '=>').end;
  const end = isBlock ? node.body.end - 1 : node.end;
  if (node.async) {
    // Its code could only run after the transaction. Calling it says so, and nothing of it is left.
    if (source.startsWith('async', node.start)) text.remove(node.start, node.start + 5);
    const call = `${probe}.asynchronous()`;
    if (start < end) text.overwrite(start, end, isBlock ? call : `{${call}}`);
    else text.appendLeft(start, call);
    return;
  }
  const suspended = node.generator ? `let ${probe}_d=1,${probe}_y;` : '';
  const head = `${probe}.enter();${suspended}try{${sheet.era(node)}${sheet.roots(node as AnyNode)}`;
  const tail = `}finally{${probe}.depth-=${node.generator ? `${probe}_d` : '1'}}`;
  if (node.body.type === 'BlockStatement') {
    for (const statement of node.body.body) go(statement, 'Statement');
    sheet.separate(node.body.body);
    text.appendLeft(start, head);
    text.appendLeft(end, tail);
  } else {
    go(node.body, 'Expression');
    text.appendLeft(start, `{${head}return(`);
    text.appendLeft(end, `)${tail}}`);
  }
}

/** A default that calls something calls it before the function's body begins. */
function guardDefaults(sheet: Sheet, pattern: Pattern): void {
  switch (pattern.type) {
    case 'AssignmentPattern':
      guardDefaults(sheet, pattern.left);
      if (!isHarmless(pattern.right)) sheet.around(pattern.right, `${probe}.up(${probe}.down(),`, ')');
      return;
    case 'ArrayPattern':
      for (const element of pattern.elements) if (element !== null) guardDefaults(sheet, element);
      return;
    case 'ObjectPattern':
      for (const property of pattern.properties)
        guardDefaults(sheet, property.type === 'RestElement' ? property.argument : property.value);
      return;
    case 'RestElement':
      guardDefaults(sheet, pattern.argument);
      return;
    default:
  }
}

/** Runs no code of the script. */
function isHarmless(node: AnyNode): boolean {
  switch (node.type) {
    case 'Literal':
    case 'Identifier':
    case 'FunctionExpression':
    case 'ArrowFunctionExpression':
      return true;
    case 'ArrayExpression':
      return node.elements.length === 0;
    case 'ObjectExpression':
      return node.properties.length === 0;
    default:
      return false;
  }
}
