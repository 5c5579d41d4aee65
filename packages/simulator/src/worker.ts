/**
 * A thread that simulates the seeds that it is handed, one after the other. See threads.ts.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { mutate, type Patch } from './mutants/patch.ts';
import type { Task } from './threads.ts';

// Before anything that they change is loaded.
const done = mutate((workerData as { readonly patches: readonly Patch[] }).patches);
const { simulate } = await import('./simulation.ts');
done();

const port = parentPort!;
port.on('message', ({ seed, options, log = false }: Task) => {
  const onLine = (line: string): void => port.postMessage(line);
  port.postMessage(simulate(seed, { ...options, ...(log && { onLine }) }));
});
