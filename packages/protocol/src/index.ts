export * from './execution.ts';
export * from './input.ts';
export * from './message.ts';
export {
  configurationOfEpoch,
  defaultSettings,
  type Environment,
  type ProtocolSettings,
  type Replica,
} from './replica.ts';
export { type Inherited, startReplica } from './start.ts';
export { step } from './step.ts';
export * from './membership.ts';
export * from './turn.ts';
export * from './turn-admission.ts';
export { countErasure, countFault, countSuspicion, requestTurn } from './turn-notices.ts';
export type { RefusalCode, SystemVerdict } from './turn-verdict.ts';
