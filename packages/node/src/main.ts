/**
 * The program of an instance: what a release is built from. Argument: the settings file that the host wrote.
 */
import { readFileSync } from 'node:fs';
import { services } from 'coppice:service';
import { StorageError } from '@coppice/storage';
import { Instance } from './instance.ts';
import { Journal } from './journal.ts';
import { parseSettings } from './settings.ts';

const file = process.argv[2];
const parsed = file === undefined ? undefined : parseSettings(readFileSync(file, 'utf8'));
if (parsed === undefined || !parsed.ok) {
  process.stderr.write(`coppice: ${parsed === undefined ? 'usage: replica SETTINGS' : parsed.reason}\n`);
  process.exit(2);
}

const { settings } = parsed;
const journal = new Journal({
  write: (line) => process.stderr.write(`${line}\n`),
  clock: Date.now,
  fields: { slot: settings.launch.slot, turn: settings.launch.turn },
});

const instance = new Instance({
  settings,
  services,
  journal,
  tell: (event) => process.stdout.write(`${JSON.stringify(event)}\n`),
  exit: (code) => process.exit(code),
});

// A replica that finds its own state broken stops: that costs one of f, and going on could cost the service.
process.on('uncaughtException', (error) => {
  // Its ledger is not what it wrote. The others have the log, and its slot's next turn gives it a successor with a disk of its own.
  if (error instanceof StorageError) return instance.leave(`storage: ${error.message}`);
  journal.log('error', 'crash', { error: error.stack ?? String(error) });
  process.exit(70);
});
process.on('unhandledRejection', (error) => {
  journal.log('error', 'crash', { error: error instanceof Error ? error.stack : String(error) });
  process.exit(70);
});
// The host may stop an instance, and learns nothing by it; what is on disk stays whole.
process.on('SIGTERM', () => process.exit(0));
process.on('SIGINT', () => process.exit(0));

try {
  await instance.run();
} catch (error) {
  journal.log('error', 'cannot-start', { reason: error instanceof Error ? error.message : String(error) });
  process.exit(5);
}
