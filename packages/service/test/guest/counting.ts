/** Runs what services run, in this realm, with a meter that is far from used up. */
import { activate, Meter } from '../../src/meter.ts';

export function counting<T>(work: (meter: Meter) => T, stepsMax = 10_000_000): T {
  const meter = new Meter();
  meter.begin(stepsMax, 0);
  const above = activate(meter);
  try {
    return work(meter);
  } finally {
    activate(above);
  }
}
