/** What clients saw of a service, and whether one copy of the data explains it. docs/reference/linearizability.md. */
export * from './linearizability.ts';
export * from './operation.ts';
export * from './recorder.ts';
