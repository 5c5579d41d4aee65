export type * from './collector.ts';
export { type EndorsementFiles, mergeEndorsements, readEndorsements } from './endorsement-files.ts';
export * from './error.ts';
export { Fields } from './fields.ts';
export { collectorOf, type PlatformSettings, platformSettings } from './settings.ts';
export { simulatedMeasurement } from './simulated.ts';
export { snpReportOf } from './snp-document.ts';
export { attestationKeyHandle, launchMeasurement, launchRegisters, measureLaunch } from './tpm/launch.ts';
