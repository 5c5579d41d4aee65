/** Executing services. Loading them from scripts, confined and counted, is in `./compartment.ts`. */
export { type KeyRange, mapNameOf, stateMap, type StateAccess, type StateView } from './access.ts';
export { decodeKey, encodeKey } from './key.ts';
export type { Agreed, LogEntry } from './context.ts';
export {
  type CallDescription,
  type Description,
  type Execution,
  migrationStepsMax,
  type Outcome,
  runtimeOf,
  type RuntimeOptions,
  ServiceRuntime,
  stepsMaxDefault,
} from './execute.ts';
