/**
 * Loading a service from its script: confined, counted, and always the same.
 */
import { faultOf, type Service } from './definition.ts';
import { type RuntimeOptions, ServiceRuntime } from './execute.ts';
import { rememberBuiltins } from './guest/builtins.ts';
import { type Globals, globalsOf } from './guest/globals.ts';
import { Probe } from './guest/probe.ts';
import { globalNames, scriptHeader } from './instrument/names.ts';
import { activate } from './meter.ts';
import { isLockedDown } from './realm/lockdown.ts';
import { ScriptState } from './script-state.ts';

export { lockdownRealm } from './realm/lockdown.ts';

/** A script that is no service's. The message says why. */
export class LoadError extends Error {
  override readonly name = 'LoadError';
}

/** Steps that loading may take: a bound, not a price. */
const loadStepsMax = 100_000_000;

let shared: Globals | undefined;

/** Built-ins that no name leads to. */
const unnamed = [
  [].values(),
  new Map().values(),
  new Set().values(),
  ''[Symbol.iterator](),
  'a'.matchAll(/a/g),
  function* () {},
  Object.prototype,
];

/**
 * The runtime of the service whose script this is: the text that `instrument` made of a bundle.
 *
 * @throws LoadError where the script is none, fails while it is loaded, or defines no service.
 */
export function loadService(script: string, options: RuntimeOptions = {}): ServiceRuntime {
  if (!isLockedDown()) throw new LoadError('the realm is not locked down: call lockdownRealm() first');
  if (!script.startsWith(scriptHeader)) throw new LoadError('the script was not instrumented');
  const compartment = new Compartment({ __options__: true, name: 'service' });
  const { globalThis: own } = compartment as { globalThis: Record<PropertyKey, unknown> };
  shared ??= harden(globalsOf(Object.fromEntries(globalNames.map((name) => [name, own[name]]))));
  for (const key of Reflect.ownKeys(own)) {
    if (key !== 'globalThis' && !(globalNames as readonly PropertyKey[]).includes(key))
      Reflect.deleteProperty(own, key);
  }
  Object.assign(own, shared.globals);
  rememberBuiltins([...Reflect.ownKeys(own).map((key) => own[key]), ...unnamed], shared.metered);
  const probe = new Probe(shared.metered);
  probe.stepsMax = loadStepsMax;
  try {
    const run = compartment.evaluate(script) as (probe: Probe) => unknown;
    const above = activate(probe);
    try {
      const service = defined(run(probe));
      tryOut(service);
      return new ServiceRuntime(service, new ScriptState(probe, [service, own]), options);
    } finally {
      activate(above);
    }
  } catch (error) {
    const { message } = Object(error) as { message?: unknown };
    throw new LoadError(`the script does not load: ${String(message ?? error)}`, { cause: error });
  }
}

/**
 * Lets the schemas see something. Libraries find out about a schema when it is first used, and keep what they found;
 * what they keep now need not be found out, and undone, in every transaction.
 */
function tryOut({ commands, queries }: Service): void {
  for (const { input } of [...Object.values(commands), ...Object.values(queries)]) {
    try {
      void input?.['~standard'].validate({});
    } catch {
      // That it does not fit is no surprise.
    }
  }
}

/** The service that a script's module defines: its default export. */
function defined(module: unknown): Service {
  const service = typeof module === 'object' && module !== null ? (module as { default?: unknown }).default : undefined;
  if (service === undefined) throw new TypeError('it has no default export');
  const fault = faultOf(service);
  if (fault !== undefined) throw new TypeError(fault);
  return service as Service;
}
