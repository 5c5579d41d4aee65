/**
 * Runs the tool of the model: `quint`, with the evaluator that needs nothing but Node.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = new URL('../../../../', import.meta.url);
/** Where the model is. */
export const modelFolder = fileURLToPath(new URL('spec/model', root));
/** A tool of the whole repository, and nothing that this package imports. */
const program = fileURLToPath(new URL('node_modules/@informalsystems/quint/dist/src/cli.js', root));

export interface QuintResult {
  readonly ok: boolean;
  /** What it wrote, errors included. */
  readonly output: string;
}

/** One call, with its arguments; files are those of spec/model. */
export function quint(command: 'typecheck' | 'test' | 'run', args: readonly string[]): Promise<QuintResult> {
  const evaluator = command === 'typecheck' ? [] : ['--backend=typescript'];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, command, ...args, ...evaluator], {
      cwd: modelFolder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const hear = (text: Buffer): void => {
      output += text.toString();
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('error', reject);
    child.on('close', (code) => resolve({ ok: code === 0, output }));
  });
}
