export type { GovernanceAction } from './action.ts';
export {
  type Activation,
  cursorBytesMax,
  forgetReplaced,
  foundingActivation,
  isMigrating,
  keepReplaced,
  type Migration,
  migrationStepCountMax,
  readActivation,
  replacedIn,
  speaks,
  targetOf,
  writeActivation,
} from './active.ts';
export * from './admission.ts';
export { amendedBy } from './amend.ts';
export * from './constitution.ts';
export * from './constitution-document.ts';
export { newestEndorsementIn, newestIssueIn, rememberIssues } from './endorsements.ts';
export * from './execute.ts';
export type { JsonSchema, Parsed, Problem } from './form.ts';
export {
  buildGenesis,
  type Founder,
  foundersProtocol,
  type GenesisCheck,
  type GenesisFailure,
  type VerifiedGenesis,
  verifyGenesis,
  verifyGenesisAgain,
  verifyUnsigned,
} from './genesis.ts';
export * from './operation.ts';
export { parameterPaths } from './parameters.ts';
export { findProposal, listProposals, type ProposalSummary, shown, type ShownProposal } from './proposals.ts';
export * from './statement.ts';
export * from './succession.ts';
export {
  clientRoles,
  constitutionMap,
  constitutionWritten,
  readConstitution,
  type StateAccess,
  writeConstitution,
} from './state.ts';
