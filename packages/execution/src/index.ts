export {
  type CommittedState,
  committedStateOf,
  type ExecutionSettings,
  foundingMaps,
  genesisWriteSet,
  ReplicaExecution,
  seatedIn,
} from './execution.ts';
export { membershipMap } from './batch.ts';
export { answerHistory, type CertifiedState, type HistoryQuestion, type HistoryRefusal } from './history.ts';
export { committedAnswer, runsOf } from './committed-answer.ts';
export type { TableBounds } from './client-table.ts';
export { type ActivationPlan, type OnWrites, type PlanObjection, StateCopy } from './plan.ts';
export { answerQuery, mayReadLog, type Query, statusOf } from './queries.ts';
export type { ExecutionError } from './results.ts';
export type { Service, ServiceCall, ServiceOutcome, Services } from './service.ts';
