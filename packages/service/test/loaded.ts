/** Services from the text of a script: loaded as a replica loads them. */
import { encodeOperation } from '@coppice/service';
import { instrument } from '@coppice/service/bundle';
import { loadService, lockdownRealm } from '@coppice/service/compartment';
import type { Outcome, RuntimeOptions, ServiceRuntime } from '@coppice/service/runtime';
import { MemoryState } from '../src/testing.ts';

lockdownRealm();

export interface Loaded {
  readonly runtime: ServiceRuntime;
  readonly state: MemoryState;
  /** Executes a command. */
  call(command: string, input?: unknown): Outcome;
  /** What a command gives: its value, or the code of its error. */
  give(command: string, input?: unknown): unknown;
  /** What handlers threw. */
  readonly failures: unknown[];
}

/** Loads `script`, the text of a script that declares `service`. */
export function loaded(script: string, options: RuntimeOptions = {}): Loaded {
  const failures: unknown[] = [];
  const runtime = loadService(instrument(script), { onFailure: (_call, error) => failures.push(error), ...options });
  const state = new MemoryState();
  const call = (command: string, input?: unknown): Outcome => {
    const agreed = {
      caller: { id: 'alice', roles: ['clerk'] },
      time: 1_800_000_000_000,
      sequence: 1,
      seed: new Uint8Array(32).fill(7),
    };
    const operation = encodeOperation({ command, input });
    return state.transact((access) => runtime.execute(access, { ...agreed, operation }));
  };
  const give = (command: string, input?: unknown): unknown => {
    const outcome = call(command, input);
    return outcome.ok ? outcome.value : outcome.error.code;
  };
  return { runtime, state, call, give, failures };
}

/** A service of commands: the text of an object of handlers `(tx, input) => …`, after statements of the module. */
export function commands(handlers: string, module = '', options?: RuntimeOptions): Loaded {
  return loaded(
    `var service = (() => {
      ${module}
      const handlers = { ${handlers} };
      const commands = {};
      const any = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } };
      for (const name of Object.keys(handlers)) commands[name] = { kind: 'command', handler: handlers[name], input: any };
      return { default: { name: 'test', version: 1, roles: [], commands, queries: {} } };
    })();`,
    options,
  );
}

/** What an expression, or the body of a function that returns, gives in a handler. */
export function evaluated(code: string, module?: string, options?: RuntimeOptions): unknown {
  return commands(`it(tx, input) { ${code.includes('return') ? code : `return ${code}`} }`, module, options).give('it');
}
