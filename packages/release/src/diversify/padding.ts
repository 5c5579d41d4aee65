/**
 * Code and data that nothing uses: what follows them lies elsewhere.
 */
import type { Choices } from './random.ts';
import type { Names } from './rename.ts';

const operators = ['+', '-', '*', '^', '|', '&', '>>>', '<<'];
const functionsMax = 96;
const arraysMax = 24;
const arrayBytesMax = 4096;

/** Statements of a module that only declare. */
export function padding(choices: Choices, names: Names): string[] {
  const functions = Array.from({ length: 32 + choices.below(functionsMax - 31) }, () => deadFunction(choices, names));
  const arrays = Array.from(
    { length: 8 + choices.below(arraysMax - 7) },
    () => `var ${names.next()} = new Uint8Array(${1 + choices.below(arrayBytesMax)});`,
  );
  return [...functions, ...arrays];
}

function deadFunction(choices: Choices, names: Names): string {
  const parameters = Array.from({ length: 1 + choices.below(4) }, () => names.next());
  const term = (): string => (choices.below(2) === 0 ? choices.pick(parameters) : String(choices.below(2 ** 31)));
  const lines = Array.from(
    { length: 1 + choices.below(6) },
    () =>
      `${choices.pick(parameters)} = (${term()} ${choices.pick(operators)} ${term()}) ^ ${choices.pick(parameters)};`,
  );
  const loop = `for (let ${names.next()} of [${parameters.join(', ')}]) { ${lines.join(' ')} }`;
  return `function ${names.next()}(${parameters.join(', ')}) { ${choices.below(2) === 0 ? lines.join(' ') : loop} return ${choices.pick(parameters)}; }`;
}
