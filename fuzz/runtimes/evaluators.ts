/** A process on each runtime that evaluates what it is asked. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Runtime } from '@coppice/host';
import { type Job, type Judged, lineOf } from './job.ts';

export type Answer = readonly Judged[] | { readonly failed: string };

/** Scripts are kept by whoever loaded them, in part: a process does not live for ever. */
const jobsMax = 150;

export class Evaluator {
  readonly runtime: Runtime;
  /** And its arguments. */
  readonly #program: readonly string[];
  readonly #patienceMs: number;
  #child: ChildProcess | undefined;
  #jobs = 0;
  #answered: ((answer: Answer) => void) | undefined;
  #complaint = '';

  constructor(runtime: Runtime, program: readonly string[], patienceMs: number) {
    this.runtime = runtime;
    this.#program = program;
    this.#patienceMs = patienceMs;
  }

  ask(job: Job): Promise<Answer> {
    if (this.#jobs++ % jobsMax === jobsMax - 1) this.end();
    this.#child ??= this.#start();
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#answered?.({ failed: `no answer within ${this.#patienceMs} ms` });
        this.end();
      }, this.#patienceMs);
      this.#answered = (answer) => {
        clearTimeout(timer);
        this.#answered = undefined;
        resolve(answer);
      };
      this.#child!.stdin!.write(lineOf(job));
    });
  }

  end(): void {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }

  #start(): ChildProcess {
    const { args, command, environment } = this.runtime;
    const child = spawn(command, [...args, ...this.#program], {
      stdio: 'pipe',
      env: { ...process.env, ...environment },
    });
    this.#complaint = '';
    createInterface({ input: child.stdout }).on('line', (line) => this.#answered?.(JSON.parse(line) as Answer));
    child.stderr.on(
      'data',
      (chunk: Buffer) => (this.#complaint = `${this.#complaint}${chunk.toString('utf8')}`.slice(-2000)),
    );
    child.stdin.on('error', () => undefined);
    child.once('close', (code, signal) => {
      if (this.#child !== child) return;
      this.#child = undefined;
      this.#answered?.({ failed: `the process ended with ${code ?? signal}: ${this.#complaint}` });
    });
    return child;
  }
}
