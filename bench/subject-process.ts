/**
 * The driver's end of a process that is measured.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { CryptographyName } from '@coppice/host';
import { type Load, sleep, type Window } from './load.ts';
import type { FromSubject, ToSubject } from './messages.ts';

export interface SubjectOptions {
  /** A checkout of the project, whose bench folder holds the subject. */
  readonly checkout: string;
  /** For the service: must not exist. */
  readonly folder: string;
  readonly clients: number;
  readonly fsync: boolean;
  readonly stateCacheBytes: number | undefined;
  readonly cryptography: CryptographyName;
  /** Arguments of the runtimes of replicas and clients, such as `--cpu-prof`. */
  readonly nodeArguments: readonly string[];
}

export class SubjectProcess {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts it, and has it found its service. */
  static async found({ checkout, nodeArguments, ...service }: SubjectOptions): Promise<SubjectProcess> {
    const child = fork(join(checkout, 'bench', 'subject.ts'), {
      execArgv: [...nodeArguments],
      stdio: ['ignore', 2, 2, 'ipc'],
    });
    const subject = new SubjectProcess(child);
    await subject.#ask({ kind: 'found', nodeArguments, ...service });
    return subject;
  }

  async start(load: Load, warmUpMs: number): Promise<void> {
    await this.#ask({ kind: 'start', load, warmUpMs });
  }

  /** What happens from now on, for so many milliseconds or until that is over. */
  async window(until: number | Promise<unknown>): Promise<Window> {
    await this.#ask({ kind: 'begin-window' });
    await (typeof until === 'number' ? sleep(until) : until);
    const answer = await this.#ask({ kind: 'end-window' });
    if (answer.kind !== 'window') throw new Error(`the subject answered ${answer.kind}`);
    return answer.window;
  }

  async stop(): Promise<void> {
    await this.#ask({ kind: 'stop' });
  }

  /** Ends the replicas, then the process itself. */
  async end(): Promise<void> {
    const exited = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    await this.#ask({ kind: 'end' });
    await exited;
  }

  #ask(question: ToSubject): Promise<FromSubject> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`the subject ended with status ${code}`));
      this.#child.once('exit', onExit);
      this.#child.once('message', (answer: FromSubject) => {
        this.#child.off('exit', onExit);
        if (answer.kind === 'failed') reject(new Error(answer.reason));
        else resolve(answer);
      });
      this.#child.send(question);
    });
  }
}
