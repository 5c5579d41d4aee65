export { migrationDigest } from './activation.ts';
export * from './certificate.ts';
export { type ReleaseFiles, UpgradeCollector } from './collect.ts';
export * from './verification.ts';
