/**
 * Instrumentation: the last step of bundling a service.
 *
 * It makes a script that tells the runtime, as it goes, what it is about to do: that a function begins or a loop turns
 * (`meter.ts` counts them), that an error was caught (so that a used-up budget cannot be), that a variable of the
 * module is assigned (`script-state.ts` undoes it after the transaction). A script cannot do without the calls that
 * are inserted, because it never sees a way to make code: no `eval`, no `Function`, no `import()`.
 */
import { type AnyNode, type Comment, type Identifier, parse, type Program, type Token } from 'acorn';
import { full } from 'acorn-walk';
import { MagicString } from 'magic-string';
import { globalNames, languageLevel, probeName, scriptHeader, scriptVariable } from './names.ts';
import { rewrite } from './rewrite.ts';
import { scopesOf } from './scopes.ts';
import { Sheet } from './sheet.ts';

/** A script that cannot be a service's. The message says why, and where. */
export class ScriptError extends SyntaxError {
  override readonly name = 'ScriptError';
}

/**
 * The instrumented form of a bundled script, for `loadService`. The same script always gives the same text.
 *
 * @throws ScriptError for what is no script, of a later level of the language than {@link languageLevel}, or uses what
 * no service can: `import()`, `eval`, modules that were not bundled.
 */
export function instrument(source: string): string {
  const comments: Comment[] = [];
  const tokens: Token[] = [];
  const program = parsed(source, comments, tokens);
  const scopes = scopesOf(program);
  const script = scopes.of.get(program)!;
  for (const name of ['eval', 'arguments', 'import']) {
    if (scopes.free.has(name)) throw new ScriptError(`${name} is not available to a service`);
  }
  if (script.lends.has('arguments')) throw new ScriptError('arguments is not available outside of a function');
  if (!script.variables.has(scriptVariable)) throw new ScriptError(`the script declares no variable ${scriptVariable}`);

  const text = new MagicString(source);
  // Comments say nothing to a replica, and their contents may look like code to whoever does not parse.
  for (const { start, end } of comments)
    text.overwrite(start, end, source.slice(start, end).includes('\n') ? '\n' : ' ');
  rewrite(new Sheet(source, text, program, scopes, tokens));
  const expected = globalNames.filter((name) => scopes.free.has(name));
  text.prepend(`${scriptHeader}((${probeName}) => {"use strict";const {${expected.join(', ')}} = globalThis;\n`);
  text.append(`\nreturn ${scriptVariable};})`);
  const instrumented = text.toString();
  refuseLookalikes(instrumented);
  // What was legal may have become illegal where a function's body became a block: better found here than at a replica.
  parsed(instrumented, [], [], true);
  return instrumented;
}

function parsed(source: string, comments: Comment[], tokens: Token[], instrumented = false): Program {
  let program: Program;
  try {
    // As a module, because modules are strict, as everything in a compartment is.
    program = parse(source, { ecmaVersion: languageLevel, sourceType: 'module', onComment: comments, onToken: tokens });
  } catch (error) {
    throw error instanceof SyntaxError ? new ScriptError(error.message, { cause: error }) : error;
  }
  full(program, (node: AnyNode) => {
    const refused = refusal(node, instrumented);
    if (refused !== undefined) throw new ScriptError(`${refused} (at ${placeOf(source, node.start)})`);
  });
  return program;
}

function refusal(node: AnyNode, instrumented: boolean): string | undefined {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportNamedDeclaration':
    case 'ExportDefaultDeclaration':
    case 'ExportAllDeclaration':
      return 'the script is not bundled: it imports or exports';
    case 'ImportExpression':
      return 'import() is not available to a service';
    case 'MetaProperty':
      return node.meta.name === 'import' ? 'import.meta is not available to a service' : undefined;
    case 'Identifier':
      return !instrumented && isReserved(node) ? `names do not begin with ${probeName}` : undefined;
    default:
      return undefined;
  }
}

function isReserved({ name }: Identifier): boolean {
  return name.startsWith(probeName);
}

/**
 * The compartment refuses text that an engine, or a careless reader, might take for an import or for a comment of
 * HTML. In literals it was escaped; what is left is code that should be written differently.
 */
function refuseLookalikes(source: string): void {
  const found = /(?:^|[^.]|\.\.\.)\bimport\s*(?:\(|\/[/*])|<!--|-->/.exec(source);
  if (found !== null) throw new ScriptError(`${found[0].trim()} in code (at ${placeOf(source, found.index)})`);
}

function placeOf(source: string, offset: number): string {
  const lines = source.slice(0, offset).split('\n');
  return `line ${lines.length}, column ${lines.at(-1)!.length + 1}`;
}
