/**
 * What callers pass, as Standard Schema (https://standardschema.dev) objects made of our own checks: no library within
 * the trusted part.
 */
import type { Schema } from '@coppice/service';
import { type Check, issue, object, pathText, text, time } from './epcis/check.ts';
import { checkDocument } from './epcis/document.ts';
import type { Document } from './event.ts';

function schema<T>(check: Check): Schema<T> {
  return {
    '~standard': {
      version: 1,
      vendor: 'coppice-supply-chain',
      validate(value) {
        const found = check(value);
        return found === undefined ? { value: value as T } : { issues: [found] };
      },
    },
  };
}

/** An EPCIS document. What is wrong with it is said with its path in the document. */
const document: Check = (value) => {
  const found = checkDocument(value);
  if (found === undefined || found.path.length === 0) return found;
  return { path: found.path, message: `${pathText(found.path)}: ${found.message}` };
};

/** A whole number between the two, or nothing. */
function whole(min: number, max: number): Check {
  return (value) =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= max
      ? undefined
      : issue(`must be a whole number from ${min} to ${max}`);
}

function input<T>(fields: Record<string, Check>, ...required: string[]): Schema<T> {
  return schema<T>(object({ fields, required, others: 'none' }));
}

export const documentInput = input<{ readonly document: Document }>({ document }, 'document');
export const eventInput = input<{ readonly id: string }>({ id: text }, 'id');

export interface ItemInput {
  /** An EPC, or the URI of a class of objects. */
  readonly epc: string;
  /** As things were then: what happened later is left out. RFC 3339. */
  readonly until?: string;
}
export const itemInput = input<ItemInput>({ epc: text, until: time }, 'epc');

export interface TraceInput extends ItemInput {
  /** Containers within containers: 0 for the item's own events alone. */
  readonly depth?: number;
  /** The newest so many events. */
  readonly limit?: number;
}
export const traceInput = input<TraceInput>(
  { epc: text, until: time, depth: whole(0, 8), limit: whole(1, 200) },
  'epc',
);

export interface GenealogyInput {
  readonly epc: string;
  /** Steps away from the item. */
  readonly depth?: number;
}
export const genealogyInput = input<GenealogyInput>({ epc: text, depth: whole(1, 16) }, 'epc');

export interface EventsInput {
  /** The number of the last event of the page before. */
  readonly after?: number;
  readonly limit?: number;
}
export const eventsInput = input<EventsInput>({ after: whole(0, Number.MAX_SAFE_INTEGER), limit: whole(1, 100) });

export interface StepInput {
  readonly bizStep: string;
  readonly until?: string;
  readonly limit?: number;
}
export const stepInput = input<StepInput>({ bizStep: text, until: time, limit: whole(1, 100) }, 'bizStep');
