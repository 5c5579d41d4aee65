export { CommandDriver } from './command-driver.ts';
export * from './founding.ts';
export * from './host.ts';
export type { LaunchPlatform } from './launch-platform.ts';
export * from './process-driver.ts';
export * from './runtimes.ts';
export { softwareTpm, softwareTpmMissing } from './software-tpm.ts';
