/**
 * The command line of the demo.
 */
import { parseArgs } from 'node:util';
import { fail } from '../failure.ts';
import { UserError } from '../service-folder.ts';

const usage =
  'npm run demo -- [--platform simulated|tpm2]… [--runtimes LIST] [--cryptography LIST] [--variant SEED]… [--events FOLDER] [--history FILE] [--folder FOLDER] [--json]\n';

function parsed() {
  return parseArgs({
    options: {
      events: { type: 'string' },
      history: { type: 'string' },
      folder: { type: 'string' },
      platform: { type: 'string', multiple: true },
      runtimes: { type: 'string' },
      cryptography: { type: 'string' },
      variant: { type: 'string', multiple: true },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  }).values;
}

/** Ends the process where help was asked for, or something that does not exist. */
export function commandLine(): ReturnType<typeof parsed> {
  try {
    const values = parsed();
    if (!values.help) return values;
    process.stdout.write(usage);
    return process.exit();
  } catch (error) {
    return fail('demo', new UserError(error instanceof Error ? error.message : String(error), 1, 'wrong-use'));
  }
}
