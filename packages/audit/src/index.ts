export * from './audit.ts';
export * from './blame.ts';
export { ActivationWatch } from './activation.ts';
export { isSeatOf } from './genesis.ts';
export { type Amend, GovernanceWatch } from './governance.ts';
export { Findings } from './report.ts';
export type * from './report.ts';
export type { Appraise, Launch } from './turns.ts';
export { changesOf, type Change } from './state-replay.ts';
