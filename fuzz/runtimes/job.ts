/** What the driver and the evaluators on the runtimes tell each other. */
import type { PlainValue, Result } from '@coppice/wire';

export type Job =
  | {
      /** Executes every command of a script with each of the inputs. */
      readonly kind: 'programs';
      readonly file: string;
      readonly inputs: readonly PlainValue[];
      readonly whole: boolean;
    }
  | {
      /** Parses made-up inputs of a target, the same on every runtime. */
      readonly kind: 'inputs';
      readonly target: string;
      readonly label: string;
      readonly count: number;
      /** Only this one, as it is. */
      readonly only?: number;
    };

/** A digest; or everything, where it is asked for. */
export type Judged =
  | string
  | readonly { readonly steps: number; readonly outcome: Result | string; readonly writes: readonly string[] }[]
  | { readonly input: string; readonly verdict: string };

/** JSON on one line for whoever ends lines at U+2028, too. */
export function lineOf(message: unknown): string {
  const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return `${JSON.stringify(message).replaceAll(/[^\x20-\x7e]/g, escaped)}\n`;
}
