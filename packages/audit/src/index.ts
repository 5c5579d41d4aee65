export * from './audit.ts';
export * from './blame.ts';
export { ActivationWatch } from './activation.ts';
export { type Amend, GovernanceWatch } from './governance.ts';
export { Findings } from './report.ts';
export type * from './report.ts';
export type { Appraise, Launch } from './turns.ts';
